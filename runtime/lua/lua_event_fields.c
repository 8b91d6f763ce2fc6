#include "lua/lua_event_fields.h"

#include <lauxlib.h>
#include <string.h>

#include "lua/lua_value.h"

enum { RETRY_MAX = 86400 }; /* seconds */

static pl_slice check_text(lua_State *L, const char *what, const char *name)
{
	pl_slice text = { NULL, 0 };

	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "%s: %s takes a string, got a %s", what, name, luaL_typename(L, -1));
	text.at = lua_tolstring(L, -1, &text.len);
	if (!pl_sse_field_valid(text))
		luaL_error(L, "%s: %s takes UTF-8 without CR, LF and NUL", what, name);
	return text;
}

bool pl_lua_read_event_field(lua_State *L, const char *what, const char *name,
			     pl_sse_fields *fields)
{
	double retry;

	if (strcmp(name, "id") == 0) {
		fields->id = check_text(L, what, name);
	} else if (strcmp(name, "event") == 0) {
		fields->event = check_text(L, what, name);
	} else if (strcmp(name, "retry") == 0) {
		retry = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
		if (!(retry >= 0 && retry <= RETRY_MAX))
			luaL_error(L, "%s: retry takes seconds, 0 to %d", what, RETRY_MAX);
		fields->retry = pl_lua_milliseconds(retry);
	} else {
		return false;
	}
	return true;
}

static size_t check_size(lua_State *L, const char *what)
{
	double size = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;

	if (!(size >= 1 && size <= INT32_MAX))
		luaL_error(L, "%s: size takes a number of bytes, from 1", what);
	return (size_t)size;
}

static void read_table(lua_State *L, int index, const char *what, pl_lua_manner *manner)
{
	lua_pushnil(L);
	while (lua_next(L, index)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";

		if (strcmp(name, "size") == 0)
			manner->fragment = check_size(L, what);
		else if (pl_lua_read_event_field(L, what, name, &manner->fields))
			manner->has_fields = true;
		else
			luaL_error(L, "%s has no option '%s'; it takes size, id, event, retry",
				   what, name);
		lua_pop(L, 1);
	}
}

void pl_lua_check_manner(lua_State *L, int index, const char *what, pl_lua_manner *manner)
{
	lua_Integer size;

	*manner = (pl_lua_manner){ .fields = { .retry = -1 } };
	if (lua_istable(L, index)) {
		read_table(L, index, what, manner);
		return;
	}
	size = luaL_optinteger(L, index, 0);
	luaL_argcheck(L, size >= 0 && size <= INT32_MAX, index,
		      "takes a number of bytes, from 1, or a table");
	manner->fragment = (size_t)size;
}
