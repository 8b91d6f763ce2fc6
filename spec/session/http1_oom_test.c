/*
 * A conversation in which the Nth allocation and all after it fail, for every N until it needs no
 * more: nothing crashes, nothing is lost, and either the answers are right or the connection
 * closes.
 */
#include "session/http1_peer.h"

#define HOST " HTTP/1.1\r\nHost: a\r\n"

static const char *const conversation[] = {
	"GET /hello" HOST "\r\nGET /pieces" HOST "\r\nGET /he",
	"llo" HOST "\r\n",
	"POST /gather" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
	"hello",
	"POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
	"llo\r\n0\r\n\r\n",
	"GET /late" HOST "\r\nG",
	"ET /hello" HOST
	"X: 0123456789012345678901234567890123456789012345678901234567890123\r\n\r\n",
	"POST /paused" HOST "Content-Length: 3\r\n\r\nabcGET /stream" HOST "\r\n",
	"GET /unknown" HOST "\r\n",
	"GET /upgrade" HOST "\r\nleft",
	"over",
};

static void answer_held(struct peer *peer)
{
	pl_exchange *exchange = peer->held;

	if (!exchange)
		return;
	peer->held = NULL;
	pl_exchange_answer(exchange, 200, "done");
	peer_turn(peer);
}

static void talk(struct peer *peer)
{
	for (size_t i = 0; i < sizeof(conversation) / sizeof(conversation[0]); i++) {
		if (!peer_feed(peer, conversation[i], strlen(conversation[i])))
			return;
		peer_turn(peer);
		answer_held(peer);
		answer_held(peer);
		pl_memory_open(&peer->memory, 200000);
		peer_turn(peer);
	}
}

/* True when the conversation came to its end. What the client got is written to `sent`. */
static bool attempt(uint64_t nth, char *sent)
{
	struct peer peer;
	bool whole;

	peer_init(&peer);
	peer.to_write = 100000;
	peer.memory.room = 4000;
	peer.limits.high_water = 65536;
	pl_alloc_fail_at(nth);
	if (peer_start(&peer) == PL_OK)
		talk(&peer);
	pl_alloc_fail_at(0);
	whole = peer.taken && !peer.broke_memory && peer.leftover.len == 8;
	strcpy(sent, peer_sent(&peer));
	peer_close(&peer);
	return whole;
}

static void every_allocation_may_fail(void **state)
{
	static char all[PEER_SENT_MAX], some[PEER_SENT_MAX];
	int64_t live = pl_alloc_live();
	uint64_t nth = 1;

	(void)state;
	assert_true(attempt(0, all));
	while (!attempt(nth, some)) {
		assert_memory_equal(some, all, strlen(some));
		assert_int_equal(pl_alloc_live(), live);
		assert_true(nth < 1000);
		nth++;
	}
	print_message("%d allocations, %zu bytes of answers\n", (int)nth - 1, strlen(all));
	assert_true(nth > 20);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
