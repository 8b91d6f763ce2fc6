#include "lua/lua_mqtt.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"
#include "conn/conn_stream.h"
#include "lua/lua_conn.h"
#include "lua/lua_mqtt_internal.h"
#include "lua/lua_settings.h"
#include "lua/lua_value.h"

static const char KIND[] = "perilune.mqtt.client";

enum { MAX_FILTERS = 1024 };

static mqtt_object *object(lua_State *L)
{
	return pl_lua_check(L, 1, KIND);
}

/* The client carries it. */

static int push_conn(lua_State *L, void *context)
{
	const mqtt_object *self = context;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->conn);
	return 1;
}

typedef struct making {
	mqtt_object *self;
	pl_conn *conn;
} making;

static int make_reference(lua_State *L, void *context)
{
	const making *made = context;

	pl_lua_conn_push(L, made->self->client, made->conn);
	made->self->conn = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static void forget_conn(mqtt_object *self)
{
	int reference = self->conn;

	self->conn = LUA_NOREF;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, reference);
}

static void on_connected(void *owner, pl_conn *conn)
{
	mqtt_object *self = owner;
	making made = { self, conn };

	forget_conn(self);
	if (!pl_tasks_try(self->script, make_reference, &made) ||
	    pl_conn_stream_new(&self->stream, conn)) {
		pl_conn_disconnect(conn, 1011, PL_SLICE("out of memory"));
		return;
	}
	self->begun = false;
	pl_lua_mqtt_hook(self, MQTT_ATTACH, push_conn, self);
}

static void on_message(void *owner, enum pl_kind kind, const uint8_t *data, size_t len)
{
	mqtt_object *self = owner;

	if (!self->stream)
		return;
	/* MQTT is in binary messages alone (5.0 section 6). */
	if (kind == PL_KIND_TEXT)
		pl_mqtt_session_abort(self->session, PL_EPROTO,
				      "the server broke the protocol: a text message");
	else if (self->begun)
		pl_conn_stream_received(self->stream, data, len);
	else
		pl_conn_disconnect(pl_conn_stream_conn(self->stream), 1002,
				   PL_SLICE("nothing was asked"));
}

static void on_drain(void *owner)
{
	mqtt_object *self = owner;

	if (self->stream && self->begun)
		pl_conn_stream_drained(self->stream);
}

static void on_leaving(void *owner)
{
	static const pl_mqtt_properties none = { 0 };
	mqtt_object *self = owner;

	pl_mqtt_session_disconnect(self->session, 0, &none);
}

static void on_disconnected(void *owner, uint16_t code, pl_slice reason)
{
	mqtt_object *self = owner;
	pl_stream *stream = self->stream;

	(void)reason;
	self->stream = NULL;
	if (!stream)
		return;
	if (!self->begun)
		pl_stream_own(stream, &pl_lua_mqtt_nobody, NULL);
	pl_conn_stream_ended(stream, code == 1000 ? PL_OK : PL_ECONNRESET);
}

static const pl_lua_carried carried = { .connected = on_connected,
					.message = on_message,
					.drain = on_drain,
					.leaving = on_leaving,
					.disconnected = on_disconnected };

/* Making. */

static void on_unused(pl_handlers *handlers)
{
	(void)handlers; /* its client keeps it */
}

static pl_mqtt_session_settings read_settings(lua_State *L, const mqtt_object *self)
{
	return (pl_mqtt_session_settings){
		.version = self->version,
		.ping_interval = pl_lua_milliseconds(pl_lua_number_field(L, 1, "ping_interval")),
		.ping_timeout = pl_lua_milliseconds(pl_lua_number_field(L, 1, "ping_timeout")),
		.topic_aliases = (uint16_t)pl_lua_int_field(L, 1, "topic_aliases"),
		.publish_lost = pl_lua_bool_field(L, 1, "publish_lost"),
		.limits = &self->limits
	};
}

