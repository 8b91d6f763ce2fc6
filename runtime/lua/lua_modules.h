/*
 * lua_modules.h - what `require` finds: the runtime's C modules and the embedded Lua files.
 */
#ifndef PL_LUA_LUA_MODULES_H
#define PL_LUA_LUA_MODULES_H

#include <lua.h>

/* Registers the C modules ("perilune.core.<name>") and runs lua/perilune/internal/boot.lua. Throws.
 */
void pl_modules_open(lua_State *L);

#endif
