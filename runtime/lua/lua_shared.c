#include "lua/lua_shared.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"
#include "worker/shared.h"

static pl_shared *shared_of(lua_State *L)
{
	return pl_script_of(L)->worker->shared;
}

/* A lifetime counts from now, not from the begin of a turn that may have been long. */
static uint64_t now_of(lua_State *L)
{
	pl_loop *loop = pl_script_of(L)->loop;

	pl_loop_refresh(loop);
	return pl_loop_now(loop);
}

/* The value at index, whose type the face has checked; true behind it says that it is a table in
 * JSON. False: no memory. */
static bool read_value(lua_State *L, int index, pl_shared_value *value)
{
	pl_slice text;

	*value = (pl_shared_value){ 0 };
	switch (lua_type(L, index)) {
	case LUA_TSTRING:
		text = pl_lua_check_slice(L, index);
		value->string = pl_block_copy(text.at, text.len);
		if (!value->string)
			return false;
		value->kind = lua_toboolean(L, index + 1) ? PL_SHARED_TABLE : PL_SHARED_STRING;
		return true;
	case LUA_TNUMBER:
		value->kind = PL_SHARED_NUMBER;
		value->number = lua_tonumber(L, index);
		return true;
	case LUA_TBOOLEAN:
		value->kind = PL_SHARED_BOOLEAN;
		value->boolean = lua_toboolean(L, index);
		return true;
	default:
		return true;
	}
}

/* The value, and whether it is a table in JSON. */
static int push_value(lua_State *L, pl_shared_value *value)
{
	bool table = value->kind == PL_SHARED_TABLE;

	switch (value->kind) {
	case PL_SHARED_STRING:
	case PL_SHARED_TABLE:
		lua_pushlstring(L, (const char *)value->string->data, value->string->len);
		break;
	case PL_SHARED_NUMBER:
		lua_pushnumber(L, value->number);
		break;
	case PL_SHARED_BOOLEAN:
		lua_pushboolean(L, value->boolean);
		break;
	default:
		lua_pushnil(L);
	}
	pl_shared_value_deinit(value);
	lua_pushboolean(L, table);
	return 2;
}

static uint64_t lifetime(lua_State *L, int index)
{
	return lua_isnoneornil(L, index) ? 0 : (uint64_t)ceil(lua_tonumber(L, index) * 1000);
}

static int failed(lua_State *L, int status)
{
	switch (status) {
	case PL_ELIMIT:
		return pl_lua_fail(L, status, "the shared values take no more; see shared.limit");
	case PL_ESTATE:
		return pl_lua_fail(L, status, "the shared value is no number");
	default:
		return pl_lua_result(L, status);
	}
}

/* get(name) -> value, table */
static int shared_get(lua_State *L)
{
	pl_shared_value value;

	pl_shared_get(shared_of(L), now_of(L), pl_lua_check_slice(L, 1), &value);
	return push_value(L, &value);
}

/* take(name) -> value, table */
static int shared_take(lua_State *L)
{
	pl_shared_value value;

	pl_shared_take(shared_of(L), now_of(L), pl_lua_check_slice(L, 1), &value);
	return push_value(L, &value);
}

/* set(name, value, table, seconds) */
static int shared_set(lua_State *L)
{
	pl_slice name = pl_lua_check_slice(L, 1);
	pl_shared_value value;
	int status;

	if (!read_value(L, 2, &value))
		return failed(L, PL_ENOMEM);
	status = pl_shared_set(shared_of(L), now_of(L), name, &value, lifetime(L, 4));
	pl_shared_value_deinit(&value);
	return status ? failed(L, status) : pl_lua_result(L, PL_OK);
}

/* swap(name, expected, table, value, table, seconds) -> boolean */
static int shared_swap(lua_State *L)
{
	pl_slice name = pl_lua_check_slice(L, 1);
	pl_shared_value expected;
	pl_shared_value value = { 0 };
	bool done = false;
	int status = PL_ENOMEM;

	if (read_value(L, 2, &expected) && read_value(L, 4, &value))
		status = pl_shared_swap(shared_of(L), now_of(L), name, &expected, &value,
					lifetime(L, 6), &done);
	pl_shared_value_deinit(&expected);
	pl_shared_value_deinit(&value);
	if (status)
		return failed(L, status);
	lua_pushboolean(L, done);
	return 1;
}

/* increment(name, by, seconds) -> number */
static int shared_increment(lua_State *L)
{
	double result;
	int status = pl_shared_increment(shared_of(L), now_of(L), pl_lua_check_slice(L, 1),
					 lua_tonumber(L, 2), lifetime(L, 3), &result);

	if (status)
		return failed(L, status);
	lua_pushnumber(L, result);
	return 1;
}

/* list(buffer) of a light userdata, protected */
static int push_names(lua_State *L)
{
	const pl_buffer *names = lua_touserdata(L, 1);
	size_t at = 0;
	int count = 0;

	lua_newtable(L);
	while (at < names->len) {
		size_t len;

		memcpy(&len, names->data + at, sizeof(len));
		lua_pushlstring(L, (const char *)names->data + at + sizeof(len), len);
		lua_rawseti(L, -2, ++count);
		at += sizeof(len) + len;
	}
	return 1;
}

/* names(prefix, most) -> list */
static int shared_names(lua_State *L)
{
	pl_buffer names = { 0 };
	int status = pl_shared_names(shared_of(L), now_of(L), pl_lua_check_slice(L, 1),
				     (size_t)lua_tonumber(L, 2), &names);

	lua_pushcfunction(L, push_names);
	lua_pushlightuserdata(L, &names);
	if (!status && lua_pcall(L, 1, 1, 0))
		status = PL_ENOMEM;
	pl_buffer_deinit(&names);
	return status ? failed(L, status) : 1;
}

/* size() -> values, bytes, limit */
static int shared_size(lua_State *L)
{
	size_t count;
	size_t bytes;
	size_t limit;

	pl_shared_size(shared_of(L), now_of(L), &count, &bytes, &limit);
	lua_pushnumber(L, (lua_Number)count);
	lua_pushnumber(L, (lua_Number)bytes);
	lua_pushnumber(L, (lua_Number)limit);
	return 3;
}

/* limit(bytes) */
static int shared_limit(lua_State *L)
{
	pl_shared_set_limit(shared_of(L), (size_t)lua_tonumber(L, 1));
	return 0;
}

static const luaL_Reg functions[] = {
	{ "get", shared_get },	 { "take", shared_take },   { "set", shared_set },
	{ "swap", shared_swap }, { "names", shared_names }, { "increment", shared_increment },
	{ "size", shared_size }, { "limit", shared_limit }, { NULL, NULL },
};

int pl_lua_open_shared(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_pushinteger(L, PL_SHARED_NAME_MAX);
	lua_setfield(L, -2, "name_max");
	return 1;
}
