/*
 * lua_client_internal.h - a script's client, shared by its files: life, settings, what Lua is
 * asked, events, sending and waiting for the answer.
 */
#ifndef PL_LUA_LUA_CLIENT_INTERNAL_H
#define PL_LUA_LUA_CLIENT_INTERNAL_H

#include <lauxlib.h>

#include "base/buffer.h"
#include "client/client.h"
#include "lua/lua_client.h"
#include "lua/lua_events.h"
#include "lua/lua_script.h"
#include "net/tls_client.h"

/* The functions of perilune.client that C calls, as indices of the table that core.new gets; 0: the
 * handler of OnSSLVerifyPeer. */
enum pl_lua_client_hook { PL_HOOK_VERIFY, PL_HOOK_PREPARE, PL_HOOK_HANDSHAKE, PL_HOOK_WATCHDOG };

typedef struct client_object {
	pl_component component;
	pl_script *script;
	pl_client *client; /* NULL before its first start */
	pl_handlers handlers;
	pl_client_events events;       /* with `verify` only while somebody wants to be asked */
	pl_list answers[2];	       /* of tasks in write_and_wait, by kind */
	pl_buffer why;		       /* of the last failure */
	const pl_lua_carried *carried; /* what its connections carry; NULL: the script's messages */
	void *carried_owner;
	int hooks;	   /* reference to their table */
	int self;	   /* keeps the userdata while the handlers have users */
	int refused;	   /* by Lua: the status; `why` is Lua's then */
	uint32_t awaited;  /* tasks in connect, which hear of a failure */
	uint32_t question; /* number of the one that was asked last */
	bool prepares;	   /* Lua has something to do before each place */
	bool raise_disconnects;
	bool fragments; /* messages do not come whole */
	bool starts;	/* start was called: when it is in vain the program may end */
	bool told_to_stop;
	bool had_connection; /* since it was started */
	bool broken;	     /* OnException has told already why the present one ends */
} client_object;

/* The client at index; throws when it is none. */
client_object *pl_lua_client_object(lua_State *L, int index);

/* lua_client_settings.c: makes the client of its settings, which are the environment of the
 * userdata at 1, and of the route at 2, and opens its log_file, which --check does not touch; or
 * gives it another route: `refresh` goes on with the walk through the places. PL_OK; PL_EINVAL, or
 * why the file cannot be opened, with the problem as a sentence, which is constant or at the top;
 * PL_ENOMEM. */
int pl_lua_client_open(lua_State *L, client_object *self, const char **problem);
int pl_lua_client_reroute(lua_State *L, client_object *self, bool refresh, const char **problem);

/* lua_client_events.c */
extern const pl_client_events pl_lua_client_events;

/* lua_client_ask.c; see pl_client_events. */
void pl_lua_client_ask_connect(pl_client *client);
void pl_lua_client_ask_verify(pl_client *client, const pl_tls_question *question);
void pl_lua_client_ask_handshake(pl_client *client, pl_slice request);
void pl_lua_client_ask_watchdog(pl_client *client, uint32_t attempt);
bool pl_lua_client_ask_heartbeat(pl_conn *conn);

/* lua_client_answer.c: write_and_wait, write_binary_and_wait. */
extern const luaL_Reg pl_lua_client_waiting[];

/* Whether somebody waits for a message of this kind; then it is theirs. */
bool pl_lua_client_answered(client_object *self, enum pl_kind kind, const uint8_t *data,
			    size_t len);
void pl_lua_client_unanswered(client_object *self, int status);

#endif
