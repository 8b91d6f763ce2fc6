#include "lua/lua_script.h"

#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_control.h"
#include "lua/lua_modules.h"

static void *script_alloc(void *script, void *ptr, size_t old, size_t size)
{
	int64_t grown = (int64_t)size - (ptr ? (int64_t)old : 0);

	(void)script;
	if (size == 0) {
		pl_count(PL_COUNT_LUA_BYTES, grown);
		pl_free(ptr);
		return NULL;
	}
	ptr = pl_realloc(ptr, size);
	if (ptr)
		pl_count(PL_COUNT_LUA_BYTES, grown);
	return ptr;
}

pl_script *pl_script_of(lua_State *L)
{
	void *script;

	lua_getallocf(L, &script);
	return script;
}

/* Ending. */

static void on_signal(void *context, int number)
{
	(void)number;
	pl_script_stop(context, 0); /* a second signal does not come so far */
}

static void on_program_stop(void *context, int code)
{
	pl_script_stop(context, code);
}

static void stop_components(pl_script *script, enum pl_component_end end)
{
	pl_list *node = script->components.next;

	while (node != &script->components) {
		pl_component *component = PL_CONTAINER(node, pl_component, node);

		node = node->next;
		if (component->end == end)
			component->stop(component);
	}
}

/* Whether something is left whose turn to stop is this one or an earlier one. */
static bool is_left(const pl_script *script)
{
	const pl_list *node;

	for (node = script->components.next; node != &script->components; node = node->next)
		if (PL_CONTAINER(node, pl_component, node)->end <= script->ending_turn)
			return true;
	return false;
}

/* A stop may remove its component at once, and so come back here. */
static void check_end(pl_script *script)
{
	if (!script->ending || script->sweeping)
		return;
	script->sweeping = true;
	while (!is_left(script) && script->ending_turn < PL_ENDS_LAST) {
		script->ending_turn++;
		script->stopping = true;
		stop_components(script, script->ending_turn);
	}
	script->sweeping = false;
	if (script->ending_turn == PL_ENDS_LAST && pl_list_empty(&script->components))
		pl_loop_stop(script->loop);
}

void pl_script_stop(pl_script *script, int exit_code)
{
	if (script->ending)
		return;
	script->ending = true;
	script->ending_turn = PL_ENDS_FIRST;
	script->exit_code = exit_code;
	pl_worker_stop_all(script->worker, exit_code);
	script->sweeping = true;
	stop_components(script, PL_ENDS_FIRST);
	script->sweeping = false;
	check_end(script);
}

void pl_script_add(pl_script *script, pl_component *component)
{
	pl_script_has_started(script);
	pl_script_attempt(script, component);
}

/* What the main script has started before it waits, or returns, is all that is waited for. */
static void check_up(pl_script *script)
{
	if (script->up || script->ending || !script->begun ||
	    !(script->returned || script->started))
		return;
	script->up = true;
	pl_worker_up(script->worker);
}

void pl_script_has_started(pl_script *script)
{
	script->started = true;
	check_up(script);
}

void pl_script_attempt(pl_script *script, pl_component *component)
{
	pl_list_append(&script->components, &component->node);
	pl_loop_hold(script->loop);
}

void pl_script_remove(pl_script *script, pl_component *component)
{
	pl_list_remove(&component->node);
	pl_loop_release(script->loop);
	check_end(script);
}

void pl_script_start_failed(pl_script *script, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	script->start_error.len = 0;
	pl_buffer_append(&script->start_error, text, strlen(text));
	if (pl_list_empty(&script->components)) /* all that has started is over */
		script->started = false;
}

/* Beginning. */

static void complain(const pl_script *script, const char *text)
{
	if (script->worker->id == 1)
		fprintf(stderr, "perilune: %s\n", text);
	else
		fprintf(stderr, "perilune: worker %d: %s\n", script->worker->id, text);
}

static int load_file(lua_State *L, const char *path)
{
	struct stat info;

	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
		lua_pushfstring(L, "%s/main.lua", path);
		path = lua_tostring(L, -1);
	}
	/* Only text: bytecode could break the interpreter. */
	return luaL_loadfilex(L, path, "t");
}

/* package.path begins with the script's folder, and relative names of files mean files there. */
static void set_directory(lua_State *L, const char *path)
{
	struct stat info;
	const char *slash = strrchr(path, '/');
	bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
	size_t len = folder ? strlen(path) : slash ? (size_t)(slash - path) : 0;

	if (len == 0 && slash == path)
		len = 1;
	if (len == 0)
		lua_pushliteral(L, ".");
	else
		lua_pushlstring(L, path, len);
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, "perilune.directory");
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "path");
	lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", lua_tostring(L, -3), lua_tostring(L, -3),
			lua_tostring(L, -1));
	lua_setfield(L, -3, "path");
	lua_pop(L, 3);
}