/* new(settings, client, hooks) -> mqtt */
static int mqtt_new(lua_State *L)
{
	pl_mqtt_session_settings settings;
	mqtt_object *self;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, 3, LUA_TTABLE);
	lua_settop(L, 3);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->conn = LUA_NOREF;
	self->hooks = LUA_NOREF;
	self->version = (uint8_t)pl_lua_int_field(L, 1, "level");
	pl_deferred_init(&self->next, pl_lua_mqtt_run_later);
	pl_handlers_init(&self->handlers, pl_script_of(L), PL_OF_MQTT, on_unused);
	self->script = pl_script_of(L);
	lua_getfield(L, 1, "limits");
	pl_lua_read_limits(L, 4 + 1, &self->limits);
	lua_settop(L, 4);
	settings = read_settings(L, self);
	if (pl_mqtt_session_new(&self->session, self->script->loop, &settings, &pl_lua_mqtt_events,
				self))
		return luaL_error(L, "out of memory");
	lua_pushvalue(L, 1);
	lua_setfenv(L, 4);
	lua_pushvalue(L, 3);
	self->hooks = luaL_ref(L, LUA_REGISTRYINDEX);
	self->client = pl_lua_client_carry(L, 2, 4, &carried, self);
	if (!self->client)
		return pl_lua_fail(L, PL_EBUSY, "the client carries another protocol already");
	return 1;
}

static int mqtt_gc(lua_State *L)
{
	mqtt_object *self = lua_touserdata(L, 1);
	pl_mqtt_session *session = self->session;

	if (!self->script)
		return 0;
	pl_lua_mqtt_forget(self);
	if (self->store)
		pl_mqtt_store_close(self->store);
	self->store = NULL;
	self->session = NULL; /* what is settled now is told nobody */
	if (session)
		pl_mqtt_session_free(session);
	luaL_unref(L, LUA_REGISTRYINDEX, self->conn);
	luaL_unref(L, LUA_REGISTRYINDEX, self->hooks);
	return 0;
}

/* open_store(mqtt, path, sync): the hook `stored` is called */
static int mqtt_open_store(lua_State *L)
{
	mqtt_object *self = object(L);
	const char *path = luaL_checkstring(L, 2);
	int status;

	if (self->store)
		return pl_lua_result(L, PL_ESTATE);
	status = pl_mqtt_store_open(&self->store, self->script->loop, path, lua_toboolean(L, 3),
				    &pl_lua_mqtt_store_events, self);
	return pl_lua_result(L, status);
}

/* close_store(mqtt): it could not be used */
static int mqtt_close_store(lua_State *L)
{
	mqtt_object *self = object(L);

	if (self->store)
		pl_mqtt_store_close(self->store);
	self->store = NULL;
	return 0;
}

/* begin_store(mqtt, client_identifier): whose it is */
static int mqtt_begin_store(lua_State *L)
{
	mqtt_object *self = object(L);

	return pl_lua_result(
		L, pl_mqtt_store_begin(self->store, pl_lua_check_slice(L, 2), self->version, NULL));
}

/* CONNECT. */

static bool get_text(lua_State *L, const char *name, pl_slice *text)
{
	bool has;

	lua_getfield(L, 2, name);
	has = lua_type(L, -1) == LUA_TSTRING;
	if (has)
		*text = pl_lua_check_slice(L, -1); /* the table keeps it */
	lua_pop(L, 1);
	return has;
}

static void get_will(lua_State *L, pl_mqtt_connect *connect)
{
	lua_getfield(L, 2, "will");
	connect->has_will = lua_istable(L, -1);
	if (!connect->has_will) {
		lua_pop(L, 1);
		return;
	}
	lua_replace(L, 2); /* the CONNECT's table is on the stack below us, too */
	get_text(L, "topic", &connect->will.topic);
	get_text(L, "text", &connect->will.payload);
	connect->will.qos = (uint8_t)pl_lua_int_field(L, 2, "qos");
	connect->will.retain = pl_lua_bool_field(L, 2, "retain");
	lua_getfield(L, 2, "properties");
	pl_lua_mqtt_check(L, lua_gettop(L), &connect->will.properties);
}

/* connect(mqtt, { client_identifier, clean, keep_alive, user, password, properties, will }) */
static int mqtt_connect(lua_State *L)
{
	mqtt_object *self = object(L);
	pl_mqtt_connect connect = { 0 };
	int status;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_pushvalue(L, 2);
	get_text(L, "client_identifier", &connect.client_id);
	connect.has_user = get_text(L, "user", &connect.user);
	connect.has_password = get_text(L, "password", &connect.password);
	connect.clean = pl_lua_bool_field(L, 2, "clean");
	connect.keep_alive = (uint16_t)pl_lua_int_field(L, 2, "keep_alive");
	lua_getfield(L, 2, "properties");
	pl_lua_mqtt_check(L, lua_gettop(L), &connect.properties);
	get_will(L, &connect);
	if (!self->stream)
		return pl_lua_result(L, PL_ECLOSED);
	status = pl_mqtt_session_connect(self->session, self->stream, &connect);
	self->begun = status == PL_OK;
	return pl_lua_result(L, status);
}

