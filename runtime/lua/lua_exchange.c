#include "lua/lua_exchange.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/http_path.h"
#include "lua/lua_conn.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

static const char REQUEST[] = "perilune.request";
static const char RESPONSE[] = "perilune.response"; /* the metatable of the response tables */

enum { FIELDS_MAX = 100 };

/* One request in the hands of the script. Ends when the exchange has: by our answer or the
 * peer's going, whichever is later than the handler's end. */
typedef struct script_exchange {
	pl_exchange *exchange; /* NULL once it is gone */
	pl_handlers *handlers;
	pl_server *server;
	pl_conn *conn; /* NULL with the exchange */
	pl_buffer body;
	int request; /* references while the handler runs */
	int response;
	bool running;
} script_exchange;

typedef struct request_object {
	script_exchange *exchange; /* NULL when over */
} request_object;

static void free_exchange(script_exchange *self)
{
	pl_handlers_leave(self->handlers);
	pl_buffer_deinit(&self->body);
	pl_free(self);
}

/* The answer. */

/* A field of the response: pushed, *value its text. False when it is nil; what is neither string
 * nor number has *value without text. */
static bool string_field(lua_State *L, int table, const char *name, pl_slice *value)
{
	lua_pushstring(L, name);
	lua_rawget(L, table);
	*value = pl_slice_make(NULL, 0);
	if (lua_isnil(L, -1))
		return false;
	if (lua_isstring(L, -1))
		value->at = lua_tolstring(L, -1, &value->len);
	return true;
}

/* A number at the top becomes its text, in its table too, so that the text stays alive: the key is
 * below it. */
static void number_to_text(lua_State *L, int table)
{
	if (lua_type(L, -1) != LUA_TNUMBER)
		return;
	lua_tostring(L, -1);
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -2);
	lua_rawset(L, table);
}

/* The header value at the top, whose key in `table` is below it; pops the value. */
static bool add_value(lua_State *L, int table, pl_slice name, pl_http_field *fields, size_t *count)
{
	pl_http_field *field = &fields[*count];

	number_to_text(L, table);
	if (*count == FIELDS_MAX || lua_type(L, -1) != LUA_TSTRING)
		return false;
	field->name = name;
	field->value.at = lua_tolstring(L, -1, &field->value.len);
	++*count;
	lua_pop(L, 1);
	return true;
}

/* One header: a value, or a list of values for repeats. Key and value are at the top; the value
 * is popped. */
static bool add_header(lua_State *L, int headers, pl_http_field *fields, size_t *count)
{
	int list = lua_gettop(L);
	pl_slice name;
	int i;

	if (lua_type(L, -2) != LUA_TSTRING)
		return false;
	name.at = lua_tolstring(L, -2, &name.len);
	if (!lua_istable(L, list))
		return add_value(L, headers, name, fields, count);
	for (i = 1; i <= (int)lua_objlen(L, list); i++) {
		lua_pushinteger(L, i);
		lua_rawgeti(L, list, i);
		if (!add_value(L, list, name, fields, count))
			return false;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return true;
}

/* False: a name or value is no string, or there are more than FIELDS_MAX. */
static bool add_headers(lua_State *L, int headers, pl_http_field *fields, size_t *count)
{
	if (!lua_istable(L, headers))
		return false;
	lua_pushnil(L);
	while (lua_next(L, headers))
		if (!add_header(L, headers, fields, count))
			return false;
	return true;
}

static void fail(script_exchange *self, const char *why)
{
	pl_log(PL_LOG_ERROR, "the response cannot be sent: %s", why);
	pl_exchange_answer(self->exchange, 500, NULL);
}

/* What a response table says. */
typedef struct script_answer {
	int status;
	pl_slice body;
	size_t count;
	pl_http_field fields[FIELDS_MAX + 1];
} script_answer;

/* content_type comes before a Content-Type among the headers: there is one in an answer. */
static void add_type(script_answer *self, pl_slice type)
{
	static const pl_slice name = { "Content-Type", 12 };
	size_t i = 0;

	while (i < self->count && !pl_slice_equal_nocase(self->fields[i].name, name))
		i++;
	if (type.at == NULL && (i < self->count || self->body.len == 0))
		return;
	if (type.at == NULL)
		type = PL_SLICE("text/html; charset=utf-8");
	self->fields[i] = (pl_http_field){ name, type };
	if (i == self->count)
		self->count++;
}

/* Reads the table at `table`; its strings stay on the stack. False when it says nothing. *error:
 * why it cannot be sent. */
static bool read_answer(script_answer *self, lua_State *L, int table, const char **error)
{
	pl_slice type;
	pl_slice number;
	bool has_body = string_field(L, table, "content_text", &self->body);
	bool has_type = string_field(L, table, "content_type", &type);
	bool has_number = string_field(L, table, "response_no", &number);

	*error = NULL;
	self->count = 0;
	self->status = has_number ? (int)lua_tointeger(L, -1) : 200;
	if (!has_body && !has_number)
		return false;
	lua_pushliteral(L, "headers");
	lua_rawget(L, table);
	if ((has_body && !self->body.at) || (has_type && !type.at))
		*error = "content_text and content_type take strings";
	else if (!add_headers(L, lua_gettop(L), self->fields, &self->count))
		*error = "headers takes strings and numbers, or lists of these, at most 100";
	add_type(self, type);
	return true;
}

/* Sends what the table at `table` of L says. False when it says nothing. */
static bool answer(script_exchange *self, lua_State *L, int table)
{
	script_answer said;
	const char *error;
	int status;

	if (!lua_checkstack(L, 2 * LUA_MINSTACK) || !read_answer(&said, L, table, &error))
		return false;
	if (error) {
		fail(self, error);
		return true;
	}
	status = pl_exchange_respond(self->exchange, said.status, said.fields, said.count,
				     (int64_t)said.body.len);
	if (status == PL_ECLOSED) { /* the script itself has ended the connection */
		pl_exchange_abort(self->exchange, status);
		return true;
	}
	if (status) {
		fail(self, status == PL_EINVAL
				   ? "a bad status, header name or value, or a header that is set "
				     "for you (date, server, connection, content-length)"
				   : pl_status_text(status));
		return true;
	}
	if (said.body.len > 0)
		pl_exchange_write(self->exchange, said.body.at, said.body.len);
	pl_exchange_end(self->exchange);
	return true;
}

static void finish(script_exchange *self, pl_task *task, bool ok)
{
	lua_State *L = task->L;
	bool answered;

	if (!ok) {
		pl_exchange_answer(self->exchange, 500, NULL);
		return;
	}
	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->response);
	answered = answer(self, L, 1);
	lua_settop(L, 0);
	if (!answered)
		pl_server_serve(self->server, self->exchange);
}

