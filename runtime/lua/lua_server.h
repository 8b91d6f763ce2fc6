/*
 * lua_server.h - `perilune.core.server`: servers of a script.
 */
#ifndef PL_LUA_LUA_SERVER_H
#define PL_LUA_LUA_SERVER_H

#include <lua.h>

int pl_lua_open_server(lua_State *L);

#endif
