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
	handlers->script = script;
	handlers->whose = whose;
	handlers->users = 0;
	handlers->unused = unused;
	handlers->greeted = NULL;
	memset(handlers->has, 0, sizeof(handlers->has));
}

/* Their tables. */

/* The key of the table in an environment. */
static const char own_key;

/* script->handlers is a table of all of them by their numbers, which holds none. */
static void make_all(lua_State *L, pl_script *script)
{
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "v");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	script->handlers = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Pushes the table of the component at 1. */
static void push_own(lua_State *L, pl_handlers *handlers)
{
	pl_script *script = handlers->script;

	lua_getfenv(L, 1);
	lua_pushlightuserdata(L, (void *)&own_key);
	lua_rawget(L, -2);
	if (lua_istable(L, -1))
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushlightuserdata(L, (void *)&own_key);
	lua_pushvalue(L, -2);
	lua_rawset(L, -4);
	if (script->handlers == 0)
		make_all(L, script);
	handlers->number = ++script->last_handlers;
	lua_rawgeti(L, LUA_REGISTRYINDEX, script->handlers);
	lua_pushvalue(L, -2);
	lua_rawseti(L, -2, handlers->number);
	lua_pop(L, 1);
}

bool pl_handlers_push(lua_State *L, const pl_handlers *handlers, pl_event event)
{
	if (!pl_handlers_has(handlers, event))
		return false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, handlers->script->handlers);
	lua_rawgeti(L, -1, handlers->number);
	lua_rawgeti(L, -1, event + 1);
	lua_replace(L, -3);
	lua_pop(L, 1);
	return true;
}

void pl_handlers_move(lua_State *L, int from, int to)
{
	lua_pushlightuserdata(L, (void *)&own_key);
	lua_pushvalue(L, -1);
	lua_rawget(L, from);
	lua_rawset(L, to);
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
	pl_handlers_push(task->L, handlers, event);
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
	if (!pl_handlers_push(L, handlers, (pl_event)check_event(L)))
		lua_pushnil(L);
	return 1;
}

int pl_handlers_set(lua_State *L, pl_handlers *handlers)
{
	int event = check_event(L);
	bool is_given = !lua_isnoneornil(L, 3);

	lua_settop(L, 3);
	push_own(L, handlers);
	lua_pushvalue(L, 3);
	if (is_given)
		handlers->places[event] = pl_where_of(L, names[event]);
	lua_rawseti(L, -2, event + 1);
	handlers->has[event] = is_given;
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
