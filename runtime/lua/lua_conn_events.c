/* A conn's events, one at a time: its handlers, what waits for them, its end. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_conn_flush.h"
#include "lua/lua_conn_internal.h"
#include "lua/lua_conn_ping.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

/* A message without bytes; NULL is an event that has none. */
static const uint8_t NOTHING[] = "";

static void run_next(conn_object *self);

/* The userdata. */

static int make_object(lua_State *L, void *context)
{
	conn_object **made = context;
	conn_object *self = pl_lua_new(L, PL_CONN_KIND, sizeof(*self));

	self->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	*made = self;
	return 0;
}

/* NULL without memory. */
static conn_object *object_of(pl_handlers *handlers, pl_conn *conn)
{
	conn_object *self = conn->binding;

	if (self || !pl_tasks_try(handlers->script, make_object, &self))
		return self;
	self->conn = conn;
	self->handlers = handlers;
	pl_list_init(&self->pings);
	pl_list_init(&self->flushes);
	conn->binding = self;
	pl_handlers_keep(handlers);
	return self;
}

void pl_lua_conn_push(lua_State *L, pl_handlers *handlers, pl_conn *conn)
{
	conn_object *self = object_of(handlers, conn);

	if (!self)
		luaL_error(L, "out of memory");
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->ref);
}

int pl_lua_conn_ref(const pl_conn *conn)
{
	return conn->binding ? ((const conn_object *)conn->binding)->ref : LUA_NOREF;
}

/* What waits. */

static void append(conn_object *self, pending *event)
{
	event->next = NULL;
	if (self->last)
		self->last->next = event;
	else
		self->first = event;
	self->last = event;
	self->pending_count++;
	self->pending_bytes += event->bytes ? event->bytes->len : 0;
}

/* Whether an event comes also when its connection has ended. What a client has received is not
 * lost; a server's peers come again and again, and would pile up what waits. */
static bool outlasts(const conn_object *self, pl_event event)
{
	if (event == PL_OnError || event == PL_OnException)
		return true;
	return self->handlers->whose == PL_OF_CLIENT && !self->left && event != PL_OnDrain &&
	       event != PL_OnPing;
}

void pl_lua_conn_forget(conn_object *self, bool all)
{
	pending *event = self->first;

	self->first = NULL;
	self->last = NULL;
	self->pending_count = 0;
	self->pending_bytes = 0;
	while (event) {
		pending *next = event->next;

		if (!all && outlasts(self, event->what.event)) {
			append(self, event);
		} else {
			pl_block_unref(event->bytes);
			pl_free(event);
		}
		event = next;
	}
}

static void release(conn_object *self)
{
	int ref = self->ref;
	pl_handlers *handlers = self->handlers;

	self->ref = LUA_NOREF;
	luaL_unref(handlers->script->L, LUA_REGISTRYINDEX, ref);
	pl_handlers_leave(handlers);
}

static void end_greeting(conn_object *self)
{
	self->greeting = false;
	if (self->conn && self->handlers->greeted)
		self->handlers->greeted(self->handlers, self->conn);
}

static void event_done(pl_task *task, bool ok)
{
	conn_object *self = task->context;

	if (!ok)
		pl_handlers_exception(self->handlers, task, self->ref);
	if (self->greeting)
		end_greeting(self);
	self->busy--;
	run_next(self);
}

typedef struct call {
	conn_object *self;
	const happening *what;
	const void *data; /* of a message, or the text of an error */
	size_t len;
} call;

static int push_call(lua_State *L, void *context)
{
	const call *made = context;
	int count = 1;

	lua_rawgeti(L, LUA_REGISTRYINDEX, made->self->ref);
	if (made->data) {
		lua_pushlstring(L, made->data, made->len);
		count++;
	}
	if (made->what->word) {
		lua_pushstring(L, made->what->word);
		count++;
	}
	if (made->what->event == PL_OnFragmented) {
		lua_pushboolean(L, made->what->more);
		count++;
	}
	return count;
}

/* An event of which the script cannot be told: the connection is not what it was. */
static void lose(pl_conn *conn)
{
	pl_log(PL_LOG_ERROR, "connection dropped: no memory for its events");
	if (conn)
		pl_conn_disconnect(conn, 1011, PL_SLICE("out of memory"));
}

static void run_event(conn_object *self, const happening *what, const void *data, size_t len)
{
	call made = { self, what, data, len };
	pl_task *task = pl_handlers_task(self->handlers, what->event, event_done, self);
	int arguments = task ? pl_task_push(task, push_call, &made) : -1;

	if (arguments < 0) {
		if (task)
			pl_task_drop(task);
		if (pl_handlers_has(self->handlers, what->event))
			lose(self->conn);
		return;
	}
	self->busy++;
	self->greeting = what->event == PL_OnConnect;
	pl_task_run(task, arguments);
}

