#include "lua/lua_exchange_internal.h"

#include <string.h>

#include "base/status.h"
#include "codec/http_path.h"
#include "lua/lua_task.h"
#include "lua/lua_upload.h"

static const char REQUEST[] = "perilune.request";

/* What request.body throws begins with this, in internal/exchange.lua too. */
static const char NO_BODY[] = "request.body cannot be had: ";

enum { PIECE_MAX = 1 << 30 }; /* what request:read(n) takes */

typedef struct request_object {
	pl_script_exchange *exchange; /* NULL: its handler has returned */
} request_object;

void pl_request_push(lua_State *L, pl_script_exchange *self)
{
	request_object *request = pl_lua_new(L, REQUEST, sizeof(*request));

	request->exchange = self;
}

void pl_request_forget(lua_State *L, int index)
{
	request_object *request = lua_touserdata(L, index);

	request->exchange = NULL;
}

pl_script_exchange *pl_request_exchange(lua_State *L, int index, const char *what)
{
	const request_object *request = pl_lua_check(L, index, REQUEST);

	if (!request->exchange)
		luaL_error(L, "the %s is over: its handler has returned", what);
	return request->exchange;
}

void pl_request_show(pl_script_exchange *self, pl_handlers *handlers, pl_server *server,
		     pl_conn *conn, pl_exchange *exchange)
{
	*self = (pl_script_exchange){ .exchange = exchange,
				      .handlers = handlers,
				      .server = server,
				      .conn = conn,
				      .use = PL_BODY_DENIED };
}

void pl_request_hide(pl_script_exchange *self, const char *why)
{
	self->exchange = NULL;
	self->conn = NULL;
	self->over = why;
}

static pl_script_exchange *check(lua_State *L)
{
	return pl_request_exchange(L, 1, "request");
}

/* Properties. */

