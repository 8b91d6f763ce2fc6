/*
 * lua_mqtt.h - `perilune.core.mqtt`: MQTT over the connections of a script's client.
 */
#ifndef PL_LUA_LUA_MQTT_H
#define PL_LUA_LUA_MQTT_H

#include <lua.h>

int pl_lua_open_mqtt(lua_State *L);

#endif
