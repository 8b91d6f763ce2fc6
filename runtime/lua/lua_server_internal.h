/*
 * lua_server_internal.h - a script's server, shared by its files: life, settings, listening,
 * sending.
 */
#ifndef PL_LUA_LUA_SERVER_INTERNAL_H
#define PL_LUA_LUA_SERVER_INTERNAL_H

#include <lauxlib.h>

#include "lua/lua_events.h"
#include "lua/lua_fields.h"
#include "lua/lua_script.h"
#include "lua/lua_upload.h"
#include "server/server.h"

/* An address that the server listens on. */
typedef struct pl_server_bound {
	pl_address address;
	bool tls;
} pl_server_bound;

typedef struct server_object {
	pl_component component;
	pl_script *script;
	pl_server *server;
	pl_handlers handlers;
	pl_list waits;		/* of tasks in server:stop() */
	pl_server_bound *bound; /* while active, in the order of the bindings */
	size_t bound_count;
	struct pl_openings *openings; /* from its start to its end */
	struct pl_network *trusted;   /* proxies whose word on their clients counts */
	size_t trusted_count;
	struct pl_pool *forward_pool; /* NULL: nothing was forwarded yet */
	pl_upload_settings upload;
	bool uploads;		/* bodies are received before their handlers run */
	bool raise_disconnects; /* OnException for who broke the protocol */
	int self;		/* keeps the userdata while the handlers have users */
	bool active;
	bool shutting_down; /* OnShutdown runs or waits */
	pl_timer patience;  /* with it, when the program ends */
} server_object;

/* The server at index; throws when it is none. */
server_object *pl_server_object(lua_State *L, int index);

/* lua_server_settings.c: reads the options at 1, which are checked and complete, and have to stay;
 * `fields` is room for their headers. The lists of protocols and origins are the caller's to free.
 * PL_OK or PL_ENOMEM. */
int pl_server_read_settings(lua_State *L, server_object *self, pl_server_settings *settings,
			    pl_http_field fields[PL_LUA_FIELDS_MAX]);

/* lua_server_authentication.c: reads the option of the table at `options`; `fields` is room for its
 * headers. The list of paths is the caller's to free. PL_OK or PL_ENOMEM. */
int pl_server_read_authentication(lua_State *L, int options, pl_authentication_settings *settings,
				  pl_http_field fields[PL_LUA_FIELDS_MAX]);

/* login: what handlers decide. */
void pl_server_login(pl_conn *conn, pl_login *login, enum pl_question question);

/* logout(server, user) -> how many sessions of authentication have ended */
int pl_server_logout(lua_State *L);

/* is_password_hash(text) -> true; false: it looks like one, and is none; nil: it is no hash */
int pl_server_is_password_hash(lua_State *L);

/* lua_server_listen.c: opens all bindings of the server at 1, or none; an error has its sentence
 * pushed. With `check` files are read and no socket is opened. */
int pl_server_open(lua_State *L, server_object *self);
void pl_server_openings_free(server_object *self);

/* lua_server_ask.c: what handlers decide; see pl_server_events. */
bool pl_server_asks(pl_server *server, enum pl_question question);
bool pl_server_heartbeat(pl_conn *conn);
void pl_server_arrived(pl_conn *conn, pl_arrival *arrival);
void pl_server_stranger(pl_conn *conn, pl_stranger *stranger, pl_slice said);
void pl_server_certificate(pl_conn *conn, const pl_tls_question *asked);
void pl_server_protocols(pl_conn *conn, const pl_slice *offered, size_t count);
void pl_server_handshake(pl_conn *conn, pl_upgrade *upgrade);

/* lua_forward_ask.c: OnBeforeForwardHTTP; see pl_server_events. */
void pl_server_forwarding(pl_conn *conn, pl_exchange *exchange);

/* Prints a line for each address. */
void pl_server_announce(const server_object *self);

/* bindings, host, port, tls_port. */
extern const luaL_Reg pl_server_places[];

/* lua_server_send.c: broadcast, broadcast_binary, write, write_binary, disconnect, disconnect_all,
 * ping, connections, connection, count. */
extern const luaL_Reg pl_server_sending[];

#endif
