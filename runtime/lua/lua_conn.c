#include "lua/lua_conn.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "crypto/random.h"
#include "lua/lua_conn_flush.h"
#include "lua/lua_conn_ping.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"
#include "server/server.h"

static const char KIND[] = "perilune.conn";

/* An event, and what its handler gets behind the bytes. */
typedef struct happening {
	pl_event event;
	const char *word; /* an error's code; "text" or "binary" of a fragment; NULL: nothing */
	bool more;	  /* of a fragment: others follow */
} happening;

typedef struct pending {
	struct pending *next;
	happening what;
	pl_block *bytes; /* of a message */
} pending;

typedef struct conn_object {
	pl_conn *conn;	    /* NULL after its end */
	pl_conn_info *info; /* after its end */
	pl_handlers *handlers;
	int ref; /* keeps the userdata while the connection lives or a handler runs */
	bool has_data;
	uint8_t busy;	   /* handlers that run or wait: one, and a question beside it */
	bool draining;	   /* run_next is on the stack */
	bool disconnected; /* OnDisconnect is due when it has ended */
	uint16_t code;
	pl_block *reason;
	pending *first;
	pending *last;
	int64_t pending_count;
	size_t pending_bytes;
	uint64_t received; /* after its end */
	uint64_t sent;
	pl_list pings;
	pl_list flushes;
} conn_object;

static void run_next(conn_object *self);

/* The userdata. */

static conn_object *object_of(pl_handlers *handlers, pl_conn *conn)
{
	lua_State *L = handlers->script->L;
	conn_object *self = conn->binding;

	if (self)
		return self;
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->conn = conn;
	self->handlers = handlers;
	pl_list_init(&self->pings);
	pl_list_init(&self->flushes);
	self->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	conn->binding = self;
	pl_handlers_keep(handlers);
	return self;
}

void pl_lua_conn_push(lua_State *L, pl_handlers *handlers, pl_conn *conn)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, object_of(handlers, conn)->ref);
}

int pl_lua_conn_ref(const pl_conn *conn)
{
	return conn->binding ? ((const conn_object *)conn->binding)->ref : LUA_NOREF;
}

static conn_object *check(lua_State *L, int index)
{
	return pl_lua_check(L, index, KIND);
}

pl_conn *pl_lua_conn_at(lua_State *L, int index)
{
	return check(L, index)->conn;
}

static const pl_conn_info *info_of(const conn_object *self)
{
	return self->conn ? self->conn->info : self->info;
}

/* Events. */

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