static const pl_exchange_request *head_of(lua_State *L)
{
	const pl_script_exchange *self = check(L);

	if (!self->exchange)
		luaL_error(L, "the request is over: %s", self->over);
	return self->exchange->request;
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

/* user -> string, or nil: nobody known */
static int get_user(lua_State *L)
{
	pl_slice user;

	head_of(L);
	user = pl_conn_info_user(check(L)->conn->info);
	if (user.len == 0)
		return 0;
	pl_lua_push(L, user);
	return 1;
}

static int get_version(lua_State *L)
{
	lua_pushfstring(L, "HTTP/1.%d", head_of(L)->minor);
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

/* params -> table of the query, then of a form in the body; nil when the body has to come first */
static int get_params(lua_State *L)
{
	const pl_exchange_request *head = head_of(L);
	const pl_script_exchange *self = check(L);
	bool form = is_form(head);

	if (form && !(self->whole && self->use == PL_BODY_WHOLE))
		return 0;
	lua_newtable(L);
	add_params(L, head->query);
	if (form)
		add_params(L, pl_slice_make((const char *)self->body.data, self->body.len));
	if (self->upload)
		pl_lua_push_upload_params(L, self->upload);
	return 1;
}

/* uploaded(request) -> see pl_lua_push_upload; nil: its body was not received before */
static int request_uploaded(lua_State *L)
{
	const pl_script_exchange *self = check(L);

	if (!self->upload)
		return 0;
	pl_lua_push_upload(L, self->upload);
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

/* The body. */

static size_t unread(const pl_script_exchange *self)
{
	return self->body.len - self->used;
}

bool pl_request_take(pl_script_exchange *self, const uint8_t *data, size_t len)
{
	if (self->used > 0) {
		pl_buffer_consume(&self->body, self->used);
		self->used = 0;
	}
	if (self->use == PL_BODY_WHOLE &&
	    len > (size_t)self->server->settings.limits.body - self->body.len) {
		self->body_status = PL_ETOOBIG;
		return true;
	}
	return pl_buffer_append(&self->body, data, len) == PL_OK;
}

bool pl_request_full(const pl_script_exchange *self)
{
	size_t window = (size_t)self->server->settings.limits.body_window;

	if (self->use == PL_BODY_WHOLE)
		return self->body_status < 0;
	return unread(self) >= window && (!self->reader || unread(self) >= self->wanted);
}

/* Whether request:read has what it asks for. */
static bool ready(const pl_script_exchange *self)
{
	return self->whole || unread(self) >= (self->wanted ? self->wanted : 1);
}

/* A piece, or nil at the end. What leaves room makes more come. */
static int push_piece(lua_State *L, pl_script_exchange *self)
{
	size_t len = unread(self);

	if (len == 0) {
		lua_pushnil(L);
		return 1;
	}
	if (self->wanted > 0 && len > self->wanted)
		len = self->wanted;
	lua_pushlstring(L, (const char *)self->body.data + self->used, len);
	self->used += len;
	if (self->used == self->body.len)
		self->body.len = self->used = 0;
	self->wanted = 0;
	if (self->exchange && !self->whole && !pl_request_full(self))
		pl_exchange_pause(self->exchange, false);
	return 1;
}

static int push_body(lua_State *L, const pl_script_exchange *self)
{
	if (self->body_status < 0)
		return pl_lua_result(L, self->body_status);
	lua_pushlstring(L, self->body.data ? (const char *)self->body.data : "", self->body.len);
	return 1;
}

static int push_awaited(lua_State *L, void *context)
{
	pl_script_exchange *self = context;

	return self->use == PL_BODY_WHOLE ? push_body(L, self) : push_piece(L, self);
}

void pl_request_resume(pl_script_exchange *self)
{
	if (!self->reader)
		return;
	if (self->use == PL_BODY_WHOLE ? !self->whole && !self->body_status : !ready(self))
		return;
	pl_wait_go(pl_script_wait_end(self->reader, push_awaited));
}

bool pl_request_failed(const pl_script_exchange *self, const char *message)
{
	return self->body_status < 0 && message && strstr(message, NO_BODY);
}

/* Waits until the events resume it. */
static int await(lua_State *L, pl_script_exchange *self)
{
	pl_wait_check(L);
	if (!pl_script_wait_begin(L, self, &self->reader))
		return pl_lua_result(L, PL_ENOMEM);
	pl_exchange_pause(self->exchange, false);
	return pl_wait_yield(L);
}

static void claim(lua_State *L, pl_script_exchange *self, pl_body_use use)
{
	if (self->use == PL_BODY_DENIED)
		luaL_error(L, "the body of the request cannot be read here: it is for who gets the "
			      "request");
	if (self->upload)
		luaL_error(L, "the body of the request is in request.files and request.params");
	if (self->use != PL_BODY_UNUSED && self->use != use)
		luaL_error(L, use == PL_BODY_WHOLE
				      ? "request.body: the body is taken by request:read already"
				      : "request:read: the body is taken by request.body or "
					"request.params already");
	if (self->reader)
		luaL_error(L, "another task waits for the body of the request");
	self->use = (uint8_t)use;
}

/* read([n]) -> a piece of the body: n bytes, fewer only at its end; without n whatever is there.
 * nil at the end; nil, message, code */
static int request_read(lua_State *L)
{
	pl_script_exchange *self = check(L);
	lua_Number wanted = luaL_optnumber(L, 2, 0);

	luaL_argcheck(L, lua_isnoneornil(L, 2) || (wanted >= 1 && wanted <= PIECE_MAX), 2,
		      "takes a number of bytes, from 1 to 2^30");
	claim(L, self, PL_BODY_PIECES);
	self->wanted = (size_t)wanted;
	if (ready(self))
		return push_piece(L, self);
	if (!self->exchange)
		return pl_lua_result(L, self->status);
	return await(L, self);
}

/* body -> string, or nil, message, code */
static int get_body(lua_State *L)
{
	pl_script_exchange *self = check(L);
	size_t limit = (size_t)self->server->settings.limits.body;

	claim(L, self, PL_BODY_WHOLE);
	if (!self->body_status &&
	    (self->body.len > limit ||
	     (self->exchange && self->exchange->request->content_length > (int64_t)limit)))
		self->body_status = PL_ETOOBIG;
	if (!self->body_status && !self->whole && !self->exchange)
		self->body_status = self->status;
	if (self->whole || self->body_status)
		return push_body(L, self);
	return await(L, self);
}

static const luaL_Reg methods[] = {
	{ "header_all", request_header_all },
	{ "read", request_read },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "command", get_command }, { "document", get_document }, { "query", get_query },
	{ "version", get_version }, { "body", get_body },	  { "headers", get_headers },
	{ "params", get_params },   { "user", get_user },	  { NULL, NULL },
};

static int no_gc(lua_State *L)
{
	(void)L;
	return 0;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, REQUEST, no_gc);
	return 0;
}

int pl_request_open(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "methods", methods);
	pl_lua_set_functions(L, "getters", getters);
	lua_pushcfunction(L, set_metatable);
	lua_setfield(L, -2, "set_metatable");
	lua_pushcfunction(L, request_uploaded);
	lua_setfield(L, -2, "uploaded");
	return 1;
}
