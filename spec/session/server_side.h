/*
 * server_side.h - a server whose clients are the test: each speaks over a stream in memory.
 *
 * Messages "join NAME" and "leave NAME" are obeyed, others kept in the client's journal. The
 * request "/late" is answered when the test says so, "/" at once, others by pl_server_serve.
 */
#ifndef SPEC_SESSION_SERVER_SIDE_H
#define SPEC_SESSION_SERVER_SIDE_H

#include "session/ws_side.h"

#include <stdlib.h>

#include "server/reach.h"
#include "server/server.h"

#define SERVER_SIDE_GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define SERVER_SIDE_HANDSHAKE(fields)                                                              \
	"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"           \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" fields      \
	"\r\n"

enum { SERVER_SIDE_CLIENTS = 6 };

typedef struct server_client {
	pl_memory memory;
	pl_conn *conn; /* NULL after `disconnect` */
	pl_buffer journal;
} server_client;

typedef struct server_side {
	pl_loop *loop;
	pl_server_settings settings;
	pl_server *server;
	server_client clients[SERVER_SIDE_CLIENTS];
	pl_exchange *late;
	unsigned asks; /* bits of pl_question: the answers are the test's to give */
	pl_conn *arrived;
	pl_arrival *arrival;
	pl_upgrade *upgrade;
	pl_login *login;
	pl_conn *strange;
	pl_stranger *stranger;
	pl_buffer said; /* by the stranger */
	int errors;
	int stopped;
	bool broke_memory; /* an allocation of the test itself has failed */
} server_side;

static inline server_side *server_side_of(pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

static inline server_client *server_client_of(pl_conn *conn)
{
	server_side *side = server_side_of(conn);

	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++)
		if (side->clients[i].conn == conn ||
		    conn->stream == &side->clients[i].memory.stream)
			return &side->clients[i];
	abort();
}

static inline void server_side_note(pl_conn *conn, const char *format, int len, const void *text)
{
	if (pl_buffer_printf(&server_client_of(conn)->journal, format, len, text))
		server_side_of(conn)->broke_memory = true;
}

static inline void server_side_connect(pl_conn *conn)
{
	server_client_of(conn)->conn = conn;
	server_side_note(conn, "open%.*s ", 0, "");
}

/* The name behind the verb; at == NULL when the text is something else. */
static inline pl_slice server_side_after(const char *verb, const uint8_t *data, size_t len)
{
	size_t verb_len = strlen(verb);

	if (len < verb_len || memcmp(data, verb, verb_len) != 0)
		return pl_slice_make(NULL, 0);
	return pl_slice_make((const char *)data + verb_len, len - verb_len);
}

static inline void server_side_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data,
				       size_t len)
{
	pl_slice join = server_side_after("join ", data, len);
	pl_slice leave = server_side_after("leave ", data, len);
	pl_slice echo = server_side_after("echo ", data, len);

	if (join.at)
		pl_server_subscribe(conn, join);
	else if (leave.at)
		pl_server_unsubscribe(conn, leave);
	else if (echo.at)
		pl_conn_write(conn, kind, echo.at, echo.len, 0);
	else
		server_side_note(conn, "text:%.*s ", (int)len, data);
}

static inline void server_side_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	server_side_note(conn, "pong:%.*s ", (int)len, payload);
}

static inline void server_side_drain(pl_conn *conn)
{
	server_side_note(conn, "drain%.*s ", 0, "");
}

static inline void server_side_disconnect(pl_conn *conn, bool session, uint16_t code,
					  pl_slice reason)
{
	server_side *side = server_side_of(conn);
	char text[32];

	(void)reason;
	if (!session)
		return;
	snprintf(text, sizeof(text), "closed:%u", code);
	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++)
		if (side->clients[i].conn == conn) {
			server_side_note(conn, "%.*s ", (int)strlen(text), text);
			side->clients[i].conn = NULL;
		}
}

