#include "lua/lua_task.h"

#include <lauxlib.h>
#include <luajit.h>
#include <time.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "lua/lua_script.h"
#include "worker/slow.h"

/* Yielded by what waits; everything else that reaches us is a stray coroutine.yield. */
static char wait_mark;

void pl_tasks_init(pl_tasks *tasks)
{
	pl_list_init(&tasks->waits);
}

/* Pushing, which may throw for want of memory. Where nothing of Lua is on the C stack, as in most
 * events, the throw ends in the panic function, and from there we jump back: that costs 3 ns, a
 * protected call 10. Elsewhere, and for a task that waits, whose own state must not be called into,
 * a protected call on the script's state does it. */

static int guard(lua_State *L)
{
	pl_tasks *tasks = &pl_script_of(L)->tasks;

	return tasks->push(L, tasks->push_context);
}

static int traceback(lua_State *L);

void pl_tasks_open(lua_State *L)
{
	lua_pushcfunction(L, guard);
	pl_script_of(L)->tasks.guard = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushcfunction(L, traceback);
	pl_script_of(L)->tasks.traceback = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushliteral(L, "not enough memory");
	pl_script_of(L)->tasks.no_memory = luaL_ref(L, LUA_REGISTRYINDEX);
}

void pl_tasks_escape(pl_tasks *tasks)
{
	if (tasks->escape)
		longjmp(*tasks->escape, 1);
}

/* Returns how much is on the script's state now, or -1. */
static int push_protected(pl_script *script, int (*push)(lua_State *L, void *context),
			  void *context)
{
	lua_State *L = script->L;
	int top = lua_gettop(L);

	script->tasks.push = push;
	script->tasks.push_context = context;
	lua_rawgeti(L, LUA_REGISTRYINDEX, script->tasks.guard);
	if (lua_pcall(L, 0, LUA_MULTRET, 0) == 0)
		return lua_gettop(L) - top;
	lua_settop(L, top);
	return -1;
}

bool pl_tasks_try(pl_script *script, int (*push)(lua_State *L, void *context), void *context)
{
	int count = push_protected(script, push, context);

	if (count > 0)
		lua_pop(script->L, count);
	return count >= 0;
}

static int push_directly(pl_task *task, int (*push)(lua_State *L, void *context), void *context)
{
	pl_tasks *tasks = &task->script->tasks;
	volatile int count = -1;
	jmp_buf escape;

	tasks->escape = &escape;
	if (_setjmp(escape) == 0)
		count = push(task->L, context);
	tasks->escape = NULL;
	return count;
}

