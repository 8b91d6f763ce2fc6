#include "lua/lua_task_object.h"

#include "base/alloc.h"
#include "base/log.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

static const char KIND[] = "perilune.gate";

/* Where tasks wait. A task that the script starts is one itself: who waits for it waits there. */
typedef struct gate {
	pl_list waiters;
	pl_task *task; /* NULL when it is none, or has ended */
} gate;

typedef struct waiter {
	pl_wait wait;
	pl_list node;
	pl_timer timer;
	pl_script *script;
	bool timed; /* which holds the loop; without a time only others can end the wait */
} waiter;

static void detach(waiter *self)
{
	pl_list_remove(&self->node);
	pl_loop_stop_timer(self->script->loop, &self->timer);
	if (self->timed)
		pl_loop_release(self->script->loop);
	pl_free(self);
}

static void cancel_waiter(pl_wait *wait)
{
	detach(PL_CONTAINER(wait, waiter, wait));
}

static void on_timeout(pl_timer *timer)
{
	waiter *self = PL_CONTAINER(timer, waiter, timer);
	pl_task *task = pl_wait_end(&self->wait);

	detach(self);
	pl_task_run(task, 0);
}

static gate *push_gate(lua_State *L)
{
	gate *self = pl_lua_new(L, KIND, sizeof(*self));

	pl_list_init(&self->waiters);
	return self;
}

/* gate() -> gate */
static int new_gate(lua_State *L)
{
	push_gate(L);
	return 1;
}

/* Nobody can open it any more: who waits there with a time has that left. */
static int gate_gc(lua_State *L)
{
	gate *self = lua_touserdata(L, 1);

	while (!pl_list_empty(&self->waiters))
		pl_list_remove(self->waiters.next);
	return 0;
}

/* wait(gate [, seconds]) -> what it was opened with, or nothing when the time is over */
static int gate_wait(lua_State *L)
{
	gate *self = pl_lua_check(L, 1, KIND);
	bool timed = !lua_isnoneornil(L, 2);
	uint32_t ms = timed ? pl_lua_milliseconds(luaL_checknumber(L, 2)) : 0;
	waiter *wait;

	pl_wait_check(L);
	wait = pl_calloc(1, sizeof(*wait));
	if (!wait)
		return luaL_error(L, "out of memory");
	wait->script = pl_script_of(L);
	wait->timed = timed;
	pl_timer_init(&wait->timer, on_timeout);
	pl_list_append(&self->waiters, &wait->node);
	pl_wait_begin(L, &wait->wait, cancel_waiter);
	if (timed) {
		pl_loop_refresh(wait->script->loop);
		pl_loop_start(wait->script->loop, &wait->timer, ms);
		pl_loop_hold(wait->script->loop);
	}
	return pl_wait_yield(L);
}

/* The task of the first that waits, whose wait is over. */
static pl_task *take_first(gate *self)
{
	waiter *first = PL_CONTAINER(self->waiters.next, waiter, node);
	pl_task *task = pl_wait_end(&first->wait);

	detach(first);
	return task;
}

/* open(gate, count, value) -> how many of those that wait go on, at the end of the turn, with the
 * value: the first `count` of them */
static int gate_open(lua_State *L)
{
	gate *self = pl_lua_check(L, 1, KIND);
	lua_Number most = luaL_checknumber(L, 2);
	int count;

	luaL_checkany(L, 3);
	for (count = 0; count < most && !pl_list_empty(&self->waiters); count++) {
		pl_task *task = take_first(self);

		lua_pushvalue(L, 3);
		lua_xmove(L, task->L, 1);
		pl_task_run_later(task, 1);
	}
	lua_pushinteger(L, count);
	return 1;
}

/* awaited(gate): whether somebody waits there */
static int gate_awaited(lua_State *L)
{
	gate *self = pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, !pl_list_empty(&self->waiters));
	return 1;
}

/* Tasks. */

/* What the script throws is caught by task.lua, which opens the gate: this is for want of memory.
 */
static void fail(gate *self, pl_task *task)
{
	size_t len;
	const char *text = lua_tolstring(task->L, -1, &len);

	pl_log_text(PL_LOG_ERROR, text, len);
	while (!pl_list_empty(&self->waiters)) {
		pl_task *other = take_first(self);

		lua_pushboolean(other->L, true);
		pl_task_run_later(other, 1);
	}
}

static void ended(pl_task *task, bool ok)
{
	gate *self = task->context;

	self->task = NULL;
	if (!ok)
		fail(self, task);
	luaL_unref(task->script->L, LUA_REGISTRYINDEX, task->held);
}

/* Held while the task lives. */
static gate *push_task(lua_State *L)
{
	gate *self = push_gate(L);
	int held;

	lua_pushvalue(L, -1);
	held = luaL_ref(L, LUA_REGISTRYINDEX);
	self->task = pl_task_new(pl_script_of(L), ended, self);
	if (!self->task) {
		luaL_unref(L, LUA_REGISTRYINDEX, held);
		luaL_error(L, "out of memory");
	}
	self->task->held = held;
	return self;
}

static void drop(lua_State *L, gate *self)
{
	luaL_unref(L, LUA_REGISTRYINDEX, self->task->held);
	pl_task_drop(self->task);
	self->task = NULL;
}

/* start(function, …) -> gate; the function runs at the end of the turn */
static int task_start(lua_State *L)
{
	int count = lua_gettop(L);
	gate *self;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	self = push_task(L);
	if (!lua_checkstack(self->task->L, count + 1)) {
		drop(L, self);
		return luaL_error(L, "too many arguments");
	}
	lua_insert(L, 1);
	lua_xmove(L, self->task->L, count);
	pl_task_run_later(self->task, count - 1);
	return 1;
}

/* cancel(gate) -> "running": it ends with an error; "never": it had not begun, and will not; nil
 * when it has ended */
static int task_cancel(lua_State *L)
{
	gate *self = pl_lua_check(L, 1, KIND);

	if (!self->task)
		return 0;
	if (pl_task_begun(self->task)) {
		pl_task_cancel(self->task);
		lua_pushliteral(L, "running");
	} else {
		drop(L, self);
		lua_pushliteral(L, "never");
	}
	return 1;
}

/* now() -> seconds of a clock that never goes back */
static int task_now(lua_State *L)
{
	pl_loop *loop = pl_script_of(L)->loop;

	pl_loop_refresh(loop);
	lua_pushnumber(L, (lua_Number)pl_loop_now(loop) / 1000);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "start", task_start }, { "cancel", task_cancel },
	{ "gate", new_gate },	 { "wait", gate_wait },
	{ "open", gate_open },	 { "awaited", gate_awaited },
	{ "now", task_now },	 { NULL, NULL },
};

int pl_lua_open_task(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_kind(L, KIND, gate_gc);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_pushliteral(L, PL_TASK_CANCELLED);
	lua_setfield(L, -2, "CANCELLED");
	return 1;
}
