#include "lua/lua_server.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "client/pool.h"
#include "codec/sgc_event.h"
#include "lua/lua_conn.h"
#include "lua/lua_exchange.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_settings.h"
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

static void on_fragment(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			bool more)
{
	pl_lua_conn_fragment(&object_of(conn)->handlers, conn, kind, data, len, more);
}

static void on_ping(pl_conn *conn, const uint8_t *payload, size_t len)
{
	pl_lua_conn_pinged(&object_of(conn)->handlers, conn, payload, len);
}

static void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	pl_lua_conn_pong(conn, payload, len);
}

static void on_drain(pl_conn *conn)
{
	pl_lua_conn_drain(&object_of(conn)->handlers, conn);
}

/* Of a message session the disconnection that follows is an exception, if that is wanted. */
static void on_error(pl_conn *conn, int status, const char *message)
{
	server_object *self = object_of(conn);
	bool session = conn->state == PL_CONN_OPEN || conn->state == PL_CONN_CLOSING;
	bool broken = status == PL_EPROTO || status == PL_ETOOBIG;

	pl_lua_conn_error(&self->handlers, conn, status, message,
			  self->raise_disconnects && session && broken);
}

static void on_disconnect(pl_conn *conn, bool session, uint16_t code, pl_slice reason)
{
	pl_lua_conn_disconnect(&object_of(conn)->handlers, conn, session, code, reason);
}

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	server_object *self = object_of(conn);

	if (self->uploads && pl_upload_wants(&self->upload, exchange->request))
		pl_lua_upload(&self->handlers, self->server, conn, exchange, &self->upload);
	else
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

/* OnShutdown may wait: the program, if it ends, waits for it. */

static void end_waiting(server_object *self)
{
	self->shutting_down = false;
	pl_loop_stop_timer(self->script->loop, &self->patience);
	if (!pl_list_empty(&self->component.node))
		pl_script_remove(self->script, &self->component);
}

static void shutdown_done(pl_task *task, bool ok)
{
	server_object *self = task->context;

	if (self->shutting_down && self->script->ending)
		end_waiting(self);
	self->shutting_down = false;
	plain_done(task, ok);
}

static void on_impatience(pl_timer *timer)
{
	pl_log(PL_LOG_WARN, "the program ends before OnShutdown has returned");
	end_waiting(PL_CONTAINER(timer, server_object, patience));
}

static void await_shutdown(server_object *self)
{
	if (self->shutting_down)
		pl_loop_start(self->script->loop, &self->patience,
			      (uint64_t)self->server->settings.limits.close_timeout);
	else
		end_waiting(self);
}

/* OnStartup and OnShutdown. */
static void run_plain(server_object *self, pl_event event, void (*done)(pl_task *task, bool ok))
{
	pl_task *task = pl_handlers_task(&self->handlers, event, done, self);

	if (!task)
		return;
	self->shutting_down = event == PL_OnShutdown;
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
	pl_server_openings_free(self);
	pl_server_set_log(server, NULL);
	if (!self->script->ending)
		pl_script_remove(self->script, &self->component);
	run_plain(self, PL_OnShutdown, shutdown_done);
	if (self->script->ending)
		await_shutdown(self);
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
	.asks = pl_server_asks,
	.arrived = pl_server_arrived,
	.certificate = pl_server_certificate,
	.stranger = pl_server_stranger,
	.protocols = pl_server_protocols,
	.login = pl_server_login,
	.handshake = pl_server_handshake,
	.connect = on_connect,
	.message = on_message,
	.fragment = on_fragment,
	.heartbeat = pl_server_heartbeat,
	.ping = on_ping,
	.pong = on_pong,
	.drain = on_drain,
	.flushed = pl_lua_conn_flushed,
	.error = on_error,
	.disconnect = on_disconnect,
	.request = on_request,
	.forwarding = pl_server_forwarding,
	.stopped = on_stopped,
};

static void on_component_stop(pl_component *component)
{
	pl_server_stop(PL_CONTAINER(component, server_object, component)->server);
}

static int begin(lua_State *L, server_object *self)
{
	self->active = true;
	hold(L, self);
	pl_script_add(self->script, &self->component);
	if (!self->script->quiet && self->component.end != PL_ENDS_LAST &&
	    pl_server_announces(self->server))
		pl_server_announce(self);
	run_plain(self, PL_OnStartup, plain_done);
	return pl_lua_result(L, PL_OK);
}

