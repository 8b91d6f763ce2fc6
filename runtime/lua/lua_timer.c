#include "lua/lua_timer.h"

#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"
#include "lua/lua_where.h"

static const char KIND[] = "perilune.timer";

typedef struct script_timer {
	pl_component component;
	pl_timer timer;
	pl_script *script;
	int self; /* holds the userdata while the timer runs */
	int callback;
	uint32_t every; /* ms; 0: once */
	uint64_t due;
	bool active;
	bool running; /* the callback has been called and waits */
} script_timer;

/* The userdata is held while the timer is active, and while its function runs. */
static void let_go(script_timer *self)
{
	if (self->active || self->running)
		return;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, self->callback);
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, self->self);
}

static void stop(script_timer *self)
{
	if (!self->active)
		return;
	self->active = false;
	pl_loop_stop_timer(self->script->loop, &self->timer);
	pl_script_remove(self->script, &self->component);
	let_go(self);
}

static void on_component_stop(pl_component *component)
{
	stop(PL_CONTAINER(component, script_timer, component));
}

static void on_done(pl_task *task, bool ok)
{
	script_timer *self = task->context;

	if (!ok) {
		size_t len;
		const char *text = lua_tolstring(task->L, -1, &len);

		pl_log_text(PL_LOG_ERROR, text, len);
	}
	self->running = false;
	let_go(self);
}

static void call(script_timer *self)
{
	pl_task *task = pl_task_new(self->script, on_done, self);

	if (!task) {
		pl_log(PL_LOG_ERROR, "a timer was not called: out of memory");
		if (!self->every)
			stop(self);
		return;
	}
	lua_rawgeti(task->L, LUA_REGISTRYINDEX, self->callback);
	task->place = pl_where_of(task->L, "a timer");
	self->running = true;
	if (!self->every)
		stop(self);
	pl_task_run(task, 0);
}

/* Fixed rate: the next due counts from this one; ticks that were missed, or that find the
 * function still waiting, are left out. */
static void on_fire(pl_timer *timer)
{
	script_timer *self = PL_CONTAINER(timer, script_timer, timer);
	pl_loop *loop = self->script->loop;
	uint64_t now = pl_loop_now(loop);

	if (self->every) {
		self->due += self->every;
		if (self->due <= now)
			self->due = now + self->every - (now - self->due) % self->every;
		pl_loop_start(loop, &self->timer, self->due - now);
	}
	if (!self->running)
		call(self);
}

/* start(seconds, function, every) -> timer */
static int timer_start(lua_State *L)
{
	uint32_t ms = pl_lua_milliseconds(luaL_checknumber(L, 1));
	bool every = lua_toboolean(L, 3);
	script_timer *self;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->script = pl_script_of(L);
	self->component.stop = on_component_stop;
	pl_timer_init(&self->timer, on_fire);
	if (self->script->check || self->script->stopping)
		return 1;
	pl_loop_refresh(self->script->loop);
	self->every = every ? (ms ? ms : 1) : 0;
	self->due = pl_loop_now(self->script->loop) + ms;
	self->active = true;
	lua_pushvalue(L, -1);
	self->self = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, 2);
	self->callback = luaL_ref(L, LUA_REGISTRYINDEX);
	pl_script_add(self->script, &self->component);
	pl_loop_start(self->script->loop, &self->timer, every ? self->every : ms);
	return 1;
}

static int timer_cancel(lua_State *L)
{
	script_timer *self = pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, self->active);
	stop(self);
	return 1;
}

static int timer_active(lua_State *L)
{
	script_timer *self = pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, self->active);
	return 1;
}

static int timer_gc(lua_State *L)
{
	(void)L;
	return 0;
}

/* Sleeping. */

typedef struct sleeper {
	pl_wait wait;
	pl_timer timer;
	pl_script *script;
} sleeper;

static void cancel_sleep(pl_wait *wait)
{
	sleeper *self = PL_CONTAINER(wait, sleeper, wait);

	pl_loop_stop_timer(self->script->loop, &self->timer);
	pl_loop_release(self->script->loop);
	pl_free(self);
}

static void on_wake(pl_timer *timer)
{
	sleeper *self = PL_CONTAINER(timer, sleeper, timer);
	pl_task *task = pl_wait_end(&self->wait);

	pl_loop_release(self->script->loop);
	pl_free(self);
	pl_task_run(task, 0);
}

/* sleep(seconds) */
static int timer_sleep(lua_State *L)
{
	uint32_t ms = pl_lua_milliseconds(luaL_checknumber(L, 1));
	sleeper *self;

	pl_wait_check(L);
	self = pl_calloc(1, sizeof(*self));
	if (!self)
		return luaL_error(L, "out of memory");
	self->script = pl_script_of(L);
	pl_wait_begin(L, &self->wait, cancel_sleep);
	pl_timer_init(&self->timer, on_wake);
	pl_loop_refresh(self->script->loop);
	pl_loop_start(self->script->loop, &self->timer, ms);
	pl_loop_hold(self->script->loop);
	return pl_wait_yield(L);
}

/* now() -> seconds, at this moment; the loop's clock stands still within a turn */
static int timer_now(lua_State *L)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
	return 1;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, timer_gc);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "start", timer_start }, { "cancel", timer_cancel }, { "active", timer_active },
	{ "now", timer_now },	  { "sleep", timer_sleep },   { "set_metatable", set_metatable },
	{ NULL, NULL },
};

int pl_lua_open_timer(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