static void disconnect_done(pl_task *task, bool ok)
{
	conn_object *self = task->context;

	if (!ok)
		pl_handlers_exception(self->handlers, task, self->ref);
	release(self);
}

static int push_disconnect(lua_State *L, void *context)
{
	const conn_object *self = context;
	const pl_block *reason = self->reason;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->ref);
	lua_pushinteger(L, self->code);
	lua_pushlstring(L, reason ? (const char *)reason->data : "", reason ? reason->len : 0);
	return 3;
}

static void run_disconnect(conn_object *self)
{
	pl_task *task = pl_handlers_task(self->handlers, PL_OnDisconnect, disconnect_done, self);
	int arguments = task ? pl_task_push(task, push_disconnect, self) : -1;

	self->disconnected = false;
	pl_block_unref(self->reason);
	self->reason = NULL;
	if (arguments >= 0) {
		pl_task_run(task, arguments);
		return;
	}
	if (task)
		pl_task_drop(task);
	if (pl_handlers_has(self->handlers, PL_OnDisconnect))
		lose(NULL);
	release(self);
}

static void run_first(conn_object *self)
{
	pending *event = self->first;
	pl_block *bytes = event->bytes;

	self->first = event->next;
	if (!self->first)
		self->last = NULL;
	self->pending_count--;
	self->pending_bytes -= bytes ? bytes->len : 0;
	run_event(self, &event->what, bytes ? bytes->data : NULL, bytes ? bytes->len : 0);
	pl_block_unref(bytes);
	pl_free(event);
}

/* A handler has ended. Those that do not wait end within the loop below, which then goes on. */
static void run_next(conn_object *self)
{
	if (self->draining)
		return;
	self->draining = true;
	while (!self->busy && self->first)
		run_first(self);
	self->draining = false;
	if (self->busy)
		return;
	if (self->disconnected)
		run_disconnect(self);
	else if (self->conn)
		pl_conn_pause(self->conn, false);
	else
		release(self);
}

static void enqueue(conn_object *self, const happening *what, const void *data, size_t len)
{
	const pl_limits *limits = self->conn->settings->limits;
	pending *event = pl_calloc(1, sizeof(*event));
	pl_block *bytes = data ? pl_block_copy(data, len) : NULL;

	if (!event || (data && !bytes)) {
		pl_log(PL_LOG_ERROR, "connection dropped: no memory for its messages");
		pl_free(event);
		pl_conn_disconnect(self->conn, 1011, PL_SLICE("out of memory"));
		return;
	}
	event->what = *what;
	event->bytes = bytes;
	append(self, event);
	if (self->pending_count >= limits->pending_events ||
	    self->pending_bytes >= (size_t)limits->high_water)
		pl_conn_pause(self->conn, true);
}

static void dispatch(pl_handlers *handlers, pl_conn *conn, const happening *what, const void *data,
		     size_t len)
{
	conn_object *self;

	if (!pl_handlers_has(handlers, what->event))
		return;
	self = object_of(handlers, conn);
	if (!self)
		lose(conn);
	else if (self->busy)
		enqueue(self, what, data, len);
	else
		run_event(self, what, data, len);
}

static void tell_error(pl_handlers *handlers, pl_conn *conn, pl_event event, const char *code,
		       const char *message)
{
	const happening what = { .event = event, .word = code };
	conn_object *self;

	if (!pl_handlers_has(handlers, event))
		return;
	self = object_of(handlers, conn);
	if (!self)
		lose(conn);
	else if (!self->busy)
		run_event(self, &what, message, strlen(message));
	else if (self->pending_count < conn->settings->limits->pending_events)
		enqueue(self, &what, message, strlen(message));
}

void pl_lua_conn_error(pl_handlers *handlers, pl_conn *conn, int status, const char *message,
		       bool raise)
{
	tell_error(handlers, conn, PL_OnError, pl_status_name(status), message);
	if (raise)
		pl_lua_conn_exception(handlers, conn, message);
}

void pl_lua_conn_exception(pl_handlers *handlers, pl_conn *conn, const char *message)
{
	tell_error(handlers, conn, PL_OnException, NULL, message);
}

void pl_lua_conn_leave(pl_conn *conn)
{
	conn_object *self = conn->binding;

	if (!self)
		return;
	self->left = true;
	pl_lua_conn_forget(self, false);
}

bool pl_lua_conn_left(const pl_conn *conn)
{
	const conn_object *self = conn->binding;

	return self && self->left;
}

/* Questions. */

static void answered(pl_lua_question *question, lua_State *L)
{
	conn_object *self = question->object;

	self->busy--;
	if (question->event == PL_OnBeforeHeartBeat)
		self->beating = false;
	question->answered(question, self->conn, L);
	run_next(self);
}

static void question_done(pl_task *task, bool ok)
{
	pl_lua_question *question = task->context;
	conn_object *self = question->object;

	if (!ok)
		pl_handlers_exception(self->handlers, task, self->ref);
	answered(question, ok ? task->L : NULL);
}

