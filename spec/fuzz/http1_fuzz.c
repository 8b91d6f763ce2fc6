/*
 * A whole HTTP/1.1 session over memory. The first byte says how the rest is cut and what the peers
 * do meanwhile.
 *
 * Each input runs twice against a receiver that sends bodies back: whole and in pieces. The answers
 * must be the same. Then it runs against receivers that are late, pause, break off, hand over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "http/http1.h"
#include "net/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECE_MAX = 48, ROOM = 512, TURNS = 64 };

enum { CUT = 15, END = 16, BLOCK = 32, SKIP = 64, STOP = 128 }; /* bits of the first byte */

typedef struct peer {
	pl_memory memory;
	pl_http1 *http1;
	pl_exchange *held;
	pl_exchange *paused; /* goes on with the next turn */
	pl_stream *taken;
	pl_buffer body;
} peer_state;

static pl_loop *loop;
static pl_limits limits;
static pl_http1_settings settings = { .limits = &limits };

/* The receiver that sends back. */

static void echo_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	peer_state *peer = owner;

	(void)exchange;
	/* In letters of which no head is made: see `plain`. */
	for (size_t i = 0; i < len; i++) {
		const char letters[2] = { (char)('a' + data[i] / 16), (char)('a' + data[i] % 16) };

		if (pl_buffer_append(&peer->body, letters, sizeof(letters)) != PL_OK)
			abort();
	}
}

static void echo_end(void *owner, pl_exchange *exchange)
{
	peer_state *peer = owner;

	if (pl_exchange_respond(exchange, 200, NULL, 0, (int64_t)peer->body.len) == PL_OK &&
	    peer->body.len > 0)
		pl_exchange_write(exchange, peer->body.data, peer->body.len);
	pl_buffer_deinit(&peer->body);
	pl_exchange_end(exchange);
}

static void nothing(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void aborted(void *owner, pl_exchange *exchange, int status)
{
	peer_state *peer = owner;

	(void)exchange, (void)status;
	peer->held = NULL;
	peer->paused = NULL;
	pl_buffer_deinit(&peer->body);
}

static void echo(void *owner, pl_exchange *exchange)
{
	static const pl_exchange_events events = {
		.data = echo_data, .end = echo_end, .drain = nothing, .aborted = aborted
	};

	pl_exchange_own(exchange, &events, owner);
}

/* The receivers that are difficult: the path's length says which one. */

static void pass_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner;
	if (!exchange->responded)
		pl_exchange_respond(exchange, 200, NULL, 0, -1);
	pl_exchange_write(exchange, data, len);
}

static void pass_end(void *owner, pl_exchange *exchange)
{
	(void)owner;
	pl_exchange_end(exchange);
}

static void break_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)data;
	if (len % 2)
		pl_exchange_abort(exchange, PL_EIO);
	else
		pl_exchange_answer(exchange, 200, NULL);
}

static void ignore_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len;
}

/* Wants one piece a turn. */
static void pull_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	pass_data(owner, exchange, data, len);
	pl_exchange_pause(exchange, true);
	((peer_state *)owner)->paused = exchange;
}

static void pull_starved(void *owner, pl_exchange *exchange)
{
	pl_exchange_pause(exchange, true);
	((peer_state *)owner)->paused = exchange;
}

static void pull_end(void *owner, pl_exchange *exchange)
{
	((peer_state *)owner)->paused = NULL;
	pl_exchange_end(exchange);
}

static void starved_answer(void *owner, pl_exchange *exchange)
{
	(void)owner;
	pl_exchange_answer(exchange, 200, NULL);
}

static const pl_exchange_events passing = {
	.data = pass_data, .end = pass_end, .drain = nothing, .aborted = aborted
};
static const pl_exchange_events breaking = {
	.data = break_data, .end = echo_end, .drain = nothing, .aborted = aborted
};
static const pl_exchange_events waiting = {
	.data = ignore_data, .end = nothing, .drain = nothing, .aborted = aborted
};
static const pl_exchange_events pulling = { .data = pull_data,
					    .starved = pull_starved,
					    .end = pull_end,
					    .drain = nothing,
					    .aborted = aborted };
static const pl_exchange_events starving = { .data = ignore_data,
					     .starved = starved_answer,
					     .end = echo_end,
					     .drain = nothing,
					     .aborted = aborted };

static void taken_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner;
	memset(data, 0, len);
}

static void taken_nothing(void *owner)
{
	(void)owner;
}

static void taken_closed(void *owner, int status)
{
	(void)status;
	((peer_state *)owner)->taken = NULL;
}

static void upgrade(peer_state *peer, pl_exchange *exchange)
{
	static const pl_stream_events events = { .data = taken_data,
						 .end = taken_nothing,
						 .drain = taken_nothing,
						 .closed = taken_closed };
	uint8_t *leftover;
	size_t len;

	pl_http1_upgrade(exchange, &peer->taken, &leftover, &len);
	peer->http1 = NULL;
	pl_stream_own(peer->taken, &events, peer);
	taken_data(peer, leftover, len);
}

static void difficult(void *owner, pl_exchange *exchange)
{
	peer_state *peer = owner;
	size_t kind = exchange->request->path.len % 10;

	switch (kind) {
	case 0:
		pl_exchange_answer(exchange, 204, NULL);
		return;
	case 1:
		pl_exchange_own(exchange, &passing, peer);
		return;
	case 2:
		pl_exchange_own(exchange, &breaking, peer);
		return;
	case 3:
		upgrade(peer, exchange);
		return;
	case 4:
		pl_exchange_end(exchange);
		return;
	case 8:
		pl_exchange_own(exchange, &pulling, peer);
		return;
	case 9:
		pl_exchange_own(exchange, &starving, peer);
		return;
	default:
		peer->held = exchange;
		pl_exchange_own(exchange, &waiting, peer);
		pl_exchange_pause(exchange, kind == 6);
		if (kind == 7)
			pl_exchange_respond(exchange, 200, NULL, 0, 3);
	}
}

