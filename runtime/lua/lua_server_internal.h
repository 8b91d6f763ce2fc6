/*
 * lua_server_internal.h - a script's server, shared by its two files: life, sending.
 */
#ifndef PL_LUA_LUA_SERVER_INTERNAL_H
#define PL_LUA_LUA_SERVER_INTERNAL_H

#include <lauxlib.h>

#include "lua/lua_events.h"
#include "lua/lua_script.h"
#include "server/server.h"

typedef struct server_object {
	pl_component component;
	pl_script *script;
	pl_server *server;
	pl_handlers handlers;
	pl_slice *protocols;
	pl_slice *origins;
	pl_list waits;		/* of tasks in server:stop() */
	pl_address address;	/* bound, while active */
	pl_address tls_address; /* the one with TLS, which may be the same; port 0: none */
	int self;		/* keeps the userdata while the handlers have users */
	bool active;
} server_object;

/* The server at index; throws when it is none. */
server_object *pl_server_object(lua_State *L, int index);

/* broadcast, broadcast_binary, write, write_binary, disconnect, disconnect_all, ping, connections,
 * connection, count. */
extern const luaL_Reg pl_server_sending[];

#endif