static void question_abandoned(pl_task *task)
{
	pl_lua_question *question = task->context;

	question->answered(question, NULL, NULL);
}

static int push_question(lua_State *L, void *context)
{
	pl_lua_question *question = context;

	lua_rawgeti(L, LUA_REGISTRYINDEX, ((conn_object *)question->object)->ref);
	return 1 + (question->push ? question->push(question, L) : 0);
}

void pl_lua_conn_ask(pl_handlers *handlers, pl_conn *conn, pl_lua_question *question)
{
	conn_object *self = object_of(handlers, conn);
	pl_task *task;
	int arguments;

	if (!self) {
		question->answered(question, conn, NULL);
		return;
	}
	question->object = self;
	self->busy++;
	if (question->event == PL_OnBeforeHeartBeat)
		self->beating = true;
	task = pl_handlers_task(handlers, question->event, question_done, question);
	arguments = task ? pl_task_push(task, push_question, question) : -1;
	if (arguments < 0) {
		if (task)
			pl_task_drop(task);
		answered(question, NULL);
		return;
	}
	task->abandoned = question_abandoned;
	pl_task_run(task, arguments);
}

/* OnBeforeHeartBeat(conn) -> boolean */

static void heartbeat_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	if (conn)
		pl_conn_heartbeat(conn, L && lua_toboolean(L, 1));
	pl_free(question);
}

bool pl_lua_conn_ask_heartbeat(pl_handlers *handlers, pl_conn *conn)
{
	const conn_object *self = conn->binding;
	pl_lua_question *question;

	if (!pl_handlers_has(handlers, PL_OnBeforeHeartBeat) || (self && self->beating))
		return false;
	question = pl_calloc(1, sizeof(*question));
	if (!question)
		return false;
	question->event = PL_OnBeforeHeartBeat;
	question->answered = heartbeat_answered;
	pl_lua_conn_ask(handlers, conn, question);
	return true;
}

void pl_lua_conn_connect(pl_handlers *handlers, pl_conn *conn)
{
	if (!pl_handlers_has(handlers, PL_OnConnect)) {
		if (handlers->greeted)
			handlers->greeted(handlers, conn);
		return;
	}
	dispatch(handlers, conn, &(happening){ .event = PL_OnConnect }, NULL, 0);
}

void pl_lua_conn_message(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			 const uint8_t *data, size_t len)
{
	const happening what = { .event = kind == PL_KIND_TEXT ? PL_OnMessage : PL_OnBinary };

	dispatch(handlers, conn, &what, len > 0 ? data : NOTHING, len);
}

void pl_lua_conn_fragment(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			  const uint8_t *data, size_t len, bool more)
{
	const happening what = { .event = PL_OnFragmented,
				 .word = kind == PL_KIND_TEXT ? "text" : "binary",
				 .more = more };

	dispatch(handlers, conn, &what, len > 0 ? data : NOTHING, len);
}

void pl_lua_conn_drain(pl_handlers *handlers, pl_conn *conn)
{
	dispatch(handlers, conn, &(happening){ .event = PL_OnDrain }, NULL, 0);
}

void pl_lua_conn_pinged(pl_handlers *handlers, pl_conn *conn, const uint8_t *payload, size_t len)
{
	dispatch(handlers, conn, &(happening){ .event = PL_OnPing }, len > 0 ? payload : NOTHING,
		 len);
}

void pl_lua_conn_flushed(pl_conn *conn)
{
	conn_object *self = conn->binding;

	if (self)
		pl_lua_flush_answered(&self->flushes, conn);
}

void pl_lua_conn_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	conn_object *self = conn->binding;

	if (self)
		pl_lua_ping_answered(&self->pings, payload, len);
}

void pl_lua_conn_disconnect(pl_handlers *handlers, pl_conn *conn, bool session, uint16_t code,
			    pl_slice reason)
{
	conn_object *self = conn->binding;

	if (!self && !(session && pl_handlers_has(handlers, PL_OnDisconnect)))
		return;
	self = object_of(handlers, conn);
	if (!self) {
		lose(NULL);
		return;
	}
	self->info = pl_conn_info_ref(conn->info);
	conn->ops->counts(conn, &self->received, &self->sent);
	self->left_out = conn->left_out;
	self->conn = NULL;
	conn->binding = NULL;
	pl_lua_conn_forget(self, false);
	self->disconnected = session;
	self->code = code;
	self->reason = reason.len ? pl_block_copy(reason.at, reason.len) : NULL;
	self->busy++; /* handlers that waited for the connection go on now, and may end */
	pl_lua_ping_failed(&self->pings, PL_ECLOSED);
	pl_lua_flush_failed(&self->flushes, PL_ECLOSED);
	self->busy--;
	run_next(self);
}
