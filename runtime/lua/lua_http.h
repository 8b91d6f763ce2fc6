/*
 * lua_http.h - perilune.core.http: pools of connections and HTTP calls, for the modules that make
 * requests.
 */
#ifndef PL_LUA_LUA_HTTP_H
#define PL_LUA_LUA_HTTP_H

#include <lua.h>

int pl_lua_open_http(lua_State *L);

#endif
