/*
 * hixie_fuzz.c - Hixie-76: a request that asks for it, and what follows its head.
 *
 * Up to the first empty line an input is a request; all of it is also what a peer sends to a
 * session, which runs twice, whole and in pieces, and has to tell its owner the same.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/utf8.h"
#include "net/memory.h"
#include "ws/hixie_session.h"

enum { MESSAGE_MAX = 512, TURNS = 8 };

typedef struct peer_state {
	pl_memory memory;
	pl_hixie_session *session; /* NULL after `closed` */
	pl_buffer journal;
} peer_state;

static pl_loop *loop;
static pl_limits limits;

static void note(peer_state *peer, char what, const void *data, size_t len)
{
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, &what, 1));
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, &len, sizeof(len)));
	FUZZ_CHECK(!pl_buffer_append(&peer->journal, data, len));
}

static void on_key(void *owner, const uint8_t key3[PL_HIXIE_KEY3_SIZE])
{
	static const uint8_t proof[PL_HIXIE_PROOF_SIZE];
	peer_state *peer = owner;

	note(peer, 'k', key3, PL_HIXIE_KEY3_SIZE);
	FUZZ_CHECK(pl_hixie_session_open_with(peer->session, proof) == PL_OK);
}

static void on_message(void *owner, const uint8_t *data, size_t len)
{
	peer_state *peer = owner;

	FUZZ_CHECK(pl_hixie_session_open(peer->session));
	FUZZ_CHECK(len <= MESSAGE_MAX && pl_utf8_valid(data, len));
	note(peer, 't', data, len);
	if (len > 0 && data[0] == 'p')
		pl_hixie_session_pause(peer->session);
	else if (len > 0 && data[0] == 'c')
		pl_hixie_session_close(peer->session);
	else
		FUZZ_CHECK(pl_hixie_session_send(peer->session, data, len) == PL_OK);
}

static void on_alive(void *owner)
{
	(void)owner;
}

static void on_failed(void *owner, int status, const char *message)
{
	FUZZ_CHECK(message);
	note(owner, 'f', &status, sizeof(status));
}

static void on_closing(void *owner)
{
	note(owner, 'e', NULL, 0);
}

static void on_closed(void *owner, int status)
{
	peer_state *peer = owner;

	note(peer, 'z', &status, sizeof(status));
	pl_hixie_session_free(peer->session);
	peer->session = NULL;
}

static const pl_hixie_events events = {
	.key = on_key,
	.message = on_message,
	.alive = on_alive,
	.drain = on_alive,
	.failed = on_failed,
	.closing = on_closing,
	.closed = on_closed,
};

static void turn(peer_state *peer)
{
	for (int i = 0; i < TURNS; i++) {
		pl_loop_turn(loop);
		if (peer->session)
			pl_hixie_session_resume(peer->session);
	}
}

/* What cannot be fed yet is paused: it waits. */
static bool feed(peer_state *peer, const uint8_t *data, size_t len)
{
	for (size_t tries = 0; peer->session && tries <= MESSAGE_MAX; tries++) {
		if (pl_memory_feed(&peer->memory, data, len))
			return true;
		turn(peer);
	}
	return false;
}

static void run(peer_state *peer, const uint8_t *data, size_t size, bool pieces)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);
	size_t at = 0;

	memset(peer, 0, sizeof(*peer));
	pl_memory_init(&peer->memory, loop);
	FUZZ_CHECK(!pl_hixie_session_new(&peer->session, &peer->memory.stream, &limits, &events,
					 peer));
	pl_hixie_session_start(peer->session, NULL, 0);
	while (at < size) {
		size_t len = pieces ? fuzz_cut(&cuts, size - at) : size;

		if (!feed(peer, data + at, len))
			break;
		at += len;
	}
	/* Each turn goes on by one text at least. */
	for (size_t i = 0; i < size + TURNS && peer->session; i++)
		turn(peer);
	pl_memory_end(&peer->memory);
	turn(peer);
	if (peer->session)
		pl_hixie_session_abort(peer->session, PL_ECLOSED);
	turn(peer);
	FUZZ_CHECK(!peer->session);
}

static void release(peer_state *peer)
{
	pl_buffer_deinit(&peer->journal);
	pl_memory_deinit(&peer->memory);
}

static void check_session(const uint8_t *data, size_t size)
{
	static peer_state whole, parts;

	run(&whole, data, size, false);
	run(&parts, data, size, true);
	FUZZ_CHECK(whole.journal.len == parts.journal.len);
	FUZZ_CHECK(!memcmp(whole.journal.data, parts.journal.data, whole.journal.len));
	FUZZ_CHECK(whole.memory.sent.len == parts.memory.sent.len);
	FUZZ_CHECK(whole.memory.sent.len == 0 ||
		   !memcmp(whole.memory.sent.data, parts.memory.sent.data, whole.memory.sent.len));
	release(&whole);
	release(&parts);
}

static void check_offer(const pl_ws_request *request, pl_slice head)
{
	static const uint8_t key3[PL_HIXIE_KEY3_SIZE];
	pl_slice rest = { NULL, 0 }, protocol;
	uint8_t proof[PL_HIXIE_PROOF_SIZE];
	pl_hixie_offer offer;
	bool begun = false;
	size_t count = 0;

	if (pl_hixie_offer_decode(&offer, request) != PL_OK) {
		FUZZ_CHECK(offer.error);
		return;
	}
	FUZZ_CHECK(fuzz_within(offer.origin, head) && offer.origin.len > 0);
	FUZZ_CHECK(pl_hixie_prove(proof, &offer, key3) == PL_OK);
	while (pl_hixie_offer_protocol(request, &begun, &rest, &protocol)) {
		FUZZ_CHECK(fuzz_within(protocol, head) && pl_http_token_valid(protocol));
		FUZZ_CHECK(++count <= PL_WS_PROTOCOLS_MAX);
	}
}

static void check_handshake(const uint8_t *data, size_t size)
{
	static const pl_http_rules rules = { 8192, 32768, 100 };
	static pl_http_request head;
	char *text = fuzz_copy(data, size);

	if (pl_http_request_decode(&head, &rules, text, size, 0) > 0) {
		pl_ws_request request = { head.method, head.minor,
					  head.chunked || head.content_length > 0, head.fields,
					  head.field_count };

		pl_hixie_requested(&request);
		check_offer(&request, pl_slice_make(text, size));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!loop) {
		FUZZ_CHECK(!pl_loop_new(&loop));
		pl_loop_still(loop);
		pl_limits_init(&limits);
		limits.message = MESSAGE_MAX;
	}
	if (size > 4096)
		return 0;
	check_handshake(data, size);
	check_session(data, size);
	return 0;
}
