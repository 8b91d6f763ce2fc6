/* lua_json_decode.c - JSON text to Lua values. */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "codec/json_read.h"
#include "lua/lua_json.h"
#include "lua/lua_json_internal.h"

typedef struct decoder {
	lua_State *L;
	pl_json_reader reader;
	pl_json_token token; /* the last one read */
	pl_buffer *text;     /* where strings are unescaped */
	int depth;
} decoder;

static int push_value(decoder *d);

/* Refuses the token that was just read. */
static int unexpected(decoder *d, const char *reason)
{
	d->reader.at = d->token.at - (d->token.kind == PL_JSON_STRING);
	d->reader.reason = d->token.kind == PL_JSON_END ? "the text ends too early" : reason;
	return PL_EPROTO;
}

static int next(decoder *d)
{
	return pl_json_next(&d->reader, &d->token);
}

static int push_string(decoder *d)
{
	int status;
	size_t len;

	if (!d->token.escaped) {
		lua_pushlstring(d->L, d->token.at, d->token.len);
		return PL_OK;
	}
	status = pl_buffer_reserve(d->text, d->token.len);
	if (status != PL_OK)
		return status;
	len = pl_json_unescape((char *)d->text->data, &d->token);
	lua_pushlstring(d->L, (const char *)d->text->data, len);
	return PL_OK;
}

/* The double nearest to the token's text. A byte that ends every number follows it: Lua's
 * strings end in NUL. */
static double nearest_double(decoder *d)
{
	char *end;
	double number = strtod(d->token.at, &end);

	if (end == d->token.at + d->token.len)
		return number;
	/* A locale with another decimal point; Lua's own reading knows none. */
	lua_pushlstring(d->L, d->token.at, d->token.len);
	number = lua_tonumber(d->L, -1);
	lua_pop(d->L, 1);
	return number;
}

static int push_number(decoder *d)
{
	double number = d->token.exact ? d->token.number : nearest_double(d);

	if (isinf(number))
		return unexpected(d, "a number is too large");
	lua_pushnumber(d->L, number);
	return PL_OK;
}

/* Values up to the bracket; the table is on top. */
static int fill_array(decoder *d)
{
	int status = next(d);

	if (status != PL_OK || d->token.kind == PL_JSON_ARRAY_END)
		return status;
	for (int i = 1;; i++) {
		status = push_value(d);
		if (status != PL_OK)
			return status;
		lua_rawseti(d->L, -2, i);
		status = next(d);
		if (status != PL_OK || d->token.kind == PL_JSON_ARRAY_END)
			return status;
		if (d->token.kind != PL_JSON_COMMA)
			return unexpected(d, "',' or ']' is expected");
		status = next(d);
		if (status != PL_OK)
			return status;
	}
}

/* A name, its colon and its value, from the token that should be the name. */
static int push_member(decoder *d)
{
	int status;

	if (d->token.kind != PL_JSON_STRING)
		return unexpected(d, "a name in quotes is expected");
	status = push_string(d);
	if (status == PL_OK)
		status = next(d);
	if (status != PL_OK)
		return status;
	if (d->token.kind != PL_JSON_COLON)
		return unexpected(d, "':' is expected");
	status = next(d);
	return status == PL_OK ? push_value(d) : status;
}

/* Members up to the brace; the table is on top. Of equal names the last one counts. */
static int fill_object(decoder *d)
{
	int status = next(d);

	if (status != PL_OK || d->token.kind == PL_JSON_OBJECT_END)
		return status;
	for (;;) {
		status = push_member(d);
		if (status != PL_OK)
			return status;
		lua_rawset(d->L, -3);
		status = next(d);
		if (status != PL_OK || d->token.kind == PL_JSON_OBJECT_END)
			return status;
		if (d->token.kind != PL_JSON_COMMA)
			return unexpected(d, "',' or '}' is expected");
		status = next(d);
		if (status != PL_OK)
			return status;
	}
}

static int push_table(decoder *d)
{
	bool array = d->token.kind == PL_JSON_ARRAY;
	int status;

	if (d->depth == PL_LUA_JSON_DEPTH || !lua_checkstack(d->L, LUA_MINSTACK)) {
		d->reader.at = d->token.at;
		d->reader.reason = "arrays and objects are nested too deeply";
		return PL_ELIMIT;
	}
	d->depth++;
	lua_newtable(d->L);
	if (array) {
		lua_pushvalue(d->L, lua_upvalueindex(JSON_ARRAY_MT));
		lua_setmetatable(d->L, -2);
	}
	status = array ? fill_array(d) : fill_object(d);
	d->depth--;
	return status;
}

/* Pushes the value that begins with the token; on an error, the stack is left as it is. */
static int push_value(decoder *d)
{
	switch (d->token.kind) {
	case PL_JSON_NULL:
		lua_pushlightuserdata(d->L, NULL);
		return PL_OK;
	case PL_JSON_FALSE:
	case PL_JSON_TRUE:
		lua_pushboolean(d->L, d->token.kind == PL_JSON_TRUE);
		return PL_OK;
	case PL_JSON_NUMBER:
		return push_number(d);
	case PL_JSON_STRING:
		return push_string(d);
	case PL_JSON_ARRAY:
	case PL_JSON_OBJECT:
		return push_table(d);
	default:
		return unexpected(d, "a value is expected");
	}
}

static int push_text(decoder *d)
{
	int status = next(d);

	if (status == PL_OK)
		status = push_value(d);
	if (status == PL_OK)
		status = next(d);
	if (status == PL_OK && d->token.kind != PL_JSON_END)
		return unexpected(d, "the text goes on behind its value");
	return status;
}

/* Pushes nil, message, code. */
static int push_error(const decoder *d, const char *text, int status)
{
	int line = 1;
	const char *start = text;

	lua_pushnil(d->L);
	if (status == PL_ENOMEM) {
		lua_pushstring(d->L, pl_status_text(status));
	} else {
		for (const char *p = text; p < d->reader.at; p++) {
			if (*p == '\n') {
				line++;
				start = p + 1;
			}
		}
		lua_pushfstring(d->L, "JSON, line %d, column %d: %s", line,
				(int)(d->reader.at - start) + 1, d->reader.reason);
	}
	lua_pushstring(d->L, status == PL_EPROTO ? "EJSON" : pl_status_name(status));
	return 3;
}

int json_decode(lua_State *L)
{
	json_workspace *workspace;
	decoder d = { .L = L };
	const char *text;
	size_t len;
	int status;

	luaL_checktype(L, 1, LUA_TSTRING);
	text = lua_tolstring(L, 1, &len);
	workspace = json_workspace_take(L);
	d.text = &workspace->text;
	d.reader = (pl_json_reader){ .at = text, .end = text + len };
	status = push_text(&d);
	json_workspace_give(workspace);
	return status == PL_OK ? 1 : push_error(&d, text, status);
}
