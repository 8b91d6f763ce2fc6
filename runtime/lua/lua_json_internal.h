/*
 * lua_json_internal.h - what lua_json*.c share.
 */
#ifndef PL_LUA_JSON_INTERNAL_H
#define PL_LUA_JSON_INTERNAL_H

#include <lua.h>
#include <stdbool.h>

#include "base/buffer.h"

/* Upvalues of encode and decode. */
enum { JSON_WORKSPACE = 1, JSON_ARRAY_MT = 2 };

/* Buffers that outlive a call, held by a userdata: a Lua error leaks nothing. */
typedef struct json_workspace {
	pl_buffer text;
	pl_buffer keys;
	bool busy;
} json_workspace;

/* The state's workspace; another one, left on the stack for the collector, while that is busy:
 * in a finalizer that runs within encode or decode, or for good after one was cut off. */
json_workspace *json_workspace_take(lua_State *L);
void json_workspace_give(json_workspace *workspace);

int json_decode(lua_State *L);
int json_encode(lua_State *L);

#endif
