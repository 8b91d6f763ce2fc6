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
void pl_lua_conn_drain(pl_handlers *handlers, pl_conn *conn);
void pl_lua_conn_pong(pl_conn *conn, const uint8_t *payload, size_t len);

/* The connection is gone: OnDisconnect comes last (when `session`); what is queued is dropped. */
void pl_lua_conn_disconnect(pl_handlers *handlers, pl_conn *conn, bool session, uint16_t code,
			    pl_slice reason);

/* The connection behind the userdata at index, or NULL when it is gone. Throws when it is no conn.
 */
pl_conn *pl_lua_conn_at(lua_State *L, int index);

#endif
