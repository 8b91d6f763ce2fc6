/*
 * lua_mqtt_internal.h - a script's MQTT session, shared by its files: life and what scripts call,
 * events, properties.
 */
#ifndef PL_LUA_LUA_MQTT_INTERNAL_H
#define PL_LUA_LUA_MQTT_INTERNAL_H

#include "lua/lua_client.h"
#include "lua/lua_events.h"
#include "lua/lua_script.h"
#include "mqtt/mqtt_session.h"

/* The functions of perilune.mqtt that C calls, as indices of the table that core.new gets. */
enum { MQTT_ATTACH = 1, MQTT_SETTLED, MQTT_CONNECTED, MQTT_STORED, MQTT_ENDED };

/* An event that waits for the one before it. */
typedef struct mqtt_event {
	struct mqtt_event *next;
	pl_task *task; /* with its handler and arguments */
	int arguments;
	bool message;
} mqtt_event;

typedef struct mqtt_object {
	pl_script *script;
	pl_handlers handlers;
	pl_handlers *client; /* of the client that carries it: kept, that keeps both */
	pl_limits limits;
	uint8_t version;
	pl_mqtt_session *session;
	pl_mqtt_store *store;
	pl_stream *stream; /* NULL: no connection */
	bool begun;	   /* the session has it */
	int conn;	   /* reference of its userdata, also within OnMQTTDisconnect */
	int hooks;
	mqtt_event *first;
	mqtt_event *last;
	int64_t waiting; /* events */
	bool busy;	 /* a handler runs or waits */
	bool message;	 /* it is a message's */
	bool draining;	 /* run_next is on the stack */
	pl_deferred next;
} mqtt_object;

/* lua_mqtt_events.c */
extern const pl_mqtt_session_events pl_lua_mqtt_events;
extern const pl_mqtt_store_events pl_lua_mqtt_store_events;
extern const pl_stream_events pl_lua_mqtt_nobody; /* of a stream that no session has */
void pl_lua_mqtt_run_later(pl_deferred *deferred);
/* Calls hook(...) with what `push` pushes, as a task. */
void pl_lua_mqtt_hook(mqtt_object *self, int hook, int (*push)(lua_State *L, void *context),
		      void *context);
void pl_lua_mqtt_forget(mqtt_object *self);

/* lua_mqtt_properties.c */
/* A table of the properties; of a message also what else is known of it. */
void pl_lua_mqtt_push(lua_State *L, const pl_mqtt_properties *properties);

/* What a script gave, checked for its types here and for its meaning by the codec. The pairs and
 * identifiers are userdata that this pushes: they live as long as those stay on the stack. */
void pl_lua_mqtt_check(lua_State *L, int index, pl_mqtt_properties *properties);

#endif
