/*
 * lua_exchange.h - OnCommandGet and OnCommandOther: `request` and `response` of a script.
 */
#ifndef PL_LUA_LUA_EXCHANGE_H
#define PL_LUA_LUA_EXCHANGE_H

#include <lua.h>

#include "conn/conn.h"
#include "lua/lua_events.h"
#include "server/server.h"

int pl_lua_open_exchange(lua_State *L);

/* Takes the request over: reads its body (up to limits.body), calls the handler of its method, and
 * answers with what that has set, or with what the server has. */
void pl_lua_exchange(pl_handlers *handlers, pl_server *server, pl_conn *conn,
		     pl_exchange *exchange);

#endif
