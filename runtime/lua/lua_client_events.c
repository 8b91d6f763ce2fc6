/* What happens to a script's client, for the script. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "lua/lua_client_internal.h"
#include "lua/lua_conn.h"
#include "lua/lua_value.h"

static client_object *object_of(pl_client *client)
{
	return pl_client_binding(client);
}

static client_object *owner_of(const pl_conn *conn)
{
	return object_of(pl_client_of(conn));
}

static void on_connected(pl_client *client, pl_conn *conn)
{
	client_object *self = object_of(client);

	self->had_connection = true;
	self->broken = false;
	pl_script_has_started(self->script);
	pl_lua_conn_connect(&self->handlers, conn);
	if (self->carried && pl_conn_is_open(conn))
		self->carried->connected(self->carried_owner, conn);
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	client_object *self = owner_of(conn);

	if (self->carried)
		self->carried->message(self->carried_owner, kind, data, len);
	else if (!pl_lua_client_answered(self, kind, data, len))
		pl_lua_conn_message(&self->handlers, conn, kind, data, len);
}

static void on_fragment(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			bool more)
{
	pl_lua_conn_fragment(&owner_of(conn)->handlers, conn, kind, data, len, more);
}

static void on_ping(pl_conn *conn, const uint8_t *payload, size_t len)
{
	pl_lua_conn_pinged(&owner_of(conn)->handlers, conn, payload, len);
}

static void on_drain(pl_conn *conn)
{
	const client_object *self = owner_of(conn);

	if (self->carried)
		self->carried->drain(self->carried_owner);
	pl_lua_conn_drain(&owner_of(conn)->handlers, conn);
}

/* The disconnection that follows is an exception, if that is wanted. */
static void on_error(pl_conn *conn, int status, const char *message)
{
	client_object *self = owner_of(conn);

	self->broken = true;
	pl_lua_conn_error(&self->handlers, conn, status, message, self->raise_disconnects);
}

/* So is one that the script did not ask for. */
static void tell_loss(client_object *self, pl_conn *conn, uint16_t code, pl_slice reason)
{
	char text[192];
	int len = (int)reason.len;

	if (!self->raise_disconnects || self->broken || self->told_to_stop ||
	    pl_lua_conn_left(conn))
		return;
	if (code == 1006)
		snprintf(text, sizeof(text), "the connection was lost%s%.*s", len ? ": " : "", len,
			 len ? reason.at : "");
	else
		snprintf(text, sizeof(text), "the server closed the connection: %u%s%.*s", code,
			 len ? " " : "", len, len ? reason.at : "");
	pl_lua_conn_exception(&self->handlers, conn, text);
}

static void on_disconnected(pl_conn *conn, uint16_t code, pl_slice reason)
{
	client_object *self = owner_of(conn);

	pl_handlers_keep(&self->handlers);
	if (self->carried)
		self->carried->disconnected(self->carried_owner, code, reason);
	tell_loss(self, conn, code, reason);
	pl_lua_conn_disconnect(&self->handlers, conn, true, code, reason);
	pl_lua_client_unanswered(self, PL_ECLOSED);
	pl_handlers_leave(&self->handlers);
}

/* OnError(nil, message, code [, status]) of a place that could not be connected to. */

typedef struct failure_text {
	pl_slice why;
	const char *code;
	int answered;
} failure_text;

static int push_failure(lua_State *L, void *context)
{
	const failure_text *text = context;

	lua_pushnil(L);
	pl_lua_push(L, text->why);
	lua_pushstring(L, text->code);
	if (!text->answered)
		return 3;
	lua_pushinteger(L, text->answered);
	return 4;
}

static void failure_told(pl_task *task, bool ok)
{
	client_object *self = task->context;

	if (!ok)
		pl_handlers_exception(&self->handlers, task, LUA_NOREF);
	pl_handlers_leave(&self->handlers);
}

static void tell_failure(client_object *self, const failure_text *text)
{
	pl_task *task = pl_handlers_task(&self->handlers, PL_OnError, failure_told, self);
	int count = task ? pl_task_push(task, push_failure, (void *)(uintptr_t)text) : -1;

	if (count >= 0) {
		pl_handlers_keep(&self->handlers);
		pl_task_run(task, count);
		return;
	}
	if (task)
		pl_task_drop(task);
	if (!self->awaited)
		pl_log(PL_LOG_WARN, "client: %.*s", (int)text->why.len, text->why.at);
}

static void on_failed(pl_client *client, const pl_client_failure *failure)
{
	client_object *self = object_of(client);
	failure_text text = { .code = pl_status_name(failure->status),
			      .answered = failure->answered };

	if (!self->refused) {
		self->why.len = 0;
		pl_buffer_append(&self->why, failure->why, strlen(failure->why));
	}
	text.why = pl_slice_make((const char *)self->why.data, self->why.len);
	if (text.why.len == 0)
		text.why = PL_SLICE("out of memory");
	tell_failure(self, &text);
}

static void on_stopped(pl_client *client)
{
	client_object *self = object_of(client);

	self->question++; /* nobody needs an answer any more */
	if (self->starts && !self->had_connection && !self->told_to_stop)
		pl_script_start_failed(self->script, "%.*s", (int)self->why.len,
				       (const char *)self->why.data);
	pl_script_remove(self->script, &self->component);
	pl_handlers_leave(&self->handlers);
}

const pl_client_events pl_lua_client_events = {
	.before_connect = pl_lua_client_ask_connect,
	.handshake = pl_lua_client_ask_handshake,
	.before_watchdog = pl_lua_client_ask_watchdog,
	.connected = on_connected,
	.failed = on_failed,
	.message = on_message,
	.fragment = on_fragment,
	.heartbeat = pl_lua_client_ask_heartbeat,
	.ping = on_ping,
	.pong = pl_lua_conn_pong,
	.drain = on_drain,
	.flushed = pl_lua_conn_flushed,
	.error = on_error,
	.disconnected = on_disconnected,
	.stopped = on_stopped,
};
