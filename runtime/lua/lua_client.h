/*
 * lua_client.h - `perilune.core.client`: clients of a script.
 */
#ifndef PL_LUA_LUA_CLIENT_H
#define PL_LUA_LUA_CLIENT_H

#include <lua.h>

#include "conn/conn.h"

int pl_lua_open_client(lua_State *L);

/* A protocol whose bytes the messages of a client's connections are: it gets these in the script's
 * place, and hears of all else when the script has. */
typedef struct pl_lua_carried {
	void (*connected)(void *owner, pl_conn *conn);
	void (*message)(void *owner, enum pl_kind kind, const uint8_t *data, size_t len);
	void (*drain)(void *owner);
	/* The client is about to close the connection: last words may be written. */
	void (*leaving)(void *owner);
	void (*disconnected)(void *owner, uint16_t code, pl_slice reason);
} pl_lua_carried;

struct pl_handlers;

/* Makes the client at index carry the protocol from its next connection on. The userdata at
 * `holder`, which is the owner's, lives as long as the client does. The client's handlers, which
 * keep it while they have users; NULL: it carries another. Throws when it is no client. */
struct pl_handlers *pl_lua_client_carry(lua_State *L, int index, int holder,
					const pl_lua_carried *carried, void *owner);

#endif
