/*
 * conn_peer.h - a server's connection over memory, and what its owner heard of it.
 */
#ifndef SESSION_CONN_PEER_H
#define SESSION_CONN_PEER_H

#include "session/ws_side.h"

#include "base/log.h"
#include "conn/conn_http.h"
#include "conn/conn_ws.h"
#include "unit/codec/bytes.h"

#define HANDSHAKE                                                                                  \
	"GET /chat?room=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define PLAIN HANDSHAKE "\r\n"
#define SWITCHING                                                                                  \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define Z "\0\0\0\0"
#define CLOSE_1000 "\x88\x82" Z "\x03\xe8"

typedef struct peer {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_conn_settings settings;
	pl_http1_settings http1;
	pl_conn *conn; /* NULL after `closed` */
	pl_buffer journal;
	pl_slice protocol;
	pl_slice software;
	char reason[128];
	bool pause_first;
	void (*on_drain)(struct peer *peer);
	void (*on_flushed)(struct peer *peer);
	bool waits[4];
	uint32_t marks[4];
} peer_state;

static inline peer_state *peer_of(pl_conn *conn)
{
	return conn->server;
}

static inline void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	ws_words_payload(&peer_of(conn)->journal, kind == PL_KIND_TEXT ? "text" : "binary", data,
			 len);
}

static inline void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	ws_words_payload(&peer_of(conn)->journal, "pong", payload, len);
}

static inline void on_drain(pl_conn *conn)
{
	peer_state *peer = peer_of(conn);

	assert_int_equal(pl_buffer_printf(&peer->journal, "drain "), PL_OK);
	if (peer->on_drain)
		peer->on_drain(peer);
}

/* Those who wait for a flush: at most four, by their marks. */
static inline void on_flushed(pl_conn *conn)
{
	peer_state *peer = peer_of(conn);

	for (size_t i = 0; i < 4; i++) {
		if (!peer->waits[i] || !pl_conn_flushed(conn, peer->marks[i]))
			continue;
		peer->waits[i] = false;
		assert_int_equal(pl_buffer_printf(&peer->journal, "flushed:%zu ", i), PL_OK);
		if (peer->on_flushed)
			peer->on_flushed(peer);
	}
}

static inline void on_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	peer_state *peer = peer_of(conn);

	ws_words_code(&peer->journal, "closed", code);
	snprintf(peer->reason, sizeof(peer->reason), "%.*s", (int)reason.len, reason.at);
	pl_conn_free(conn);
	peer->conn = NULL;
}

static const pl_conn_events conn_events = { .message = on_message,
					    .pong = on_pong,
					    .drain = on_drain,
					    .flushed = on_flushed,
					    .closed = on_closed };

static inline void upgrade(peer_state *peer, pl_exchange *exchange, const pl_ws_offer *offer)
{
	const pl_conn_ws_terms terms = { .offer = offer,
					 .protocol = peer->protocol,
					 .software = peer->software };
	pl_conn_leftover leftover;

	if (pl_conn_ws_accept(peer->conn, exchange, &terms, &leftover))
		return;
	assert_int_equal(pl_buffer_printf(&peer->journal, "open "), PL_OK);
	if (peer->pause_first)
		pl_conn_pause(peer->conn, true);
	pl_conn_ws_begin(peer->conn, &leftover);
}

static inline void on_request(pl_conn *conn, pl_exchange *exchange)
{
	const pl_exchange_request *head = exchange->request;
	pl_ws_request asked = { head->method, head->minor, false, head->fields, head->field_count };
	pl_ws_offer offer;

	if (!pl_ws_requested(&asked)) {
		pl_exchange_answer(exchange, 200, "hello");
		return;
	}
	assert_int_equal(pl_ws_offer_decode(&offer, &asked), PL_OK);
	upgrade(peer_of(conn), exchange, &offer);
}

/* Life. Limits and settings may be changed between the two. */

static inline void peer_init(peer_state *peer)
{
	memset(peer, 0, sizeof(*peer));
	assert_int_equal(pl_loop_new(&peer->loop), PL_OK);
	pl_loop_still(peer->loop);
	pl_limits_init(&peer->limits);
	peer->settings.loop = peer->loop;
	peer->settings.events = &conn_events;
	peer->settings.limits = &peer->limits;
	peer->http1.limits = &peer->limits;
	pl_memory_init(&peer->memory, peer->loop);
}

static inline void peer_start(peer_state *peer)
{
	assert_int_equal(pl_conn_new(&peer->conn, &peer->memory.stream, 1, &peer->settings, peer),
			 PL_OK);
	assert_int_equal(pl_conn_http_hold(peer->conn), PL_OK);
	assert_int_equal(
		pl_conn_http_start(peer->conn, peer->conn->stream, &peer->http1, on_request),
		PL_OK);
}

static inline void turn(peer_state *peer)
{
	pl_loop_turn(peer->loop);
	pl_loop_turn(peer->loop);
}

static inline void pass(peer_state *peer, uint64_t ms)
{
	pl_loop_skip(peer->loop, ms);
	turn(peer);
}

static inline void peer_close(peer_state *peer)
{
	if (peer->conn)
		pl_conn_disconnect(peer->conn, 1001, PL_SLICE(""));
	turn(peer);
	assert_null(peer->conn);
	pl_memory_deinit(&peer->memory);
	pl_buffer_deinit(&peer->journal);
	pl_loop_free(peer->loop);
}

static inline void feed(peer_state *peer, const void *bytes, size_t len)
{
	assert_true(pl_memory_feed(&peer->memory, bytes, len));
}

#define FEED(peer, literal) feed(peer, literal, sizeof(literal) - 1)

static inline const char *journal(peer_state *peer)
{
	return ws_words_take(&peer->journal);
}

static inline const char *sent(peer_state *peer)
{
	return ws_words_sent(&peer->memory.sent, false);
}

static inline void take_head(peer_state *peer, const char *expected)
{
	assert_true(peer->memory.sent.len >= strlen(expected));
	assert_memory_equal(peer->memory.sent.data, expected, strlen(expected));
	pl_buffer_consume(&peer->memory.sent, strlen(expected));
}

/* After peer_init: over HTTP to an open WebSocket. */
static inline void open_now(peer_state *peer)
{
	peer_start(peer);
	FEED(peer, PLAIN);
	turn(peer);
	assert_true(pl_conn_is_open(peer->conn));
	assert_string_equal(journal(peer), "open ");
	take_head(peer, SWITCHING "\r\n");
}

static inline void open_with_defaults(peer_state *peer)
{
	peer_init(peer);
	open_now(peer);
}

static inline int write_text(peer_state *peer, const char *text)
{
	return pl_conn_write(peer->conn, PL_KIND_TEXT, text, strlen(text), 0);
}

static inline int write_many(peer_state *peer, size_t len)
{
	static uint8_t zeros[1 << 20];

	return pl_conn_write(peer->conn, PL_KIND_BINARY, zeros, len, 0);
}

static inline void block(peer_state *peer)
{
	peer->memory.room = 0;
	assert_int_equal(write_text(peer, "first"), PL_OK);
	turn(peer);
	assert_true(peer->memory.stream.blocked);
}

#endif
