/*
 * lua_sse.h - `perilune.core.sse`: event streams read.
 *
 *	reader(line, event, id [, last_id]) -> reader     the limits; the id that the stream goes on
 *from reader:read(bytes, from) -> next, type, data      an event; go on at `next`
 *	                         -> next                  all of bytes is used
 *	                         -> nil, message, code    there is no going on
 *	reader:id() -> the last event ID                  reader:retry() -> seconds, if the stream
 *said
 */
#ifndef PL_LUA_LUA_SSE_H
#define PL_LUA_LUA_SSE_H

#include <lua.h>

int pl_lua_open_sse(lua_State *L);

#endif
