/*
 * lua_timer.h - `perilune.core.timer`: functions called later, and sleeping.
 */
#ifndef PL_LUA_LUA_TIMER_H
#define PL_LUA_LUA_TIMER_H

#include <lua.h>

int pl_lua_open_timer(lua_State *L);

#endif
