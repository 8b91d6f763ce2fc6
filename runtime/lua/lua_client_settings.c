/* The options of a script's client, checked and complete, and where it is to go, as C knows them.
 */
#include "base/status.h"
#include "lua/lua_client_internal.h"
#include "lua/lua_settings.h"
#include "lua/lua_tls_client.h"
#include "lua/lua_value.h"

/* Texts that are read belong to the tables at the indices, arrays are userdata on the stack: both
 * are good as long as these stay. */

static pl_slice text_field(lua_State *L, int table, const char *name)
{
	pl_slice text = { NULL, 0 };

	lua_getfield(L, table, name);
	if (lua_isstring(L, -1))
		text.at = lua_tolstring(L, -1, &text.len);
	lua_pop(L, 1);
	return text;
}

/* The TLS context of a field; NULL: there is none. The table keeps it. */
static pl_tls_context *tls_field(lua_State *L, int table, const char *name)
{
	pl_tls_context *context = NULL;

	lua_getfield(L, table, name);
	if (!lua_isnil(L, -1))
		context = pl_lua_tls_client_at(L, lua_gettop(L));
	lua_pop(L, 1);
	return context;
}

/* Room for as many elements as the list of a field has. The list is pushed, then the room. */
static void *list_field(lua_State *L, int table, const char *name, size_t size, size_t *count)
{
	lua_getfield(L, table, name);
	*count = lua_objlen(L, -1);
	return lua_newuserdata(L, *count ? *count * size : 1);
}

/* { { tcp, secure, host, port, target }, … } */
static void read_places(lua_State *L, int table, pl_client_route *route)
{
	pl_client_place *places =
		list_field(L, table, "places", sizeof(*places), &route->place_count);
	int list = lua_gettop(L) - 1;
	size_t i;

	for (i = 0; i < route->place_count; i++) {
		int place;

		lua_rawgeti(L, list, (int)i + 1);
		place = lua_gettop(L);
		places[i].tcp = pl_lua_bool_field(L, place, "tcp");
		places[i].secure = pl_lua_bool_field(L, place, "secure");
		places[i].host = text_field(L, place, "host");
		places[i].port = (uint16_t)pl_lua_int_field(L, place, "port");
		places[i].target = text_field(L, place, "target");
		lua_pop(L, 1);
	}
	route->places = places;
}

/* { { name, value }, … } */
static const pl_http_field *read_fields(lua_State *L, int table, const char *name, size_t *count)
{
	pl_http_field *fields = list_field(L, table, name, sizeof(*fields), count);
	int list = lua_gettop(L) - 1;
	size_t i;

	for (i = 0; i < *count; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);
		fields[i].name = pl_lua_check_slice(L, -2);
		fields[i].value = pl_lua_check_slice(L, -1);
		lua_pop(L, 3);
	}
	return fields;
}

static void read_protocols(lua_State *L, int table, pl_client_route *route)
{
	pl_slice *protocols =
		list_field(L, table, "protocols", sizeof(*protocols), &route->protocol_count);
	int list = lua_gettop(L) - 1;
	size_t i;

	for (i = 0; i < route->protocol_count; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		protocols[i] = pl_lua_check_slice(L, -1);
		lua_pop(L, 1);
	}
	route->protocols = protocols;
}

static enum pl_proxy_kind read_proxy_kind(lua_State *L, int table)
{
	static const struct {
		pl_slice name;
		enum pl_proxy_kind kind;
	} kinds[] = {
		{ PL_SLICE("socks4"), PL_PROXY_SOCKS4 },
		{ PL_SLICE("socks4a"), PL_PROXY_SOCKS4A },
		{ PL_SLICE("socks5"), PL_PROXY_SOCKS5 },
	};
	pl_slice name = text_field(L, table, "kind");
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (pl_slice_equal(kinds[i].name, name))
			return kinds[i].kind;
	return PL_PROXY_HTTP;
}

/* { kind, host, port, user, password, tls } or nothing */
static void read_proxy(lua_State *L, int table, pl_client_route *route, pl_connector_proxy *proxy)
{
	int index;

	lua_getfield(L, table, "proxy");
	index = lua_gettop(L);
	if (lua_istable(L, index)) {
		proxy->kind = read_proxy_kind(L, index);
		proxy->host = text_field(L, index, "host");
		proxy->port = (uint16_t)pl_lua_int_field(L, index, "port");
		proxy->user = text_field(L, index, "user");
		proxy->password = text_field(L, index, "password");
		proxy->tls = tls_field(L, index, "tls");
		route->proxy = proxy;
	}
	lua_pop(L, 1);
}

static void read_route(lua_State *L, int table, pl_client_route *route, pl_connector_proxy *proxy)
{
	read_places(L, table, route);
	route->tls = tls_field(L, table, "tls");
	route->server_name = text_field(L, table, "server_name");
	read_proxy(L, table, route, proxy);
	route->origin = text_field(L, table, "origin");
	read_protocols(L, table, route);
	route->fields = read_fields(L, table, "fields", &route->field_count);
	route->secrets = read_fields(L, table, "secrets", &route->secret_count);
}

