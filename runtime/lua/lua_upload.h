/*
 * lua_upload.h - requests whose body is received before their handler runs: the option
 * http_upload_files of servers.
 */
#ifndef PL_LUA_LUA_UPLOAD_H
#define PL_LUA_LUA_UPLOAD_H

#include <lua.h>

#include "http/upload.h"
#include "lua/lua_events.h"
#include "server/server.h"

/* Reads the option from the table of options at `options`, which has to stay. False: bodies are
 * left to the handlers. */
bool pl_lua_read_upload(lua_State *L, int options, pl_upload_settings *settings);

/* Takes over a request that pl_upload_wants: receives all of it, then calls its handler. */
void pl_lua_upload(pl_handlers *handlers, pl_server *server, pl_conn *conn, pl_exchange *exchange,
		   const pl_upload_settings *settings);

/* Pushes a list of what has come: { name, value }, or { name, filename, content_type, size } with
 * `bytes` or `temporary`, a path. */
void pl_lua_push_upload(lua_State *L, const pl_upload *upload);

/* Adds the fields of a form to the table at the top; the first of equal names stays. */
void pl_lua_push_upload_params(lua_State *L, const pl_upload *upload);

#endif