static bool is_folder(const char *path)
{
	struct stat info;

	return !path || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* The sentence is at the top. */
static int start_failed(lua_State *L, server_object *self, int status)
{
	const char *message = lua_tostring(L, -1);

	pl_script_start_failed(self->script, "%s", message);
	return pl_lua_fail(L, status, message);
}

/* Which --check does not touch. An error has its sentence pushed. */
static int open_log(lua_State *L, server_object *self)
{
	pl_message_log *log;
	int status;

	lua_getfenv(L, 1);
	status = pl_lua_open_log(L, lua_gettop(L), self->script->loop, &log);
	if (status)
		return status;
	pl_server_set_log(self->server, log);
	pl_message_log_unref(log);
	return PL_OK;
}

/* start(server): true, or nil, message, code */
static int server_start(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	int status;

	if (self->active)
		return pl_lua_fail(L, PL_ESTATE, "the server is started already");
	if (self->script->ending)
		return pl_lua_fail(L, PL_ECANCELED, "the program is ending");
	if (!is_folder(self->server->settings.document_root)) {
		lua_pushfstring(L, "document_root '%s' is no folder",
				self->server->settings.document_root);
		return start_failed(L, self, PL_ENOENT);
	}
	status = self->script->check ? PL_OK : open_log(L, self);
	if (!status)
		status = pl_server_open(L, self);
	if (status) {
		pl_server_set_log(self->server, NULL);
		return start_failed(L, self, status);
	}
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
	pl_lua_exchange_let_go(L, self->server);
	return pl_wait_yield(L);
}

/* Making. */

/* new(options) -> server */
static int server_new(lua_State *L)
{
	pl_script *script = pl_script_of(L);
	pl_server_settings settings = { .worker = script->worker->id,
					.groups = script->worker->groups,
					.generation = script->generation };
	pl_http_field fields[PL_LUA_FIELDS_MAX];
	pl_http_field refusal[PL_LUA_FIELDS_MAX];
	server_object *self;
	int status;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->script = script;
	self->component.stop = on_component_stop;
	pl_list_init(&self->component.node);
	pl_timer_init(&self->patience, on_impatience);
	pl_list_init(&self->waits);
	self->self = LUA_NOREF;
	pl_handlers_init(&self->handlers, script, PL_OF_SERVER, on_unused);
	lua_pushvalue(L, 1);
	lua_setfenv(L, -2);
	self->component.end = pl_lua_bool_field(L, 1, "operations") ? PL_ENDS_LAST : PL_ENDS_FIRST;
	status = pl_server_read_settings(L, self, &settings, fields);
	if (!status)
		status = pl_server_read_authentication(L, 1, &settings.authentication, refusal);
	if (!status)
		status =
			pl_server_new(&self->server, script->loop, &settings, &server_events, self);
	if (!status)
		self->upload.limits = &self->server->settings.limits;
	pl_free((void *)(uintptr_t)settings.protocols);
	pl_free((void *)(uintptr_t)settings.origins);
	pl_free((void *)(uintptr_t)settings.overflow_rules);
	pl_free((void *)(uintptr_t)settings.authentication.public_paths);
	if (status)
		return luaL_error(L, "server.new: %s", pl_status_text(status));
	return 1;
}

static int server_gc(lua_State *L)
{
	server_object *self = lua_touserdata(L, 1);

	if (self->forward_pool)
		pl_pool_free(self->forward_pool);
	if (self->server)
		pl_server_free(self->server);
	pl_server_openings_free(self);
	pl_free(self->trusted);
	pl_free(self->bound);
	return 0;
}

/* Properties. */

static int get_active(lua_State *L)
{
	lua_pushboolean(L, pl_server_object(L, 1)->active);
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

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, server_gc);
	return 0;
}

/* settings(server) -> its options */
static int server_settings(lua_State *L)
{
	pl_server_object(L, 1);
	lua_getfenv(L, 1);
	return 1;
}

/* channels(server, most) -> { ["name"] = subscribers, … } of this worker, and how many there are */
static int server_channels(lua_State *L)
{
	const pl_map *by_name = &pl_server_object(L, 1)->server->channels.by_name;
	const pl_map_entry *entry = pl_map_next(by_name, NULL);
	lua_Integer most = luaL_checkinteger(L, 2);

	lua_newtable(L);
	for (; entry && most > 0; entry = pl_map_next(by_name, entry), most--) {
		const pl_channel *channel = PL_CONTAINER(entry, pl_channel, entry);

		lua_pushlstring(L, channel->name, channel->name_len);
		lua_pushinteger(L, channel->count);
		lua_rawset(L, -3);
	}
	lua_pushinteger(L, by_name->count);
	return 2;
}

/* listening(server): whether somebody who connects now is served */
static int server_listening(lua_State *L)
{
	const server_object *self = pl_server_object(L, 1);

	lua_pushboolean(L, self->active && pl_server_listening(self->server));
	return 1;
}

/* register_protocol(server, name, dialect): the name is a token, dialect one of these words or nil
 */
static int register_protocol(lua_State *L)
{
	static const char *const words[] = { "none", "sgc", "broker", "broker of sgc", NULL };
	static pl_dialect *const dialects[] = { NULL, pl_sgc_event_encode, pl_broker_text_encode,
						pl_sgc_event_encode_for_broker };
	server_object *self = pl_server_object(L, 1);
	pl_dialect *dialect = dialects[luaL_checkoption(L, 3, "none", words)];

	return pl_lua_result(
		L, pl_protocols_add(&self->server->protocols, pl_lua_check_slice(L, 2), dialect));
}

static const luaL_Reg functions[] = {
	{ "new", server_new },
	{ "register_protocol", register_protocol },
	{ "settings", server_settings },
	{ "listening", server_listening },
	{ "channels", server_channels },
	{ "limits", pl_lua_limits },
	{ "get_handler", get_handler },
	{ "set_handler", set_handler },
	{ "set_metatable", set_metatable },
	{ "is_password_hash", pl_server_is_password_hash },
	{ NULL, NULL },
};

static const luaL_Reg life[] = {
	{ "start", server_start },
	{ "stop", server_stop },
	{ "logout", pl_server_logout },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "active", get_active },
	{ NULL, NULL },
};

int pl_lua_open_server(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_newtable(L);
	luaL_register(L, NULL, pl_server_sending);
	luaL_register(L, NULL, life);
	lua_setfield(L, -2, "methods");
	lua_newtable(L);
	luaL_register(L, NULL, getters);
	luaL_register(L, NULL, pl_server_places);
	lua_setfield(L, -2, "getters");
	pl_handlers_push_names(L, PL_OF_SERVER);
	lua_setfield(L, -2, "events");
	return 1;
}
