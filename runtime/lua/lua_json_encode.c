/* lua_json_encode.c - Lua values to JSON text. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "codec/json_write.h"
#include "lua/lua_json.h"
#include "lua/lua_json_internal.h"

enum {
	PATH_MAX_LENGTH = 80, /* of the place that a message names; its start is cut off */
	PATH_KEY_MAX = 40
};

typedef struct encoder {
	lua_State *L;
	pl_buffer *out;
	pl_buffer *keys; /* of the sorted objects that are being written */
	bool pretty;
	bool sort;
	int depth;
	const char *reason; /* why a value cannot be written */
	size_t path;	    /* where the path to it starts in place, which fills from its end */
	char place[PATH_MAX_LENGTH];
} encoder;

typedef struct key {
	const char *at; /* the table keeps it alive */
	size_t len;
} key;

static int write_value(encoder *e);

static int refuse(encoder *e, int status, const char *reason)
{
	e->reason = reason;
	return status;
}

static void prepend_to_path(encoder *e, const char *part, int len)
{
	size_t kept = (size_t)len < e->path ? (size_t)len : e->path;

	e->path -= kept;
	memcpy(e->place + e->path, part + len - kept, kept);
}

static int within_index(encoder *e, int status, int index)
{
	char part[16];

	if (status != PL_OK)
		prepend_to_path(e, part, snprintf(part, sizeof(part), "[%d]", index));
	return status;
}

static int within_key(encoder *e, int status, const char *name, size_t len)
{
	char part[PATH_KEY_MAX + 4];
	int shown = len > PATH_KEY_MAX ? PATH_KEY_MAX : (int)len;

	if (status == PL_OK)
		return PL_OK;
	shown = snprintf(part, sizeof(part), ".%.*s", shown, name);
	for (char *p = part; p < part + shown; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7F)
			*p = '?';
	prepend_to_path(e, part, shown);
	return status;
}

static int write_text(encoder *e, const char *text, size_t len)
{
	return pl_buffer_append(e->out, text, len);
}

static int write_char(encoder *e, char c)
{
	pl_buffer *out = e->out;

	if (out->len == out->cap)
		return pl_buffer_append(out, &c, 1);
	out->data[out->len++] = (uint8_t)c;
	return PL_OK;
}

static int write_number(encoder *e)
{
	double number = lua_tonumber(e->L, -1);

	if (!isfinite(number))
		return refuse(e, PL_EPROTO, "JSON has no NaN and no infinity");
	return pl_json_write_number(e->out, number);
}

static int write_string(encoder *e, const char *text, size_t len)
{
	int status = pl_json_write_string(e->out, text, len);

	return status == PL_EUTF8 ? refuse(e, status, "a string is not valid UTF-8") : status;
}

static int new_line(encoder *e)
{
	size_t len = 1 + 2 * (size_t)e->depth;
	int status;

	if (!e->pretty)
		return PL_OK;
	status = pl_buffer_reserve(e->out, len);
	if (status != PL_OK)
		return status;
	memset(e->out->data + e->out->len, ' ', len);
	e->out->data[e->out->len] = '\n';
	e->out->len += len;
	return PL_OK;
}

/* What stands before an element or a member. */
static int separate(encoder *e, bool first)
{
	int status = first ? PL_OK : write_char(e, ',');

	return status == PL_OK ? new_line(e) : status;
}

static int close_table(encoder *e, char bracket)
{
	int status;

	e->depth--;
	status = new_line(e);
	return status == PL_OK ? write_char(e, bracket) : status;
}

static int refuse_keys(encoder *e)
{
	return refuse(e, PL_EPROTO, "its keys are neither 1 to n nor all strings");
}

/* Whether the keys of the table on top are 1 to n, in whatever order they come. */
static bool has_only_indices(lua_State *L, size_t n)
{
	size_t count = 0;

	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		double index = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;

		if (index < 1 || index > (double)n || index != floor(index)) {
			lua_pop(L, 2);
			return false;
		}
		count++;
	}
	return count == n;
}

