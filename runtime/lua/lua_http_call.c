#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "lua/lua_http_internal.h"

static const char KIND[] = "perilune.http_call";

enum {
	PIECE = 262144,	   /* what is given to the stream at a time */
	READ_MAX = 1 << 30 /* what call:read(n) takes */
};

static pl_lua_call *check(lua_State *L)
{
	return pl_lua_check(L, 1, KIND);
}

/* Waiting. */

static void end_hold(pl_lua_call_wait *wait)
{
	pl_script *script = wait->call->script;

	wait->begun = false;
	luaL_unref(script->L, LUA_REGISTRYINDEX, wait->held);
	pl_loop_release(script->loop);
}

static void drop_unsent(pl_lua_call *self)
{
	self->unsent.len = 0;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, self->unsent_held);
	self->unsent_held = LUA_NOREF;
}

/* A call that was being opened is nobody's then. */
static void cancel(pl_wait *wait)
{
	pl_lua_call_wait *self = PL_CONTAINER(wait, pl_lua_call_wait, wait);
	pl_lua_call *call = self->call;

	if (call->ticket) {
		pl_pool_cancel(call->ticket);
		call->ticket = NULL;
		call->status = PL_ECANCELED;
	}
	if (self == &call->writer)
		drop_unsent(call);
	end_hold(self);
}

/* The userdata at index is held meanwhile. */
static int begin_wait(lua_State *L, pl_lua_call *self, int index, pl_lua_call_wait *wait)
{
	lua_pushvalue(L, index);
	wait->held = luaL_ref(L, LUA_REGISTRYINDEX);
	wait->call = self;
	wait->begun = true;
	pl_loop_hold(self->script->loop);
	pl_wait_begin(L, &wait->wait, cancel);
	return pl_wait_yield(L);
}

int pl_lua_call_push_failure(lua_State *L, const pl_lua_call *self)
{
	return pl_lua_fail(L, self->status,
			   self->why[0] ? self->why : pl_status_text(self->status));
}

/* The response's head. */