static void release_objects(script_exchange *self)
{
	lua_State *L = self->handlers->script->L;
	request_object *request;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->request);
	request = lua_touserdata(L, -1);
	request->exchange = NULL;
	lua_pop(L, 1);
	luaL_unref(L, LUA_REGISTRYINDEX, self->request);
	luaL_unref(L, LUA_REGISTRYINDEX, self->response);
}

static void handler_done(pl_task *task, bool ok)
{
	script_exchange *self = task->context;

	self->running = false;
	if (!ok)
		pl_handlers_exception(self->handlers, task,
				      self->conn ? pl_lua_conn_ref(self->conn) : LUA_NOREF);
	if (self->exchange)
		finish(self, task, ok);
	release_objects(self);
	free_exchange(self);
}

static void handler_abandoned(pl_task *task)
{
	release_objects(task->context);
	free_exchange(task->context);
}

static pl_event event_of(pl_slice method)
{
	if (pl_slice_equal(method, PL_SLICE("GET")) || pl_slice_equal(method, PL_SLICE("HEAD")) ||
	    pl_slice_equal(method, PL_SLICE("POST")))
		return PL_OnCommandGet;
	return PL_OnCommandOther;
}

/* The response is a table: its few fields are read when the handler has ended. */
static void push_response(lua_State *L)
{
	lua_createtable(L, 0, 4);
	lua_newtable(L);
	lua_setfield(L, -2, "headers");
	lua_getfield(L, LUA_REGISTRYINDEX, RESPONSE);
	lua_setmetatable(L, -2);
}

static void run_handler(script_exchange *self)
{
	pl_event event = event_of(self->exchange->request->method);
	pl_task *task = pl_handlers_task(self->handlers, event, handler_done, self);
	request_object *request;
	lua_State *L;

	if (!task) {
		pl_exchange_answer(self->exchange, 500, NULL);
		free_exchange(self);
		return;
	}
	task->abandoned = handler_abandoned;
	L = task->L;
	pl_lua_conn_push(L, self->handlers, self->conn);
	request = pl_lua_new(L, REQUEST, sizeof(*request));
	request->exchange = self;
	lua_pushvalue(L, -1);
	self->request = luaL_ref(L, LUA_REGISTRYINDEX);
	push_response(L);
	lua_pushvalue(L, -1);
	self->response = luaL_ref(L, LUA_REGISTRYINDEX);
	self->running = true;
	pl_task_run(task, 3);
}

/* The exchange's events. */

static void refuse_body(script_exchange *self)
{
	pl_exchange_answer(self->exchange, 413, NULL);
	free_exchange(self);
}

static void on_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	script_exchange *self = owner;

	(void)exchange;
	if (len > (size_t)self->server->settings.limits.body - self->body.len ||
	    pl_buffer_append(&self->body, data, len))
		refuse_body(self);
}

static void on_end(void *owner, pl_exchange *exchange)
{
	(void)exchange;
	run_handler(owner);
}

static void on_drain(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	script_exchange *self = owner;

	(void)exchange, (void)status;
	self->exchange = NULL;
	self->conn = NULL;
	if (!self->running)
		free_exchange(self);
}

static const pl_exchange_events exchange_events = {
	.data = on_data,
	.end = on_end,
	.drain = on_drain,
	.aborted = on_aborted,
};

