/*
 * lua_conn_ping.h - waiting for the answer to a ping.
 */
#ifndef PL_LUA_LUA_CONN_PING_H
#define PL_LUA_LUA_CONN_PING_H

#include <lua.h>

#include "conn/conn.h"

/* Sends a ping that only its own answer matches, and waits up to `timeout` seconds: true, or nil,
 * message, code; a connection that does not answer in time is dropped, unless we have paused
 * reading. `pings` is the conn's list
 * of waits. */
int pl_lua_ping(lua_State *L, pl_conn *conn, pl_list *pings, double timeout);

void pl_lua_ping_answered(pl_list *pings, const uint8_t *payload, size_t len);

/* All waits end with this status. */
void pl_lua_ping_failed(pl_list *pings, int status);

#endif
