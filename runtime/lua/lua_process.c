#include "lua/lua_process.h"

#include <unistd.h>

#include "base/log.h"
#include "lua/lua_exchange.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

static enum pl_log_level check_level(lua_State *L, int index)
{
	enum pl_log_level level;

	if (!pl_log_level_parse(luaL_checkstring(L, index), &level))
		luaL_argerror(L, index, "takes \"error\", \"warn\", \"info\" or \"debug\"");
	return level;
}

/* log(level, text) */
static int process_log(lua_State *L)
{
	enum pl_log_level level = check_level(L, 1);
	pl_slice text = pl_lua_check_slice(L, 2);

	pl_log_text(level, text.at, text.len);
	return 0;
}

static int process_log_enabled(lua_State *L)
{
	lua_pushboolean(L, pl_log_enabled(check_level(L, 1)));
	return 1;
}

static int process_set_log_level(lua_State *L)
{
	pl_log_set_level(check_level(L, 1));
	return 0;
}

/* task() -> what tells the running task from others */
static int process_task(lua_State *L)
{
	lua_pushlightuserdata(L, pl_script_of(L)->tasks.current);
	return 1;
}

/* pin(change): while the sum is above 0 the running task cannot wait */
static int process_pin(lua_State *L)
{
	pl_task *task = pl_script_of(L)->tasks.current;

	if (task)
		task->pinned += (int)luaL_checkinteger(L, 1);
	return 0;
}

/* working_directory() -> where the program was started; "." when that cannot be told */
static int process_working_directory(lua_State *L)
{
	char path[4096];

	lua_pushstring(L, getcwd(path, sizeof(path)) ? path : ".");
	return 1;
}

static void cancel_exit(pl_wait *wait)
{
	(void)wait;
}

/* exit(code): the program ends in order; the caller goes no further. */
static int process_exit(lua_State *L)
{
	pl_script *script = pl_script_of(L);
	pl_wait *wait;

	pl_script_stop(script, (int)luaL_optinteger(L, 1, 0));
	pl_lua_exchange_let_go(L, NULL);
	if (!pl_wait_possible(L))
		return luaL_error(L, "the program is ending");
	wait = lua_newuserdata(L, sizeof(*wait));
	pl_wait_begin(L, wait, cancel_exit);
	luaL_ref(L, LUA_REGISTRYINDEX);
	return pl_wait_yield(L);
}

static const luaL_Reg functions[] = {
	{ "log", process_log },
	{ "log_enabled", process_log_enabled },
	{ "set_log_level", process_set_log_level },
	{ "exit", process_exit },
	{ "working_directory", process_working_directory },
	{ "pin", process_pin },
	{ "task", process_task },
	{ NULL, NULL },
};

int pl_lua_open_process(lua_State *L)
{
	pl_script *script = pl_script_of(L);

	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_getfield(L, LUA_REGISTRYINDEX, "perilune.directory");
	lua_setfield(L, -2, "directory");
	pl_wait_push_mark(L);
	lua_setfield(L, -2, "waiting");
	lua_pushinteger(L, getpid());
	lua_setfield(L, -2, "pid");
	lua_pushinteger(L, script->worker->id);
	lua_setfield(L, -2, "worker_id");
	lua_pushinteger(L, script->worker->count);
	lua_setfield(L, -2, "worker_count");
	return 1;
}