/* After the end nothing comes but what tells of it. */
static void drop_pending(conn_object *self, bool errors)
{
	pending *event = self->first;

	self->first = NULL;
	self->last = NULL;
	self->pending_count = 0;
	self->pending_bytes = 0;
	while (event) {
		pending *next = event->next;

		if (!errors &&
		    (event->what.event == PL_OnError || event->what.event == PL_OnException)) {
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

static void event_done(pl_task *task, bool ok)
{
	conn_object *self = task->context;

	if (!ok)
		pl_handlers_exception(self->handlers, task, self->ref);
	self->busy--;
	run_next(self);
}

/* Calls the handler with the conn and what `push` adds. */
static pl_task *begin(conn_object *self, pl_event event)
{
	pl_task *task = pl_handlers_task(self->handlers, event, event_done, self);

	if (task) {
		lua_rawgeti(task->L, LUA_REGISTRYINDEX, self->ref);
		self->busy++;
	}
	return task;
}

/* data: of a message, or the text of an error. */
static void run_event(conn_object *self, const happening *what, const void *data, size_t len)
{
	pl_task *task = begin(self, what->event);
	int arguments = 1;

	if (!task)
		return;
	if (data) {
		lua_pushlstring(task->L, data, len);
		arguments++;
	}
	if (what->word) {
		lua_pushstring(task->L, what->word);
		arguments++;
	}
	if (what->event == PL_OnFragmented) {
		lua_pushboolean(task->L, what->more);
		arguments++;
	}
	pl_task_run(task, arguments);
}

static void disconnect_done(pl_task *task, bool ok)
{
	conn_object *self = task->context;

	if (!ok)
		pl_handlers_exception(self->handlers, task, self->ref);
	release(self);
}

static void run_disconnect(conn_object *self)
{
	pl_task *task = pl_handlers_task(self->handlers, PL_OnDisconnect, disconnect_done, self);
	pl_block *reason = self->reason;

	self->disconnected = false;
	self->reason = NULL;
	if (task) {
		lua_rawgeti(task->L, LUA_REGISTRYINDEX, self->ref);
		lua_pushinteger(task->L, self->code);
		lua_pushlstring(task->L, reason ? (const char *)reason->data : "",
				reason ? reason->len : 0);
	}
	pl_block_unref(reason);
	if (task)
		pl_task_run(task, 3);
	else
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
	if (self->busy)
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
	if (!self->busy)
		run_event(self, &what, message, strlen(message));
	else if (self->pending_count < conn->settings->limits->pending_events)
		enqueue(self, &what, message, strlen(message));
}

void pl_lua_conn_error(pl_handlers *handlers, pl_conn *conn, int status, const char *message,
		       bool raise)
{
	tell_error(handlers, conn, PL_OnError, pl_status_name(status), message);
	if (raise)
		tell_error(handlers, conn, PL_OnException, NULL, message);
}

/* Questions. */

static void answered(pl_lua_question *question, lua_State *L)
{
	conn_object *self = question->object;

	self->busy--;
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

void pl_lua_conn_ask(pl_handlers *handlers, pl_conn *conn, pl_lua_question *question)
{
	conn_object *self = object_of(handlers, conn);
	pl_task *task = pl_handlers_task(handlers, question->event, question_done, question);

	question->object = self;
	self->busy++;
	if (!task) {
		answered(question, NULL);
		return;
	}
	task->abandoned = question_abandoned;
	lua_rawgeti(task->L, LUA_REGISTRYINDEX, self->ref);
	pl_task_run(task, 1 + (question->push ? question->push(question, task->L) : 0));
}

void pl_lua_conn_connect(pl_handlers *handlers, pl_conn *conn)
{
	dispatch(handlers, conn, &(happening){ .event = PL_OnConnect }, NULL, 0);
}

void pl_lua_conn_message(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			 const uint8_t *data, size_t len)
{
	const happening what = { .event = kind == PL_KIND_TEXT ? PL_OnMessage : PL_OnBinary };

	dispatch(handlers, conn, &what, data, len);
}

void pl_lua_conn_fragment(pl_handlers *handlers, pl_conn *conn, enum pl_kind kind,
			  const uint8_t *data, size_t len, bool more)
{
	const happening what = { .event = PL_OnFragmented,
				 .word = kind == PL_KIND_TEXT ? "text" : "binary",
				 .more = more };

	dispatch(handlers, conn, &what, data, len);
}

void pl_lua_conn_drain(pl_handlers *handlers, pl_conn *conn)
{
	dispatch(handlers, conn, &(happening){ .event = PL_OnDrain }, NULL, 0);
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
	self->info = pl_conn_info_ref(conn->info);
	conn->ops->counts(conn, &self->received, &self->sent);
	self->conn = NULL;
	conn->binding = NULL;
	drop_pending(self, false);
	self->disconnected = session;
	self->code = code;
	self->reason = reason.len ? pl_block_copy(reason.at, reason.len) : NULL;
	pl_lua_ping_failed(&self->pings, PL_ECLOSED);
	pl_lua_flush_failed(&self->flushes, PL_ECLOSED);
	if (self->busy)
		return;
	if (session)
		run_disconnect(self);
	else
		release(self);
}

/* Methods. */

int pl_lua_conn_result(lua_State *L, const pl_conn *conn, int status)
{
	if (status == PL_ECLOSED && conn && conn->state == PL_CONN_HTTP)
		return pl_lua_fail(L, PL_ESTATE, "the connection is no WebSocket yet");
	return pl_lua_result(L, status);
}

static int conn_write_kind(lua_State *L, enum pl_kind kind)
{
	conn_object *self = check(L, 1);
	pl_slice text = pl_lua_check_slice(L, 2);
	lua_Integer fragment = luaL_optinteger(L, 3, 0);

	luaL_argcheck(L, fragment >= 0 && fragment <= INT32_MAX, 3,
		      "takes a number of bytes, from 1");
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	return pl_lua_conn_result(
		L, self->conn,
		pl_conn_write(self->conn, kind, text.at, text.len, (size_t)fragment));
}

static int conn_write(lua_State *L)
{
	return conn_write_kind(L, PL_KIND_TEXT);
}

static int conn_write_binary(lua_State *L)
{
	return conn_write_kind(L, PL_KIND_BINARY);
}

static int conn_close(lua_State *L)
{
	conn_object *self = check(L, 1);
	uint16_t code = pl_lua_check_close_code(L, 2);
	pl_slice reason = { NULL, 0 };

	if (!lua_isnoneornil(L, 3))
		reason = pl_lua_check_slice(L, 3);
	luaL_argcheck(L, pl_utf8_valid((const uint8_t *)reason.at, reason.len), 3, "must be UTF-8");
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	pl_conn_close(self->conn, code, reason);
	return pl_lua_result(L, PL_OK);
}

static int conn_disconnect(lua_State *L)
{
	conn_object *self = check(L, 1);
	uint16_t code = pl_lua_check_close_code(L, 2);

	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	pl_conn_disconnect(self->conn, code, pl_slice_make(NULL, 0));
	return pl_lua_result(L, PL_OK);
}

static int conn_subscribe(lua_State *L)
{
	conn_object *self = check(L, 1);
	pl_slice channel = pl_lua_check_slice(L, 2);

	luaL_argcheck(L, channel.len > 0 && channel.len <= PL_CHANNEL_NAME_MAX, 2,
		      "takes a channel's name, 1 to 1024 bytes");
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	return pl_lua_conn_result(L, self->conn, pl_server_subscribe(self->conn, channel));
}

static int conn_unsubscribe(lua_State *L)
{
	conn_object *self = check(L, 1);
	pl_slice channel = pl_lua_check_slice(L, 2);

	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	lua_pushboolean(L, pl_server_unsubscribe(self->conn, channel));
	return 1;
}

/* ping([timeout]): with a timeout it waits for the answer, and closes who does not give it. */
static int conn_ping(lua_State *L)
{
	conn_object *self = check(L, 1);

	if (lua_isnoneornil(L, 2))
		return pl_lua_conn_result(
			L, self->conn, self->conn ? pl_conn_ping(self->conn, NULL, 0) : PL_ECLOSED);
	return pl_lua_ping(L, self->conn, &self->pings, luaL_checknumber(L, 2));
}

/* flush([timeout]): waits until what was written is with the system. */
static int conn_flush(lua_State *L)
{
	conn_object *self = check(L, 1);

	return pl_lua_flush(L, self->conn, &self->flushes, luaL_optnumber(L, 2, 0));
}

/* Properties. */

static int get_guid(lua_State *L)
{
	char text[PL_GUID_TEXT];

	pl_guid_encode(text, &info_of(check(L, 1))->guid);
	lua_pushlstring(L, text, sizeof(text));
	return 1;
}

static int push_ip(lua_State *L, const pl_address *address)
{
	char text[PL_ADDRESS_TEXT];

	lua_pushlstring(L, text, pl_address_ip(address, text));
	return 1;
}

static int get_ip(lua_State *L)
{
	return push_ip(L, &info_of(check(L, 1))->peer);
}

static int get_local_ip(lua_State *L)
{
	return push_ip(L, &info_of(check(L, 1))->local);
}

static int get_port(lua_State *L)
{
	lua_pushinteger(L, info_of(check(L, 1))->peer.port);
	return 1;
}

static int get_local_port(lua_State *L)
{
	lua_pushinteger(L, info_of(check(L, 1))->local.port);
	return 1;
}

static int get_url(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_url(info_of(check(L, 1))));
	return 1;
}

static int get_protocol(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_protocol(info_of(check(L, 1))));
	return 1;
}

static int get_alpn_protocol(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_alpn(info_of(check(L, 1))));
	return 1;
}

static int get_transport(lua_State *L)
{
	lua_pushstring(L, info_of(check(L, 1))->transport);
	return 1;
}

static int push_head(lua_State *L, size_t (*unpack)(const pl_conn_info *info, char *out))
{
	const pl_conn_info *info = info_of(check(L, 1));
	size_t len = unpack(info, NULL);
	char *text = lua_newuserdata(L, len);

	unpack(info, text);
	pl_lua_push_headers(L, pl_slice_make(text, len));
	return 1;
}

static int get_headers_request(lua_State *L)
{
	return push_head(L, pl_conn_info_request);
}

static int get_headers_response(lua_State *L)
{
	return push_head(L, pl_conn_info_response);
}

static int get_generation(lua_State *L)
{
	lua_pushnumber(L, info_of(check(L, 1))->generation);
	return 1;
}

static int push_count(lua_State *L, bool sent)
{
	conn_object *self = check(L, 1);

	if (self->conn)
		self->conn->ops->counts(self->conn, &self->received, &self->sent);
	lua_pushnumber(L, (lua_Number)(sent ? self->sent : self->received));
	return 1;
}

static int get_rec_bytes(lua_State *L)
{
	return push_count(L, false);
}

static int get_send_bytes(lua_State *L)
{
	return push_count(L, true);
}

/* The application's own table is the userdata's environment: made when it is asked for. */
static int get_data(lua_State *L)
{
	conn_object *self = check(L, 1);

	if (!self->has_data) {
		lua_newtable(L);
		lua_setfenv(L, 1);
		self->has_data = true;
	}
	lua_getfenv(L, 1);
	return 1;
}

static int set_data(lua_State *L)
{
	conn_object *self = check(L, 1);

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_setfenv(L, 1);
	self->has_data = true;
	return 0;
}

static int conn_gc(lua_State *L)
{
	conn_object *self = lua_touserdata(L, 1);

	drop_pending(self, true);
	pl_block_unref(self->reason);
	pl_conn_info_unref(self->info);
	if (self->conn)
		self->conn->binding = NULL;
	return 0;
}

static const luaL_Reg methods[] = {
	{ "write", conn_write },
	{ "write_binary", conn_write_binary },
	{ "close", conn_close },
	{ "disconnect", conn_disconnect },
	{ "subscribe", conn_subscribe },
	{ "unsubscribe", conn_unsubscribe },
	{ "ping", conn_ping },
	{ "flush", conn_flush },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "guid", get_guid },
	{ "ip", get_ip },
	{ "port", get_port },
	{ "local_ip", get_local_ip },
	{ "local_port", get_local_port },
	{ "url", get_url },
	{ "protocol", get_protocol },
	{ "alpn_protocol", get_alpn_protocol },
	{ "transport", get_transport },
	{ "headers_request", get_headers_request },
	{ "headers_response", get_headers_response },
	{ "generation", get_generation },
	{ "rec_bytes", get_rec_bytes },
	{ "send_bytes", get_send_bytes },
	{ "data", get_data },
	{ NULL, NULL },
};

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, conn_gc);
	return 0;
}

int pl_lua_open_conn(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "methods", methods);
	pl_lua_set_functions(L, "getters", getters);
	lua_pushcfunction(L, set_data);
	lua_setfield(L, -2, "set_data");
	lua_pushcfunction(L, set_metatable);
	lua_setfield(L, -2, "set_metatable");
	return 1;
}
