/* The opening handshake of a client with servers that the test plays, good ones and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/memory.h"
#include "ws/ws_opening.h"

/* The example of RFC 6455 1.2. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define AGREED                                                                                     \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

enum { TIMEOUT = 10000 };

typedef struct peer {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_ws_call call;
	pl_ws_opening *opening;
	bool told;
	bool cancels; /* within `done` */
	bool closed;
	int status;
	int answered; /* the answer's status code, 0: none */
	char why[128];
	char protocol[16];
	char rest[64];
	size_t head_len;
} peer;

static void on_rest(void *owner, uint8_t *data, size_t len)
{
	peer *self = owner;

	strncat(self->rest, (const char *)data, len);
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void on_closed(void *owner, int status)
{
	(void)status;
	((peer *)owner)->closed = true;
}

static const pl_stream_events events = {
	.data = on_rest, .end = on_nothing, .drain = on_nothing, .closed = on_closed
};

static void on_done(void *owner, int status, const pl_ws_opened *opened)
{
	peer *self = owner;

	assert_false(self->told);
	self->told = true;
	self->status = status;
	self->answered = opened->response ? opened->response->status : 0;
	self->head_len = opened->head.len;
	snprintf(self->why, sizeof(self->why), "%s", opened->why ? opened->why : "");
	assert_int_equal(opened->stream != NULL, status == PL_OK);
	if (!opened->stream) {
		if (self->cancels)
			pl_ws_opening_cancel(self->opening);
		return;
	}
	pl_stream_own(opened->stream, &events, self);
	snprintf(self->protocol, sizeof(self->protocol), "%.*s", (int)opened->called.protocol.len,
		 opened->called.protocol.at ? opened->called.protocol.at : "");
	if (opened->len > 0)
		on_rest(self, opened->rest, opened->len);
}

static int start(peer *self)
{
	const pl_ws_opening_settings settings = { .call = &self->call,
						  .limits = &self->limits,
						  .timeout = TIMEOUT,
						  .done = on_done,
						  .owner = self };

	return pl_ws_opening_start(&self->opening, &self->memory.stream, &settings);
}

static void init(peer *self)
{
	static const pl_slice protocols[] = { { "chat", 4 } };

	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	pl_loop_still(self->loop);
	pl_memory_init(&self->memory, self->loop);
	pl_limits_init(&self->limits);
	self->call =
		(pl_ws_call){ .host = PL_SLICE("a"), .protocols = protocols, .protocol_count = 1 };
	memcpy(self->call.key, KEY, PL_WS_KEY_SIZE);
}

static void begin(peer *self)
{
	init(self);
	assert_int_equal(start(self), PL_OK);
	pl_loop_turn(self->loop);
	assert_true(self->memory.sent.len > 0);
	assert_memory_equal(self->memory.sent.data, "GET / HTTP/1.1\r\nHost: a\r\n", 25);
	assert_false(self->told);
}

static void finish(peer *self)
{
	if (self->told && self->status == PL_OK)
		pl_stream_abort(&self->memory.stream, PL_OK);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(self->loop);
	assert_true(self->memory.closed);
	pl_memory_deinit(&self->memory);
	pl_loop_free(self->loop);
}

/* The answer in two pieces, cut at `at`. */
static void answer_cut(peer *self, const char *answer, size_t len, size_t at)
{
	begin(self);
	if (at > 0)
		pl_memory_feed(&self->memory, answer, at);
	if (at < len)
		pl_memory_feed(&self->memory, answer + at, len - at);
}

static void a_good_answer_opens_at_every_cut(void **state)
{
	static const char answer[] =
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" AGREED
		"Sec-WebSocket-Protocol: chat\r\n\r\n\x81\x02hi";
	peer self;

	(void)state;
	for (size_t at = 0; at < sizeof(answer); at++) {
		answer_cut(&self, answer, sizeof(answer) - 1, at);
		assert_true(self.told);
		assert_int_equal(self.status, PL_OK);
		assert_int_equal(self.answered, 101);
		assert_string_equal(self.protocol, "chat");
		assert_string_equal(self.rest, "\x81\x02hi");
		assert_int_equal(self.head_len,
				 sizeof(AGREED "Sec-WebSocket-Protocol: chat\r\n\r\n") - 1);
		finish(&self);
	}
}

static void bad_answers_are_told_of_at_every_cut(void **state)
{
	static const struct {
		const char *answer;
		int status;
		int answered;
		const char *why;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", PL_ENOTSUP, 404,
		  "the server does not open a WebSocket here" },
		{ "HTTP/1.1 301 Gone\r\nLocation: ws://b/\r\n\r\n", PL_ENOTSUP, 301,
		  "the server does not open a WebSocket here" },
		{ "HTTP/1.1 200 OK\r\n\r\nhello", PL_ENOTSUP, 200,
		  "the server does not open a WebSocket here" },
		{ AGREED "Sec-WebSocket-Protocol: other\r\n\r\n", PL_EPROTO, 101,
		  "the server chose a subprotocol that was not asked for" },
		{ "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", PL_EPROTO,
		  101, "Sec-WebSocket-Accept is not that of our key" },
		{ "HTTP/1.0 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		  PL_EPROTO, 101, "the server answers with HTTP/1.0" },
	};
	peer self;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].answer);

		for (size_t at = 0; at <= len; at++) {
			answer_cut(&self, rows[i].answer, len, at);
			assert_true(self.told);
			assert_int_equal(self.status, rows[i].status);
			assert_int_equal(self.answered, rows[i].answered);
			assert_string_equal(self.why, rows[i].why);
			finish(&self);
		}
	}
}