void pl_lua_exchange(pl_handlers *handlers, pl_server *server, pl_conn *conn, pl_exchange *exchange)
{
	script_exchange *self;

	if (!pl_handlers_has(handlers, event_of(exchange->request->method))) {
		pl_server_serve(server, exchange);
		return;
	}
	if (exchange->request->content_length > server->settings.limits.body) {
		pl_exchange_answer(exchange, 413, NULL);
		return;
	}
	self = pl_calloc(1, sizeof(*self));
	if (!self) {
		pl_exchange_answer(exchange, 503, NULL);
		return;
	}
	pl_handlers_keep(handlers);
	self->exchange = exchange;
	self->handlers = handlers;
	self->server = server;
	self->conn = conn;
	pl_exchange_own(exchange, &exchange_events, self);
}

/* The request's properties. */

static script_exchange *check(lua_State *L)
{
	request_object *request = pl_lua_check(L, 1, REQUEST);

	if (!request->exchange)
		luaL_error(L, "the request is over: its handler has returned");
	if (!request->exchange->exchange)
		luaL_error(L, "the request is over: the client has gone");
	return request->exchange;
}

static const pl_exchange_request *head_of(lua_State *L)
{
	return check(L)->exchange->request;
}

static int get_command(lua_State *L)
{
	pl_lua_push(L, head_of(L)->method);
	return 1;
}

/* The path, decoded; as sent when it has a bad escape. */
static int get_document(lua_State *L)
{
	pl_slice path = head_of(L)->path;
	char *out = lua_newuserdata(L, path.len + 1);
	ptrdiff_t len = pl_percent_decode(out, path);

	if (len < 0)
		pl_lua_push(L, path);
	else
		lua_pushlstring(L, out, (size_t)len);
	return 1;
}

static int get_query(lua_State *L)
{
	pl_lua_push(L, head_of(L)->query);
	return 1;
}

static int get_version(lua_State *L)
{
	lua_pushfstring(L, "HTTP/1.%d", head_of(L)->minor);
	return 1;
}

static int get_body(lua_State *L)
{
	script_exchange *self = check(L);

	lua_pushlstring(L, self->body.data ? (const char *)self->body.data : "", self->body.len);
	return 1;
}

static int get_headers(lua_State *L)
{
	pl_lua_push_headers(L, head_of(L)->raw);
	return 1;
}

static void push_decoded(lua_State *L, pl_slice text)
{
	char *out = lua_newuserdata(L, text.len + 1);

	lua_pushlstring(L, out, pl_form_decode(out, text));
	lua_remove(L, -2);
}

/* Adds name=value pairs to the table at the top; the first of equal names stays. */
static void add_params(lua_State *L, pl_slice form)
{
	pl_slice name;
	pl_slice value;

	while (pl_form_next(&form, &name, &value)) {
		push_decoded(L, name);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			push_decoded(L, value);
			lua_rawset(L, -3);
		} else {
			lua_pop(L, 2);
		}
	}
}

static bool is_form(const pl_exchange_request *head)
{
	pl_slice type =
		pl_http_field_find(head->fields, head->field_count, PL_SLICE("content-type"));

	type.len = pl_slice_find(type, ';');
	return pl_slice_equal_nocase(pl_slice_trim(type),
				     PL_SLICE("application/x-www-form-urlencoded"));
}

/* Of the query, then of a form in the body. */
static int get_params(lua_State *L)
{
	script_exchange *self = check(L);
	const pl_exchange_request *head = self->exchange->request;

	lua_newtable(L);
	add_params(L, head->query);
	if (is_form(head))
		add_params(L, pl_slice_make((const char *)self->body.data, self->body.len));
	return 1;
}

/* header_all(name) -> list of the values of all lines with this name */
static int request_header_all(lua_State *L)
{
	const pl_exchange_request *head = head_of(L);
	pl_slice name = pl_lua_check_slice(L, 2);
	size_t i;
	int count = 0;

	lua_newtable(L);
	for (i = 0; i < head->field_count; i++) {
		if (!pl_slice_equal_nocase(head->fields[i].name, name))
			continue;
		pl_lua_push(L, head->fields[i].value);
		lua_rawseti(L, -2, ++count);
	}
	return 1;
}

static const luaL_Reg methods[] = {
	{ "header_all", request_header_all },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "command", get_command }, { "document", get_document },
	{ "query", get_query },	    { "version", get_version },
	{ "body", get_body },	    { "headers", get_headers },
	{ "params", get_params },   { NULL, NULL },
};

static int no_gc(lua_State *L)
{
	(void)L;
	return 0;
}

static int set_request_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, REQUEST, no_gc);
	return 0;
}

static int set_response_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, RESPONSE);
	return 0;
}

int pl_lua_open_exchange(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "methods", methods);
	pl_lua_set_functions(L, "getters", getters);
	lua_pushcfunction(L, set_request_metatable);
	lua_setfield(L, -2, "set_request_metatable");
	lua_pushcfunction(L, set_response_metatable);
	lua_setfield(L, -2, "set_response_metatable");
	return 1;
}
