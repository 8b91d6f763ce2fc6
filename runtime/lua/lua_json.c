#include "lua/lua_json.h"

#include <lauxlib.h>

#include "lua/lua_json_internal.h"

static const char workspace_type[] = "perilune.json.workspace";

enum { KEPT_MAX = 64 * 1024 }; /* bytes of a buffer that stay allocated between calls */

static int workspace_gc(lua_State *L)
{
	json_workspace *workspace = lua_touserdata(L, 1);

	pl_buffer_deinit(&workspace->text);
	pl_buffer_deinit(&workspace->keys);
	return 0;
}

static json_workspace *workspace_new(lua_State *L)
{
	json_workspace *workspace = lua_newuserdata(L, sizeof(*workspace));

	*workspace = (json_workspace){ 0 };
	if (luaL_newmetatable(L, workspace_type)) {
		lua_pushcfunction(L, workspace_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return workspace;
}

json_workspace *json_workspace_take(lua_State *L)
{
	json_workspace *workspace = lua_touserdata(L, lua_upvalueindex(JSON_WORKSPACE));

	if (workspace->busy)
		workspace = workspace_new(L);
	workspace->busy = true;
	workspace->text.len = 0;
	workspace->keys.len = 0;
	return workspace;
}

void json_workspace_give(json_workspace *workspace)
{
	if (workspace->text.cap > KEPT_MAX)
		pl_buffer_deinit(&workspace->text);
	if (workspace->keys.cap > KEPT_MAX)
		pl_buffer_deinit(&workspace->keys);
	workspace->busy = false;
}

/* Sets a function of the table at -1; the workspace is at -3, the metatable at -2. */
static void set_function(lua_State *L, const char *name, lua_CFunction function)
{
	lua_pushvalue(L, -3);
	lua_pushvalue(L, -3);
	lua_pushcclosure(L, function, 2);
	lua_setfield(L, -2, name);
}

int pl_lua_open_json(lua_State *L)
{
	workspace_new(L);
	lua_newtable(L);
	lua_newtable(L);
	set_function(L, "decode", json_decode);
	set_function(L, "encode", json_encode);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "array_mt");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_pushinteger(L, PL_LUA_JSON_DEPTH);
	lua_setfield(L, -2, "max_depth");
	return 1;
}
