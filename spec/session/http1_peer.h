/*
 * http1_peer.h - an HTTP/1.1 session over memory, with a receiver for each path it is asked for.
 *
 * The test plays the client: it feeds bytes, runs turns, and reads what was sent. What the
 * receiver is told is kept in a journal, one word an event.
 */
#ifndef SPEC_SESSION_HTTP1_PEER_H
#define SPEC_SESSION_HTTP1_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/status.h"
#include "http/files.h"
#include "http/http1.h"
#include "net/memory.h"

enum { PEER_SENT_MAX = 262144 };

struct peer {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_http1_settings settings;
	pl_http1 *http1;   /* NULL after `closed` */
	pl_exchange *held; /* not answered yet */
	pl_buffer journal;
	size_t body;	/* bytes of the present request's */
	size_t largest; /* piece of it */
	pl_buffer gathered;
	size_t at_a_time;  /* "/stream": bytes a write */
	size_t to_write;   /* "/stream": bytes left */
	bool broke_memory; /* an allocation of the test itself has failed */
	int result;	   /* of the last respond or write */
	pl_stream *taken;  /* by an upgrade */
	pl_buffer leftover;
	int status;	  /* of `closed` */
	const char *root; /* not NULL: all requests ask for files below it ... */
	pl_files_settings files_settings;
	pl_files *files;
	pl_slice bytes; /* ... but "/bytes", which is answered with these */
};

static inline void peer_note(struct peer *peer, const char *word)
{
	if (pl_buffer_printf(&peer->journal, "%s ", word) != PL_OK)
		peer->broke_memory = true;
}

static inline void peer_note_status(struct peer *peer, const char *word, int status)
{
	if (pl_buffer_printf(&peer->journal, "%s:%s ", word, pl_status_name(status)) != PL_OK)
		peer->broke_memory = true;
}

/* Events that are only noted. */

static inline void noted_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	(void)exchange, (void)data;
	peer->body += len;
}

static inline void noted_end(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	peer_note(owner, "end");
}

static inline void noted_drain(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	peer_note(owner, "drain");
}

static inline void noted_aborted(void *owner, pl_exchange *exchange, int status)
{
	struct peer *peer = owner;

	(void)exchange;
	peer->held = NULL;
	peer_note_status(peer, "aborted", status);
}

static const pl_exchange_events noted_events = {
	.data = noted_data, .end = noted_end, .drain = noted_drain, .aborted = noted_aborted
};

/* "/hello": answers at once, whatever is still to come. */
static inline void serve_hello(struct peer *peer, pl_exchange *exchange)
{
	(void)peer;
	pl_exchange_answer(exchange, 200, "hello");
}

/* "/count": answers with the length of the body, when it is whole. */
static inline void count_end(void *owner, pl_exchange *exchange)
{
	struct peer *peer = owner;
	char text[32];

	snprintf(text, sizeof(text), "%zu bytes", peer->body);
	pl_exchange_answer(exchange, 200, text);
}

static inline void serve_count(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = {
		.data = noted_data, .end = count_end, .drain = noted_drain, .aborted = noted_aborted
	};

	pl_exchange_own(exchange, &events, peer);
}

/* "/gather": answers with the body, when it is whole. */
static inline void gather_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	if (pl_buffer_append(&peer->gathered, data, len) != PL_OK)
		pl_exchange_abort(exchange, PL_ENOMEM);
}

static inline void gather_end(void *owner, pl_exchange *exchange)
{
	struct peer *peer = owner;
	pl_buffer body = peer->gathered;

	peer->gathered = (pl_buffer){ 0 };
	peer->result = pl_exchange_respond(exchange, 200, NULL, 0, (int64_t)body.len);
	if (peer->result == PL_OK && body.len > 0)
		peer->result = pl_exchange_write(exchange, body.data, body.len);
	pl_buffer_deinit(&body);
	pl_exchange_end(exchange);
}

static inline void serve_gather(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = { .data = gather_data,
						   .end = gather_end,
						   .drain = noted_drain,
						   .aborted = noted_aborted };

	pl_exchange_own(exchange, &events, peer);
}

