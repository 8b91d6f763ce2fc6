/*
 * lua_tls_client.h - perilune.core.tls_client: the `tls` options of clients to TLS contexts, which
 * are userdata. internal/tls_client.lua checks the options and shares the contexts.
 */
#ifndef PL_LUA_LUA_TLS_CLIENT_H
#define PL_LUA_LUA_TLS_CLIENT_H

#include <lua.h>

#include "net/tls_client.h"

#define PL_TLS_CLIENT_KIND "perilune.tls_client"

int pl_lua_open_tls_client(lua_State *L);

/* The context of the userdata at index, which goes with it: take a reference to keep it. Throws
 * when it is none. */
pl_tls_context *pl_lua_tls_client_at(lua_State *L, int index);

#endif
