#include "lua/lua_exchange_internal.h"

#include "base/log.h"
#include "base/status.h"
#include "lua/lua_task.h"

static const char RESPONSE[] = "perilune.response"; /* the metatable of the response tables */

const char PL_RESPONSE_BAD_HEAD[] =
	"a bad status, header name or value, or a header that is set for you "
	"(date, server, connection, transfer-encoding; content-length, which "
	"only response:write leaves to you)";

/* The fields of a response. Their names are kept in its metatable: to make strings of them for each
 * answer costs more than all the rest of reading it. */
enum field { CONTENT_TEXT = 1, CONTENT_TYPE, RESPONSE_NO, HEADERS, FIELDS_END };

static const char *const field_names[FIELDS_END] = { NULL, "content_text", "content_type",
						     "response_no", "headers" };

enum {
	REQUEST_SLOT = 1,   /* of the table: its request */
	LENGTH_DIGITS = 18, /* of a content-length, at most */
	BURST = 1 << 20	    /* bytes that a handler writes before others have their turn */
};

/* What the table says. */

/* Pushes where the names of the response at `table` are. */
static int push_names(lua_State *L, int table)
{
	if (!lua_getmetatable(L, table))
		lua_newtable(L);
	return lua_gettop(L);
}

static void push_field(lua_State *L, int table, int names, enum field field)
{
	lua_rawgeti(L, names, field);
	lua_rawget(L, table);
}

/* Pushes a field, *value its text. False when it is nil; what is neither string nor number has
 * *value without text. */
static bool string_field(lua_State *L, int table, int names, enum field field, pl_slice *value)
{
	push_field(L, table, names, field);
	*value = pl_slice_make(NULL, 0);
	if (lua_isnil(L, -1))
		return false;
	if (lua_isstring(L, -1))
		value->at = lua_tolstring(L, -1, &value->len);
	return true;
}

/* content_type comes before a Content-Type among the headers: there is one in an answer. */
static void add_type(pl_script_answer *self, pl_slice type)
{
	static const pl_slice name = { "Content-Type", 12 };
	size_t i = 0;

	while (i < self->count && !pl_slice_equal_nocase(self->fields[i].name, name))
		i++;
	if (type.at == NULL && (i < self->count || !self->has_body))
		return;
	if (type.at == NULL)
		type = PL_SLICE("text/html; charset=utf-8");
	self->fields[i] = (pl_http_field){ name, type };
	if (i == self->count)
		self->count++;
}

const char *pl_response_read(pl_script_answer *self, lua_State *L, int table, bool written)
{
	int names = push_names(L, table);
	pl_slice type;
	pl_slice number;
	bool has_text = string_field(L, table, names, CONTENT_TEXT, &self->body);
	bool has_type = string_field(L, table, names, CONTENT_TYPE, &type);
	bool has_number = string_field(L, table, names, RESPONSE_NO, &number);

	self->count = 0;
	self->status = has_number ? (int)lua_tointeger(L, -1) : 200;
	self->said = has_text || has_number;
	self->has_body = written || self->body.len > 0;
	if (has_text && written)
		return "content_text is set, but the body is what response:write sends";
	if ((has_text && !self->body.at) || (has_type && !type.at))
		return "content_text and content_type take strings";
	push_field(L, table, names, HEADERS);
	if (!lua_istable(L, -1) || !pl_lua_fields(L, lua_gettop(L), self->fields, &self->count))
		return "headers takes strings and numbers, or lists of these, at most 100";
	add_type(self, type);
	return NULL;
}

/* The answer without response:write. */

static void fail(pl_script_exchange *self, const char *why)
{
	pl_log(PL_LOG_ERROR, "the response cannot be sent: %s", why);
	pl_exchange_answer(self->exchange, 500, NULL);
}

/* Sends all of an answer that has no more to it than its table. */
static void send_answer(pl_script_exchange *self, const pl_script_answer *answer)
{
	pl_exchange *exchange = self->exchange;
	int status = pl_exchange_respond(exchange, answer->status, answer->fields, answer->count,
					 (int64_t)answer->body.len);

	if (status == PL_ECLOSED) { /* the script itself has ended the connection */
		pl_exchange_abort(exchange, status);
		return;
	}
	if (status) {
		fail(self, status == PL_EINVAL ? PL_RESPONSE_BAD_HEAD : pl_status_text(status));
		return;
	}
	if (answer->body.len > 0)
		pl_exchange_write(exchange, answer->body.at, answer->body.len);
	pl_exchange_end(exchange);
}

/* The end of what response:write has begun. */
static void end_written(pl_script_exchange *self, lua_State *L, int table)
{
	pl_slice text;

	if (string_field(L, table, push_names(L, table), CONTENT_TEXT, &text))
		pl_log(PL_LOG_ERROR,
		       "response.content_text was set after response:write: it is not sent");
	pl_exchange_end(self->exchange);
}

