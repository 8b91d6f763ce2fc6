#include "lua/lua_http.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_http_internal.h"
#include "lua/lua_place.h"

static const char KIND[] = "perilune.http_pool";

/* Pools. */

typedef struct pool_object {
	pl_lua_pool *pool; /* NULL after the collector */
} pool_object;

void pl_lua_pool_release(pl_lua_pool *self)
{
	if (--self->refs > 0)
		return;
	if (self->pool)
		pl_pool_free(self->pool);
	pl_free(self);
}

static pl_lua_pool *check(lua_State *L)
{
	return ((pool_object *)pl_lua_check(L, 1, KIND))->pool;
}

static uint32_t count_field(lua_State *L, int index, const char *name, uint32_t otherwise)
{
	uint32_t value = otherwise;

	lua_getfield(L, index, name);
	if (!lua_isnil(L, -1))
		value = (uint32_t)luaL_checknumber(L, -1);
	lua_pop(L, 1);
	return value;
}

/* pool { max_idle_per_origin, max_idle, max_per_origin, idle_timeout } -> pool */
static int new_pool(lua_State *L)
{
	enum { IDLE_PER_ORIGIN = 8, IDLE = 64, IDLE_TIMEOUT = 60000 };
	pl_pool_settings settings;
	pool_object *object;

	luaL_checktype(L, 1, LUA_TTABLE);
	settings.max_idle_per_origin = count_field(L, 1, "max_idle_per_origin", IDLE_PER_ORIGIN);
	settings.max_idle = count_field(L, 1, "max_idle", IDLE);
	settings.max_per_origin = count_field(L, 1, "max_per_origin", 0);
	settings.idle_timeout = pl_lua_time_field(L, 1, "idle_timeout");
	if (settings.idle_timeout == 0)
		settings.idle_timeout = IDLE_TIMEOUT;
	object = pl_lua_new(L, KIND, sizeof(*object));
	object->pool = pl_calloc(1, sizeof(*object->pool));
	if (!object->pool)
		return luaL_error(L, "out of memory");
	object->pool->refs = 1;
	pl_list_init(&object->pool->calls);
	if (pl_pool_new(&object->pool->pool, pl_script_of(L)->loop, &settings))
		return luaL_error(L, "out of memory");
	return 1;
}

static int pool_gc(lua_State *L)
{
	pool_object *object = lua_touserdata(L, 1);

	if (object->pool)
		pl_lua_pool_release(object->pool);
	object->pool = NULL;
	return 0;
}

/* Whether a call needs the pool. */
static bool open(const pl_lua_call *call)
{
	return call->ticket || call->call;
}

static pl_lua_call *first_open(pl_lua_pool *self)
{
	pl_list *node;

	for (node = self->calls.next; node != &self->calls; node = node->next)
		if (open(PL_CONTAINER(node, pl_lua_call, node)))
			return PL_CONTAINER(node, pl_lua_call, node);
	return NULL;
}

/* close(pool): breaks off its calls, whose tasks may do anything, and closes the connections */
static int pool_close(lua_State *L)
{
	pl_lua_pool *self = check(L);
	pl_pool *pool = self->pool;
	pl_lua_call *call;

	if (!pool)
		return 0;
	self->pool = NULL;
	while ((call = first_open(self)) != NULL)
		pl_lua_call_fail(call, PL_ECANCELED, "the connections were closed");
	pl_pool_free(pool);
	return 0;
}

/* counts(pool) -> { idle, active } */
static int pool_counts(lua_State *L)
{
	const pl_lua_pool *self = check(L);

	lua_createtable(L, 0, 2);
	lua_pushnumber(L, self->pool ? (lua_Number)pl_pool_idle(self->pool) : 0);
	lua_setfield(L, -2, "idle");
	lua_pushnumber(L, self->pool ? (lua_Number)pl_pool_active(self->pool) : 0);
	lua_setfield(L, -2, "active");
	return 1;
}

/* Orders: what a table says. Its strings stay with it, the table with the stack. */

