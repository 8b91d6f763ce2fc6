/*
 * lua_client.h - `perilune.core.client`: clients of a script.
 */
#ifndef PL_LUA_LUA_CLIENT_H
#define PL_LUA_LUA_CLIENT_H

#include <lua.h>

int pl_lua_open_client(lua_State *L);

#endif
