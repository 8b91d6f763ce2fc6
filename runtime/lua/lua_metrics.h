/*
 * lua_metrics.h - perilune.core.metrics: a script's own numbers, and all of them as text.
 */
#ifndef PL_LUA_LUA_METRICS_H
#define PL_LUA_LUA_METRICS_H

#include <lua.h>

int pl_lua_open_metrics(lua_State *L);

#endif