int pl_task_push(pl_task *task, int (*push)(lua_State *L, void *context), void *context)
{
	pl_script *script = task->script;
	int count;

	if (!script->tasks.current && lua_status(task->L) == 0)
		return push_directly(task, push, context);
	count = push_protected(script, push, context);
	if (count > 0)
		lua_xmove(script->L, task->L, count);
	return count;
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

/* Running at the end of the turn. */

static void cancel_later(pl_wait *wait)
{
	pl_later *later = PL_CONTAINER(wait, pl_later, wait);

	pl_deferred_cancel(&later->deferred);
	pl_loop_release(wait->task->script->loop);
}

static void run_later(pl_deferred *deferred)
{
	pl_later *later = PL_CONTAINER(deferred, pl_later, deferred);
	pl_task *task = later->wait.task;

	pl_list_remove(&later->wait.node);
	task->wait = NULL;
	pl_loop_release(task->script->loop);
	pl_task_run(task, later->arguments);
}

void pl_task_run_later(pl_task *task, int arguments)
{
	pl_later *later = &task->later;

	later->arguments = arguments;
	later->wait.task = task;
	later->wait.cancel = cancel_later;
	task->wait = &later->wait;
	pl_list_append(&task->script->tasks.waits, &later->wait.node);
	pl_loop_hold(task->script->loop);
	pl_loop_defer(task->script->loop, &later->deferred);
}

bool pl_task_begun(const pl_task *task)
{
	return task->wait != &task->later.wait || lua_status(task->L) == LUA_YIELD;
}

/* It is not kept: a push may have been given up in the middle. */
void pl_task_drop(pl_task *task)
{
	if (task->wait) {
		pl_list_remove(&task->wait->node);
		cancel_later(task->wait);
		task->wait = NULL;
	}
	task_free(task);
}

typedef struct thread {
	lua_State *L;
	int ref;
} thread;

static int make_thread(lua_State *L, void *context)
{
	thread *made = context;

	made->L = lua_newthread(L);
	made->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static pl_task *make(pl_script *script)
{
	pl_task *task = pl_calloc(1, sizeof(*task));
	thread made = { NULL, LUA_NOREF };

	if (!task || !pl_tasks_try(script, make_thread, &made)) {
		pl_free(task);
		return NULL;
	}
	task->script = script;
	task->L = made.L;
	task->ref = made.ref;
	pl_list_init(&task->later.wait.node);
	pl_deferred_init(&task->later.deferred, run_later);
	return task;
}

pl_task *pl_task_new(pl_script *script, void (*done)(pl_task *task, bool ok), void *context)
{
	pl_tasks *tasks = &script->tasks;
	pl_task *task;

	task = tasks->pooled > 0 ? tasks->pool[--tasks->pooled] : make(script);
	if (!task)
		return NULL;
	task->pinned = 0;
	task->cancelled = false;
	task->done = done;
	task->abandoned = NULL;
	task->context = context;
	task->place = NULL;
	task->interrupted = NULL;
	task->throws = 0;
	return task;
}

/* describe(error) -> text; what is no string may have a __tostring. */
static int describe(lua_State *L)
{
	if (lua_isstring(L, 1) || (luaL_callmeta(L, 1, "__tostring") && lua_isstring(L, -1)))
		return 1;
	lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	return 1;
}

/* traceback(error) -> text */
static int traceback(lua_State *L)
{
	const pl_task *task = pl_script_of(L)->tasks.push_context;

	lua_pushcfunction(L, describe);
	lua_insert(L, 1);
	if (lua_pcall(L, 1, 1, 0)) {
		lua_pop(L, 1);
		lua_pushliteral(L, "(error object whose __tostring failed)");
	}
	luaL_traceback(L, task->L, lua_tostring(L, -1), 0);
	return 1;
}

/* Replaces the error value on top of the task by its text with a traceback, or without one when it
 * cannot be made. The text is made on the main stack: the task's own may be full. */
static void add_traceback(pl_task *task)
{
	pl_tasks *tasks = &task->script->tasks;
	lua_State *L = task->script->L;

	tasks->push_context = task;
	lua_xmove(task->L, L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, tasks->traceback);
	lua_pushvalue(L, -2);
	if (lua_pcall(L, 1, 1, 0) == 0)
		lua_replace(L, -2);
	else
		lua_pop(L, 1);
	if (lua_type(L, -1) != LUA_TSTRING) {
		lua_pop(L, 1);
		lua_rawgeti(L, LUA_REGISTRYINDEX, tasks->no_memory);
	}
	lua_settop(task->L, 0);
	lua_xmove(L, task->L, 1);
}

static void end(pl_task *task, bool ok)
{
	task->done(task, ok);
	task_release(task, ok);
}

/* Throwing where the task waits. A C function that has yielded cannot throw any more: a hook does,
 * at the first instruction that its coroutine runs (or its caller, when that function was the whole
 * coroutine). The script may have a hook of its own, which comes back. */

static pl_task_hook hook_of(lua_State *L)
{
	return (pl_task_hook){ lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L) };
}

static void set_hook(lua_State *L, const pl_task_hook *hook)
{
	lua_sethook(L, hook->call, hook->mask, hook->count);
}

static void on_instruction(lua_State *L, lua_Debug *where)
{
	pl_task *task = pl_script_of(L)->tasks.current;
	const char *message = task->thrown;

	(void)where;
	if (!message || (L != task->throw_in && lua_status(task->throw_in) == LUA_YIELD))
		return;
	task->thrown = NULL;
	set_hook(L, &task->script->tasks.throwing);
	lua_pushstring(L, message);
	lua_error(L);
}

static int resume_throwing(pl_task *task)
{
	pl_tasks *tasks = &task->script->tasks;
	int status;

	tasks->throwing = hook_of(task->L);
	lua_sethook(task->L, on_instruction, LUA_MASKCOUNT, 1);
	status = lua_resume(task->L, 0);
	if (lua_gethook(task->L) == on_instruction)
		set_hook(task->L, &tasks->throwing);
	if (task->thrown && status == 0) { /* it ended before it came to an instruction */
		lua_settop(task->L, 0);
		lua_pushstring(task->L, task->thrown);
		status = LUA_ERRRUN;
	}
	task->thrown = NULL;
	return status;
}

/* Interrupting what does not wait. LuaJIT has one hook for all coroutines, so it is there only
 * while a task runs that is watched. */

static void on_count(lua_State *L, lua_Debug *where)
{
	pl_task *task = pl_script_of(L)->tasks.current;

	(void)where;
	if (!task || !task->interrupted || !task->interrupted(task->interrupter))
		return;
	/* Code that catches it and goes on is thrown at again: where it goes on, and one pcall
	 * further out each time. */
	if (task->burst == 0)
		task->burst = task->throws++;
	else
		task->burst--;
	lua_sethook(L, on_count, LUA_MASKCOUNT, task->burst > 0 ? 1 : PL_TASK_WATCH_EVERY);
	lua_pushliteral(L, PL_TASK_INTERRUPTED);
	lua_error(L);
}

/* Nothing is compiled meanwhile: compiled code calls no hook. */
static void watch_begin(pl_tasks *tasks, lua_State *L)
{
	if (lua_gethook(L) == on_count) /* of a task that has called what runs this one */
		return;
	tasks->watched = hook_of(L);
	lua_sethook(L, on_count, LUA_MASKCOUNT, PL_TASK_WATCH_EVERY);
	if (tasks->compiles)
		luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
}

static void watch_end(const pl_tasks *tasks, lua_State *L)
{
	set_hook(L, &tasks->watched);
	if (tasks->compiles)
		luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
}

/* What jit.status says; false without it. */
static bool is_compiling(lua_State *L)
{
	int top = lua_gettop(L);
	bool on = false;

	lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
	lua_getfield(L, -1, "jit");
	if (lua_istable(L, -1)) {
		lua_getfield(L, -1, "status");
		lua_call(L, 0, 1);
		on = lua_toboolean(L, -1);
	}
	lua_settop(L, top);
	return on;
}

bool pl_task_watch(lua_State *L, bool (*interrupted)(void *context), void *context)
{
	pl_tasks *tasks = &pl_script_of(L)->tasks;
	pl_task *task = tasks->current;

	if (interrupted && !task->interrupted) {
		if (lua_gethook(L) != on_count)
			tasks->compiles = is_compiling(L);
		watch_begin(tasks, L);
	} else if (!interrupted && task->interrupted) {
		watch_end(tasks, L);
	}
	if (interrupted && !task->interrupted)
		task->throws = task->burst = 0;
	task->interrupted = interrupted;
	task->interrupter = context;
	return task->throws > 0;
}

/* A coroutine.yield that nobody is there for is an error of its caller. */
static int resume(pl_task *task, int arguments)
{
	int status = task->thrown ? resume_throwing(task) : lua_resume(task->L, arguments);

	while (status == LUA_YIELD && !task->wait) {
		lua_settop(task->L, 0);
		task->thrown = "coroutine.yield outside of a coroutine";
		task->throw_in = task->L;
		status = resume_throwing(task);
	}
	return status;
}

/* Of a clock that ticks every few ms, and costs as many ns. */
static uint64_t coarse_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What the others may know of it while it runs, and whether it took long. */
static int resume_watched(pl_task *task, int arguments)
{
	const char *_Atomic *running = &pl_counters_own->running;
	_Atomic uint64_t *busy = &pl_counters_own->busy_since;
	const char *place = task->place ? task->place : "code that is not a handler";
	const char *outer = atomic_load_explicit(running, memory_order_relaxed);
	uint64_t began = coarse_now();
	uint64_t ended;
	int status;

	/* The loop says only behind the callbacks of a turn that there is one. */
	if (!atomic_load_explicit(busy, memory_order_relaxed))
		atomic_store_explicit(busy, began, memory_order_relaxed);
	atomic_store_explicit(running, place, memory_order_release);
	if (task->interrupted)
		watch_begin(&task->script->tasks, task->L);
	status = resume(task, arguments);
	if (task->interrupted)
		watch_end(&task->script->tasks, task->L);
	atomic_store_explicit(running, outer, memory_order_release);
	ended = coarse_now();
	if (ended - began >= pl_slow_after())
		pl_slow_ran(task->place ? task->place : place, ended - began, ended);
	return status;
}

void pl_task_run(pl_task *task, int arguments)
{
	pl_tasks *tasks = &task->script->tasks;
	pl_task *before = tasks->current;
	int status;

	tasks->current = task;
	status = resume_watched(task, arguments);
	tasks->current = before;
	if (status == LUA_YIELD)
		return;
	if (status)
		add_traceback(task);
	end(task, status == 0);
}

void pl_task_name(lua_State *L, const char *place)
{
	pl_script_of(L)->tasks.current->place = place;
	atomic_store_explicit(&pl_counters_own->running, place, memory_order_release);
}

void pl_task_cancel(pl_task *task)
{
	pl_wait *wait = task->wait;

	if (!wait || wait == &task->later.wait) {
		task->cancelled = !task->thrown;
		return;
	}
	pl_wait_end(wait);
	task->thrown = PL_TASK_CANCELLED;
	task->throw_in = wait->L;
	wait->cancel(wait);
	pl_task_run_later(task, 0);
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
	pl_task *task = pl_script_of(L)->tasks.current;

	if (!pl_wait_possible(L))
		luaL_error(L, "cannot wait here: the function is called from C code that cannot "
			      "be left meanwhile (string.gsub, table.sort, a metamethod of C)");
	if (!task->cancelled)
		return;
	task->cancelled = false;
	lua_pushliteral(L, PL_TASK_CANCELLED);
	lua_error(L);
}

void pl_wait_begin(lua_State *L, pl_wait *wait, void (*cancel)(pl_wait *wait))
{
	pl_tasks *tasks = &pl_script_of(L)->tasks;

	wait->task = tasks->current;
	wait->L = L;
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

pl_task *pl_wait_end_with(pl_wait *wait, int (*push)(lua_State *L, void *context), void *context)
{
	lua_State *L = wait->L;
	pl_task *task = pl_wait_end(wait);

	if (pl_task_push(task, push, context) < 0) {
		task->thrown = "not enough memory";
		task->throw_in = L;
	}
	return task;
}

void pl_wait_go(pl_task *task)
{
	pl_task_run(task, lua_gettop(task->L));
}
