/* What happens to a script's MQTT session, for the script: one event at a time. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "lua/lua_mqtt_internal.h"
#include "lua/lua_value.h"

static void run_next(mqtt_object *self);

/* One after the other. */

static void event_done(pl_task *task, bool ok)
{
	mqtt_object *self = task->context;
	bool message = self->message;

	if (!ok)
		pl_handlers_exception(&self->handlers, task, self->conn);
	self->busy = false;
	self->message = false;
	if (message)
		pl_mqtt_session_handled(self->session);
	run_next(self);
	pl_handlers_leave(self->client);
}

static void run_event(mqtt_object *self, pl_task *task, int arguments, bool message)
{
	self->busy = true;
	self->message = message;
	pl_handlers_keep(self->client);
	pl_task_run(task, arguments);
}

static void run_first(mqtt_object *self)
{
	mqtt_event *event = self->first;
	mqtt_event it = *event;

	self->first = it.next;
	if (!self->first)
		self->last = NULL;
	self->waiting--;
	pl_free(event);
	run_event(self, it.task, it.arguments, it.message);
}

/* Handlers that do not wait end within the loop, which then goes on. */
static void run_next(mqtt_object *self)
{
	if (self->draining)
		return;
	self->draining = true;
	while (!self->busy && self->first)
		run_first(self);
	self->draining = false;
	if (!self->busy && self->session)
		pl_mqtt_session_pause(self->session, false);
}

void pl_lua_mqtt_run_later(pl_deferred *deferred)
{
	run_next(PL_CONTAINER(deferred, mqtt_object, next));
}

void pl_lua_mqtt_forget(mqtt_object *self)
{
	while (self->first) {
		mqtt_event *event = self->first;

		self->first = event->next;
		pl_task_drop(event->task);
		pl_free(event);
	}
	self->last = NULL;
	self->waiting = 0;
	pl_deferred_cancel(&self->next);
}

static void lose(mqtt_object *self)
{
	pl_log(PL_LOG_ERROR, "MQTT connection dropped: no memory for its events");
	pl_mqtt_session_abort(self->session, PL_ENOMEM, "out of memory");
}

static void enqueue(mqtt_object *self, pl_task *task, int arguments, bool message)
{
	mqtt_event *event = pl_alloc(sizeof(*event));

	if (!event) {
		pl_task_drop(task);
		lose(self);
		return;
	}
	*event = (mqtt_event){ .task = task, .arguments = arguments, .message = message };
	if (self->last)
		self->last->next = event;
	else
		self->first = event;
	self->last = event;
	if (++self->waiting >= self->limits.pending_events)
		pl_mqtt_session_pause(self->session, true);
	if (!self->busy)
		pl_loop_defer(self->script->loop, &self->next);
}

typedef struct call {
	mqtt_object *self;
	pl_event event;
	const void *of;
} call;

static int push_call(lua_State *L, void *context);

/* Not within what the script does itself: that event comes at the end of the turn. */
static void dispatch(mqtt_object *self, pl_event event, const void *of, bool message)
{
	call made = { self, event, of };
	pl_task *task = pl_handlers_task(&self->handlers, event, event_done, self);
	int arguments = task ? pl_task_push(task, push_call, &made) : -1;

	if (arguments < 0) {
		bool wanted = pl_handlers_has(&self->handlers, event);

		if (task)
			pl_task_drop(task);
		if (wanted)
			lose(self);
		else if (message)
			pl_mqtt_session_handled(self->session);
		return;
	}
	if (self->busy || self->first || self->script->tasks.current)
		enqueue(self, task, arguments, message);
	else
		run_event(self, task, arguments, message);
}

/* Hooks: functions of the face, which do not wait for events. */

typedef struct hook_call {
	mqtt_object *self;
	int hook;
	int (*push)(lua_State *L, void *context);
	void *context;
} hook_call;