typedef struct script_order {
	pl_pool_order order;
	pl_call_request request;
	pl_connector_proxy proxy;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
} script_order;

/* The value of a pair, which is at the top. */
static pl_slice pair_text(lua_State *L, int place)
{
	pl_slice text;

	lua_rawgeti(L, -1, place);
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "fields takes pairs of strings");
	text.at = lua_tolstring(L, -1, &text.len);
	lua_pop(L, 1);
	return text;
}

static void read_fields(lua_State *L, script_order *self, int index)
{
	size_t count;

	lua_getfield(L, index, "fields");
	count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
	if (count > PL_HTTP_FIELDS_MAX)
		luaL_error(L, "fields takes at most %d pairs", PL_HTTP_FIELDS_MAX);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		self->fields[i].name = pair_text(L, 1);
		self->fields[i].value = pair_text(L, 2);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	self->request.fields = self->fields;
	self->request.count = count;
}

static void read_length(lua_State *L, pl_call_request *request, int index)
{
	request->length = PL_CALL_NO_BODY;
	if (!pl_lua_bool_field(L, index, "body"))
		return;
	lua_getfield(L, index, "length");
	request->length = lua_isnil(L, -1) ? PL_CALL_UNKNOWN : (int64_t)luaL_checknumber(L, -1);
	lua_pop(L, 1);
	if (request->length < PL_CALL_UNKNOWN)
		luaL_error(L, "length takes a number of bytes");
}

static enum pl_proxy_kind kind_of(lua_State *L, int index)
{
	static const char *const names[] = { "http", "socks4", "socks4a", "socks5", NULL };
	static const enum pl_proxy_kind kinds[] = { PL_PROXY_HTTP, PL_PROXY_SOCKS4,
						    PL_PROXY_SOCKS4A, PL_PROXY_SOCKS5 };
	int chosen;

	lua_getfield(L, index, "kind");
	chosen = luaL_checkoption(L, lua_gettop(L), NULL, names);
	lua_pop(L, 1);
	return kinds[chosen];
}

static void read_proxy(lua_State *L, script_order *self, int index)
{
	int proxy = lua_gettop(L) + 1;

	lua_getfield(L, index, "proxy");
	if (lua_istable(L, proxy)) {
		self->proxy.kind = kind_of(L, proxy);
		self->proxy.host = pl_lua_slice_field(L, proxy, "host");
		self->proxy.port = pl_lua_port_field(L, proxy);
		self->proxy.user = pl_lua_slice_field(L, proxy, "user");
		self->proxy.password = pl_lua_slice_field(L, proxy, "password");
		self->proxy.tls = pl_lua_tls_field(L, proxy);
		self->order.proxy = &self->proxy;
	}
	lua_pop(L, 1);
}

static void read_times(lua_State *L, pl_pool_order *order, int index)
{
	int times = lua_gettop(L) + 1;

	lua_getfield(L, index, "timeouts");
	if (lua_istable(L, times)) {
		order->resolve_timeout = pl_lua_time_field(L, times, "resolve");
		order->connect_timeout = pl_lua_time_field(L, times, "connect");
		order->call.times.first_byte = pl_lua_time_field(L, times, "first_byte");
		order->call.times.idle = pl_lua_time_field(L, times, "idle");
		order->call.times.total = pl_lua_time_field(L, times, "total");
	}
	lua_pop(L, 1);
}

static void read_limit(lua_State *L, int index, const char *name, int64_t *limit)
{
	lua_getfield(L, index, name);
	if (!lua_isnil(L, -1))
		*limit = (int64_t)luaL_checknumber(L, -1);
	lua_pop(L, 1);
}

/* Of a response; checked already. */
static void read_limits(lua_State *L, pl_lua_call *call, int index)
{
	int limits = lua_gettop(L) + 1;
	int64_t content = INT64_MAX;

	pl_limits_init(&call->limits);
	lua_getfield(L, index, "limits");
	if (lua_istable(L, limits)) {
		read_limit(L, limits, "request_line", &call->limits.request_line);
		read_limit(L, limits, "header_block", &call->limits.header_block);
		read_limit(L, limits, "header_count", &call->limits.header_count);
		read_limit(L, limits, "body_window", &call->limits.body_window);
		read_limit(L, limits, "content", &content);
	}
	lua_pop(L, 1);
	call->content_max = (uint64_t)content;
}

