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

/* Takes the request over: calls the handler of its method as soon as nothing more of the body is
 * here, and answers with what that has written or set, or with what the server has. */
void pl_lua_exchange(pl_handlers *handlers, pl_server *server, pl_conn *conn,
		     pl_exchange *exchange);

struct pl_upload;

/* The same with a request whose body has come already: the upload is its own from here on. */
void pl_lua_exchange_received(pl_handlers *handlers, pl_server *server, pl_conn *conn,
			      pl_exchange *exchange, struct pl_upload *upload);

/* The running task is about to wait for this server's end (NULL: for the end of all). If it is the
 * handler of a request there, its answer is sent now, as far as it has come: else the server would
 * wait for the request, and the request for the server. */
void pl_lua_exchange_let_go(lua_State *L, const pl_server *server);

#endif