/* "/echo": sends the body back as it comes; the head goes out with its first byte. */
static inline void echo_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	if (!exchange->responded)
		pl_exchange_respond(exchange, 200, NULL, 0, exchange->request->content_length);
	peer->result = pl_exchange_write(exchange, data, len);
}

static inline void echo_end(void *owner, pl_exchange *exchange)
{
	(void)owner;
	if (!exchange->responded)
		pl_exchange_respond(exchange, 200, NULL, 0, 0);
	pl_exchange_end(exchange);
}

static inline void serve_echo(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = {
		.data = echo_data, .end = echo_end, .drain = noted_drain, .aborted = noted_aborted
	};

	pl_exchange_own(exchange, &events, peer);
}

/* "/pieces": an answer whose length is not known when it begins. */
static inline void serve_pieces(struct peer *peer, pl_exchange *exchange)
{
	const pl_http_field type = { PL_SLICE("Content-Type"), PL_SLICE("text/plain") };

	(void)peer;
	pl_exchange_respond(exchange, 200, &type, 1, -1);
	pl_exchange_write(exchange, "one", 3);
	pl_exchange_write(exchange, "", 0);
	pl_exchange_write(exchange, "and twenty bytes more", 21);
	pl_exchange_end(exchange);
}

/* "/204", "/304", "/205": whatever is said and written, an answer without a body. */
static inline void serve_bodyless(struct peer *peer, pl_exchange *exchange)
{
	int status = exchange->request->path.at[3] == '5'   ? 205
		     : exchange->request->path.at[1] == '2' ? 204
							    : 304;

	pl_exchange_respond(exchange, status, NULL, 0, status == 204 ? 0 : 5);
	peer->result = pl_exchange_write(exchange, "12345", 5);
	pl_exchange_end(exchange);
}

/* "/stream": to_write bytes, at_a_time each, waiting for `drain`. */
static inline void stream_on(struct peer *peer, pl_exchange *exchange)
{
	static char letters[65536];

	memset(letters, 'z', sizeof(letters));
	while (peer->to_write > 0) {
		size_t len = peer->to_write < peer->at_a_time ? peer->to_write : peer->at_a_time;

		peer->result = pl_exchange_write(exchange, letters, len);
		peer->to_write -= len;
		if (peer->result == PL_EXCHANGE_BLOCKED)
			return;
	}
	peer->held = NULL;
	pl_exchange_end(exchange);
}

static inline void stream_drain(void *owner, pl_exchange *exchange)
{
	peer_note(owner, "drain");
	stream_on(owner, exchange);
}

static inline void serve_stream(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = { .data = noted_data,
						   .end = noted_end,
						   .drain = stream_drain,
						   .aborted = noted_aborted };

	pl_exchange_own(exchange, &events, peer);
	pl_exchange_respond(exchange, 200, NULL, 0, (int64_t)peer->to_write);
	stream_on(peer, exchange);
}

/* "/late": the test answers. */
static inline void serve_late(struct peer *peer, pl_exchange *exchange)
{
	peer->held = exchange;
	pl_exchange_own(exchange, &noted_events, peer);
}

/* "/paused": the same, not wanting the body yet. */
static inline void serve_paused(struct peer *peer, pl_exchange *exchange)
{
	serve_late(peer, exchange);
	pl_exchange_pause(exchange, true);
}

/* "/told": is told when nothing more is there; "/pull" then wants no more until the test does. */
static inline void told_starved(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	peer_note(owner, "starved");
}

static inline void pull_starved(void *owner, pl_exchange *exchange)
{
	peer_note(owner, "starved");
	pl_exchange_pause(exchange, true);
}

static inline void pull_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	noted_data(owner, exchange, data, len);
	if (len > peer->largest)
		peer->largest = len;
}

static inline void serve_told(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = { .data = pull_data,
						   .starved = told_starved,
						   .end = noted_end,
						   .drain = noted_drain,
						   .aborted = noted_aborted };

	peer->held = exchange;
	pl_exchange_own(exchange, &events, peer);
}