static void read_local(lua_State *L, pl_pool_order *order, int index)
{
	pl_slice text = pl_lua_slice_field(L, index, "local_address");

	if (text.at && !pl_address_parse(&order->local, text.at))
		luaL_error(L, "local_address takes an IP address");
}

static void read_order(lua_State *L, script_order *self, pl_lua_call *call, int index)
{
	pl_pool_order *order = &self->order;

	memset(self, 0, offsetof(script_order, fields));
	self->request.method = pl_lua_slice_field(L, index, "method");
	self->request.target = pl_lua_slice_field(L, index, "target");
	self->request.host = pl_lua_slice_field(L, index, "authority");
	read_fields(L, self, index);
	read_length(L, &self->request, index);
	order->host = pl_lua_slice_field(L, index, "host");
	order->port = pl_lua_port_field(L, index);
	order->tls = pl_lua_tls_field(L, index);
	order->server_name = pl_lua_slice_field(L, index, "server_name");
	read_proxy(L, self, index);
	read_local(L, order, index);
	order->guarded = pl_lua_bool_field(L, index, "guard");
	read_times(L, order, index);
	read_limits(L, call, index);
	call->decode = pl_lua_bool_field(L, index, "decode");
	order->call.request = &self->request;
	order->call.limits = &call->limits;
	order->call.events = &pl_lua_call_events;
	order->call.owner = call;
	order->done = pl_lua_call_on_opened;
	order->owner = call;
}

/* Host, when nobody gives one: the scheme's own port is left out (RFC 9110 7.2). Pushed, so that it
 * stays. */
static void complete_host(lua_State *L, script_order *self)
{
	const pl_pool_order *order = &self->order;
	bool bare = pl_slice_find(order->host, ':') < order->host.len && order->host.at[0] != '[';

	if (self->request.host.len > 0 || order->host.len == 0)
		return;
	if (bare)
		lua_pushliteral(L, "[");
	pl_lua_push(L, order->host);
	if (bare)
		lua_pushliteral(L, "]");
	if (order->port != (order->tls ? 443 : 80))
		lua_pushfstring(L, ":%d", (int)order->port);
	else
		lua_pushliteral(L, "");
	lua_concat(L, bare ? 4 : 2);
	self->request.host = pl_lua_check_slice(L, -1);
}

static int push_failure(lua_State *L, int status, const char *why)
{
	return pl_lua_fail(L, status, why ? why : pl_status_text(status));
}

/* open(pool, order) -> call; nil, message, code. Waits. */
static int pool_open(lua_State *L)
{
	pl_lua_pool *self = check(L);
	pl_pool_opened opened = { .why = NULL };
	script_order ordered;
	pl_lua_call *call;
	const char *problem;
	int status;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	pl_wait_check(L);
	if (!self->pool)
		return push_failure(L, PL_ECLOSED, "the connections were closed");
	call = pl_lua_call_push(L, self);
	read_order(L, &ordered, call, 2);
	complete_host(L, &ordered);
	problem = pl_pool_problem(&ordered.order);
	if (problem)
		return push_failure(L, PL_EINVAL, problem);
	status = pl_pool_open(self->pool, &ordered.order, &opened, &call->ticket);
	if (status || !call->ticket)
		pl_lua_call_opened(call, status, &opened);
	return pl_lua_call_await(L, call, 3, PL_LUA_CALL_OPEN);
}

static const luaL_Reg methods[] = {
	{ "open", pool_open }, { "close", pool_close }, { "counts", pool_counts }, { NULL, NULL }
};

static const luaL_Reg functions[] = { { "pool", new_pool }, { NULL, NULL } };

int pl_lua_open_http(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "__index", methods);
	pl_lua_set_kind(L, KIND, pool_gc);
	pl_lua_call_open(L);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
