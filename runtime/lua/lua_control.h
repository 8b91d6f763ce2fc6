/*
 * lua_control.h - `perilune.core.control`: sockets of `perilune attach`, both ends.
 *
 *   listen(handler) -> whether this worker has a control socket; handler("open" | "data" |
 *       "closed", socket, bytes) is called as a task for each connection and what comes from it
 *   connect(path, handler) -> socket | nil, message, code; without "open"
 *   socket:write(bytes) -> true | nil, message, code       socket:close()     sends first
 *   socket:queued() -> bytes that the peer has not taken   socket:peer() -> pid, uid
 *   watch(socket | nil)    the running task throws "interrupted" from now on when the peer sends
 *       the byte 3, or goes, also while it does not wait; with nil no more,
 *       and whether it has. What the task runs refers to the socket meanwhile
 *
 * Nothing of it holds the loop.
 */
#ifndef PL_LUA_LUA_CONTROL_H
#define PL_LUA_LUA_CONTROL_H

#include <lua.h>

#include "lua/lua_script.h"

int pl_lua_open_control(lua_State *L);

/* The script ends: nobody is listened to any more. */
void pl_lua_control_end(pl_script *script);

#endif