static void push_fields(lua_State *L, const pl_http_field *fields, size_t count)
{
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_createtable(L, 2, 0);
		pl_lua_push(L, fields[i].name);
		lua_rawseti(L, -2, 1);
		pl_lua_push(L, fields[i].value);
		lua_rawseti(L, -2, 2);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

/* It was decoded once already, and is whole. */
static int push_head(lua_State *L, pl_lua_call *self)
{
	pl_slice raw = pl_slice_make((const char *)self->head.data, self->head.len);
	const pl_http_rules rules = { .max_line = raw.len,
				      .max_block = raw.len,
				      .max_fields = PL_HTTP_FIELDS_MAX };
	pl_http_response response;

	if (self->head.len == 0)
		return pl_lua_call_push_failure(L, self);
	pl_http_response_decode(&response, &rules, raw.at, raw.len, 0);
	lua_createtable(L, 0, 5);
	lua_pushinteger(L, response.status);
	lua_setfield(L, -2, "status");
	pl_lua_push(L, response.reason);
	lua_setfield(L, -2, "reason");
	lua_pushstring(L, response.minor ? "HTTP/1.1" : "HTTP/1.0");
	lua_setfield(L, -2, "version");
	pl_lua_push_headers(L, raw);
	lua_setfield(L, -2, "headers");
	push_fields(L, response.fields, response.field_count);
	lua_setfield(L, -2, "fields");
	return 1;
}

/* What the reader waits for. */

static bool ready(pl_lua_call *self)
{
	switch (self->goal) {
	case PL_LUA_CALL_OPEN:
		return !self->ticket;
	case PL_LUA_CALL_HEAD:
		return self->head.len > 0 || self->status;
	default:
		return pl_lua_call_readable(self);
	}
}

static int push_result(lua_State *L, void *context)
{
	pl_lua_call *self = context;

	switch (self->goal) {
	case PL_LUA_CALL_OPEN:
		if (self->status)
			return pl_lua_call_push_failure(L, self);
		lua_rawgeti(L, LUA_REGISTRYINDEX, self->reader.held);
		return 1;
	case PL_LUA_CALL_HEAD:
		return push_head(L, self);
	default:
		return pl_lua_call_push_piece(L, self);
	}
}

static int push_written(lua_State *L, void *context)
{
	const pl_lua_call *self = context;

	if (self->status)
		return pl_lua_call_push_failure(L, self);
	return pl_lua_result(L, self->ended ? PL_EANSWERED : PL_OK);
}

/* Ends the waits of those who can go on. Both have ended before one of them runs: it may change all
 * there is, and the call may be gone then. */
static void resume(pl_lua_call *self, bool writer)
{
	pl_task *tasks[2] = { NULL, NULL };
	bool reader = self->reader.begun && ready(self);

	if (reader) {
		tasks[0] = pl_wait_end_with(&self->reader.wait, push_result, self);
		end_hold(&self->reader);
	}
	if ((writer || self->status) && self->writer.begun) {
		drop_unsent(self);
		tasks[1] = pl_wait_end_with(&self->writer.wait, push_written, self);
		end_hold(&self->writer);
	}
	for (int i = 0; i < 2; i++)
		if (tasks[i])
			pl_wait_go(tasks[i]);
}

int pl_lua_call_await(lua_State *L, pl_lua_call *self, int index, pl_lua_call_goal goal)
{
	if (self->reader.begun)
		return luaL_error(L, "another task reads this call already");
	self->goal = (uint8_t)goal;
	if (!ready(self))
		return begin_wait(L, self, index, &self->reader);
	if (self->status)
		resume(self, true);
	if (goal != PL_LUA_CALL_OPEN || self->status)
		return push_result(L, self);
	lua_pushvalue(L, index);
	return 1;
}

/* The end. */

static void note_counts(pl_lua_call *self)
{
	self->sent = self->call->sent;
	self->received = self->call->received;
	self->first_byte = self->call->first_byte;
}

static void set_failure(pl_lua_call *self, int status, const char *why)
{
	self->status = status;
	snprintf(self->why, sizeof(self->why), "%s", why);
}

static void break_off(pl_lua_call *self)
{
	if (self->ticket)
		pl_pool_cancel(self->ticket);
	self->ticket = NULL;
	if (!self->call)
		return;
	note_counts(self);
	pl_call_abort(self->call);
	self->call = NULL;
}

void pl_lua_call_break(pl_lua_call *self, int status, const char *why)
{
	break_off(self);
	set_failure(self, status, why);
}

void pl_lua_call_fail(pl_lua_call *self, int status, const char *why)
{
	pl_lua_call_break(self, status, why);
	resume(self, true);
}

/* Events. Each resumes last: the call may be gone after it. */

static void on_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	pl_lua_call *self = owner;
	int status = pl_lua_call_begin_body(self, response);

	note_counts(self);
	if (!status)
		status = pl_buffer_append(&self->head, raw.at, raw.len);
	if (status)
		pl_lua_call_fail(self, status, pl_lua_call_reason(status));
	else
		resume(self, false);
}

static void on_data(void *owner, const uint8_t *data, size_t len)
{
	pl_lua_call *self = owner;
	int status = pl_lua_call_take(self, data, len);

	if (status)
		pl_lua_call_fail(self, status, pl_lua_call_reason(status));
	else
		resume(self, false);
}

/* PL_OK, PL_CALL_BLOCKED or an error: as much of the writer's text as the stream takes. */
static int write_on(pl_lua_call *self)
{
	int status = PL_OK;

	while (self->unsent.len > 0 && status == PL_OK) {
		size_t len = self->unsent.len < PIECE ? self->unsent.len : PIECE;

		status = pl_call_write(self->call, self->unsent.at, len);
		if (status >= 0)
			self->unsent = pl_slice_make(self->unsent.at + len, self->unsent.len - len);
	}
	return status;
}

