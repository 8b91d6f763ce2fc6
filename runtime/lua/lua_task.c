#include "lua/lua_task.h"

#include <lauxlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "lua/lua_script.h"

/* Yielded by what waits; everything else that reaches us is a stray coroutine.yield. */
static char wait_mark;

void pl_tasks_init(pl_tasks *tasks)
{
	pl_list_init(&tasks->waits);
}

static void task_free(pl_task *task)
{
	luaL_unref(task->script->L, LUA_REGISTRYINDEX, task->ref);
	pl_free(task);
}

void pl_tasks_deinit(pl_tasks *tasks)
{
	while (!pl_list_empty(&tasks->waits)) {
		pl_wait *wait = PL_CONTAINER(tasks->waits.next, pl_wait, node);
		pl_task *task = wait->task;

		pl_list_remove(&wait->node);
		wait->cancel(wait);
		if (task->abandoned)
			task->abandoned(task);
		task_free(task);
	}
	while (tasks->pooled > 0)
		task_free(tasks->pool[--tasks->pooled]);
}

pl_task *pl_task_new(pl_script *script, void (*done)(pl_task *task, bool ok), void *context)
{
	pl_tasks *tasks = &script->tasks;
	pl_task *task;

	if (tasks->pooled > 0) {
		task = tasks->pool[--tasks->pooled];
	} else {
		task = pl_calloc(1, sizeof(*task));
		if (!task)
			return NULL;
		task->script = script;
		task->L = lua_newthread(script->L);
		task->ref = luaL_ref(script->L, LUA_REGISTRYINDEX);
	}
	task->pinned = 0;
	task->done = done;
	task->abandoned = NULL;
	task->context = context;
	return task;
}

/* A coroutine that ended well can run another function; one that threw is dead. */
static void task_release(pl_task *task, bool ok)
{
	pl_tasks *tasks = &task->script->tasks;

	if (!ok || tasks->pooled == PL_TASKS_POOLED) {
		task_free(task);
		return;
	}
	lua_settop(task->L, 0);
	tasks->pool[tasks->pooled++] = task;
}

/* describe(error) -> text; what is no string may have a __tostring. */
static int describe(lua_State *L)
{
	if (lua_isstring(L, 1) || (luaL_callmeta(L, 1, "__tostring") && lua_isstring(L, -1)))
		return 1;
	lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	return 1;
}

/* Replaces the error value on top of the task by its text with a traceback. The text is made on the
 * main stack: the task's own may be full. */
static void add_traceback(pl_task *task)
{
	lua_State *L = task->script->L;

	lua_pushcfunction(L, describe);
	lua_xmove(task->L, L, 1);
	if (lua_pcall(L, 1, 1, 0)) {
		lua_pop(L, 1);
		lua_pushliteral(L, "(error object whose __tostring failed)");
	}
	luaL_traceback(L, task->L, lua_tostring(L, -1), 0);
	lua_settop(task->L, 0);
	lua_xmove(L, task->L, 1);
	lua_pop(L, 1);
}

static void end(pl_task *task, bool ok)
{
	task->done(task, ok);
	task_release(task, ok);
}

void pl_task_run(pl_task *task, int arguments)
{
	pl_tasks *tasks = &task->script->tasks;
	pl_task *before = tasks->current;
	int status;

	tasks->current = task;
	status = lua_resume(task->L, arguments);
	tasks->current = before;
	if (status == 0) {
		end(task, true);
	} else if (status != LUA_YIELD) {
		add_traceback(task);
		end(task, false);
	} else if (!task->wait) {
		lua_pushliteral(task->L, "coroutine.yield outside of a coroutine");
		add_traceback(task);
		end(task, false);
	}
}

/* The innermost coroutine, the task itself and all between them must be able to yield: the last
 * is what `pinned` tells. */
bool pl_wait_possible(lua_State *L)
{
	const pl_task *task = pl_script_of(L)->tasks.current;

	return task && task->pinned == 0 && lua_isyieldable(L) && lua_isyieldable(task->L);
}

void pl_wait_check(lua_State *L)
{
	if (!pl_wait_possible(L))
		luaL_error(L, "cannot wait here: the function is called from C code that cannot "
			      "be left meanwhile (string.gsub, table.sort, a metamethod of C)");
}

void pl_wait_begin(lua_State *L, pl_wait *wait, void (*cancel)(pl_wait *wait))
{
	pl_tasks *tasks = &pl_script_of(L)->tasks;

	wait->task = tasks->current;
	wait->cancel = cancel;
	wait->task->wait = wait;
	pl_list_append(&tasks->waits, &wait->node);
}

void pl_wait_push_mark(lua_State *L)
{
	lua_pushlightuserdata(L, &wait_mark);
}

int pl_wait_yield(lua_State *L)
{
	lua_settop(L, 0);
	pl_wait_push_mark(L);
	return lua_yield(L, 1);
}

pl_task *pl_wait_end(pl_wait *wait)
{
	pl_task *task = wait->task;

	pl_list_remove(&wait->node);
	task->wait = NULL;
	lua_settop(task->L, 0);
	return task;
}