static int write_element(encoder *e, int index)
{
	int status = separate(e, index == 1);

	if (status == PL_OK)
		status = write_value(e);
	return within_index(e, status, index);
}

static int write_unordered_array(encoder *e)
{
	size_t n = lua_objlen(e->L, -1);
	int status = has_only_indices(e->L, n) ? PL_OK : refuse_keys(e);

	for (int i = 1; status == PL_OK && (size_t)i <= n; i++) {
		lua_rawgeti(e->L, -1, i);
		status = write_element(e, i);
		if (status == PL_OK)
			lua_pop(e->L, 1);
	}
	return status;
}

/* From the first pair of the table's traversal, which is on top. The elements come in order
 * as long as they are all in Lua's array part, as they nearly always are. */
static int write_elements(encoder *e)
{
	size_t start = e->out->len;
	int status, index = 1;

	do {
		if (lua_type(e->L, -2) != LUA_TNUMBER || lua_tonumber(e->L, -2) != index) {
			lua_pop(e->L, 2);
			e->out->len = start;
			return write_unordered_array(e);
		}
		status = write_element(e, index++);
		if (status != PL_OK)
			return status;
		lua_pop(e->L, 1);
	} while (lua_next(e->L, -2));
	return PL_OK;
}

static int write_member(encoder *e, bool first, const char *name, size_t len)
{
	int status = separate(e, first);

	if (status == PL_OK)
		status = write_string(e, name, len);
	if (status == PL_OK)
		status = write_char(e, ':');
	if (status == PL_OK && e->pretty)
		status = write_char(e, ' ');
	if (status == PL_OK)
		status = write_value(e);
	return within_key(e, status, name, len);
}

/* From the first pair of the table's traversal, which is on top. */
static int write_members(encoder *e)
{
	bool first = true;

	do {
		size_t len;
		const char *name;
		int status;

		if (lua_type(e->L, -2) != LUA_TSTRING)
			return refuse_keys(e);
		name = lua_tolstring(e->L, -2, &len);
		status = write_member(e, first, name, len);
		if (status != PL_OK)
			return status;
		lua_pop(e->L, 1);
		first = false;
	} while (lua_next(e->L, -2));
	return PL_OK;
}

static int compare_keys(const void *a, const void *b)
{
	const key *left = a, *right = b;
	size_t len = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->at, right->at, len);

	return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* Appends the table's keys to e->keys, from the first pair on, which goes off the stack. */
static int collect_keys(encoder *e)
{
	do {
		key name;
		int status;

		if (lua_type(e->L, -2) != LUA_TSTRING)
			return refuse_keys(e);
		name.at = lua_tolstring(e->L, -2, &name.len);
		status = pl_buffer_append(e->keys, &name, sizeof(name));
		if (status != PL_OK)
			return status;
		lua_pop(e->L, 1);
	} while (lua_next(e->L, -2));
	return PL_OK;
}

static int write_members_sorted(encoder *e)
{
	size_t start = e->keys->len, end;
	int status = collect_keys(e);

	if (status != PL_OK)
		return status;
	end = e->keys->len;
	qsort(e->keys->data + start, (end - start) / sizeof(key), sizeof(key), compare_keys);
	for (size_t at = start; at < end; at += sizeof(key)) {
		/* Nested objects may move the buffer. */
		key name = *(const key *)(const void *)(e->keys->data + at);

		lua_pushlstring(e->L, name.at, name.len);
		lua_rawget(e->L, -2);
		status = write_member(e, at == start, name.at, name.len);
		if (status != PL_OK)
			return status;
		lua_pop(e->L, 1);
	}
	e->keys->len = start;
	return PL_OK;
}

/* Whether the table on top was made by json.array or json.decode. */
static bool is_marked_array(lua_State *L)
{
	bool marked;

	if (!lua_getmetatable(L, -1))
		return false;
	marked = lua_rawequal(L, -1, lua_upvalueindex(JSON_ARRAY_MT));
	lua_pop(L, 1);
	return marked;
}