static int push_status(lua_State *L, void *context)
{
	return pl_lua_result(L, *(const int *)context);
}

static void on_drain(void *owner)
{
	pl_lua_call *self = owner;
	int status;
	pl_task *task;

	if (!self->writer.begun)
		return;
	status = self->unsent.len > 0 ? write_on(self) : PL_OK;
	if (status == PL_CALL_BLOCKED)
		return;
	drop_unsent(self);
	task = pl_wait_end_with(&self->writer.wait, push_status, &status);
	end_hold(&self->writer);
	pl_wait_go(task);
}

static void on_end(void *owner, pl_slice trailers)
{
	pl_lua_call *self = owner;

	note_counts(self);
	self->call = NULL;
	if (trailers.len > 0 && pl_buffer_append(&self->trailers, trailers.at, trailers.len))
		set_failure(self, PL_ENOMEM, pl_status_text(PL_ENOMEM));
	else
		self->ended = true;
	resume(self, true);
}

static void on_failed(void *owner, int status, const char *why)
{
	pl_lua_call *self = owner;

	note_counts(self);
	self->call = NULL;
	set_failure(self, status, why);
	resume(self, true);
}

const pl_call_events pl_lua_call_events = {
	.head = on_head, .data = on_data, .drain = on_drain, .end = on_end, .failed = on_failed
};

void pl_lua_call_opened(pl_lua_call *self, int status, const pl_pool_opened *opened)
{
	self->ticket = NULL;
	if (status) {
		set_failure(self, status, opened->why ? opened->why : pl_status_text(status));
		return;
	}
	self->call = opened->call;
	self->reused = opened->reused;
	self->wait = opened->wait;
	self->resolve = opened->resolve;
	self->connect = opened->connect;
	self->tunnel = opened->tunnel;
	self->tls = opened->tls;
	pl_stream_peer(self->call->stream, &self->remote);
}

void pl_lua_call_on_opened(void *owner, int status, const pl_pool_opened *opened)
{
	pl_lua_call *self = owner;

	pl_lua_call_opened(self, status, opened);
	resume(self, true);
}

/* Methods. */

/* write(call, text) -> true; nil, message, code: "EANSWERED" when the server wants no more. Waits.
 */
static int call_write(lua_State *L)
{
	pl_lua_call *self = check(L);
	pl_slice text = pl_lua_check_slice(L, 2);
	int status;

	pl_wait_check(L);
	if (self->writer.begun)
		return luaL_error(L, "another task writes to this call already");
	if (!self->call)
		return push_written(L, self);
	self->unsent = text;
	status = write_on(self);
	if (status != PL_CALL_BLOCKED) {
		self->unsent.len = 0;
		return pl_lua_result(L, status);
	}
	lua_pushvalue(L, 2);
	self->unsent_held = luaL_ref(L, LUA_REGISTRYINDEX);
	return begin_wait(L, self, 1, &self->writer);
}

/* finish(call) -> true; nil, message, code: the request's body is whole */
static int call_finish(lua_State *L)
{
	pl_lua_call *self = check(L);

	return self->call ? pl_lua_result(L, pl_call_finish(self->call)) : push_written(L, self);
}

/* head(call) -> { status, reason, version, headers, fields }; nil, message, code. Waits. */
static int call_head(lua_State *L)
{
	pl_lua_call *self = check(L);

	pl_wait_check(L);
	return pl_lua_call_await(L, self, 1, PL_LUA_CALL_HEAD);
}

/* read(call [, n]) -> bytes: n of them but for the end, or what is there; nil at the end; nil,
 * message, code. Waits. */
static int call_read(lua_State *L)
{
	pl_lua_call *self = check(L);
	lua_Number wanted = luaL_optnumber(L, 2, 0);

	luaL_argcheck(L, wanted >= 0 && wanted <= READ_MAX, 2, "takes a number of bytes");
	pl_wait_check(L);
	if (!self->reader.begun)
		self->wanted = (size_t)wanted;
	return pl_lua_call_await(L, self, 1, PL_LUA_CALL_READ);
}

