/*
 * lua_where.h - where a function of a script is, as a text that is never freed.
 */
#ifndef PL_LUA_LUA_WHERE_H
#define PL_LUA_LUA_WHERE_H

#include <lua.h>

/* "OnMessage, chat.lua:12" for the function at the top, which stays. */
const char *pl_where_of(lua_State *L, const char *what);

#endif
