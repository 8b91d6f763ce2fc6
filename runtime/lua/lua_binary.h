/*
 * lua_binary.h - perilune.core.binary: a text in front of a binary message.
 */
#ifndef PL_LUA_LUA_BINARY_H
#define PL_LUA_LUA_BINARY_H

#include <lua.h>

int pl_lua_open_binary(lua_State *L);

#endif
