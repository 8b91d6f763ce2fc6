/*
 * lua_event_fields.h - how a message is sent: what event streams are told besides its text, and the
 * size of fragments.
 */
#ifndef PL_LUA_LUA_EVENT_FIELDS_H
#define PL_LUA_LUA_EVENT_FIELDS_H

#include <lua.h>
#include <stdbool.h>

#include "codec/sse_write.h"

/* The value at the top, of the field `name` of `what`'s table, if it is id, event or retry (in
 * seconds); throws for one that cannot be sent. False: it is none of these. The slices live as long
 * as the table has the values. */
bool pl_lua_read_event_field(lua_State *L, const char *what, const char *name,
			     pl_sse_fields *fields);

typedef struct pl_lua_manner {
	size_t fragment; /* 0: whole */
	pl_sse_fields fields;
	bool has_fields;
} pl_lua_manner;

/* A number of bytes a fragment, a table { size, id, event, retry }, or nothing, at index. Throws
 * for others and for unknown fields. */
void pl_lua_check_manner(lua_State *L, int index, const char *what, pl_lua_manner *manner);

#endif
