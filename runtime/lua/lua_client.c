#include "lua/lua_client.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_client_internal.h"
#include "lua/lua_conn.h"
#include "lua/lua_settings.h"
#include "lua/lua_value.h"

static const char KIND[] = "perilune.client";
static const char CARRIED[] = "carried";

client_object *pl_lua_client_object(lua_State *L, int index)
{
	return pl_lua_check(L, index, KIND);
}

static bool is_active(const client_object *self)
{
	return self->client && pl_client_active(self->client);
}

static pl_conn *conn_of(const client_object *self)
{
	return self->client ? pl_client_conn(self->client) : NULL;
}

/* Life. */

/* Nobody needs the userdata any more but the script, if it does. */
static void on_unused(pl_handlers *handlers)
{
	client_object *self = PL_CONTAINER(handlers, client_object, handlers);
	int reference = self->self;

	self->self = LUA_NOREF;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, reference);
}

static void on_greeted(pl_handlers *handlers, pl_conn *conn)
{
	(void)handlers;
	pl_client_resend(pl_client_of(conn));
}

/* While it has users the userdata at 1 is held; the active client is one of them. */
static void hold(lua_State *L, client_object *self)
{
	if (self->self == LUA_NOREF) {
		lua_pushvalue(L, 1);
		self->self = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	pl_handlers_keep(&self->handlers);
}

/* From now on the end of its connection is what the script wants. */
static void mark_stop(client_object *self)
{
	pl_conn *conn = conn_of(self);

	if (self->carried && conn && !self->told_to_stop)
		self->carried->leaving(self->carried_owner);
	self->told_to_stop = true;
	if (conn)
		pl_lua_conn_leave(conn);
}

/* The client's first words and those of the program that ends: going away. */
static void on_component_stop(pl_component *component)
{
	client_object *self = PL_CONTAINER(component, client_object, component);
	pl_conn *conn = conn_of(self);

	mark_stop(self);
	if (conn)
		pl_conn_close(conn, 1001, pl_slice_make(NULL, 0));
	pl_client_stop(self->client);
}

static void mark_begin(client_object *self, bool starts)
{
	self->starts = starts;
	self->told_to_stop = false;
	self->had_connection = false;
}

static void begin(lua_State *L, client_object *self, bool starts)
{
	hold(L, self);
	mark_begin(self, starts);
	pl_script_attempt(self->script, &self->component);
}

/* It has not begun after all. */
static void give_up(client_object *self)
{
	pl_script_remove(self->script, &self->component);
	pl_handlers_leave(&self->handlers);
}

static int route_result(lua_State *L, int status, const char *problem)
{
	if (status && problem)
		return pl_lua_fail(L, status, problem);
	return pl_lua_result(L, status);
}

/* open(client, route) -> true, or nil, message, code: the client knows where to */
static int client_open(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	const char *problem = NULL;
	int status;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	if (self->client)
		status = pl_lua_client_reroute(L, self, false, &problem);
	else
		status = pl_lua_client_open(L, self, &problem);
	return route_result(L, status, problem);
}

/* refresh(client, route) -> true, or nil, message, code: the same places, other words */
static int client_refresh(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	const char *problem = NULL;
	int status;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	status = pl_lua_client_reroute(L, self, true, &problem);
	return route_result(L, status, problem);
}

/* start(client) -> true, or nil, message, code */
static int client_start(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	bool active = is_active(self);
	int status;

	if (self->script->stopping)
		return pl_lua_fail(L, PL_ECANCELED, "the program is ending");
	if (self->script->check)
		return pl_lua_result(L, PL_OK);
	if (!active)
		begin(L, self, true);
	status = pl_client_start(self->client);
	if (status == PL_ESTATE)
		return pl_lua_fail(L, status, "the client is started already");
	if (active)
		mark_begin(self, true); /* it was about to end */
	return pl_lua_result(L, status);
}

/* stop(client) -> true, or nil, message, code */
static int client_stop(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);

	if (!is_active(self))
		return pl_lua_fail(L, PL_ESTATE, "the client is not started");
	mark_stop(self);
	pl_client_stop(self->client);
	return pl_lua_result(L, PL_OK);
}

/* Waiting for either. */

typedef struct life_wait {
	pl_wait wait;
	pl_client_wait *waiting;
	client_object *self;
	bool connects;
} life_wait;

static void let_go(life_wait *wait)
{
	client_object *self = wait->self;

	self->awaited -= wait->connects;
	pl_free(wait);
	pl_handlers_leave(&self->handlers);
}

static void cancel_wait(pl_wait *wait)
{
	life_wait *self = PL_CONTAINER(wait, life_wait, wait);

	pl_client_wait_cancel(self->waiting);
	let_go(self);
}

