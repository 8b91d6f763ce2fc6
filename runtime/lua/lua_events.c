#include "lua/lua_events.h"

#include <lauxlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/log.h"
#include "lua/lua_script.h"
#include "lua/lua_where.h"

static const char *const names[] = {
#define X(name, whose) #name,
	PL_EVENTS_MAP(X)
#undef X
};

static const uint8_t owners[] = {
#define X(name, whose) whose,
	PL_EVENTS_MAP(X)
#undef X
};

void pl_handlers_init(pl_handlers *handlers, pl_script *script, uint8_t whose,
		      void (*unused)(pl_handlers *handlers))
{
	int i;

	handlers->script = script;
	handlers->whose = whose;
	handlers->users = 0;
	handlers->unused = unused;
	handlers->greeted = NULL;
	for (i = 0; i < PL_EVENT_COUNT; i++)
		handlers->refs[i] = LUA_NOREF;
}

void pl_handlers_deinit(pl_handlers *handlers)
{
	int i;

	for (i = 0; i < PL_EVENT_COUNT; i++)
		luaL_unref(handlers->script->L, LUA_REGISTRYINDEX, handlers->refs[i]);
}

void pl_handlers_keep(pl_handlers *handlers)
{
	handlers->users++;
}

void pl_handlers_leave(pl_handlers *handlers)
{
	if (--handlers->users == 0)
		handlers->unused(handlers);
}

pl_task *pl_handlers_task(pl_handlers *handlers, pl_event event,
			  void (*done)(pl_task *task, bool ok), void *context)
{
	pl_task *task;

	if (!pl_handlers_has(handlers, event))
		return NULL;
	task = pl_task_new(handlers->script, done, context);
	if (!task) {
		pl_log(PL_LOG_ERROR, "%s was not called: out of memory", names[event]);
		return NULL;
	}
	task->place = handlers->places[event];
	lua_rawgeti(task->L, LUA_REGISTRYINDEX, handlers->refs[event]);
	return task;
}

static void log_error(lua_State *L)
{
	size_t len;
	const char *text = lua_tolstring(L, -1, &len);

	pl_log_text(PL_LOG_ERROR, text, len);
}

static void exception_done(pl_task *task, bool ok)
{
	if (!ok)
		log_error(task->L);
}

void pl_handlers_exception(pl_handlers *handlers, pl_task *failed, int conn_ref)
{
	pl_task *task = pl_handlers_task(handlers, PL_OnException, exception_done, NULL);

	pl_count(PL_COUNT_HANDLER_ERRORS, 1);
	if (!task) {
		log_error(failed->L);
		return;
	}
	if (conn_ref == LUA_NOREF)
		lua_pushnil(task->L);
	else
		lua_rawgeti(task->L, LUA_REGISTRYINDEX, conn_ref);
	lua_xmove(failed->L, task->L, 1);
	pl_task_run(task, 2);
}

static int find(const char *name)
{
	int i;

	for (i = 0; i < PL_EVENT_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static int check_event(lua_State *L)
{
	int event = find(luaL_checkstring(L, 2));

	return event < 0 ? luaL_argerror(L, 2, "is no event") : event;
}

int pl_handlers_get(lua_State *L, pl_handlers *handlers)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, handlers->refs[check_event(L)]);
	return 1;
}

int pl_handlers_set(lua_State *L, pl_handlers *handlers)
{
	int event = check_event(L);
	int *ref = &handlers->refs[event];

	luaL_unref(L, LUA_REGISTRYINDEX, *ref);
	*ref = LUA_NOREF;
	if (!lua_isnoneornil(L, 3)) {
		lua_pushvalue(L, 3);
		handlers->places[event] = pl_where_of(L, names[event]);
		*ref = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	return 0;
}

void pl_handlers_push_names(lua_State *L, uint8_t whose)
{
	int count = 0;
	int i;

	lua_createtable(L, PL_EVENT_COUNT, 0);
	for (i = 0; i < PL_EVENT_COUNT; i++) {
		if (!(owners[i] & whose))
			continue;
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, ++count);
	}
}