static inline void serve_pull(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = { .data = pull_data,
						   .starved = pull_starved,
						   .end = noted_end,
						   .drain = noted_drain,
						   .aborted = noted_aborted };

	peer->held = exchange;
	pl_exchange_own(exchange, &events, peer);
}

/* "/piece": the same after each piece. */
static inline void piece_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	pull_data(owner, exchange, data, len);
	pl_exchange_pause(exchange, true);
}

static inline void serve_piece(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events events = {
		.data = piece_data, .end = noted_end, .drain = noted_drain, .aborted = noted_aborted
	};

	peer->held = exchange;
	pl_exchange_own(exchange, &events, peer);
}

/* "/starved-end", "/starved-abort": is done with it when nothing more is there. */
static inline void starved_end(void *owner, pl_exchange *exchange)
{
	(void)owner;
	pl_exchange_answer(exchange, 200, "enough");
}

static inline void starved_abort(void *owner, pl_exchange *exchange)
{
	(void)owner;
	pl_exchange_abort(exchange, PL_EIO);
}

static inline void serve_starved(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events tables[] = {
		{ noted_data, starved_end, noted_end, noted_drain, noted_aborted },
		{ noted_data, starved_abort, noted_end, noted_drain, noted_aborted },
	};

	pl_exchange_own(exchange, &tables[exchange->request->path.at[9] == 'a'], peer);
}

/* "/begun": the head is out, the rest is the test's. */
static inline void serve_begun(struct peer *peer, pl_exchange *exchange)
{
	serve_late(peer, exchange);
	peer->result = pl_exchange_respond(exchange, 200, NULL, 0, -1);
}

/* "/short": says ten bytes, writes five. */
static inline void serve_short(struct peer *peer, pl_exchange *exchange)
{
	pl_exchange_respond(exchange, 200, NULL, 0, 10);
	peer->result = pl_exchange_write(exchange, "12345678901", 11);
	pl_exchange_write(exchange, "12345", 5);
	pl_exchange_end(exchange);
}

/* "/nothing": ends without a head; "/forgotten" does not even that. */
static inline void serve_nothing(struct peer *peer, pl_exchange *exchange)
{
	(void)peer;
	pl_exchange_end(exchange);
}

static inline void serve_forgotten(struct peer *peer, pl_exchange *exchange)
{
	(void)peer, (void)exchange;
}

static inline void serve_abort(struct peer *peer, pl_exchange *exchange)
{
	(void)peer;
	pl_exchange_abort(exchange, PL_EIO);
}

/* "/abort-data", "/answer-data", "/stop-data": within the first piece of the body. */
static inline void data_abort(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
	pl_exchange_abort(exchange, PL_EIO);
}

static inline void data_answer(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
	pl_exchange_answer(exchange, 200, "enough");
}

static inline void data_stop(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	(void)exchange, (void)data, (void)len;
	pl_http1_abort(peer->http1, PL_EIO);
}

static inline void serve_data(struct peer *peer, pl_exchange *exchange)
{
	static const pl_exchange_events tables[] = {
		{ data_abort, NULL, noted_end, noted_drain, noted_aborted },
		{ data_answer, NULL, noted_end, noted_drain, noted_aborted },
		{ data_stop, NULL, noted_end, noted_drain, noted_aborted },
	};
	char third = exchange->request->path.at[2];

	pl_exchange_own(exchange, &tables[third == 'b' ? 0 : third == 'n' ? 1 : 2], peer);
}

/* "/stop": the session is to end; "/cut": at once. */
static inline void serve_stop(struct peer *peer, pl_exchange *exchange)
{
	pl_http1_stop(peer->http1);
	pl_exchange_answer(exchange, 200, "bye");
}

static inline void serve_cut(struct peer *peer, pl_exchange *exchange)
{
	pl_exchange_own(exchange, &noted_events, peer);
	pl_http1_abort(peer->http1, PL_ETIMEDOUT);
	peer->result = pl_exchange_respond(exchange, 200, NULL, 0, 0);
}

