#include "lua/lua_forward.h"

#include <string.h>

#include "base/network.h"
#include "base/status.h"
#include "lua/lua_place.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

pl_lua_way *pl_lua_way_at(lua_State *L, int index)
{
	return pl_lua_check(L, index, PL_LUA_FORWARD_KIND);
}

/* A pair { name, value }, or { name, false } for a field that is left out; at the top. */
static pl_http_field read_pair(lua_State *L)
{
	pl_http_field field = { { NULL, 0 }, { NULL, 0 } };

	lua_rawgeti(L, -1, 1);
	field.name = pl_lua_check_slice(L, -1);
	lua_rawgeti(L, -2, 2);
	if (lua_isstring(L, -1))
		field.value = pl_lua_check_slice(L, -1);
	lua_pop(L, 2);
	return field;
}

static void read_fields(lua_State *L, pl_lua_way *self, int index)
{
	size_t count;

	lua_getfield(L, index, "fields");
	count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
	if (count > PL_HTTP_FIELDS_MAX)
		luaL_error(L, "custom_headers takes at most %d", PL_HTTP_FIELDS_MAX);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		self->fields[i] = read_pair(L);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	self->order.change.fields = self->fields;
	self->order.change.field_count = count;
}

static void read_change(lua_State *L, pl_forward_change *change, int index)
{
	change->authority = pl_lua_slice_field(L, index, "authority");
	change->strip = pl_lua_slice_field(L, index, "strip");
	change->base = pl_lua_slice_field(L, index, "base");
	change->document = pl_lua_slice_field(L, index, "document");
	change->query_params = pl_lua_slice_field(L, index, "query_params");
	change->origin = pl_lua_slice_field(L, index, "origin");
	change->no_cache = pl_lua_bool_field(L, index, "no_cache");
}

static void read_times(lua_State *L, pl_lua_way *self, int index)
{
	int times = lua_gettop(L) + 1;

	lua_getfield(L, index, "timeouts");
	luaL_checktype(L, times, LUA_TTABLE);
	self->order.resolve_timeout = pl_lua_time_field(L, times, "resolve");
	self->order.connect_timeout = pl_lua_time_field(L, times, "connect");
	self->order.times.first_byte = pl_lua_time_field(L, times, "first_byte");
	self->order.times.idle = pl_lua_time_field(L, times, "idle");
	self->order.times.total = pl_lua_time_field(L, times, "total");
	self->order.continue_timeout = pl_lua_time_field(L, times, "continue");
	self->tunnel_idle = pl_lua_time_field(L, times, "tunnel");
	lua_pop(L, 1);
}

static void read_way(lua_State *L, pl_lua_way *self, int index)
{
	pl_forward_order *order = &self->order;

	order->host = pl_lua_slice_field(L, index, "host");
	order->port = pl_lua_port_field(L, index);
	order->tls = pl_lua_tls_field(L, index);
	order->server_name = pl_lua_slice_field(L, index, "server_name");
	order->guarded = pl_lua_bool_field(L, index, "guard");
	read_change(L, &order->change, index);
	read_fields(L, self, index);
	read_times(L, self, index);
	lua_getfield(L, index, "report");
	self->reports = lua_isfunction(L, -1);
	lua_pop(L, 1);
}

/* What the pool asks of an order, which has a call. */
static const char *problem_of(const pl_lua_way *self)
{
	const pl_call_request request = { .method = PL_SLICE("GET"),
					  .target = PL_SLICE("/"),
					  .host = self->order.change.authority,
					  .length = PL_CALL_NO_BODY };
	const pl_pool_order order = { .host = self->order.host,
				      .port = self->order.port,
				      .server_name = self->order.server_name,
				      .call = { .request = &request } };

	return pl_pool_problem(&order);
}

/* ready(table) -> way; nil, message, code. The table is not to be changed any more. */
static int make_ready(lua_State *L)
{
	pl_lua_way *self;
	pl_slice path;
	int status = PL_OK;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	self = pl_lua_new(L, PL_LUA_FORWARD_KIND, sizeof(*self));
	lua_pushvalue(L, 1);
	lua_setfenv(L, -2);
	read_way(L, self, 1);
	if (problem_of(self))
		return pl_lua_fail(L, PL_EINVAL, problem_of(self));
	path = pl_lua_slice_field(L, 1, "log_filename");
	if (path.at)
		status = pl_message_log_open(&self->log, pl_script_of(L)->loop, path.at, false,
					     (size_t)pl_lua_int_field(L, 1, "message_log"));
	if (!status)
		return 1;
	lua_pushfstring(L, "log_filename: %s", pl_status_text(status));
	return pl_lua_fail(L, status, lua_tostring(L, -1));
}

/* is_network(text) -> boolean */
static int is_network(lua_State *L)
{
	pl_network network;

	lua_pushboolean(L, pl_network_parse(&network, luaL_checkstring(L, 1)));
	return 1;
}

static int way_gc(lua_State *L)
{
	pl_lua_way *self = lua_touserdata(L, 1);

	pl_message_log_unref(self->log);
	self->log = NULL;
	return 0;
}

int pl_lua_open_forward(lua_State *L)
{
	static const luaL_Reg functions[] = { { "ready", make_ready },
					      { "is_network", is_network },
					      { NULL, NULL } };

	lua_newtable(L);
	lua_pushliteral(L, "forward");
	lua_setfield(L, -2, "__metatable");
	pl_lua_set_kind(L, PL_LUA_FORWARD_KIND, way_gc);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
