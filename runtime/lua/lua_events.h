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

/* The kinds of components that have handlers. */
enum {
	PL_OF_SERVER = 1,
	PL_OF_CLIENT = 2,
	PL_OF_BOTH = PL_OF_SERVER | PL_OF_CLIENT,
	PL_OF_MQTT = 4,
	PL_OF_ALL = PL_OF_BOTH | PL_OF_MQTT
};

/* X(event, whose) */
#define PL_EVENTS_MAP(X)                                                                           \
	X(OnConnect, PL_OF_BOTH)                                                                   \
	X(OnDisconnect, PL_OF_BOTH)                                                                \
	X(OnMessage, PL_OF_BOTH)                                                                   \
	X(OnBinary, PL_OF_BOTH)                                                                    \
	X(OnFragmented, PL_OF_BOTH)                                                                \
	X(OnBeforeHeartBeat, PL_OF_BOTH)                                                           \
	X(OnDrain, PL_OF_ALL)                                                                      \
	X(OnPing, PL_OF_BOTH)                                                                      \
	X(OnError, PL_OF_ALL)                                                                      \
	X(OnHandshake, PL_OF_BOTH)                                                                 \
	X(OnException, PL_OF_ALL)                                                                  \
	X(OnUnknownProtocol, PL_OF_SERVER)                                                         \
	X(OnTCPConnect, PL_OF_SERVER)                                                              \
	X(OnBeforeForwardHTTP, PL_OF_SERVER)                                                       \
	X(OnBeforeCommand, PL_OF_SERVER)                                                           \
	X(OnAuthentication, PL_OF_SERVER)                                                          \
	X(OnUnknownAuthentication, PL_OF_SERVER)                                                   \
	X(OnCommandGet, PL_OF_SERVER)                                                              \
	X(OnCommandOther, PL_OF_SERVER)                                                            \
	X(OnStartup, PL_OF_SERVER)                                                                 \
	X(OnShutdown, PL_OF_SERVER)                                                                \
	X(OnBeforeConnect, PL_OF_CLIENT)                                                           \
	X(OnBeforeWatchDog, PL_OF_CLIENT)                                                          \
	X(OnSSLVerifyPeer, PL_OF_BOTH)                                                             \
	X(OnSSLALPNSelect, PL_OF_SERVER)                                                           \
	X(OnMQTTBeforeConnect, PL_OF_MQTT)                                                         \
	X(OnMQTTConnect, PL_OF_MQTT)                                                               \
	X(OnMQTTDisconnect, PL_OF_MQTT)                                                            \
	X(OnMQTTPing, PL_OF_MQTT)                                                                  \
	X(OnMQTTPubAck, PL_OF_MQTT)                                                                \
	X(OnMQTTPubRec, PL_OF_MQTT)                                                                \
	X(OnMQTTPubComp, PL_OF_MQTT)                                                               \
	X(OnMQTTPublish, PL_OF_MQTT)                                                               \
	X(OnMQTTSubscribe, PL_OF_MQTT)                                                             \
	X(OnMQTTUnSubscribe, PL_OF_MQTT)                                                           \
	X(OnMQTTAuth, PL_OF_MQTT)

typedef enum pl_event {
#define X(name, whose) PL_##name,
	PL_EVENTS_MAP(X)
#undef X
		PL_EVENT_COUNT
} pl_event;

struct pl_conn;

/* Whoever will call a handler later (a connection, a request) keeps them: the component lives on
 * until the last user has gone, also when the script has forgotten it.
 *
 * The functions are in a table that the component's environment holds. The registry does not: a
 * handler that refers to its component, as most do, would keep it for ever. */
typedef struct pl_handlers {
	struct pl_script *script;
	uint8_t whose; /* PL_OF_SERVER or PL_OF_CLIENT */
	uint32_t users;
	void (*unused)(struct pl_handlers *handlers); /* the last user has gone */
	/* OnConnect of this connection has ended, or there is none. NULL: nobody wants to know. */
	void (*greeted)(struct pl_handlers *handlers, struct pl_conn *conn);
	int number; /* of its table, once there is one */
	bool has[PL_EVENT_COUNT];
	const char *places[PL_EVENT_COUNT];
} pl_handlers;

void pl_handlers_init(pl_handlers *handlers, struct pl_script *script, uint8_t whose,
		      void (*unused)(pl_handlers *handlers));

void pl_handlers_keep(pl_handlers *handlers);
void pl_handlers_leave(pl_handlers *handlers);

static inline bool pl_handlers_has(const pl_handlers *handlers, pl_event event)
{
	return handlers->has[event];
}

/* Pushes the event's handler; false: there is none, and nothing was pushed. */
bool pl_handlers_push(lua_State *L, const pl_handlers *handlers, pl_event event);

/* A new task with the event's handler pushed. NULL when there is none, or no memory (logged). */
pl_task *pl_handlers_task(pl_handlers *handlers, pl_event event,
			  void (*done)(pl_task *task, bool ok), void *context);

/* A handler threw: calls OnException(conn, message), or logs. The message is on top of the task's
 * stack; conn_ref is a reference of the conn's userdata, or LUA_NOREF. */
void pl_handlers_exception(pl_handlers *handlers, pl_task *task, int conn_ref);

/* get(component, "OnMessage") and set(component, "OnMessage", function) for the metatable: the
 * handlers, given the arguments from 1 on. */
int pl_handlers_get(lua_State *L, pl_handlers *handlers);
int pl_handlers_set(lua_State *L, pl_handlers *handlers);

/* The environment of a component is about to be the table at `to`: they go along from `from`. */
void pl_handlers_move(lua_State *L, int from, int to);

/* Pushes the list of the events that a kind of component has. */
void pl_handlers_push_names(lua_State *L, uint8_t whose);

#endif
