/*
 * lua_tls.h - the `tls` options of a script to a TLS context that can be renewed.
 */
#ifndef PL_LUA_LUA_TLS_H
#define PL_LUA_LUA_TLS_H

#include <lua.h>

#include "net/tls_renewal.h"

/* The context of the options table at index: checked, its paths whole, `sni` a list. PL_OK, or an
 * error: then a sentence about it is pushed. */
int pl_lua_tls_context(lua_State *L, int index, pl_tls_renewal **context);

#endif
