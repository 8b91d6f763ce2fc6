#include "lua/lua_value.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "codec/ws_frame.h"

int pl_lua_fail(lua_State *L, int status, const char *message)
{
	lua_pushnil(L);
	lua_pushstring(L, message);
	lua_pushstring(L, pl_status_name(status));
	return 3;
}

int pl_lua_result(lua_State *L, int status)
{
	if (status < 0)
		return pl_lua_fail(L, status, pl_status_text(status));
	lua_pushboolean(L, true);
	if (status == PL_OK)
		return 1;
	lua_pushliteral(L, "buffered");
	return 2;
}

static int push_status(lua_State *L, void *context)
{
	return pl_lua_result(L, *(const int *)context);
}

pl_task *pl_lua_wait_end(pl_wait *wait, int status)
{
	return pl_wait_end_with(wait, push_status, &status);
}

void *pl_lua_check(lua_State *L, int index, const char *kind)
{
	void *object = lua_touserdata(L, index);

	if (object && lua_getmetatable(L, index)) {
		bool same;

		lua_getfield(L, LUA_REGISTRYINDEX, kind);
		same = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
		if (same)
			return object;
	}
	luaL_typerror(L, index, strrchr(kind, '.') + 1);
	return NULL;
}

void pl_lua_set_kind(lua_State *L, const char *kind, lua_CFunction gc)
{
	lua_pushcfunction(L, gc);
	lua_setfield(L, -2, "__gc");
	lua_setfield(L, LUA_REGISTRYINDEX, kind);
}

void *pl_lua_new(lua_State *L, const char *kind, size_t size)
{
	void *object = lua_newuserdata(L, size);

	memset(object, 0, size);
	lua_getfield(L, LUA_REGISTRYINDEX, kind);
	lua_setmetatable(L, -2);
	return object;
}

void pl_lua_set_functions(lua_State *L, const char *name, const luaL_Reg *functions)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_setfield(L, -2, name);
}

double pl_lua_number_field(lua_State *L, int index, const char *name)
{
	double value;

	lua_getfield(L, index, name);
	value = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return value;
}

int64_t pl_lua_int_field(lua_State *L, int index, const char *name)
{
	return (int64_t)pl_lua_number_field(L, index, name);
}

bool pl_lua_bool_field(lua_State *L, int index, const char *name)
{
	bool value;

	lua_getfield(L, index, name);
	value = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return value;
}

uint32_t pl_lua_milliseconds(double seconds)
{
	double ms = ceil(seconds * 1000);

	return ms >= INT32_MAX ? INT32_MAX : ms > 0 ? (uint32_t)ms : 0;
}

uint16_t pl_lua_check_close_code(lua_State *L, int index)
{
	lua_Integer code = luaL_optinteger(L, index, 1000);

	if (code < 0)
		return 0;
	luaL_argcheck(
		L, code <= UINT16_MAX && pl_ws_close_code_valid((uint16_t)code), index,
		"takes a close code: 1000 to 1003, 1007 to 1014, 3000 to 4999, or -1 for none");
	return (uint16_t)code;
}

/* The next line of a head, without CRLF; false at the empty one. */
static bool next_line(pl_slice *head, pl_slice *line)
{
	size_t end = pl_slice_find(*head, '\r');

	if (end == 0 || end + 1 >= head->len)
		return false;
	*line = pl_slice_make(head->at, end);
	*head = pl_slice_make(head->at + end + 2, head->len - end - 2);
	return true;
}

void pl_lua_push_lower(lua_State *L, pl_slice name)
{
	luaL_Buffer buffer;
	size_t i;

	luaL_buffinit(L, &buffer);
	for (i = 0; i < name.len; i++) {
		char c = name.at[i];

		luaL_addchar(&buffer, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
	}
	luaL_pushresult(&buffer);
}

/* Adds one field to the table at the top. */
static void add_field(lua_State *L, pl_slice name, pl_slice value)
{
	pl_lua_push_lower(L, name);
	lua_pushvalue(L, -1);
	lua_rawget(L, -3);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		pl_lua_push(L, value);
	} else {
		lua_pushliteral(L, ", ");
		pl_lua_push(L, value);
		lua_concat(L, 3);
	}
	lua_rawset(L, -3);
}

/* Of an absolute target; empty for any other, and for a response. */
static pl_slice target_authority(pl_slice line)
{
	size_t start = pl_slice_find(line, ' ');
	pl_slice target = pl_slice_make(line.at + start, line.len - start);
	size_t colon = pl_slice_find(target, ':');
	size_t end = 0;

	if (colon < 2 || colon + 3 > target.len || memcmp(target.at + colon, "://", 3) != 0 ||
	    target.at[1] == '/' || memchr(target.at + 1, ' ', colon - 1))
		return pl_slice_make(NULL, 0);
	target = pl_slice_make(target.at + colon + 3, target.len - colon - 3);
	while (end < target.len && !strchr("/? ", target.at[end]))
		end++;
	return pl_slice_make(target.at, end);
}

void pl_lua_push_headers(lua_State *L, pl_slice head)
{
	pl_slice line, authority;

	lua_newtable(L);
	if (!next_line(&head, &line))
		return;
	authority = target_authority(line);
	while (next_line(&head, &line)) {
		size_t colon = pl_slice_find(line, ':');
		size_t rest = colon < line.len ? colon + 1 : colon;

		add_field(L, pl_slice_make(line.at, colon),
			  pl_slice_trim(pl_slice_make(line.at + rest, line.len - rest)));
	}
	if (authority.len == 0)
		return;
	pl_lua_push(L, authority);
	lua_setfield(L, -2, "host");
}
