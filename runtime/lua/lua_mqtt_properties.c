/* Properties of MQTT 5.0 as tables. */
#include <string.h>

#include "lua/lua_mqtt_internal.h"
#include "lua/lua_value.h"

/* To Lua. */

/* What is 0 or 1 is a boolean, but for what is a number of other meaning. */
static bool is_boolean(size_t index)
{
	return pl_mqtt_property_table[index].type == PL_MQTT_BYTE &&
	       index != PL_MQTT_INDEX_maximum_qos &&
	       index != PL_MQTT_INDEX_payload_format_indicator;
}

static void push_identifiers(lua_State *L, pl_slice rest)
{
	uint32_t identifier;
	int count = 0;

	lua_newtable(L);
	while (pl_mqtt_identifier_next(&rest, &identifier)) {
		lua_pushnumber(L, identifier);
		lua_rawseti(L, -2, ++count);
	}
}

/* user_properties by name, the last one of a name; user_property_list has all, in their order. */
static void set_pairs(lua_State *L, pl_slice rest)
{
	int by_name = lua_gettop(L) + 1;
	int list = by_name + 1;
	pl_mqtt_pair pair;
	int count = 0;

	lua_newtable(L);
	lua_newtable(L);
	while (pl_mqtt_user_property_next(&rest, &pair)) {
		lua_createtable(L, 2, 0);
		pl_lua_push(L, pair.name);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -3, 1);
		pl_lua_push(L, pair.value);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -4, 2);
		lua_settable(L, by_name);
		lua_rawseti(L, list, ++count);
	}
	lua_setfield(L, by_name - 1, "user_property_list");
	lua_setfield(L, by_name - 1, "user_properties");
}

static void set_one(lua_State *L, const pl_mqtt_properties *properties, size_t index)
{
	const pl_mqtt_property *property = &pl_mqtt_property_table[index];

	if (property->type == PL_MQTT_PAIRS) {
		set_pairs(L, properties->raw);
		return;
	}
	if (property->type == PL_MQTT_VARINTS)
		push_identifiers(L, properties->raw);
	else if (is_boolean(index))
		lua_pushboolean(L, pl_mqtt_property_number(properties, index) != 0);
	else if (pl_mqtt_property_is_number(property))
		lua_pushnumber(L, pl_mqtt_property_number(properties, index));
	else
		pl_lua_push(L, pl_mqtt_property_text(properties, index));
	lua_setfield(L, -2, property->name);
}

void pl_lua_mqtt_push(lua_State *L, const pl_mqtt_properties *properties)
{
	uint32_t left = properties ? properties->set : 0;

	lua_newtable(L);
	for (size_t i = 0; left; i++, left >>= 1)
		if (left & 1)
			set_one(L, properties, i);
}

/* From Lua: the face has checked that it is a table, and that the names are known. */

static int fail_type(lua_State *L, const char *name, const char *wanted)
{
	return luaL_error(L, "property '%s' takes %s, got a %s", name, wanted,
			  luaL_typename(L, -1));
}

static uint32_t largest(uint8_t type)
{
	switch (type) {
	case PL_MQTT_BYTE:
		return 1;
	case PL_MQTT_TWO:
		return 65535;
	case PL_MQTT_VARINT:
		return PL_MQTT_LENGTH_MAX;
	default:
		return UINT32_MAX;
	}
}

static uint32_t check_number(lua_State *L, const pl_mqtt_property *property)
{
	lua_Number value;

	if (property->type == PL_MQTT_BYTE && lua_isboolean(L, -1))
		return (uint32_t)lua_toboolean(L, -1);
	if (lua_type(L, -1) != LUA_TNUMBER)
		fail_type(L, property->name,
			  property->type == PL_MQTT_BYTE ? "a boolean" : "an integer");
	value = lua_tonumber(L, -1);
	if (!(value >= property->smallest && value <= largest(property->type)) ||
	    value != (lua_Number)(uint32_t)value)
		luaL_error(L, "property '%s' takes an integer from %d to %f, got %f",
			   property->name, property->smallest, (double)largest(property->type),
			   value);
	return (uint32_t)value;
}

static pl_slice check_text(lua_State *L, const char *name)
{
	if (lua_type(L, -1) != LUA_TSTRING)
		fail_type(L, name, "a text");
	return pl_lua_check_slice(L, -1);
}

/* The texts stay reachable: they are in the script's tables. */
static void check_pairs(lua_State *L, pl_mqtt_properties *properties)
{
	int table = lua_gettop(L);
	size_t count = 0;
	pl_mqtt_pair *pairs;

	if (!lua_istable(L, table))
		fail_type(L, "user_properties", "a table of names and texts");
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
		count++;
	pairs = lua_newuserdata(L, (count + 1) * sizeof(*pairs));
	lua_insert(L, table); /* below it: it stays */
	table++;
	count = 0;
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) {
			pairs[count].name = pl_lua_check_slice(L, -2);
			pairs[count++].value = pl_lua_check_slice(L, -1);
			continue;
		}
		if (!lua_istable(L, -1))
			luaL_error(L, "property 'user_properties' takes texts by name, or a list "
				      "of { name, text }");
		lua_rawgeti(L, -1, 1);
		pairs[count].name = check_text(L, "user_properties");
		lua_pop(L, 1);
		lua_rawgeti(L, -1, 2);
		pairs[count++].value = check_text(L, "user_properties");
		lua_pop(L, 1);
	}
	properties->pairs = pairs;
	properties->pair_count = count;
}

static void check_one(lua_State *L, pl_mqtt_properties *properties, size_t index)
{
	const pl_mqtt_property *property = &pl_mqtt_property_table[index];

	if (property->type == PL_MQTT_PAIRS)
		check_pairs(L, properties);
	else if (pl_mqtt_property_is_number(property))
		pl_mqtt_property_set_number(properties, index, check_number(L, property));
	else if (property->type != PL_MQTT_VARINTS)
		pl_mqtt_property_set_text(properties, index, check_text(L, property->name));
}

void pl_lua_mqtt_check(lua_State *L, int index, pl_mqtt_properties *properties)
{
	memset(properties, 0, sizeof(*properties));
	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	luaL_checkstack(L, 8, "properties");
	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT; i++) {
		lua_getfield(L, index, pl_mqtt_property_table[i].name);
		if (!lua_isnil(L, -1))
			check_one(L, properties, i);
		lua_pop(L, 1);
	}
}
