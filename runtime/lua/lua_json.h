/*
 * lua_json.h - `perilune.core.json`: Lua values to JSON text and back.
 *
 * lua/perilune/json.lua is the face; docs/decisions/0001-json.md says why this is our own.
 */
#ifndef PL_LUA_JSON_H
#define PL_LUA_JSON_H

#include <lua.h>

/* Arrays and objects within each other, both ways; more is refused with "ELIMIT". */
enum { PL_LUA_JSON_DEPTH = 1000 };

/* Pushes the table of the core:
 *   decode(text) -> value | nil, message, code
 *   encode(value, pretty, sort) -> text | nil, message, code
 *   null        what stands for null: a light userdata, the same as lua-cjson's
 *   array_mt    the metatable of arrays: of all that decode makes, so that an empty one is
 *               written as [] again
 *   max_depth   PL_LUA_JSON_DEPTH
 * A lua_CFunction. */
int pl_lua_open_json(lua_State *L);

#endif
