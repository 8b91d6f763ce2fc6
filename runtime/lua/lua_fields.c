#include "lua/lua_fields.h"

#include "lua/lua_value.h"

/* A number at the top becomes its text, in its table too, so that the text stays alive: the key is
 * below it. */
static void number_to_text(lua_State *L, int table)
{
	if (lua_type(L, -1) != LUA_TNUMBER)
		return;
	lua_tostring(L, -1);
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -2);
	lua_rawset(L, table);
}

/* The value at the top, whose key in `table` is below it; pops the value. */
static bool add_value(lua_State *L, int table, pl_slice name, pl_http_field *fields, size_t *count)
{
	pl_http_field *field = &fields[*count];

	number_to_text(L, table);
	if (*count == PL_LUA_FIELDS_MAX || lua_type(L, -1) != LUA_TSTRING)
		return false;
	field->name = name;
	field->value.at = lua_tolstring(L, -1, &field->value.len);
	++*count;
	lua_pop(L, 1);
	return true;
}

/* One field: a value, or a list of values. Key and value are at the top; the value is popped. */
static bool add_field(lua_State *L, int table, pl_http_field *fields, size_t *count)
{
	int list = lua_gettop(L);
	pl_slice name;
	int i;

	if (lua_type(L, -2) != LUA_TSTRING)
		return false;
	name.at = lua_tolstring(L, -2, &name.len);
	if (!lua_istable(L, list))
		return add_value(L, table, name, fields, count);
	for (i = 1; i <= (int)lua_objlen(L, list); i++) {
		lua_pushinteger(L, i);
		lua_rawgeti(L, list, i);
		if (!add_value(L, list, name, fields, count))
			return false;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return true;
}

bool pl_lua_fields(lua_State *L, int index, pl_http_field fields[PL_LUA_FIELDS_MAX], size_t *count)
{
	*count = 0;
	lua_pushnil(L);
	while (lua_next(L, index))
		if (!add_field(L, index, fields, count))
			return false;
	return true;
}
