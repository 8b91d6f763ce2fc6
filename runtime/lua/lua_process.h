/*
 * lua_process.h - `perilune.core.process`: the log, the end of the program, the script's folder.
 */
#ifndef PL_LUA_LUA_PROCESS_H
#define PL_LUA_LUA_PROCESS_H

#include <lua.h>

int pl_lua_open_process(lua_State *L);

#endif
