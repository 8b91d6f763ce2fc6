/*
 * lua_tls_fields.h - what the `tls` options of servers and clients have alike: fields of a table
 * that was checked. The texts are the table's.
 */
#ifndef PL_LUA_LUA_TLS_FIELDS_H
#define PL_LUA_LUA_TLS_FIELDS_H

#include <lua.h>

#include "net/tls_context.h"

/* NULL: there is none. */
const char *pl_lua_text_field(lua_State *L, int table, const char *name);

/* "1.0" to "1.3"; PL_TLS_ANY when there is none. */
enum pl_tls_version pl_lua_tls_version(lua_State *L, int table, const char *name);

/* name, cert_file, key_file, p12_file, legacy, password. */
pl_tls_identity pl_lua_tls_identity(lua_State *L, int table);

/* verify_depth; -1 when there is none. */
int pl_lua_tls_depth(lua_State *L, int table);

#endif