static void closed(void *owner, int status)
{
	(void)status;
	((peer_state *)owner)->http1 = NULL;
}

static const pl_http1_events echoing = { .request = echo, .closed = closed };
static const pl_http1_events being_difficult = { .request = difficult, .closed = closed };

/* The client. */

static void answer_held(peer_state *peer)
{
	pl_exchange *exchange = peer->held;

	if (!exchange)
		return;
	peer->held = NULL;
	if (exchange->responded && pl_exchange_write(exchange, "ab", 2) >= 0)
		pl_exchange_end(exchange);
	else
		pl_exchange_answer(exchange, 200, "late");
}

static void turn(peer_state *peer, uint8_t how)
{
	pl_exchange *paused = peer->paused;

	peer->paused = NULL;
	if (paused)
		pl_exchange_pause(paused, false);
	pl_loop_turn(loop);
	answer_held(peer);
	if (how & BLOCK)
		pl_memory_open(&peer->memory, ROOM);
	pl_loop_turn(loop);
}

static void feed(peer_state *peer, const uint8_t *data, size_t len, uint8_t how)
{
	for (int i = 0; i < TURNS && !peer->memory.stream.closing; i++) {
		if (pl_memory_feed(&peer->memory, data, len))
			break;
		turn(peer, how);
	}
	turn(peer, how);
}

static void send_pieces(peer_state *peer, const uint8_t *data, size_t size, uint8_t how)
{
	unsigned random = how & CUT;

	while (size > 0) {
		size_t len = size;

		if (random) {
			random = random * 1103515245 + 12345;
			len = 1 + (random >> 16) % PIECE_MAX;
		}
		if (len > size)
			len = size;
		feed(peer, data, len, how);
		data += len;
		size -= len;
	}
}

static void finish(peer_state *peer, uint8_t how)
{
	for (int i = 0; i < TURNS && peer->memory.stream.paused; i++)
		turn(peer, how);
	if (how & SKIP)
		pl_loop_skip(loop, 15000);
	if (how & STOP && peer->http1)
		pl_http1_stop(peer->http1);
	if (how & END && !peer->memory.stream.paused)
		pl_memory_end(&peer->memory);
	for (int i = 0; i < 4; i++)
		turn(peer, how);
	if (peer->http1)
		pl_http1_abort(peer->http1, PL_ECANCELED);
	else if (peer->taken)
		pl_stream_abort(peer->taken, PL_ECANCELED);
	pl_loop_turn(loop);
	if (peer->http1 || peer->taken || peer->held)
		abort(); /* somebody was not told of the end */
}

static void run(peer_state *peer, const pl_http1_events *events, const uint8_t *data, size_t size,
		uint8_t how)
{
	memset(peer, 0, sizeof(*peer));
	pl_memory_init(&peer->memory, loop);
	if (how & BLOCK)
		peer->memory.room = ROOM;
	if (pl_http1_start(&peer->http1, &peer->memory.stream, &settings, events, peer) != PL_OK)
		abort();
	send_pieces(peer, data, size, how);
	/* Brings out what is wrong with a line: that may be said early or at the line's end. */
	feed(peer, (const uint8_t *)"\r\n\r\n", 4, how);
	finish(peer, how);
	pl_buffer_deinit(&peer->body);
}

static size_t skip_text(const pl_buffer *sent, size_t at, const char *text, size_t len)
{
	size_t text_len = strlen(text);

	return sent->len - at >= len && memcmp(sent->data + at, text, text_len) == 0 ? len : 0;
}

/* Takes out what depends on the time (Date) and on the pieces (100 Continue). */
static void plain(pl_buffer *sent)
{
	size_t len = 0;

	for (size_t at = 0; at < sent->len;) {
		size_t skip = skip_text(sent, at, "Date: ", 37) +
			      skip_text(sent, at, "HTTP/1.1 100 Continue\r\n\r\n", 25);

		if (skip > 0)
			at += skip;
		else
			sent->data[len++] = sent->data[at++];
	}
	sent->len = len;
}

static void compare(const uint8_t *data, size_t size, uint8_t how)
{
	peer_state whole, pieces;

	run(&whole, &echoing, data, size, 0);
	run(&pieces, &echoing, data, size, how & CUT);
	plain(&whole.memory.sent);
	plain(&pieces.memory.sent);
	if (whole.memory.sent.len != pieces.memory.sent.len)
		abort();
	if (whole.memory.sent.len > 0 &&
	    memcmp(whole.memory.sent.data, pieces.memory.sent.data, whole.memory.sent.len) != 0)
		abort();
	pl_memory_deinit(&whole.memory);
	pl_memory_deinit(&pieces.memory);
}

static void prepare(void)
{
	if (loop)
		return;
	if (pl_loop_new(&loop) != PL_OK)
		abort();
	pl_limits_init(&limits);
	limits.request_line = 256;
	limits.header_block = 1024;
	limits.header_count = 8;
	limits.high_water = 1024;
	limits.pipelined = 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peer_state peer;

	if (size == 0)
		return 0;
	prepare();
	compare(data + 1, size - 1, data[0]);
	run(&peer, &being_difficult, data + 1, size - 1, data[0]);
	pl_memory_deinit(&peer.memory);
	return 0;
}