static int write_array(encoder *e)
{
	int status = write_char(e, '[');

	if (status == PL_OK)
		status = write_elements(e);
	return status == PL_OK ? close_table(e, ']') : status;
}

static int write_object(encoder *e)
{
	int status = write_char(e, '{');

	if (status == PL_OK)
		status = e->sort ? write_members_sorted(e) : write_members(e);
	return status == PL_OK ? close_table(e, '}') : status;
}

static int write_table(encoder *e)
{
	bool marked;

	if (e->depth == PL_LUA_JSON_DEPTH || !lua_checkstack(e->L, LUA_MINSTACK))
		return refuse(e, PL_ELIMIT, "tables are nested too deeply, or in a circle");
	marked = is_marked_array(e->L);
	lua_pushnil(e->L);
	if (!lua_next(e->L, -2))
		return write_text(e, marked ? "[]" : "{}", 2);
	e->depth++;
	if (lua_type(e->L, -2) == LUA_TNUMBER)
		return write_array(e);
	return marked ? refuse(e, PL_EPROTO, "an array has a key that is no index")
		      : write_object(e);
}

static int refuse_type(encoder *e)
{
	const char *type = lua_typename(e->L, lua_type(e->L, -1));

	return refuse(e, PL_EPROTO, lua_pushfstring(e->L, "JSON has no %s", type));
}

/* Writes the value on top, which stays; on an error, the stack is left as it is. */
static int write_value(encoder *e)
{
	bool truth;
	size_t len;
	const char *text;

	switch (lua_type(e->L, -1)) {
	case LUA_TSTRING:
		text = lua_tolstring(e->L, -1, &len);
		return write_string(e, text, len);
	case LUA_TNUMBER:
		return write_number(e);
	case LUA_TTABLE:
		return write_table(e);
	case LUA_TBOOLEAN:
		truth = lua_toboolean(e->L, -1);
		return truth ? write_text(e, "true", 4) : write_text(e, "false", 5);
	case LUA_TNIL:
		return write_text(e, "null", 4);
	case LUA_TLIGHTUSERDATA:
		if (!lua_touserdata(e->L, -1))
			return write_text(e, "null", 4);
		return refuse_type(e);
	default:
		return refuse_type(e);
	}
}

/* Pushes nil, message, code. */
static int push_error(encoder *e, int status)
{
	lua_State *L = e->L;

	lua_pushnil(L);
	if (status == PL_ENOMEM) {
		lua_pushstring(L, pl_status_text(status));
	} else if (e->path == sizeof(e->place)) {
		lua_pushfstring(L, "cannot encode: %s", e->reason);
	} else {
		if (e->place[e->path] == '.')
			e->path++;
		lua_pushlstring(L, e->place + e->path, sizeof(e->place) - e->path);
		lua_pushfstring(L, "cannot encode %s%s: %s", e->path == 0 ? "..." : "",
				lua_tostring(L, -1), e->reason);
		lua_remove(L, -2);
	}
	lua_pushstring(L, status == PL_EPROTO ? "EJSON" : pl_status_name(status));
	return 3;
}

int json_encode(lua_State *L)
{
	json_workspace *workspace;
	encoder e = { .L = L, .path = sizeof(e.place) };
	int status;

	luaL_checkany(L, 1);
	e.pretty = lua_toboolean(L, 2);
	e.sort = lua_toboolean(L, 3);
	workspace = json_workspace_take(L);
	e.out = &workspace->text;
	e.keys = &workspace->keys;
	lua_pushvalue(L, 1);
	status = write_value(&e);
	if (status == PL_OK)
		lua_pushlstring(L, (const char *)e.out->data, e.out->len);
	json_workspace_give(workspace);
	return status == PL_OK ? 1 : push_error(&e, status);
}