/* "/drop": the same, by a receiver that does not own the exchange. */
static inline void serve_drop(struct peer *peer, pl_exchange *exchange)
{
	(void)exchange;
	pl_http1_abort(peer->http1, PL_ETIMEDOUT);
}

/* "/upgrade": takes the stream; from then on everything goes to leftover. */
static inline void taken_data(void *owner, uint8_t *data, size_t len)
{
	struct peer *peer = owner;

	if (pl_buffer_append(&peer->leftover, data, len) != PL_OK)
		peer->broke_memory = true;
}

static inline void taken_end(void *owner)
{
	peer_note(owner, "taken-end");
}

static inline void taken_drain(void *owner)
{
	peer_note(owner, "taken-drain");
}

static inline void taken_closed(void *owner, int status)
{
	peer_note_status(owner, "taken-closed", status);
}

static inline void serve_upgrade(struct peer *peer, pl_exchange *exchange)
{
	static const pl_stream_events events = {
		.data = taken_data, .end = taken_end, .drain = taken_drain, .closed = taken_closed
	};
	uint8_t *bytes;
	size_t len;

	pl_http1_upgrade(exchange, &peer->taken, &bytes, &len);
	peer->http1 = NULL;
	pl_stream_own(peer->taken, &events, peer);
	if (len > 0)
		taken_data(peer, bytes, len);
	/* The head is there until this returns. */
	assert_true(pl_slice_equal(exchange->request->path, PL_SLICE("/upgrade")));
}

static const struct {
	const char *path;
	void (*serve)(struct peer *peer, pl_exchange *exchange);
} peer_routes[] = {
	{ "/hello", serve_hello },
	{ "/gather", serve_gather },
	{ "/count", serve_count },
	{ "/echo", serve_echo },
	{ "/pieces", serve_pieces },
	{ "/204", serve_bodyless },
	{ "/205", serve_bodyless },
	{ "/304", serve_bodyless },
	{ "/stream", serve_stream },
	{ "/late", serve_late },
	{ "/late/b", serve_late },
	{ "/late/secret/b", serve_late },
	{ "/paused", serve_paused },
	{ "/told", serve_told },
	{ "/pull", serve_pull },
	{ "/piece", serve_piece },
	{ "/starved-end", serve_starved },
	{ "/starved-abort", serve_starved },
	{ "/begun", serve_begun },
	{ "/short", serve_short },
	{ "/nothing", serve_nothing },
	{ "/forgotten", serve_forgotten },
	{ "/abort", serve_abort },
	{ "/abort-data", serve_data },
	{ "/answer-data", serve_data },
	{ "/stop-data", serve_data },
	{ "/stop", serve_stop },
	{ "/cut", serve_cut },
	{ "/drop", serve_drop },
	{ "/upgrade", serve_upgrade },
	{ "", serve_late }, /* CONNECT */
};

static inline void missing_file(void *owner, pl_exchange *exchange, int status)
{
	peer_note_status(owner, "missing", status);
	pl_exchange_answer(exchange, 404, NULL);
}

static inline void serve_file(struct peer *peer, pl_exchange *exchange)
{
	if (pl_slice_equal(exchange->request->path, PL_SLICE("/bytes")))
		pl_files_serve_bytes(peer->files, exchange, peer->bytes, "text/css");
	else
		pl_files_serve(peer->files, exchange, peer->root, missing_file, peer);
}

static inline void peer_request(void *owner, pl_exchange *exchange)
{
	struct peer *peer = owner;
	pl_slice path = exchange->request->path;

	peer->body = 0;
	if (peer->root) {
		serve_file(peer, exchange);
		return;
	}
	for (size_t i = 0; i < sizeof(peer_routes) / sizeof(peer_routes[0]); i++) {
		const char *route = peer_routes[i].path;

		if (pl_slice_equal(path, pl_slice_make(route, strlen(route)))) {
			peer_routes[i].serve(peer, exchange);
			return;
		}
	}
	pl_exchange_answer(exchange, 404, NULL);
}

static inline void peer_closed(void *owner, int status)
{
	struct peer *peer = owner;

	peer->http1 = NULL;
	peer->status = status;
	peer_note_status(peer, "closed", status);
}