static int push_hook(lua_State *L, void *context)
{
	const hook_call *made = context;

	lua_rawgeti(L, LUA_REGISTRYINDEX, made->self->hooks);
	lua_rawgeti(L, -1, made->hook);
	lua_remove(L, -2);
	return 1 + made->push(L, made->context);
}

static void hook_done(pl_task *task, bool ok)
{
	mqtt_object *self = task->context;

	if (!ok) {
		pl_handlers_exception(&self->handlers, task, self->conn);
		if (self->session)
			pl_mqtt_session_abort(self->session, PL_ECANCELED, "a handler has thrown");
	}
	pl_handlers_leave(self->client);
}

void pl_lua_mqtt_hook(mqtt_object *self, int hook, int (*push)(lua_State *L, void *context),
		      void *context)
{
	hook_call made = { self, hook, push, context };
	pl_task *task = pl_task_new(self->script, hook_done, self);
	int count = task ? pl_task_push(task, push_hook, &made) : -1;

	if (count < 0) {
		if (task)
			pl_task_drop(task);
		lose(self);
		return;
	}
	pl_handlers_keep(self->client);
	if (self->script->tasks.current)
		pl_task_run_later(task, count - 1);
	else
		pl_task_run(task, count - 1);
}

/* What handlers get: (conn, ...). */

static void push_reason(lua_State *L, uint8_t type, uint8_t reason, uint8_t version)
{
	const pl_mqtt_rules rules = { .version = version, .sender = PL_MQTT_SERVER };
	const char *name = pl_mqtt_reason_name(&rules, type, reason);

	lua_pushinteger(L, reason);
	lua_pushstring(L, name ? name : "");
}

static int push_message(lua_State *L, const pl_mqtt_publish *publish)
{
	pl_lua_push(L, publish->topic);
	pl_lua_push(L, publish->payload);
	pl_lua_mqtt_push(L, &publish->properties);
	lua_pushinteger(L, publish->qos);
	lua_setfield(L, -2, "qos");
	lua_pushboolean(L, publish->retain);
	lua_setfield(L, -2, "retain");
	if (publish->dup) {
		lua_pushboolean(L, true);
		lua_setfield(L, -2, "duplicate");
	}
	return 4;
}

static int push_connack(lua_State *L, const mqtt_object *self, const pl_mqtt_connack *connack)
{
	lua_pushboolean(L, connack->session_present);
	push_reason(L, PL_MQTT_CONNACK, connack->reason, self->version);
	pl_lua_mqtt_push(L, &connack->properties);
	return 5;
}

static int push_end(lua_State *L, const mqtt_object *self, const pl_mqtt_end *end)
{
	if (end->by_server || end->status == PL_OK) {
		push_reason(L, end->connected ? PL_MQTT_DISCONNECT : PL_MQTT_CONNACK, end->reason,
			    end->by_server ? self->version : PL_MQTT_5);
	} else {
		lua_pushinteger(L, end->reason);
		lua_pushstring(L, end->message);
	}
	pl_lua_mqtt_push(L, end->properties);
	return 4;
}

static int push_ack(lua_State *L, const mqtt_object *self, uint8_t type, const pl_mqtt_ack *ack)
{
	lua_pushinteger(L, ack->id);
	push_reason(L, type, ack->reason, self->version);
	pl_lua_mqtt_push(L, &ack->properties);
	return 5;
}