/* False when it says nothing. */
static bool send_table(pl_script_exchange *self, lua_State *L, int table)
{
	pl_script_answer answer;
	const char *error = pl_response_read(&answer, L, table, false);

	if (!answer.said)
		return false;
	if (error)
		fail(self, error);
	else
		send_answer(self, &answer);
	return true;
}

bool pl_response_end(pl_script_exchange *self, lua_State *L)
{
	int top = lua_gettop(L);
	bool sent = true;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->response);
	if (self->exchange->responded)
		end_written(self, L, top + 1);
	else
		sent = lua_checkstack(L, 2 * LUA_MINSTACK) && send_table(self, L, top + 1);
	lua_settop(L, top);
	return sent;
}

/* Writing. */

pl_script_exchange *pl_response_check(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_rawgeti(L, 1, REQUEST_SLOT);
	return pl_request_exchange(L, lua_gettop(L), "response");
}

static bool parse_length(pl_slice text, int64_t *length)
{
	if (text.len == 0 || text.len > LENGTH_DIGITS)
		return false;
	*length = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		*length = *length * 10 + (text.at[i] - '0');
	}
	return true;
}

/* Takes Content-Length, if it is set, out of the fields; *length is -1 without. False: it is none,
 * or there are several. */
static bool take_length(pl_script_answer *self, int64_t *length)
{
	*length = -1;
	for (size_t i = 0; i < self->count; i++) {
		if (!pl_slice_equal_nocase(self->fields[i].name, PL_SLICE("content-length")))
			continue;
		if (*length >= 0 || !parse_length(self->fields[i].value, length))
			return false;
		self->fields[i--] = self->fields[--self->count];
	}
	return true;
}

/* Sends the head, as the table at 1 has it; throws when it cannot be sent. */
static int begin(lua_State *L, pl_script_exchange *self)
{
	int top = lua_gettop(L);
	pl_script_answer answer;
	const char *error;
	int64_t length;
	int status;

	luaL_checkstack(L, 2 * LUA_MINSTACK, "response:write");
	error = pl_response_read(&answer, L, 1, true);
	if (!error && !take_length(&answer, &length))
		error = "content-length takes digits, once";
	if (error)
		return luaL_error(L, "response:write: %s", error);
	status = pl_exchange_respond(self->exchange, answer.status, answer.fields, answer.count,
				     length);
	if (status == PL_EINVAL)
		return luaL_error(L, "response:write: %s", PL_RESPONSE_BAD_HEAD);
	lua_settop(L, top);
	return status;
}

/* Waits for `drain`, or only for the others' turn. */
static int await(lua_State *L, pl_script_exchange *self, bool drain)
{
	pl_script_wait *wait = pl_script_wait_begin(L, self, &self->writer);

	if (!wait) /* the chunk was taken all the same */
		return pl_lua_result(L, PL_OK);
	self->burst = 0;
	if (!drain)
		pl_loop_defer(self->exchange->loop, &wait->next_turn);
	return pl_wait_yield(L);
}

/* write(response, chunk) -> true; nil, message, code */
static int response_write(lua_State *L)
{
	pl_script_exchange *self = pl_response_check(L);
	pl_slice chunk = pl_lua_check_slice(L, 2);
	int status = PL_OK;

	pl_wait_check(L);
	if (self->writer)
		return luaL_error(L, "response:write: another task is writing");
	if (!self->exchange)
		return pl_lua_result(L, self->status);
	if (!self->exchange->responded)
		status = begin(L, self);
	if (!status)
		status = pl_exchange_write(self->exchange, chunk.at, chunk.len);
	if (status == PL_ETOOBIG)
		return pl_lua_fail(L, status, "more than content-length said");
	if (status < 0)
		return pl_lua_result(L, status);
	self->burst += chunk.len;
	if (status == PL_EXCHANGE_BLOCKED || self->burst >= BURST)
		return await(L, self, status == PL_EXCHANGE_BLOCKED);
	return pl_lua_result(L, PL_OK);
}

/* The response is a table: its few fields are read when the handler has ended, or writes. */
void pl_response_push(lua_State *L, int request)
{
	lua_createtable(L, REQUEST_SLOT, 4);
	lua_pushvalue(L, request);
	lua_rawseti(L, -2, REQUEST_SLOT);
	lua_getfield(L, LUA_REGISTRYINDEX, RESPONSE);
	lua_rawgeti(L, -1, HEADERS);
	lua_newtable(L);
	lua_rawset(L, -4);
	lua_setmetatable(L, -2);
}

static const luaL_Reg methods[] = {
	{ "write", response_write },
	{ "send_file", pl_response_send_file },
	{ NULL, NULL },
};

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	for (int i = 1; i < FIELDS_END; i++) {
		lua_pushstring(L, field_names[i]);
		lua_rawseti(L, 1, i);
	}
	lua_setfield(L, LUA_REGISTRYINDEX, RESPONSE);
	return 0;
}

int pl_response_open(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "methods", methods);
	lua_pushcfunction(L, set_metatable);
	lua_setfield(L, -2, "set_metatable");
	return 1;
}
