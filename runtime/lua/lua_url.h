/*
 * lua_url.h - perilune.core.url: URLs for the modules that connect somewhere.
 */
#ifndef PL_LUA_LUA_URL_H
#define PL_LUA_LUA_URL_H

#include <lua.h>

int pl_lua_open_url(lua_State *L);

#endif
