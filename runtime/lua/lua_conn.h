/*
 * lua_conn.h - `conn` as scripts see it, and its events one at a time.
 *
 * A conn gets its userdata when the first event needs it; the userdata outlives the connection
 * and then only answers what is lasting (guid, ip, url, data). While a handler waits, later
 * messages of the same connection queue here, and reading pauses at limits.pending_events.
 */
#ifndef PL_LUA_LUA_CONN_H
#define PL_LUA_LUA_CONN_H

#include <lua.h>

#include "conn/conn.h"
#include "lua/lua_events.h"

int pl_lua_open_conn(lua_State *L);

/* Pushes the conn's userdata onto a state of the same script. */
void pl_lua_conn_push(lua_State *L, pl_handlers *handlers, pl_conn *conn);

/* The registry reference of the conn's userdata; LUA_NOREF when it has none. */
int pl_lua_conn_ref(const pl_conn *conn);

/* Events of a conn: run the handler now, or when the present one has ended. */
void pl_lua_conn_connect(pl_handlers *handlers, pl_conn *conn);
void pl_lua_conn_message(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			 const uint8_t *data, size_t len);
void pl_lua_conn_fragment(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			  const uint8_t *data, size_t len, bool more);
void pl_lua_conn_drain(pl_handlers *handlers, pl_conn *conn);
void pl_lua_conn_flushed(pl_conn *conn); /* resumes who waits in conn:flush */
void pl_lua_conn_pinged(pl_handlers *handlers, pl_conn *conn, const uint8_t *payload, size_t len);
void pl_lua_conn_pong(pl_conn *conn, const uint8_t *payload, size_t len);

/* The peer broke a rule: OnError; with `raise` OnException too. */
void pl_lua_conn_error(pl_handlers *handlers, pl_conn *conn, int status, const char *message,
		       bool raise);

/* OnException(conn, message) of a connection that is about to end. */
void pl_lua_conn_exception(pl_handlers *handlers, pl_conn *conn, const char *message);

/* The script has closed it, or what it belongs to: what still waits for a handler is not wanted. */
void pl_lua_conn_leave(pl_conn *conn);

/* Whether the script has closed it. */
bool pl_lua_conn_left(const pl_conn *conn);

/* Something that a handler decides. */
typedef struct pl_lua_question {
	pl_event event;
	/* Pushes what the handler gets behind the conn, and says how many; NULL: nothing. */
	int (*push)(struct pl_lua_question *question, lua_State *L);
	/* Once. What the handler returned is on L, from 1; NULL: it threw, or could not be asked.
	 * conn is NULL when it has gone. */
	void (*answered)(struct pl_lua_question *question, pl_conn *conn, lua_State *L);
	void *object; /* the conn's */
} pl_lua_question;

/* Asks; events of the conn wait until the answer. There has to be a handler. */
void pl_lua_conn_ask(pl_handlers *handlers, pl_conn *conn, pl_lua_question *question);

/* See pl_conn_events.heartbeat. Not asked again before it has answered. */
bool pl_lua_conn_ask_heartbeat(pl_handlers *handlers, pl_conn *conn);

/* The connection is gone: OnDisconnect comes last (when `session`); what is queued is dropped. */
void pl_lua_conn_disconnect(pl_handlers *handlers, pl_conn *conn, bool session, uint16_t code,
			    pl_slice reason);

/* As pl_lua_result, of what needs a message session: ESTATE before that. conn may be NULL. */
int pl_lua_conn_result(lua_State *L, const pl_conn *conn, int status);

/* Says PL_ENOTSUP when bytes were to be sent. */
#define PL_LUA_TEXTS_ONLY "a WebSocket of Hixie-76 carries text only"

/* The connection behind the userdata at index, or NULL when it is gone. Throws when it is no conn.
 */
pl_conn *pl_lua_conn_at(lua_State *L, int index);

#endif