typedef struct outcome {
	int status;
	pl_slice why;
} outcome;

static int push_outcome(lua_State *L, void *context)
{
	const outcome *of = context;

	if (of->status == PL_OK || !of->why.at)
		return pl_lua_result(L, of->status);
	lua_pushnil(L);
	pl_lua_push(L, of->why);
	lua_pushstring(L, pl_status_name(of->status));
	return 3;
}

static void wait_done(void *owner, int status, const char *why)
{
	life_wait *self = owner;
	const client_object *client = self->self;
	outcome of = { status, pl_slice_make(why, why ? strlen(why) : 0) };
	pl_task *task;

	if (client->refused && status == client->refused)
		of.why = pl_slice_make((const char *)client->why.data, client->why.len);
	task = pl_wait_end_with(&self->wait, push_outcome, &of);
	let_go(self);
	pl_wait_go(task);
}

typedef int wait_function(pl_client *client, uint32_t timeout, pl_client_done *done, void *owner,
			  pl_client_wait **wait);

/* PL_OK: `return pl_wait_yield(L);` is next. */
static int wait_for(lua_State *L, client_object *self, bool connects, double timeout)
{
	wait_function *function = connects ? pl_client_connect : pl_client_disconnect;
	life_wait *wait = pl_calloc(1, sizeof(*wait));
	int status = PL_ENOMEM;

	if (wait)
		status = function(self->client, pl_lua_milliseconds(timeout), wait_done, wait,
				  &wait->waiting);
	if (status) {
		pl_free(wait);
		return status;
	}
	wait->self = self;
	wait->connects = connects;
	self->awaited += connects;
	hold(L, self);
	pl_wait_begin(L, &wait->wait, cancel_wait);
	return PL_OK;
}

static double check_timeout(lua_State *L)
{
	double timeout = luaL_checknumber(L, 2);

	luaL_argcheck(L, timeout > 0 && timeout <= 86400, 2, "takes seconds, above 0");
	return timeout;
}

/* connect(client, timeout): waits; true, or nil, message, code */
static int client_connect(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	double timeout = check_timeout(L);
	bool idle;
	int status;

	if (self->script->check)
		return pl_lua_result(L, PL_OK);
	pl_wait_check(L);
	if (self->script->stopping)
		return pl_lua_fail(L, PL_ECANCELED, "the program is ending");
	idle = !is_active(self);
	if (idle)
		begin(L, self, false);
	status = wait_for(L, self, true, timeout);
	if (status && idle)
		give_up(self);
	else if (!status && !idle && self->told_to_stop)
		mark_begin(self, false); /* it was about to end */
	return status ? pl_lua_result(L, status) : pl_wait_yield(L);
}

/* disconnect(client, timeout): waits; true, or nil, message, code */
static int client_disconnect(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	double timeout = check_timeout(L);
	int status;

	pl_wait_check(L);
	if (!is_active(self))
		return pl_lua_result(L, PL_OK);
	mark_stop(self);
	status = wait_for(L, self, false, timeout);
	return status ? pl_lua_result(L, status) : pl_wait_yield(L);
}

/* Sending. */

static int write_kind(lua_State *L, enum pl_kind kind)
{
	client_object *self = pl_lua_client_object(L, 1);
	pl_slice text = pl_lua_check_slice(L, 2);
	lua_Integer fragment = luaL_optinteger(L, 3, 0);
	int status;

	luaL_argcheck(L, fragment >= 0 && fragment <= INT32_MAX, 3,
		      "takes a number of bytes, from 1");
	if (!self->client)
		return pl_lua_result(L, PL_ECLOSED);
	status = pl_client_write(self->client, kind, text.at, text.len, (size_t)fragment);
	if (status != PL_BUFFERED || conn_of(self))
		return pl_lua_result(L, status);
	lua_pushboolean(L, true);
	lua_pushliteral(L, "kept");
	return 2;
}

static int client_write(lua_State *L)
{
	return write_kind(L, PL_KIND_TEXT);
}

static int client_write_binary(lua_State *L)
{
	return write_kind(L, PL_KIND_BINARY);
}

/* Making. */

/* new(options, hooks) -> client */
static int client_new(lua_State *L)
{
	pl_script *script = pl_script_of(L);
	client_object *self;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->component.stop = on_component_stop;
	pl_list_init(&self->answers[PL_KIND_TEXT]);
	pl_list_init(&self->answers[PL_KIND_BINARY]);
	self->self = LUA_NOREF;
	self->hooks = LUA_NOREF;
	pl_handlers_init(&self->handlers, script, PL_OF_CLIENT, on_unused);
	self->handlers.greeted = on_greeted;
	self->script = script;
	lua_pushvalue(L, 1);
	lua_setfenv(L, 3);
	lua_pushvalue(L, 2);
	self->hooks = luaL_ref(L, LUA_REGISTRYINDEX);
	return 1;
}

