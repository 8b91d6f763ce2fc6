#include "lua/lua_place.h"

#include <lauxlib.h>

#include "lua/lua_tls_client.h"
#include "lua/lua_value.h"

pl_slice pl_lua_slice_field(lua_State *L, int index, const char *name)
{
	pl_slice text = { NULL, 0 };

	lua_getfield(L, index, name);
	if (lua_type(L, -1) == LUA_TSTRING)
		text.at = lua_tolstring(L, -1, &text.len);
	else if (!lua_isnil(L, -1))
		luaL_error(L, "%s takes a string", name);
	lua_pop(L, 1);
	return text;
}

uint16_t pl_lua_port_field(lua_State *L, int index)
{
	double port = pl_lua_number_field(L, index, "port");

	return port >= 1 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

pl_tls_context *pl_lua_tls_field(lua_State *L, int index)
{
	pl_tls_context *context = NULL;

	lua_getfield(L, index, "tls");
	if (!lua_isnil(L, -1))
		context = pl_lua_tls_client_at(L, lua_gettop(L));
	lua_pop(L, 1);
	return context;
}

uint32_t pl_lua_time_field(lua_State *L, int index, const char *name)
{
	uint32_t ms = 0;

	lua_getfield(L, index, name);
	if (!lua_isnil(L, -1)) {
		ms = pl_lua_milliseconds(luaL_checknumber(L, -1));
		if (ms == 0)
			ms = 1;
	}
	lua_pop(L, 1);
	return ms;
}
