/*
 * lua_fields.h - header fields that a script gives: a table of names and values.
 */
#ifndef PL_LUA_LUA_FIELDS_H
#define PL_LUA_LUA_FIELDS_H

#include <lua.h>
#include <stdbool.h>

#include "codec/http_head.h"

enum { PL_LUA_FIELDS_MAX = 100 };

/* Reads the table at index: strings or numbers, or lists of these for repeats. The strings belong
 * to the table. Needs room for three values on the stack. False: a name or value is of another
 * type, or there are more than PL_LUA_FIELDS_MAX. What they hold is not checked. */
bool pl_lua_fields(lua_State *L, int index, pl_http_field fields[PL_LUA_FIELDS_MAX], size_t *count);

#endif