/* redirects: a table, or false. */
static void read_redirects(lua_State *L, int options, pl_client_settings *settings)
{
	lua_getfield(L, options, "redirects");
	if (lua_istable(L, -1)) {
		int table = lua_gettop(L);

		settings->redirects = (uint32_t)pl_lua_int_field(L, table, "max");
		settings->redirect_plain = pl_lua_bool_field(L, table, "to_plain");
		settings->redirect_inward = pl_lua_bool_field(L, table, "to_private");
	}
	lua_pop(L, 1);
}

/* watchdog: a table, or false. */
static void read_watchdog(lua_State *L, int options, pl_watchdog_settings *watchdog)
{
	lua_getfield(L, options, "watchdog");
	if (lua_istable(L, -1)) {
		int table = lua_gettop(L);

		watchdog->enabled = true;
		watchdog->interval = pl_lua_milliseconds(pl_lua_number_field(L, table, "interval"));
		watchdog->attempts = (uint32_t)pl_lua_int_field(L, table, "attempts");
		watchdog->factor = pl_lua_number_field(L, table, "factor");
		watchdog->maximum =
			pl_lua_milliseconds(pl_lua_number_field(L, table, "max_interval"));
		watchdog->jitter = pl_lua_bool_field(L, table, "jitter");
		watchdog->held = pl_lua_milliseconds(pl_lua_number_field(L, table, "held"));
	}
	lua_pop(L, 1);
}

static void read_tcp(lua_State *L, int options, pl_client_settings *settings)
{
	pl_slice ip = text_field(L, options, "bound_ip");

	if (ip.at)
		pl_address_parse(&settings->local, ip.at); /* it was checked */
	settings->local_first = (uint16_t)pl_lua_int_field(L, options, "bound_port_min");
	settings->local_last = (uint16_t)pl_lua_int_field(L, options, "bound_port_max");
	lua_getfield(L, options, "tcp_keepalive");
	pl_lua_read_keepalive(L, lua_gettop(L), &settings->tcp);
	lua_pop(L, 1);
	settings->tcp.reset = pl_lua_int_field(L, options, "linger_state") == 0;
	lua_getfield(L, options, "throttle");
	pl_lua_read_throttle(L, lua_gettop(L), &settings->throttle);
	lua_pop(L, 1);
}

static void read_messages(lua_State *L, client_object *self, int options,
			  pl_client_settings *settings)
{
	int table;

	lua_getfield(L, options, "options");
	table = lua_gettop(L);
	settings->delivery = pl_lua_read_delivery(L, table);
	self->fragments = settings->delivery == PL_WS_FRAGMENTS;
	self->raise_disconnects = pl_lua_bool_field(L, table, "raise_disconnect_exceptions");
	settings->clean = pl_lua_bool_field(L, table, "clean_disconnect");
	lua_getfield(L, options, "extensions");
	pl_lua_read_extensions(L, lua_gettop(L), &settings->deflate, &settings->deflate_frame);
	lua_pop(L, 2);
	settings->keep = pl_lua_bool_field(L, options, "keep_messages");
}

static void read_settings(lua_State *L, client_object *self, int options,
			  pl_client_settings *settings)
{
	settings->worker = self->script->worker->id;
	settings->generation = self->script->generation;
	settings->connect_timeout =
		pl_lua_milliseconds(pl_lua_number_field(L, options, "connect_timeout"));
	settings->guard = pl_lua_bool_field(L, options, "guard");
	read_redirects(L, options, settings);
	read_watchdog(L, options, &settings->watchdog);
	read_tcp(L, options, settings);
	pl_lua_read_frames(L, options, &settings->frames);
	read_messages(L, self, options, settings);
	lua_getfield(L, options, "heartbeat");
	settings->heartbeat = pl_lua_read_heartbeat(L, lua_gettop(L));
	lua_getfield(L, options, "queue_options");
	settings->queue = pl_lua_read_queue(L, lua_gettop(L));
	lua_pop(L, 1);
	lua_getfield(L, options, "limits");
	pl_lua_read_limits(L, lua_gettop(L), &settings->limits);
	lua_pop(L, 2);
}

int pl_lua_client_open(lua_State *L, client_object *self, const char **problem)
{
	pl_client_settings settings = { 0 };
	pl_connector_proxy proxy = { 0 };
	int top = lua_gettop(L);
	int status = PL_OK;

	lua_getfenv(L, 1);
	read_settings(L, self, top + 1, &settings);
	read_route(L, 2, &settings.route, &proxy);
	self->events = pl_lua_client_events;
	if (!self->script->check)
		status = pl_lua_open_log(L, top + 1, self->script->loop, &settings.log);
	if (status) {
		*problem = lua_tostring(L, -1);
		return status;
	}
	status = pl_client_new(&self->client, self->script->loop, &settings, &self->events, self);
	pl_message_log_unref(settings.log);
	if (status == PL_EINVAL)
		*problem = pl_client_route_problem(&settings.route);
	lua_settop(L, top);
	return status;
}

int pl_lua_client_reroute(lua_State *L, client_object *self, bool refresh, const char **problem)
{
	pl_client_route route = { 0 };
	pl_connector_proxy proxy = { 0 };
	int top = lua_gettop(L);
	int status;

	read_route(L, 2, &route, &proxy);
	if (refresh)
		status = pl_client_route_refresh(self->client, &route);
	else
		status = pl_client_route_set(self->client, &route);
	if (status == PL_EINVAL)
		*problem = pl_client_route_problem(&route);
	lua_settop(L, top);
	return status;
}
