#include "lua/lua_modules.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "lua/lua_binary.h"
#include "lua/lua_client.h"
#include "lua/lua_conn.h"
#include "lua/lua_control.h"
#include "lua/lua_exchange.h"
#include "lua/lua_forward.h"
#include "lua/lua_fs.h"
#include "lua/lua_http.h"
#include "lua/lua_json.h"
#include "lua/lua_metrics.h"
#include "lua/lua_mqtt.h"
#include "lua/lua_password.h"
#include "lua/lua_process.h"
#include "lua/lua_server.h"
#include "lua/lua_shared.h"
#include "lua/lua_sse.h"
#include "lua/lua_task_object.h"
#include "lua/lua_terminal.h"
#include "lua/lua_text.h"
#include "lua/lua_timer.h"
#include "lua/lua_tls_client.h"
#include "lua/lua_url.h"

static const luaL_Reg core[] = {
	{ "perilune.core.binary", pl_lua_open_binary },
	{ "perilune.core.client", pl_lua_open_client },
	{ "perilune.core.conn", pl_lua_open_conn },
	{ "perilune.core.control", pl_lua_open_control },
	{ "perilune.core.exchange", pl_lua_open_exchange },
	{ "perilune.core.forward", pl_lua_open_forward },
	{ "perilune.core.fs", pl_lua_open_fs },
	{ "perilune.core.http", pl_lua_open_http },
	{ "perilune.core.json", pl_lua_open_json },
	{ "perilune.core.metrics", pl_lua_open_metrics },
	{ "perilune.core.mqtt", pl_lua_open_mqtt },
	{ "perilune.core.password", pl_lua_open_password },
	{ "perilune.core.process", pl_lua_open_process },
	{ "perilune.core.server", pl_lua_open_server },
	{ "perilune.core.shared", pl_lua_open_shared },
	{ "perilune.core.sse", pl_lua_open_sse },
	{ "perilune.core.task", pl_lua_open_task },
	{ "perilune.core.terminal", pl_lua_open_terminal },
	{ "perilune.core.text", pl_lua_open_text },
	{ "perilune.core.timer", pl_lua_open_timer },
	{ "perilune.core.url", pl_lua_open_url },
	{ "perilune.core.tls_client", pl_lua_open_tls_client },
	{ NULL, NULL },
};

/* "perilune.internal.boot" to "perilune/internal/boot.lua", pushed. */
static const char *push_path(lua_State *L, const char *module)
{
	const char *path = luaL_gsub(L, module, ".", "/");

	path = lua_pushfstring(L, "%s.lua", path);
	lua_remove(L, -2);
	return path;
}

/* Loads a module of ours: from PERILUNE_HOME/lua when that is set, else from the program. A
 * function, or a text that says why there is none. */
static int load_module(lua_State *L)
{
	const char *path = push_path(L, luaL_checkstring(L, 1));
	const char *home = getenv("PERILUNE_HOME");
	pl_slice file;

	if (home && home[0]) {
		const char *name = lua_pushfstring(L, "%s/lua/%s", home, path);

		if (luaL_loadfilex(L, name, "t") == 0)
			return 1;
		return lua_pushfstring(L, "\n\t%s", lua_tostring(L, -1)), 1;
	}
	file = pl_embedded_find(pl_slice_make(path, strlen(path)));
	if (!file.at)
		return lua_pushfstring(L, "\n\tno file '%s' in the program", path), 1;
	if (luaL_loadbufferx(L, file.at, file.len, lua_pushfstring(L, "@%s", path), "t"))
		return lua_error(L);
	return 1;
}

void pl_modules_open(lua_State *L)
{
	const luaL_Reg *module;

	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	for (module = core; module->name; module++) {
		lua_pushcfunction(L, module->func);
		lua_setfield(L, -2, module->name);
	}
	lua_pop(L, 2);
	lua_pushcfunction(L, load_module);
	lua_pushliteral(L, "perilune.internal.boot");
	lua_call(L, 1, 1);
	if (!lua_isfunction(L, -1))
		lua_error(L);
	lua_pushcfunction(L, load_module);
	lua_call(L, 1, 0);
}