/* trailers(call) -> { name = "value" }, when the content has been read */
static int call_trailers(lua_State *L)
{
	const pl_lua_call *self = check(L);

	/* They are read as the lines behind a first one. */
	lua_pushliteral(L, "-\r\n");
	lua_pushlstring(L, (const char *)self->trailers.data, self->trailers.len);
	lua_concat(L, 2);
	pl_lua_push_headers(L, pl_lua_check_slice(L, -1));
	return 1;
}

/* close(call): breaks off what is in progress; what was not read is dropped */
static int call_close(lua_State *L)
{
	pl_lua_call *self = check(L);

	pl_lua_call_drop_body(self);
	if (!self->status)
		pl_lua_call_fail(self, PL_ECLOSED, "the call is closed");
	return 0;
}

static void release(pl_lua_call *self)
{
	break_off(self);
	pl_lua_call_drop_body(self);
	pl_buffer_deinit(&self->head);
	pl_buffer_deinit(&self->trailers);
	if (!self->pool)
		return;
	pl_list_remove(&self->node);
	pl_lua_pool_release(self->pool);
	self->pool = NULL;
}

static int call_gc(lua_State *L)
{
	release(lua_touserdata(L, 1));
	return 0;
}

/* Properties. */

static void set_seconds(lua_State *L, const char *name, uint32_t ms)
{
	lua_pushnumber(L, (lua_Number)ms / 1000);
	lua_setfield(L, -2, name);
}

static int push_timing(lua_State *L, const pl_lua_call *self)
{
	lua_createtable(L, 0, 6);
	set_seconds(L, "wait", self->wait);
	set_seconds(L, "resolve", self->resolve);
	set_seconds(L, "connect", self->connect);
	set_seconds(L, "tunnel", self->tunnel);
	set_seconds(L, "tls", self->tls);
	set_seconds(L, "first_byte", self->first_byte);
	return 1;
}

static int push_remote(lua_State *L, const pl_lua_call *self)
{
	char ip[PL_ADDRESS_TEXT];

	lua_pushlstring(L, ip, pl_address_ip(&self->remote, ip));
	return 1;
}

static int push_property(lua_State *L, pl_lua_call *self, const char *name)
{
	if (self->call)
		note_counts(self);
	if (strcmp(name, "reused") == 0)
		lua_pushboolean(L, self->reused);
	else if (strcmp(name, "sent") == 0)
		lua_pushnumber(L, (lua_Number)self->sent);
	else if (strcmp(name, "received") == 0)
		lua_pushnumber(L, (lua_Number)self->received);
	else if (strcmp(name, "timing") == 0)
		return push_timing(L, self);
	else if (strcmp(name, "remote") == 0)
		return push_remote(L, self);
	else
		lua_pushnil(L);
	return 1;
}

/* A method, which are the upvalue, or a property. */
static int call_index(lua_State *L)
{
	pl_lua_call *self = check(L);

	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	if (!lua_isnil(L, -1))
		return 1;
	return push_property(L, self, luaL_checkstring(L, 2));
}

static const luaL_Reg methods[] = {
	{ "write", call_write }, { "finish", call_finish }, { "head", call_head },
	{ "read", call_read },	 { "close", call_close },   { "trailers", call_trailers },
	{ NULL, NULL },
};

void pl_lua_call_open(lua_State *L)
{
	lua_newtable(L);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_pushcclosure(L, call_index, 1);
	lua_setfield(L, -2, "__index");
	pl_lua_set_kind(L, KIND, call_gc);
}

pl_lua_call *pl_lua_call_push(lua_State *L, pl_lua_pool *pool)
{
	pl_lua_call *self = pl_lua_new(L, KIND, sizeof(*self));

	self->script = pl_script_of(L);
	self->pool = pool;
	self->unsent_held = LUA_NOREF;
	pool->refs++;
	pl_list_append(&pool->calls, &self->node);
	return self;
}
