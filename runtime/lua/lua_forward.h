/*
 * lua_forward.h - `perilune.core.forward`: where requests are forwarded, made ready; and
 * OnBeforeForwardHTTP, which decides.
 */
#ifndef PL_LUA_LUA_FORWARD_H
#define PL_LUA_LUA_FORWARD_H

#include <lua.h>

#include "conn/message_log.h"
#include "forward/forward.h"

#define PL_LUA_FORWARD_KIND "perilune.forward"

/* A way to another server, as internal/forward.lua has made it. Texts belong to the table that goes
 * with the userdata as its environment; so does `report`, a function, if there is one. */
typedef struct pl_lua_way {
	pl_forward_order order; /* without pool, client, limits, events and owner */
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	uint32_t tunnel_idle; /* ms */
	pl_message_log *log;  /* NULL: none */
	bool reports;
} pl_lua_way;

int pl_lua_open_forward(lua_State *L);

/* The way of the userdata at index; throws when it is none. */
pl_lua_way *pl_lua_way_at(lua_State *L, int index);

#endif
