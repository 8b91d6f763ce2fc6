#include "lua/lua_server.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_conn.h"
#include "lua/lua_exchange.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_tls.h"
#include "lua/lua_value.h"

static const char KIND[] = "perilune.server";

server_object *pl_server_object(lua_State *L, int index)
{
	return pl_lua_check(L, index, KIND);
}

/* The server's events become the script's. */

static server_object *object_of(const pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

static void on_connect(pl_conn *conn)
{
	pl_lua_conn_connect(&object_of(conn)->handlers, conn);
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	pl_lua_conn_message(&object_of(conn)->handlers, conn, kind, data, len);
}

static void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	pl_lua_conn_pong(conn, payload, len);
}

static void on_drain(pl_conn *conn)
{
	pl_lua_conn_drain(&object_of(conn)->handlers, conn);
}

static void on_disconnect(pl_conn *conn, bool session, uint16_t code, pl_slice reason)
{
	pl_lua_conn_disconnect(&object_of(conn)->handlers, conn, session, code, reason);
}

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	server_object *self = object_of(conn);

	pl_lua_exchange(&self->handlers, self->server, conn, exchange);
}

/* Starting and stopping. */

static void plain_done(pl_task *task, bool ok)
{
	server_object *self = task->context;

	if (!ok)
		pl_handlers_exception(&self->handlers, task, LUA_NOREF);
	pl_handlers_leave(&self->handlers);
}

/* OnStartup and OnShutdown. */
static void run_plain(server_object *self, pl_event event)
{
	pl_task *task = pl_handlers_task(&self->handlers, event, plain_done, self);

	if (!task)
		return;
	pl_handlers_keep(&self->handlers);
	pl_task_run(task, 0);
}

typedef struct stop_wait {
	pl_wait wait;
	pl_list node;
} stop_wait;

static void cancel_stop(pl_wait *wait)
{
	stop_wait *self = PL_CONTAINER(wait, stop_wait, wait);

	pl_list_remove(&self->node);
	pl_free(self);
}

/* Those that wait now: one of them may start the server and stop it again. */
static void wake_stoppers(server_object *self)
{
	pl_list waits;

	pl_list_init(&waits);
	pl_list_move(&waits, &self->waits);
	while (!pl_list_empty(&waits)) {
		stop_wait *wait = PL_CONTAINER(waits.next, stop_wait, node);
		pl_task *task = pl_wait_end(&wait->wait);

		pl_list_remove(&wait->node);
		pl_free(wait);
		lua_pushboolean(task->L, true);
		pl_task_run(task, 1);
	}
}

static void on_stopped(pl_server *server)
{
	server_object *self = server->binding;

	self->active = false;
	pl_script_remove(self->script, &self->component);
	run_plain(self, PL_OnShutdown);
	wake_stoppers(self);
	pl_handlers_leave(&self->handlers);
}

/* Nobody needs the userdata any more but the script, if it does. */
static void on_unused(pl_handlers *handlers)
{
	server_object *self = PL_CONTAINER(handlers, server_object, handlers);
	int reference = self->self;

	self->self = LUA_NOREF;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, reference);
}