static const pl_http1_events peer_events = { .request = peer_request, .closed = peer_closed };

/* Limits may be changed between the two. */
static inline void peer_init(struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	assert_int_equal(pl_loop_new(&peer->loop), PL_OK);
	pl_loop_still(peer->loop);
	pl_limits_init(&peer->limits);
	peer->settings.limits = &peer->limits;
	peer->files_settings.limits = &peer->limits;
	pl_memory_init(&peer->memory, peer->loop);
	peer->at_a_time = 65536;
}

static inline int peer_start(struct peer *peer)
{
	peer->files = pl_files_new(peer->loop, &peer->files_settings);
	if (!peer->files)
		return PL_ENOMEM;
	return pl_http1_start(&peer->http1, &peer->memory.stream, &peer->settings, &peer_events,
			      peer);
}

static inline void peer_open(struct peer *peer)
{
	peer_init(peer);
	assert_int_equal(peer_start(peer), PL_OK);
}

static inline void peer_turn(struct peer *peer)
{
	pl_loop_turn(peer->loop);
}

/* Time passes; nothing is waited for. */
static inline void peer_skip(struct peer *peer, uint64_t ms)
{
	pl_loop_skip(peer->loop, ms);
	pl_loop_turn(peer->loop);
	pl_loop_turn(peer->loop);
}

static inline void peer_close(struct peer *peer)
{
	if (peer->http1)
		pl_http1_abort(peer->http1, PL_ECANCELED);
	else if (peer->taken)
		pl_stream_abort(peer->taken, PL_ECANCELED);
	peer_turn(peer);
	peer_turn(peer);
	assert_null(peer->http1);
	pl_files_free(peer->files);
	pl_memory_deinit(&peer->memory);
	pl_buffer_deinit(&peer->journal);
	pl_buffer_deinit(&peer->leftover);
	pl_buffer_deinit(&peer->gathered);
	pl_loop_free(peer->loop);
}

/* Feeds what is there as the stream takes it; gives up when it stays paused. */
static inline bool peer_feed(struct peer *peer, const void *data, size_t len)
{
	for (int i = 0; i < 100; i++) {
		if (peer->memory.stream.closing)
			return false;
		if (pl_memory_feed(&peer->memory, data, len))
			return true;
		peer_turn(peer);
	}
	return false;
}

static inline void peer_send(struct peer *peer, const char *text)
{
	assert_true(peer_feed(peer, text, strlen(text)));
	peer_turn(peer);
}

/* What was sent so far, without Date fields, as text; then forgets it. */
static inline const char *peer_sent(struct peer *peer)
{
	static char text[PEER_SENT_MAX];
	pl_buffer *sent = &peer->memory.sent;
	size_t len = 0;

	assert_true(sent->len < sizeof(text));
	for (size_t i = 0; i < sent->len; i++) {
		if (sent->len - i > 37 && memcmp(sent->data + i, "Date: ", 6) == 0)
			i += 37;
		text[len++] = (char)sent->data[i];
	}
	text[len] = '\0';
	pl_buffer_consume(sent, sent->len);
	return text;
}

static inline const char *peer_journal(struct peer *peer)
{
	static char text[65536];

	assert_true(peer->journal.len < sizeof(text));
	if (peer->journal.len > 0)
		memcpy(text, peer->journal.data, peer->journal.len);
	text[peer->journal.len] = '\0';
	pl_buffer_consume(&peer->journal, peer->journal.len);
	return text;
}

/* "/late" and its like: answers what is held. */
static inline void peer_answer(struct peer *peer)
{
	pl_exchange *exchange = peer->held;

	peer->held = NULL;
	pl_exchange_answer(exchange, 200, "done");
	peer_turn(peer);
	peer_turn(peer);
}

/* The client's end of input. */
static inline void peer_end_input(struct peer *peer)
{
	assert_false(peer->memory.stream.paused);
	pl_memory_end(&peer->memory);
	peer_turn(peer);
	peer_turn(peer);
}

#endif
