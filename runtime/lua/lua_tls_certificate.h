/*
 * lua_tls_certificate.h - a certificate as a table: subject, issuer, serial, fingerprint, pem,
 * names (a list), not_before and not_after (seconds since 1970).
 */
#ifndef PL_LUA_LUA_TLS_CERTIFICATE_H
#define PL_LUA_LUA_TLS_CERTIFICATE_H

#include <lua.h>

#include "net/tls_certificate.h"

/* Pushes one value. Throws without memory. */
int pl_lua_push_certificate(lua_State *L, const pl_tls_certificate *certificate);

/* The same of the stream's peer; nil when there is none. */
int pl_lua_push_peer_certificate(lua_State *L, const pl_stream *stream);

#endif
