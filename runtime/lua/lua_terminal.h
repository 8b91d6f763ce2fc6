/*
 * lua_terminal.h - `perilune.core.terminal`: standard input and output for scripts.
 */
#ifndef PL_LUA_LUA_TERMINAL_H
#define PL_LUA_LUA_TERMINAL_H

#include <lua.h>

int pl_lua_open_terminal(lua_State *L);

#endif