static int push_codes(lua_State *L, const pl_mqtt_suback *suback)
{
	lua_pushinteger(L, suback->id);
	lua_createtable(L, (int)suback->codes.len, 0);
	for (size_t i = 0; i < suback->codes.len; i++) {
		lua_pushinteger(L, (uint8_t)suback->codes.at[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	pl_lua_mqtt_push(L, &suback->properties);
	return 4;
}

static int push_auth(lua_State *L, const mqtt_object *self, const pl_mqtt_ack *auth)
{
	push_reason(L, PL_MQTT_AUTH, auth->reason, self->version);
	pl_lua_mqtt_push(L, &auth->properties);
	return 4;
}

typedef struct failure {
	int status;
	pl_slice topic;
	const char *message;
} failure;

static int push_failure(lua_State *L, const failure *of)
{
	pl_lua_push(L, of->topic);
	if (of->topic.len > 0)
		lua_pushfstring(L, "topic '%s': %s", lua_tostring(L, -1), of->message);
	else
		lua_pushstring(L, of->message);
	lua_remove(L, -2);
	lua_pushstring(L, pl_status_name(of->status));
	return 3;
}

static int push_call(lua_State *L, void *context)
{
	const call *made = context;

	luaL_checkstack(L, 16, "an event");
	if (made->self->conn == LUA_NOREF)
		lua_pushnil(L);
	else
		lua_rawgeti(L, LUA_REGISTRYINDEX, made->self->conn);
	switch (made->event) {
	case PL_OnMQTTConnect:
		return push_connack(L, made->self, made->of);
	case PL_OnMQTTDisconnect:
		return push_end(L, made->self, made->of);
	case PL_OnMQTTPublish:
		return push_message(L, made->of);
	case PL_OnMQTTPubAck:
		return push_ack(L, made->self, PL_MQTT_PUBACK, made->of);
	case PL_OnMQTTPubRec:
		return push_ack(L, made->self, PL_MQTT_PUBREC, made->of);
	case PL_OnMQTTPubComp:
		return push_ack(L, made->self, PL_MQTT_PUBCOMP, made->of);
	case PL_OnMQTTSubscribe:
	case PL_OnMQTTUnSubscribe:
		return push_codes(L, made->of);
	case PL_OnMQTTAuth:
		return push_auth(L, made->self, made->of);
	case PL_OnError:
		return push_failure(L, made->of);
	default:
		return 1;
	}
}

/* The session tells. */

static int push_connected(lua_State *L, void *context)
{
	const pl_mqtt_connack *connack = context;

	lua_pushboolean(L, connack->session_present);
	pl_lua_mqtt_push(L, &connack->properties);
	return 2;
}

static void on_connected(void *owner, const pl_mqtt_connack *connack)
{
	pl_lua_mqtt_hook(owner, MQTT_CONNECTED, push_connected, (void *)(uintptr_t)connack);
	dispatch(owner, PL_OnMQTTConnect, connack, false);
}

static void on_message(void *owner, const pl_mqtt_publish *publish)
{
	dispatch(owner, PL_OnMQTTPublish, publish, true);
}

static void on_acknowledged(void *owner, uint8_t type, const pl_mqtt_ack *ack)
{
	dispatch(owner,
		 type == PL_MQTT_PUBACK	  ? PL_OnMQTTPubAck
		 : type == PL_MQTT_PUBREC ? PL_OnMQTTPubRec
					  : PL_OnMQTTPubComp,
		 ack, false);
}

static void on_subscribed(void *owner, const pl_mqtt_suback *suback)
{
	dispatch(owner, PL_OnMQTTSubscribe, suback, false);
}

static void on_unsubscribed(void *owner, const pl_mqtt_suback *unsuback)
{
	dispatch(owner, PL_OnMQTTUnSubscribe, unsuback, false);
}

static void on_auth(void *owner, const pl_mqtt_ack *auth)
{
	dispatch(owner, PL_OnMQTTAuth, auth, false);
}

static void on_pong(void *owner)
{
	dispatch(owner, PL_OnMQTTPing, NULL, false);
}

typedef struct settlement {
	uintptr_t ticket;
	int status;
	uint8_t reason;
} settlement;

static int push_settled(lua_State *L, void *context)
{
	const settlement *of = context;
	const char *name = pl_mqtt_reason_text(of->reason);

	lua_pushnumber(L, (lua_Number)of->ticket);
	if (of->status) {
		lua_pushstring(L, pl_status_text(of->status));
		lua_pushstring(L, pl_status_name(of->status));
		return 3;
	}
	if (of->reason < PL_MQTT_FAILURE)
		return 1;
	lua_pushstring(L, name ? name : "Unspecified error");
	lua_pushinteger(L, of->reason);
	return 3;
}

static void on_settled(void *owner, void *waiter, int status, uint8_t reason)
{
	settlement of = { (uintptr_t)waiter, status, reason };
	mqtt_object *self = owner;

	if (self->session)
		pl_lua_mqtt_hook(owner, MQTT_SETTLED, push_settled, &of);
}

static void on_undelivered(void *owner, int status, pl_slice topic, const char *message)
{
	mqtt_object *self = owner;
	const failure of = { status, topic, message };

	if (pl_handlers_has(&self->handlers, PL_OnError))
		dispatch(self, PL_OnError, &of, false);
	else
		pl_log(PL_LOG_ERROR, "mqtt: a message was not delivered: %s", message);
}

static void on_drain(void *owner)
{
	dispatch(owner, PL_OnDrain, NULL, false);
}

static int push_ended(lua_State *L, void *context)
{
	const pl_mqtt_end *end = context;

	lua_pushstring(L, end->message);
	lua_pushstring(L, pl_status_name(end->status));
	lua_pushinteger(L, end->reason);
	lua_pushboolean(L, end->by_server);
	lua_pushboolean(L, end->connected);
	pl_lua_mqtt_push(L, end->properties);
	return 6;
}

static void on_disconnected(void *owner, const pl_mqtt_end *end)
{
	mqtt_object *self = owner;

	pl_lua_mqtt_hook(self, MQTT_ENDED, push_ended, (void *)(uintptr_t)end);
	dispatch(self, PL_OnMQTTDisconnect, end, false);
}

const pl_mqtt_session_events pl_lua_mqtt_events = {
	.connected = on_connected,
	.message = on_message,
	.acknowledged = on_acknowledged,
	.subscribed = on_subscribed,
	.unsubscribed = on_unsubscribed,
	.auth = on_auth,
	.pong = on_pong,
	.settled = on_settled,
	.undelivered = on_undelivered,
	.drain = on_drain,
	.disconnected = on_disconnected,
};

/* The store tells. */

typedef struct opening {
	int status;
	const char *message;
	const pl_mqtt_loaded *loaded;
} opening;

static int push_opened(lua_State *L, void *context)
{
	const opening *of = context;

	if (of->status) {
		lua_pushnil(L);
		lua_pushstring(L, of->message);
		lua_pushstring(L, pl_status_name(of->status));
		return 3;
	}
	pl_lua_push(L, of->loaded->client_identifier);
	lua_pushinteger(L, of->loaded->version);
	return 2;
}

static void on_store_opened(void *owner, int status, const char *message,
			    const pl_mqtt_loaded *loaded)
{
	mqtt_object *self = owner;
	opening of = { status, message, loaded };

	if (!status && loaded->version != 0 && loaded->version != self->version) {
		of.status = PL_EINVAL;
		of.message = "the file holds a session of another version of MQTT";
		for (size_t i = 0; i < loaded->message_count; i++)
			pl_block_unref(loaded->messages[i].packet);
	} else if (!status) {
		of.status = pl_mqtt_session_restore(self->session, self->store, loaded);
		of.message = pl_status_text(of.status);
	}
	pl_lua_mqtt_hook(self, MQTT_STORED, push_opened, &of);
}

static void on_stored(void *owner, void *context, int status)
{
	mqtt_object *self = owner;

	if (self->session)
		pl_mqtt_session_stored(self->session, context, status);
}

static void on_store_failed(void *owner, int status, const char *message)
{
	(void)owner, (void)status;
	pl_log(PL_LOG_ERROR, "mqtt: %s", message);
}

const pl_mqtt_store_events pl_lua_mqtt_store_events = { .opened = on_store_opened,
							.stored = on_stored,
							.failed = on_store_failed };

static void nothing(void *owner, int status)
{
	(void)owner, (void)status;
}

const pl_stream_events pl_lua_mqtt_nobody = { .closed = nothing };