/* Publishing and subscribing: true, the packet identifier (0: none), and "buffered"; or nil,
 * message, code. A ticket, not 0, is given back to the hook `settled`. */

static int sent(lua_State *L, int status, uint16_t id, const char *why)
{
	if (status < 0)
		return why ? pl_lua_fail(L, status, why) : pl_lua_result(L, status);
	lua_pushboolean(L, true);
	lua_pushinteger(L, id);
	if (status == PL_OK)
		return 2;
	lua_pushliteral(L, "buffered");
	return 3;
}

static void *ticket_at(lua_State *L, int index)
{
	return (void *)(uintptr_t)luaL_optnumber(L, index, 0);
}

/* publish(mqtt, topic, text, qos, retain, properties, ticket) */
static int mqtt_publish(lua_State *L)
{
	mqtt_object *self = object(L);
	pl_mqtt_publish publish;
	const char *why = NULL;
	uint16_t id = 0;
	int status;

	memset(&publish, 0, sizeof(publish));
	lua_settop(L, 7);
	publish.topic = pl_lua_check_slice(L, 2);
	publish.payload = pl_lua_check_slice(L, 3);
	publish.qos = (uint8_t)luaL_optinteger(L, 4, 0);
	publish.retain = lua_toboolean(L, 5);
	if (!lua_isnil(L, 6))
		pl_lua_mqtt_check(L, 6, &publish.properties);
	status = pl_mqtt_session_publish(self->session, &publish, ticket_at(L, 7), &id, &why);
	return sent(L, status, id, why);
}

static void check_filter(lua_State *L, int index, pl_mqtt_subscription *filter)
{
	lua_rawgeti(L, 2, index);
	if (!lua_istable(L, -1)) {
		filter->filter = pl_lua_check_slice(L, -1);
		lua_pop(L, 1);
		return;
	}
	lua_getfield(L, -1, "filter");
	filter->filter = pl_lua_check_slice(L, -1);
	lua_pop(L, 1);
	filter->qos = (uint8_t)pl_lua_int_field(L, -1, "qos");
	filter->retain_handling = (uint8_t)pl_lua_int_field(L, -1, "retain_handling");
	filter->no_local = pl_lua_bool_field(L, -1, "no_local");
	filter->retain_as_published = pl_lua_bool_field(L, -1, "retain_as_published");
	lua_pop(L, 1);
}

typedef int ask_function(pl_mqtt_session *session, const pl_mqtt_subscribe *subscribe, void *waiter,
			 uint16_t *id, const char **why);

static int ask(lua_State *L, ask_function *function)
{
	mqtt_object *self = object(L);
	pl_mqtt_subscribe subscribe;
	pl_mqtt_subscription *list;
	const char *why = NULL;
	uint16_t id = 0;
	size_t count;
	int status;

	memset(&subscribe, 0, sizeof(subscribe));
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 4);
	count = lua_objlen(L, 2);
	luaL_argcheck(L, count > 0 && count <= MAX_FILTERS, 2, "takes topic filters");
	list = lua_newuserdata(L, count * sizeof(*list));
	memset(list, 0, count * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		check_filter(L, (int)i + 1, &list[i]);
	pl_lua_mqtt_check(L, 3, &subscribe.properties);
	subscribe.list = list;
	subscribe.count = count;
	status = function(self->session, &subscribe, ticket_at(L, 4), &id, &why);
	return sent(L, status, id, why);
}

/* subscribe(mqtt, { { filter, qos, retain_handling, no_local, retain_as_published }… }, properties,
 * ticket) */
static int mqtt_subscribe(lua_State *L)
{
	return ask(L, pl_mqtt_session_subscribe);
}

/* unsubscribe(mqtt, { filter… }, properties, ticket) */
static int mqtt_unsubscribe(lua_State *L)
{
	return ask(L, pl_mqtt_session_unsubscribe);
}

/* forget(mqtt, ticket): nobody waits for it any more */
static int mqtt_forget(lua_State *L)
{
	pl_mqtt_session_forget(object(L)->session, ticket_at(L, 2));
	return 0;
}

