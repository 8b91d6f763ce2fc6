/*
 * lua_shared.h - perilune.core.shared: the values that all workers see.
 */
#ifndef PL_LUA_LUA_SHARED_H
#define PL_LUA_LUA_SHARED_H

#include <lua.h>

int pl_lua_open_shared(lua_State *L);

#endif
