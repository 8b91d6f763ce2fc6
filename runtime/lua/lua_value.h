/*
 * lua_value.h - small moves between C and Lua that every binding makes.
 */
#ifndef PL_LUA_LUA_VALUE_H
#define PL_LUA_LUA_VALUE_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "lua/lua_task.h"

static inline void pl_lua_push(lua_State *L, pl_slice text)
{
	lua_pushlstring(L, text.at ? text.at : "", text.len);
}

/* The text in lower-case ASCII, as names of header fields are for scripts. */
void pl_lua_push_lower(lua_State *L, pl_slice text);

static inline pl_slice pl_lua_check_slice(lua_State *L, int index)
{
	pl_slice text;

	text.at = luaL_checklstring(L, index, &text.len);
	return text;
}

/* What a call comes to: true (PL_OK); true, "buffered" (> 0); nil, message, code (< 0). */
int pl_lua_result(lua_State *L, int status);

/* A wait ends with that; then pl_wait_go. */
pl_task *pl_lua_wait_end(pl_wait *wait, int status);

/* nil, message, code. */
int pl_lua_fail(lua_State *L, int status, const char *message);

/* The userdata at index, whose metatable is the one registered as `kind`; throws otherwise. */
void *pl_lua_check(lua_State *L, int index, const char *kind);

/* Makes the table at the top the metatable of `kind`, with a __gc of its own, and pops it.
 * Metatables come from internal/component.lua. */
void pl_lua_set_kind(lua_State *L, const char *kind, lua_CFunction gc);

/* Sets field `name` of the table at the top to a new table of these functions. */
void pl_lua_set_functions(lua_State *L, const char *name, const luaL_Reg *functions);

/* A new userdata of a kind. */
void *pl_lua_new(lua_State *L, const char *kind, size_t size);

/* Fields of an options table at index: checked already, so present and of their type. */
int64_t pl_lua_int_field(lua_State *L, int index, const char *name);
double pl_lua_number_field(lua_State *L, int index, const char *name);
bool pl_lua_bool_field(lua_State *L, int index, const char *name);

/* Seconds to milliseconds, rounded up, within 0 and 2^31. */
uint32_t pl_lua_milliseconds(double seconds);

/* A close code as a script may give it: 1000 when there is none, 0 (Close without a code) for a
 * negative one; throws for one that must not be sent. */
uint16_t pl_lua_check_close_code(lua_State *L, int index);

/* Pushes a table of header fields from the lines of a raw head: lower-case names, repeats
 * joined by ", "; `host` is the authority of an absolute target (RFC 9112 3.2.2). */
void pl_lua_push_headers(lua_State *L, pl_slice head);

#endif