/* The connection. */

/* disconnect(mqtt, reason, properties) */
static int mqtt_disconnect(lua_State *L)
{
	mqtt_object *self = object(L);
	lua_Integer reason = luaL_optinteger(L, 2, 0);
	pl_mqtt_properties properties;

	lua_settop(L, 3);
	luaL_argcheck(L, reason >= 0 && reason <= 255, 2, "takes a reason code, 0 to 255");
	pl_lua_mqtt_check(L, 3, &properties);
	return pl_lua_result(
		L, pl_mqtt_session_disconnect(self->session, (uint8_t)reason, &properties));
}

static int mqtt_ping(lua_State *L)
{
	return pl_lua_result(L, pl_mqtt_session_ping(object(L)->session));
}

/* auth(mqtt, anew, properties) */
static int mqtt_auth(lua_State *L)
{
	mqtt_object *self = object(L);
	uint8_t reason =
		lua_toboolean(L, 2) ? PL_MQTT_RE_AUTHENTICATE : PL_MQTT_CONTINUE_AUTHENTICATION;
	pl_mqtt_properties properties;

	lua_settop(L, 3);
	pl_lua_mqtt_check(L, 3, &properties);
	return pl_lua_result(L, pl_mqtt_session_auth(self->session, reason, &properties));
}

/* Topics. */

/* check(filter, version, is_name) -> nil, or what is wrong with it */
static int mqtt_check(lua_State *L)
{
	pl_slice text = pl_lua_check_slice(L, 1);
	pl_mqtt_fault fault;
	int status = lua_toboolean(L, 3)
			     ? pl_mqtt_topic_check(text, &fault)
			     : pl_mqtt_filter_check(text, (uint8_t)luaL_checkinteger(L, 2), &fault);

	if (status == PL_OK)
		return 0;
	lua_pushstring(L, fault.text);
	return 1;
}

/* matches(filter, topic) */
static int mqtt_matches(lua_State *L)
{
	lua_pushboolean(L,
			pl_mqtt_filter_matches(pl_lua_check_slice(L, 1), pl_lua_check_slice(L, 2)));
	return 1;
}

/* properties() -> { name = { places }… }: the names that there are, for each packet */
static int mqtt_properties(lua_State *L)
{
	lua_newtable(L);
	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT; i++) {
		lua_pushnumber(L, pl_mqtt_property_table[i].places);
		lua_setfield(L, -2, pl_mqtt_property_table[i].name);
	}
	return 1;
}

/* Properties of the object. */

static int get_connected(lua_State *L)
{
	lua_pushboolean(L, pl_mqtt_session_connected(object(L)->session));
	return 1;
}

static int get_pending(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)pl_mqtt_session_pending(object(L)->session));
	return 1;
}

static int get_accepted(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)pl_mqtt_session_taken(object(L)->session));
	return 1;
}

static int get_handler(lua_State *L)
{
	return pl_handlers_get(L, &object(L)->handlers);
}

static int set_handler(lua_State *L)
{
	return pl_handlers_set(L, &object(L)->handlers);
}

static int mqtt_settings(lua_State *L)
{
	object(L);
	lua_getfenv(L, 1);
	return 1;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, mqtt_gc);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "new", mqtt_new },
	{ "settings", mqtt_settings },
	{ "open_store", mqtt_open_store },
	{ "close_store", mqtt_close_store },
	{ "begin_store", mqtt_begin_store },
	{ "connect", mqtt_connect },
	{ "publish", mqtt_publish },
	{ "subscribe", mqtt_subscribe },
	{ "unsubscribe", mqtt_unsubscribe },
	{ "forget", mqtt_forget },
	{ "disconnect", mqtt_disconnect },
	{ "ping", mqtt_ping },
	{ "auth", mqtt_auth },
	{ "check", mqtt_check },
	{ "matches", mqtt_matches },
	{ "properties", mqtt_properties },
	{ "get_handler", get_handler },
	{ "set_handler", set_handler },
	{ "set_metatable", set_metatable },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "connected", get_connected },
	{ "pending", get_pending },
	{ "accepted", get_accepted },
	{ NULL, NULL },
};

int pl_lua_open_mqtt(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	pl_lua_set_functions(L, "getters", getters);
	pl_handlers_push_names(L, PL_OF_MQTT);
	lua_setfield(L, -2, "events");
	return 1;
}
