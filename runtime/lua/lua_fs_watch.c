/* lua_fs_watch.c - watching files and folders: a function that is called with what has changed. */
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "lua/lua_fs_internal.h"
#include "lua/lua_value.h"
#include "net/watch.h"

static const char KIND[] = "perilune.watcher";

enum { NAMES_MAX = 1000 }; /* told in one call; with more the script has to look for itself */

typedef struct watcher {
	pl_component component;
	pl_script *script;
	pl_watch *watch;
	pl_timer timer;
	uint32_t delay; /* ms that changes are gathered */
	int self;	/* holds the userdata while it watches */
	int callback;
	pl_buffer names; /* that have changed, each once, with a NUL */
	int count;
	bool lost; /* some names are not known */
	bool active;
	bool running; /* the callback has been called and waits */
} watcher;

/* The userdata is held while it watches, and while its function runs. */
static void let_go(watcher *self)
{
	if (self->active || self->running)
		return;
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, self->callback);
	luaL_unref(self->script->L, LUA_REGISTRYINDEX, self->self);
}

static void stop(watcher *self)
{
	if (!self->active)
		return;
	self->active = false;
	pl_watch_stop(self->watch);
	self->watch = NULL;
	pl_loop_stop_timer(self->script->loop, &self->timer);
	pl_script_remove(self->script, &self->component);
	let_go(self);
}

static void on_component_stop(pl_component *component)
{
	stop(PL_CONTAINER(component, watcher, component));
}

/* What comes while the function waits is told when it has returned. */
static void tell_later(watcher *self)
{
	if (self->active && !self->running && (self->count > 0 || self->lost))
		pl_loop_start(self->script->loop, &self->timer, self->delay);
}

static void on_done(pl_task *task, bool ok)
{
	watcher *self = task->context;

	if (!ok) {
		size_t len;
		const char *text = lua_tolstring(task->L, -1, &len);

		pl_log_text(PL_LOG_ERROR, text, len);
	}
	self->running = false;
	tell_later(self);
	let_go(self);
}

/* function(names, lost) */
static int push_call(lua_State *L, void *context)
{
	const watcher *self = context;
	const char *at = (const char *)self->names.data;
	int i;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->callback);
	lua_createtable(L, self->count, 0);
	for (i = 1; i <= self->count; i++) {
		lua_pushstring(L, at);
		lua_rawseti(L, -2, i);
		at += strlen(at) + 1;
	}
	lua_pushboolean(L, self->lost);
	return 3;
}

/* Without memory the names are not lost: it is tried again. */
static void on_time(pl_timer *timer)
{
	watcher *self = PL_CONTAINER(timer, watcher, timer);
	pl_task *task = pl_task_new(self->script, on_done, self);

	if (task && pl_task_push(task, push_call, self) < 0) {
		pl_task_drop(task);
		task = NULL;
	}
	if (!task) {
		pl_log(PL_LOG_ERROR, "changes of files are told later: out of memory");
		tell_later(self);
		return;
	}
	self->names.len = 0;
	self->count = 0;
	self->lost = false;
	self->running = true;
	pl_task_run(task, 2);
}

static bool is_known(const watcher *self, const char *name)
{
	const char *at = (const char *)self->names.data;
	int i;

	for (i = 0; i < self->count; i++) {
		if (strcmp(at, name) == 0)
			return true;
		at += strlen(at) + 1;
	}
	return false;
}

static bool add_name(watcher *self, const char *name)
{
	if (is_known(self, name))
		return true;
	if (self->count == NAMES_MAX || pl_buffer_append(&self->names, name, strlen(name) + 1))
		return false;
	self->count++;
	return true;
}

static void on_changed(void *owner, const char *name, int status)
{
	watcher *self = owner;
	bool first = self->count == 0 && !self->lost;

	if (status) {
		pl_log(PL_LOG_ERROR, "watching files has ended: %s", pl_status_text(status));
		stop(self);
		return;
	}
	if (!name || !add_name(self, name))
		self->lost = true;
	if (first)
		tell_later(self);
}

/* watch(folder, name | nil, function, seconds) -> watcher */
static int fs_watch(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const char *name = luaL_optstring(L, 2, NULL);
	uint32_t delay = pl_lua_milliseconds(luaL_checknumber(L, 4));
	watcher *self;
	int status;

	luaL_checktype(L, 3, LUA_TFUNCTION);
	self = pl_lua_new(L, KIND, sizeof(*self));
	self->script = pl_script_of(L);
	self->component.stop = on_component_stop;
	self->delay = delay;
	pl_timer_init(&self->timer, on_time);
	if (self->script->stopping)
		return pl_lua_fail(L, PL_ECANCELED, "the program is ending");
	lua_pushvalue(L, -1);
	self->self = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, 3);
	self->callback = luaL_ref(L, LUA_REGISTRYINDEX);
	status = pl_watch_start(&self->watch, self->script->loop, path, name, on_changed, self);
	if (status) {
		let_go(self);
		lua_pushfstring(L, "%s: %s", path, pl_status_text(status));
		return pl_lua_fail(L, status, lua_tostring(L, -1));
	}
	self->active = true;
	pl_script_add(self->script, &self->component);
	return 1;
}

static int watcher_stop(lua_State *L)
{
	watcher *self = pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, self->active);
	stop(self);
	return 1;
}

static int watcher_active(lua_State *L)
{
	watcher *self = pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, self->active);
	return 1;
}

static int watcher_gc(lua_State *L)
{
	watcher *self = lua_touserdata(L, 1);

	pl_watch_stop(self->watch);
	pl_buffer_deinit(&self->names);
	return 0;
}

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, KIND, watcher_gc);
	return 0;
}

static const luaL_Reg functions[] = {
	{ "watch", fs_watch },
	{ "watcher_stop", watcher_stop },
	{ "watcher_active", watcher_active },
	{ "set_watcher_metatable", set_metatable },
	{ NULL, NULL },
};

void pl_lua_open_fs_watch(lua_State *L)
{
	luaL_register(L, NULL, functions);
}