static void what_is_no_http_is_refused(void **state)
{
	static const char *const rows[] = { "\x16\x03\x01", "SSH-2.0\r\n\r\n",
					    "HTTP/1.1 abc\r\n\r\n",
					    "HTTP/1.1 101 X\r\nA : b\r\n\r\n",
					    "HTTP/2 101 X\r\n\r\n" };
	peer self;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&self);
		pl_memory_feed(&self.memory, rows[i], strlen(rows[i]));
		if (!self.told) /* it may not be a whole line yet */
			pl_memory_end(&self.memory);
		assert_true(self.told);
		assert_true(self.status == PL_EPROTO || self.status == PL_ECLOSED);
		assert_true(self.why[0] != '\0');
		assert_int_equal(self.answered, 0);
		finish(&self);
	}
}

static void answers_are_bounded(void **state)
{
	static const char early[] = "HTTP/1.1 103 Early Hints\r\nLink: </aaaaaaaaaaaaaaa>\r\n\r\n";
	char byte = 'x';
	peer self;

	(void)state;
	begin(&self);
	pl_memory_feed(&self.memory, "HTTP/1.1 101 X\r\nA: ", 19);
	for (int i = 0; i < 40000 && !self.told; i++)
		pl_memory_feed(&self.memory, &byte, 1);
	assert_int_equal(self.status, PL_ELIMIT);
	finish(&self);

	begin(&self);
	for (int i = 0; i < 1000 && !self.told; i++)
		pl_memory_feed(&self.memory, early, sizeof(early) - 1);
	assert_int_equal(self.status, PL_ELIMIT);
	assert_string_equal(self.why, "the server sends too many informational responses");
	finish(&self);
}

static void it_takes_only_so_long(void **state)
{
	peer self;

	(void)state;
	begin(&self);
	pl_memory_feed(&self.memory, "HTTP/1.1 101", 12);
	pl_loop_skip(self.loop, TIMEOUT - 1);
	assert_false(self.told);
	pl_loop_skip(self.loop, 1);
	assert_int_equal(self.status, PL_ETIMEDOUT);
	finish(&self);
}

static void the_server_goes(void **state)
{
	peer self;

	(void)state;
	begin(&self);
	pl_memory_end(&self.memory);
	assert_int_equal(self.status, PL_ECLOSED);
	finish(&self);

	begin(&self);
	pl_stream_abort(&self.memory.stream, PL_ECONNRESET);
	pl_loop_turn(self.loop);
	assert_int_equal(self.status, PL_ECONNRESET);
	finish(&self);
}

static void it_can_be_cancelled(void **state)
{
	peer self;

	(void)state;
	begin(&self);
	pl_ws_opening_cancel(self.opening);
	finish(&self);
	assert_false(self.told);

	begin(&self);
	self.cancels = true;
	pl_memory_feed(&self.memory, "HTTP/1.1 404 X\r\n\r\n", 18);
	assert_int_equal(self.status, PL_ENOTSUP);
	finish(&self);
}

static void a_call_that_cannot_be_sent_is_refused(void **state)
{
	peer self;

	(void)state;
	init(&self);
	self.call.host = PL_SLICE("a b");
	assert_int_equal(start(&self), PL_EINVAL);
	assert_int_equal(self.memory.sent.len, 0);
	pl_memory_deinit(&self.memory);
	pl_loop_free(self.loop);
}

/* Every allocation fails once: the answer comes, or the reason why not. */
static void without_memory_it_fails(void **state)
{
	static const char answer[] = AGREED "\r\n";
	int64_t live = pl_alloc_live();
	bool opened = false;
	peer self;

	(void)state;
	for (uint64_t nth = 1; !opened; nth++) {
		int status;

		init(&self);
		pl_alloc_fail_at(nth);
		status = start(&self);
		if (status == PL_OK) {
			pl_memory_feed(&self.memory, answer, 20);
			if (!self.told)
				pl_memory_feed(&self.memory, answer + 20, sizeof(answer) - 21);
		}
		pl_alloc_fail_at(0);
		if (status == PL_OK) {
			/* Feeding takes memory of the test's own. */
			if (!self.told)
				pl_ws_opening_cancel(self.opening);
			opened = self.told && self.status == PL_OK;
			assert_true(opened || !self.told || self.status == PL_ENOMEM);
			finish(&self);
		} else {
			assert_int_equal(status, PL_ENOMEM);
			pl_memory_deinit(&self.memory);
			pl_loop_free(self.loop);
		}
	}
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer_opens_at_every_cut),
		cmocka_unit_test(bad_answers_are_told_of_at_every_cut),
		cmocka_unit_test(what_is_no_http_is_refused),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(it_takes_only_so_long),
		cmocka_unit_test(the_server_goes),
		cmocka_unit_test(it_can_be_cancelled),
		cmocka_unit_test(a_call_that_cannot_be_sent_is_refused),
		cmocka_unit_test(without_memory_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