static void set_arguments(lua_State *L, const pl_script_options *options)
{
	int i;

	lua_createtable(L, options->argc, 1);
	lua_pushstring(L, options->path ? options->path : options->module);
	lua_rawseti(L, -2, 0);
	for (i = 0; i < options->argc; i++) {
		lua_pushstring(L, options->argv[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setglobal(L, "arg");
}

/* Under lua_cpcall: nothing here can end the process. */
static int set_up(lua_State *L)
{
	const pl_script_options *options = lua_touserdata(L, 1);

	luaL_openlibs(L);
	pl_tasks_open(L);
	set_directory(L, options->path ? options->path : ".");
	set_arguments(L, options);
	pl_modules_open(L);
	return 0;
}

static void main_done(pl_task *task, bool ok)
{
	pl_script *script = task->script;

	pl_loop_release(script->loop);
	script->returned = ok;
	if (!ok && !script->ending) {
		complain(script, lua_tostring(task->L, -1));
		script->failed = true;
		pl_script_stop(script, 1);
	}
	check_up(script);
}

/* The main script as a task: require of a module, or the file. */
static int start_main(pl_script *script, const pl_script_options *options)
{
	pl_task *task;
	int arguments = 0;

	if (options->path && load_file(script->L, options->path)) {
		complain(script, lua_tostring(script->L, -1));
		return PL_EINVAL;
	}
	task = pl_task_new(script, main_done, NULL);
	if (!task)
		return PL_ENOMEM;
	if (options->module) {
		lua_getglobal(task->L, "require");
		lua_pushstring(task->L, options->module);
		arguments = 1;
	} else {
		lua_xmove(script->L, task->L, 1);
		lua_settop(script->L, 0);
	}
	task->place = "the main script";
	pl_loop_hold(script->loop);
	pl_task_run(task, arguments);
	return PL_OK;
}

static void control_done(pl_task *task, bool ok)
{
	if (!ok)
		pl_log(PL_LOG_ERROR, "nobody can attach: %s", lua_tostring(task->L, -1));
}

/* What answers those who attach; before the main script, which may wait. */
static int start_control(pl_script *script)
{
	pl_task *task = pl_task_new(script, control_done, NULL);

	if (!task)
		return PL_ENOMEM;
	lua_getglobal(task->L, "require");
	lua_pushliteral(task->L, "perilune.internal.attached");
	task->place = "what is attached";
	pl_task_run(task, 1);
	return PL_OK;
}

/* Whether a start failed and nothing else runs: the program's end, and why. */
static bool start_failed(const pl_script *script)
{
	return script->start_error.len > 0 && !script->started && !script->failed &&
	       !script->ending && !pl_loop_held(script->loop);
}

static void run_loop(pl_script *script)
{
	script->begun = true;
	check_up(script);
	if (script->worker->id == 1)
		pl_worker_begin_others(script->worker);
	do {
		pl_loop_run(script->loop);
	} while (!script->ending && pl_worker_rest(script->worker));
}

static void end_components(pl_script *script)
{
	if (!pl_list_empty(&script->components))
		pl_loop_run(script->loop);
}

static int run(pl_script *script, const pl_script_options *options)
{
	if (lua_cpcall(script->L, set_up, (void *)(uintptr_t)options)) {
		complain(script, lua_tostring(script->L, -1));
		return 1;
	}
	if ((script->sockets && start_control(script)) || start_main(script, options))
		return 1;
	if (script->ending) /* before it began: what it has started ends first */
		end_components(script);
	else if (!script->check && !start_failed(script))
		run_loop(script);
	if (start_failed(script)) {
		pl_buffer_append(&script->start_error, "", 1);
		complain(script, (const char *)script->start_error.data);
		return 1;
	}
	return script->exit_code;
}

/* What ends the program outside of any handler: no memory, or a finalizer of the script that
 * throws. LuaJIT exits with 1 then. */
static int on_panic(lua_State *L)
{
	const char *text = lua_tostring(L, -1);

	pl_tasks_escape(&pl_script_of(L)->tasks);
	pl_log(PL_LOG_ERROR, "the program cannot go on: %s", text ? text : "an error without text");
	return 0;
}

static void heed_signals(pl_script *script)
{
	pl_loop_on_signal(script->loop, SIGINT, on_signal, script);
	pl_loop_on_signal(script->loop, SIGTERM, on_signal, script);
	pl_worker_heed_second_signal();
}

int pl_script_run(pl_worker *worker, const pl_script_options *options)
{
	pl_script script = { .worker = worker,
			     .loop = worker->loop,
			     .check = options->check,
			     .generation = 1,
			     .quiet = options->module != NULL,
			     .sockets = options->control };
	int code;

	pl_list_init(&script.components);
	pl_tasks_init(&script.tasks);
	script.L = lua_newstate(script_alloc, &script);
	if (!script.L) {
		pl_log(PL_LOG_ERROR, "the Lua state cannot be made: out of memory");
		return 1;
	}
	lua_atpanic(script.L, on_panic);
	worker->stop = on_program_stop;
	worker->context = &script;
	if (worker->id == 1)
		heed_signals(&script);
	code = run(&script, options);
	pl_lua_control_end(&script);
	pl_tasks_deinit(&script.tasks);
	script.ending = script.stopping = true; /* finalizers of the script start nothing */
	lua_close(script.L);
	pl_buffer_deinit(&script.start_error);
	return code;
}
