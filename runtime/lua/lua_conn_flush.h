/*
 * lua_conn_flush.h - conn:flush([timeout]): tasks that wait until output has left.
 */
#ifndef PL_LUA_LUA_CONN_FLUSH_H
#define PL_LUA_LUA_CONN_FLUSH_H

#include <lua.h>

#include "base/list.h"
#include "conn/conn.h"

/* Waits until the system has all that was written to the conn (NULL: it is gone) before; `flushes`
 * is the conn's list of those who do. The timeout, in seconds, is argument 2 and checked here; 0
 * when there is none. */
int pl_lua_flush(lua_State *L, pl_conn *conn, pl_list *flushes, double timeout);

/* Output has left: resumes those whose part is sent. */
void pl_lua_flush_answered(pl_list *flushes, pl_conn *conn);

/* Resumes all with an error. */
void pl_lua_flush_failed(pl_list *flushes, int status);

#endif
