/* lua_text.h - `perilune.core.text`: small codings that modules written in Lua need. */
#ifndef PL_LUA_LUA_TEXT_H
#define PL_LUA_LUA_TEXT_H

#include <lua.h>

int pl_lua_open_text(lua_State *L);

#endif
