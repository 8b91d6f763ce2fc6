/*
 * lua_events.h - the On… handlers of a component.
 */
#ifndef PL_LUA_LUA_EVENTS_H
#define PL_LUA_LUA_EVENTS_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "lua/lua_task.h"

#define PL_EVENTS_MAP(X)                                                                           \
	X(OnConnect)                                                                               \
	X(OnDisconnect)                                                                            \
	X(OnMessage)                                                                               \
	X(OnBinary)                                                                                \
	X(OnFragmented)                                                                            \
	X(OnBeforeHeartBeat)                                                                       \
	X(OnDrain)                                                                                 \
	X(OnError)                                                                                 \
	X(OnTCPConnect)                                                                            \
	X(OnHandshake)                                                                             \
	X(OnException)                                                                             \
	X(OnCommandGet)                                                                            \
	X(OnCommandOther)                                                                          \
	X(OnStartup)                                                                               \
	X(OnShutdown)

typedef enum pl_event {
#define X(name) PL_##name,
	PL_EVENTS_MAP(X)
#undef X
		PL_EVENT_COUNT
} pl_event;

/* Whoever will call a handler later (a connection, a request) keeps them: the component lives on
 * until the last user has gone, also when the script has forgotten it. */
typedef struct pl_handlers {
	struct pl_script *script;
	uint32_t users;
	void (*unused)(struct pl_handlers *handlers); /* the last user has gone */
	int refs[PL_EVENT_COUNT];		      /* LUA_NOREF: none */
} pl_handlers;

void pl_handlers_init(pl_handlers *handlers, struct pl_script *script,
		      void (*unused)(pl_handlers *handlers));
void pl_handlers_deinit(pl_handlers *handlers);

void pl_handlers_keep(pl_handlers *handlers);
void pl_handlers_leave(pl_handlers *handlers);

static inline bool pl_handlers_has(const pl_handlers *handlers, pl_event event)
{
	return handlers->refs[event] != LUA_NOREF;
}

/* A new task with the event's handler pushed. NULL when there is none, or no memory (logged). */
pl_task *pl_handlers_task(pl_handlers *handlers, pl_event event,
			  void (*done)(pl_task *task, bool ok), void *context);

/* A handler threw: calls OnException(conn, message), or logs. The message is on top of the task's
 * stack; conn_ref is a reference of the conn's userdata, or LUA_NOREF. */
void pl_handlers_exception(pl_handlers *handlers, pl_task *task, int conn_ref);

/* get(component, "OnMessage") and set(component, "OnMessage", function) for the metatable: the
 * handlers, given the arguments at 2 and 3. */
int pl_handlers_get(lua_State *L, pl_handlers *handlers);
int pl_handlers_set(lua_State *L, pl_handlers *handlers);

/* Pushes the list of event names. */
void pl_handlers_push_names(lua_State *L);

#endif