static inline void server_side_late_event(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static inline void server_side_late_data(void *owner, pl_exchange *exchange, const uint8_t *data,
					 size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len;
}

static inline void server_side_late_aborted(void *owner, pl_exchange *exchange, int status)
{
	(void)exchange, (void)status;
	((server_side *)owner)->late = NULL;
}

static inline void server_side_request(pl_conn *conn, pl_exchange *exchange)
{
	static const pl_exchange_events events = { .data = server_side_late_data,
						   .end = server_side_late_event,
						   .drain = server_side_late_event,
						   .aborted = server_side_late_aborted };
	server_side *side = server_side_of(conn);
	pl_slice path = exchange->request->path;

	if (pl_slice_equal(path, PL_SLICE("/late"))) {
		side->late = exchange;
		pl_exchange_own(exchange, &events, side);
	} else if (pl_slice_equal(path, PL_SLICE("/"))) {
		pl_exchange_answer(exchange, 200, "hello");
	} else {
		pl_server_serve(side->server, exchange);
	}
}

static inline bool server_side_asks(pl_server *server, enum pl_question question)
{
	return (((server_side *)server->binding)->asks >> question & 1) != 0;
}

static inline void server_side_arrived(pl_conn *conn, pl_arrival *arrival)
{
	server_side_of(conn)->arrived = conn;
	server_side_of(conn)->arrival = arrival;
}

static inline void server_side_handshake(pl_conn *conn, pl_upgrade *upgrade)
{
	server_side_of(conn)->upgrade = upgrade;
}

static inline void server_side_login(pl_conn *conn, pl_login *login, enum pl_question question)
{
	(void)question;
	server_side_of(conn)->login = login;
}

static inline void server_side_error(pl_conn *conn, int status, const char *message)
{
	(void)status, (void)message;
	server_side_of(conn)->errors++;
}

static inline void server_side_stopped(pl_server *server)
{
	((server_side *)server->binding)->stopped++;
}

static inline void server_side_stranger(pl_conn *conn, pl_stranger *stranger, pl_slice said)
{
	server_side *side = server_side_of(conn);

	side->strange = conn;
	side->stranger = stranger;
	side->said.len = 0;
	if (pl_buffer_append(&side->said, said.at, said.len))
		side->broke_memory = true;
}

static const pl_server_events server_side_events = { .asks = server_side_asks,
						     .arrived = server_side_arrived,
						     .stranger = server_side_stranger,
						     .handshake = server_side_handshake,
						     .login = server_side_login,
						     .error = server_side_error,
						     .connect = server_side_connect,
						     .message = server_side_message,
						     .pong = server_side_pong,
						     .drain = server_side_drain,
						     .disconnect = server_side_disconnect,
						     .request = server_side_request,
						     .stopped = server_side_stopped };

/* Life. Settings may be changed between the two. */

static inline void server_side_init(server_side *side)
{
	memset(side, 0, sizeof(*side));
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	pl_loop_still(side->loop);
	pl_limits_init(&side->settings.limits);
	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++)
		pl_memory_init(&side->clients[i].memory, side->loop);
}

static inline int server_side_start(server_side *side)
{
	return pl_server_new(&side->server, side->loop, &side->settings, &server_side_events, side);
}

static inline void server_side_turn(server_side *side)
{
	for (int i = 0; i < 3; i++)
		pl_loop_turn(side->loop);
}

/* The client connects. */
static inline server_client *server_side_dial(server_side *side, int index)
{
	server_client *client = &side->clients[index];

	pl_server_adopt(side->server, &client->memory.stream);
	return client;
}

/* False when the connection is closing or paused: nothing was fed. */
static inline bool server_client_feed(server_client *client, const char *bytes, size_t len)
{
	return !client->memory.stream.closing && pl_memory_feed(&client->memory, bytes, len);
}

#define SERVER_FEED(client, literal) server_client_feed(client, literal, sizeof(literal) - 1)

/* A text of up to 125 bytes in a frame. */
static inline bool server_client_say(server_client *client, const char *text)
{
	char frame[6 + 125] = "\x81";
	size_t len = strlen(text);

	frame[1] = (char)(0x80 | len);
	memcpy(frame + 6, text, len);
	return server_client_feed(client, frame, 6 + len);
}

static inline void server_side_stop(server_side *side)
{
	int before = side->stopped;

	pl_server_stop(side->server);
	pl_server_stop(side->server);
	server_side_turn(side);
	for (int i = 0; i < 10 && side->stopped == before; i++) {
		pl_loop_skip(side->loop, (uint64_t)side->settings.limits.close_timeout);
		server_side_turn(side);
	}
	assert_int_equal(side->stopped, before + 1);
}

static inline void server_side_close(server_side *side)
{
	if (side->server) {
		server_side_stop(side);
		assert_int_equal(pl_server_count(side->server), 0);
		pl_server_free(side->server);
	}
	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++) {
		pl_memory_deinit(&side->clients[i].memory);
		pl_buffer_deinit(&side->clients[i].journal);
	}
	pl_buffer_deinit(&side->said);
	pl_loop_free(side->loop);
}

static inline const char *server_client_journal(server_client *client)
{
	return ws_words_take(&client->journal);
}

#endif