static int client_gc(lua_State *L)
{
	client_object *self = lua_touserdata(L, 1);

	if (self->client)
		pl_client_free(self->client);
	pl_buffer_deinit(&self->why);
	if (self->script)
		luaL_unref(L, LUA_REGISTRYINDEX, self->hooks);
	return 0;
}

/* In the client's table of settings it is found by the collector. */
static void hold_carried(lua_State *L, int client, int holder)
{
	lua_getfenv(L, client);
	lua_pushvalue(L, holder);
	lua_setfield(L, -2, CARRIED);
	lua_pop(L, 1);
}

pl_handlers *pl_lua_client_carry(lua_State *L, int index, int holder, const pl_lua_carried *carried,
				 void *owner)
{
	client_object *self = pl_lua_client_object(L, index);

	if (self->carried)
		return NULL;
	hold_carried(L, index, holder);
	self->carried = carried;
	self->carried_owner = owner;
	return &self->handlers;
}

/* Properties. */

static int get_active(lua_State *L)
{
	lua_pushboolean(L, is_active(pl_lua_client_object(L, 1)));
	return 1;
}

static int get_connected(lua_State *L)
{
	const pl_conn *conn = conn_of(pl_lua_client_object(L, 1));

	lua_pushboolean(L, conn && pl_conn_is_open(conn));
	return 1;
}

static int get_conn(lua_State *L)
{
	client_object *self = pl_lua_client_object(L, 1);
	pl_conn *conn = conn_of(self);

	if (conn)
		pl_lua_conn_push(L, &self->handlers, conn);
	else
		lua_pushnil(L);
	return 1;
}

static int get_handler(lua_State *L)
{
	return pl_handlers_get(L, &pl_lua_client_object(L, 1)->handlers);
}

static int set_handler(lua_State *L)
{
	return pl_handlers_set(L, &pl_lua_client_object(L, 1)->handlers);
}

/* settings(client) -> the options that new was given */
static int client_settings(lua_State *L)
{
	pl_lua_client_object(L, 1);
	lua_getfenv(L, 1);
	return 1;
}

/* place(client) -> number in the route of the place that is tried, or connected to */
static int client_place(lua_State *L)
{
	const client_object *self = pl_lua_client_object(L, 1);

	lua_pushinteger(L, (lua_Integer)pl_client_place_index(self->client) + 1);
	return 1;
}

/* prepares(client, whether): prepare is called before each place */
static int client_prepares(lua_State *L)
{
	pl_lua_client_object(L, 1)->prepares = lua_toboolean(L, 2);
	return 0;
}

/* is_ip(text) -> boolean */
static int is_ip(lua_State *L)
{
	pl_address address;

	lua_pushboolean(L, pl_address_parse(&address, luaL_checkstring(L, 1)));
	return 1;
}

/* set_settings(client, options): others, from its next route on */
static int client_set_settings(lua_State *L)
{
	pl_lua_client_object(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_getfenv(L, 1);
	lua_getfield(L, 3, CARRIED);
	lua_setfield(L, 2, CARRIED);
	pl_handlers_move(L, 3, 2);
	lua_settop(L, 2);
	lua_setfenv(L, 1);
	return 0;
}

/* start_failed(client, message): see pl_script_start_failed */
static int client_start_failed(lua_State *L)
{
	pl_script_start_failed(pl_lua_client_object(L, 1)->script, "%s", luaL_checkstring(L, 2));
	return 0;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, client_gc);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "new", client_new },
	{ "open", client_open },
	{ "refresh", client_refresh },
	{ "start", client_start },
	{ "connect", client_connect },
	{ "disconnect", client_disconnect },
	{ "settings", client_settings },
	{ "set_settings", client_set_settings },
	{ "start_failed", client_start_failed },
	{ "is_ip", is_ip },
	{ "place", client_place },
	{ "prepares", client_prepares },
	{ "get_handler", get_handler },
	{ "set_handler", set_handler },
	{ "set_metatable", set_metatable },
	{ NULL, NULL },
};

static const luaL_Reg methods[] = {
	{ "stop", client_stop },
	{ "write", client_write },
	{ "write_binary", client_write_binary },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "active", get_active },
	{ "connected", get_connected },
	{ "conn", get_conn },
	{ NULL, NULL },
};

int pl_lua_open_client(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_newtable(L);
	luaL_register(L, NULL, pl_lua_client_waiting);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "methods");
	pl_lua_set_functions(L, "getters", getters);
	pl_handlers_push_names(L, PL_OF_CLIENT);
	lua_setfield(L, -2, "events");
	return 1;
}