/* While it has users the userdata is held; the active server is one of them. */
static void hold(lua_State *L, server_object *self)
{
	if (self->self == LUA_NOREF) {
		lua_pushvalue(L, 1);
		self->self = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	pl_handlers_keep(&self->handlers);
}

static const pl_server_events server_events = {
	.connect = on_connect,
	.message = on_message,
	.pong = on_pong,
	.drain = on_drain,
	.disconnect = on_disconnect,
	.request = on_request,
	.stopped = on_stopped,
};

static void on_component_stop(pl_component *component)
{
	pl_server_stop(PL_CONTAINER(component, server_object, component)->server);
}

static bool parse_host(pl_address *address, const char *host)
{
	return pl_address_parse(address, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host);
}

static int start_failed(lua_State *L, server_object *self, int status, const char *host, int port)
{
	const char *message = lua_pushfstring(L, "cannot listen on %s port %d: %s", host, port,
					      pl_status_text(status));

	pl_script_start_failed(self->script, "%s", message);
	return pl_lua_fail(L, status, message);
}

static void announce(const char *scheme, const pl_address *address)
{
	char ip[PL_ADDRESS_TEXT];

	pl_address_ip(address, ip);
	printf(strchr(ip, ':') ? "listening on %s://[%s]:%u/\n" : "listening on %s://%s:%u/\n",
	       scheme, ip, address->port);
	fflush(stdout);
}

static void announce_all(const server_object *self)
{
	if (self->tls_address.port != self->address.port)
		announce("http", &self->address);
	if (self->tls_address.port)
		announce("https", &self->tls_address);
}

/* Makes the context when there are options for it; tls_port is -1 when TLS has no port of its own.
 * An error has its sentence pushed. */
static int open_tls(lua_State *L, pl_tls_context **tls, int *tls_port)
{
	int status;

	lua_getfenv(L, 1);
	lua_getfield(L, -1, "tls");
	*tls = NULL;
	*tls_port = -1;
	if (!lua_istable(L, -1))
		return PL_OK;
	status = pl_lua_tls_context(L, lua_gettop(L), tls);
	if (status)
		return status;
	lua_getfield(L, -1, "port");
	if (!lua_isnil(L, -1))
		*tls_port = (int)lua_tointeger(L, -1);
	return PL_OK;
}

static int tls_failed(lua_State *L, server_object *self, int status)
{
	const char *message = lua_pushfstring(L, "tls: %s", lua_tostring(L, -1));

	pl_script_start_failed(self->script, "%s", message);
	return pl_lua_fail(L, status, message);
}

/* The plain port, the one with TLS, or both; *port is the one at which it failed. */
static int open_ports(server_object *self, const pl_address *at, pl_tls_context *tls, int tls_port,
		      int *port)
{
	pl_address address = *at;
	bool both = tls_port >= 0;
	int status;

	self->tls_address = (pl_address){ 0 };
	address.port = (uint16_t)*port;
	status = pl_server_listen(self->server, &address, both ? NULL : tls, &self->address);
	if (status)
		return status;
	if (!both) {
		if (tls)
			self->tls_address = self->address;
		return PL_OK;
	}
	*port = tls_port;
	address.port = (uint16_t)tls_port;
	status = pl_server_listen(self->server, &address, tls, &self->tls_address);
	if (status)
		pl_server_unlisten(self->server);
	return status;
}

static int begin(lua_State *L, server_object *self)
{
	self->active = true;
	hold(L, self);
	pl_script_add(self->script, &self->component);
	if (!self->script->quiet)
		announce_all(self);
	run_plain(self, PL_OnStartup);
	return pl_lua_result(L, PL_OK);
}

static bool is_folder(const char *path)
{
	struct stat info;

	return !path || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

static int root_failed(lua_State *L, server_object *self)
{
	const char *message = lua_pushfstring(L, "document_root '%s' is no folder",
					      self->server->settings.document_root);

	pl_script_start_failed(self->script, "%s", message);
	return pl_lua_fail(L, PL_ENOENT, message);
}

/* start(server, host, port): true, or nil, message, code */
static int server_start(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	const char *host = luaL_checkstring(L, 2);
	int port = (int)luaL_checkinteger(L, 3);
	pl_tls_context *tls;
	pl_address address;
	int tls_port;
	int status;

	if (self->active)
		return pl_lua_fail(L, PL_ESTATE, "the server is started already");
	if (self->script->stopping)
		return pl_lua_fail(L, PL_ECANCELED, "the program is ending");
	if (!parse_host(&address, host))
		return start_failed(L, self, PL_EHOST, host, port);
	if (!is_folder(self->server->settings.document_root))
		return root_failed(L, self);
	status = open_tls(L, &tls, &tls_port);
	if (status)
		return tls_failed(L, self, status);
	if (!self->script->check)
		status = open_ports(self, &address, tls, tls_port, &port);
	pl_tls_context_unref(tls);
	if (status)
		return start_failed(L, self, status, host, port);
	return self->script->check ? pl_lua_result(L, PL_OK) : begin(L, self);
}

/* stop(server): waits until every connection is closed */
static int server_stop(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	stop_wait *wait;

	if (!self->active)
		return pl_lua_fail(L, PL_ESTATE, "the server is not started");
	pl_wait_check(L);
	wait = pl_calloc(1, sizeof(*wait));
	if (!wait)
		return pl_lua_result(L, PL_ENOMEM);
	pl_list_append(&self->waits, &wait->node);
	pl_wait_begin(L, &wait->wait, cancel_stop);
	pl_server_stop(self->server);
	return pl_wait_yield(L);
}

/* Making. */

static void read_limits(lua_State *L, int table, pl_limits *limits)
{
	size_t count;
	const pl_limit_info *info = pl_limits_table(&count);
	size_t i;

	for (i = 0; i < count; i++) {
		double value = pl_lua_number_field(L, table, info[i].name);

		if (info[i].unit == PL_LIMIT_SECONDS)
			value *= 1000;
		*(int64_t *)((char *)limits + info[i].offset) = (int64_t)value;
	}
}

static pl_heartbeat read_heartbeat(lua_State *L, int table)
{
	pl_heartbeat heartbeat = { 0 };

	if (!lua_istable(L, table))
		return heartbeat;
	heartbeat.interval = pl_lua_milliseconds(pl_lua_number_field(L, table, "interval"));
	heartbeat.timeout = pl_lua_milliseconds(pl_lua_number_field(L, table, "timeout"));
	lua_getfield(L, table, "type");
	heartbeat.type = strcmp(lua_tostring(L, -1), "always") == 0 ? PL_HEARTBEAT_ALWAYS
								    : PL_HEARTBEAT_IF_NO_MESSAGE;
	lua_pop(L, 1);
	return heartbeat;
}

static void read_deflate(lua_State *L, int table, pl_deflate_settings *deflate)
{
	if (!lua_istable(L, table))
		return;
	deflate->enabled = true;
	deflate->terms.server_window =
		(uint8_t)pl_lua_int_field(L, table, "server_max_window_bits");
	deflate->terms.client_window =
		(uint8_t)pl_lua_int_field(L, table, "client_max_window_bits");
	deflate->terms.server_fresh = pl_lua_bool_field(L, table, "server_no_context_takeover");
	deflate->terms.client_fresh = pl_lua_bool_field(L, table, "client_no_context_takeover");
	deflate->mem_level = (int)pl_lua_int_field(L, table, "mem_level");
	deflate->level = (int)pl_lua_int_field(L, table, "level");
}

/* A list of strings at `table` as slices, which the caller frees. */
static int read_list(lua_State *L, int table, pl_slice **list, size_t *count)
{
	size_t i;

	*count = lua_objlen(L, table);
	*list = *count ? pl_calloc(*count, sizeof(**list)) : NULL;
	if (*count && !*list)
		return PL_ENOMEM;
	for (i = 0; i < *count; i++) {
		lua_rawgeti(L, table, (int)i + 1);
		(*list)[i] = pl_lua_check_slice(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	return PL_OK;
}

static int read_lists(lua_State *L, int options, server_object *self, pl_server_settings *settings)
{
	int status;

	lua_getfield(L, options, "protocols");
	status = read_list(L, lua_gettop(L), &self->protocols, &settings->protocol_count);
	settings->protocols = self->protocols;
	lua_getfield(L, options, "security_options");
	lua_getfield(L, -1, "origins_allowed");
	if (!status)
		status = read_list(L, lua_gettop(L), &self->origins, &settings->origin_count);
	settings->origins = self->origins;
	return status;
}

/* The options at 1 are checked and complete; their strings live as long as the userdata, whose
 * environment they are. */
static int read_settings(lua_State *L, server_object *self, pl_server_settings *settings)
{
	int top = lua_gettop(L);
	int status;

	lua_getfield(L, 1, "limits");
	read_limits(L, top + 1, &settings->limits);
	lua_getfield(L, 1, "heartbeat");
	settings->heartbeat = read_heartbeat(L, top + 2);
	lua_getfield(L, 1, "software");
	if (lua_isstring(L, -1))
		settings->software = pl_lua_check_slice(L, top + 3);
	lua_getfield(L, 1, "document_root");
	settings->document_root = lua_tostring(L, -1);
	lua_getfield(L, 1, "options");
	settings->html_files = pl_lua_bool_field(L, top + 5, "html_files");
	settings->javascript_files = pl_lua_bool_field(L, top + 5, "javascript_files");
	lua_getfield(L, 1, "extensions");
	lua_getfield(L, -1, "permessage_deflate");
	read_deflate(L, lua_gettop(L), &settings->deflate);
	lua_pop(L, 2);
	status = read_lists(L, 1, self, settings);
	lua_settop(L, top);
	return status;
}

/* new(options) -> server */
static int server_new(lua_State *L)
{
	pl_script *script = pl_script_of(L);
	pl_server_settings settings = { .worker = script->worker->id };
	server_object *self;
	int status;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->script = script;
	self->component.stop = on_component_stop;
	pl_list_init(&self->waits);
	self->self = LUA_NOREF;
	pl_handlers_init(&self->handlers, script, on_unused);
	lua_pushvalue(L, 1);
	lua_setfenv(L, -2);
	status = read_settings(L, self, &settings);
	if (!status)
		status =
			pl_server_new(&self->server, script->loop, &settings, &server_events, self);
	if (status)
		return luaL_error(L, "server.new: %s", pl_status_text(status));
	return 1;
}

static int server_gc(lua_State *L)
{
	server_object *self = lua_touserdata(L, 1);

	if (self->server)
		pl_server_free(self->server);
	pl_free(self->protocols);
	pl_free(self->origins);
	if (self->script)
		pl_handlers_deinit(&self->handlers);
	return 0;
}

/* Properties. */

static int get_active(lua_State *L)
{
	lua_pushboolean(L, pl_server_object(L, 1)->active);
	return 1;
}

/* As bound while the server is active, else as asked for. */
static int get_port(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);

	if (self->active) {
		lua_pushinteger(L, self->address.port);
	} else {
		lua_getfenv(L, 1);
		lua_getfield(L, -1, "port");
	}
	return 1;
}

/* The port that speaks TLS: as bound while the server is active; nil without TLS. */
static int get_tls_port(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);

	if (self->active && self->tls_address.port) {
		lua_pushinteger(L, self->tls_address.port);
		return 1;
	}
	lua_getfenv(L, 1);
	lua_getfield(L, -1, "tls");
	if (!lua_istable(L, -1))
		return 0;
	lua_getfield(L, -1, "port");
	if (lua_isnil(L, -1))
		lua_getfield(L, -3, "port");
	return 1;
}

static int get_host(lua_State *L)
{
	pl_server_object(L, 1);
	lua_getfenv(L, 1);
	lua_getfield(L, -1, "host");
	return 1;
}

static int get_handler(lua_State *L)
{
	return pl_handlers_get(L, &pl_server_object(L, 1)->handlers);
}

static int set_handler(lua_State *L)
{
	return pl_handlers_set(L, &pl_server_object(L, 1)->handlers);
}

/* limits() -> list of { name, unit, default, min, max, text }: times in seconds */
static int limits(lua_State *L)
{
	static const char *const units[] = { "bytes", NULL, "seconds" };
	size_t count;
	const pl_limit_info *info = pl_limits_table(&count);
	size_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		double scale = info[i].unit == PL_LIMIT_SECONDS ? 1000 : 1;

		lua_createtable(L, 0, 6);
		lua_pushstring(L, info[i].name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, units[info[i].unit]);
		lua_setfield(L, -2, "unit");
		lua_pushnumber(L, (double)info[i].standard / scale);
		lua_setfield(L, -2, "default");
		lua_pushnumber(L, (double)info[i].smallest / scale);
		lua_setfield(L, -2, "min");
		lua_pushnumber(L, (double)info[i].largest / scale);
		lua_setfield(L, -2, "max");
		lua_pushstring(L, info[i].text);
		lua_setfield(L, -2, "text");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, server_gc);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "new", server_new },
	{ "start", server_start },
	{ "limits", limits },
	{ "get_handler", get_handler },
	{ "set_handler", set_handler },
	{ "set_metatable", set_metatable },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "active", get_active }, { "port", get_port }, { "tls_port", get_tls_port },
	{ "host", get_host },	  { NULL, NULL },
};

int pl_lua_open_server(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_newtable(L);
	luaL_register(L, NULL, pl_server_sending);
	lua_pushcfunction(L, server_stop);
	lua_setfield(L, -2, "stop");
	lua_setfield(L, -2, "methods");
	pl_lua_set_functions(L, "getters", getters);
	pl_handlers_push_names(L);
	lua_setfield(L, -2, "events");
	return 1;
}
