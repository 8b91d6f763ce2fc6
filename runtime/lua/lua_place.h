/*
 * lua_place.h - fields of tables that say where a call of HTTP leads, as internal modules make
 * them.
 */
#ifndef PL_LUA_LUA_PLACE_H
#define PL_LUA_LUA_PLACE_H

#include <lua.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/tls_client.h"

/* A string, which belongs to the table; at NULL: there is none. Throws when it is something else.
 */
pl_slice pl_lua_slice_field(lua_State *L, int index, const char *name);

/* `port`; 0: none. */
uint16_t pl_lua_port_field(lua_State *L, int index);

/* `tls`, which goes with the table; NULL: plain. Throws when it is no context. */
pl_tls_context *pl_lua_tls_field(lua_State *L, int index);

/* ms of a field in seconds, at least 1; 0 when there is none. */
uint32_t pl_lua_time_field(lua_State *L, int index, const char *name);

#endif
