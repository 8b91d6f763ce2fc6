#include "lua/lua_sse.h"

#include "base/status.h"
#include "lua/lua_value.h"
#include "sse/sse_reader.h"

static const char kind[] = "perilune.sse.reader";

static pl_sse_reader *check_reader(lua_State *L)
{
	return pl_lua_check(L, 1, kind);
}

static size_t check_limit(lua_State *L, int index)
{
	lua_Number limit = luaL_checknumber(L, index);

	luaL_argcheck(L, limit >= 1 && limit <= INT32_MAX, index, "takes a number of bytes");
	return (size_t)limit;
}

static int sse_reader(lua_State *L)
{
	const pl_sse_limits limits = { .line = check_limit(L, 1),
				       .event = check_limit(L, 2),
				       .id = check_limit(L, 3) };
	pl_slice id = { "", 0 };
	pl_sse_reader *reader;

	if (!lua_isnoneornil(L, 4))
		id = pl_lua_check_slice(L, 4);
	reader = pl_lua_new(L, kind, sizeof(*reader));
	pl_sse_reader_init(reader, &limits);
	if (pl_buffer_append(&reader->id, id.at, id.len) != PL_OK)
		return luaL_error(L, "out of memory");
	return 1;
}

static int reader_read(lua_State *L)
{
	pl_sse_reader *reader = check_reader(L);
	pl_slice bytes = pl_lua_check_slice(L, 2);
	size_t from = (size_t)luaL_checkinteger(L, 3) - 1, used = 0;
	pl_sse_event event;
	int status = PL_OK;

	luaL_argcheck(L, from <= bytes.len, 3, "is behind the end");
	if (from < bytes.len)
		status = pl_sse_reader_feed(reader, bytes.at + from, bytes.len - from, &used,
					    &event);
	if (status < 0)
		return pl_lua_fail(L, status,
				   status == PL_ELIMIT ? reader->error : pl_status_text(status));
	lua_pushinteger(L, (lua_Integer)(from + used + 1));
	if (status == 0)
		return 1;
	pl_lua_push(L, event.type);
	pl_lua_push(L, event.data);
	return 3;
}

static int reader_id(lua_State *L)
{
	const pl_sse_reader *reader = check_reader(L);

	pl_lua_push(L, pl_slice_make((const char *)reader->id.data, reader->id.len));
	return 1;
}

static int reader_retry(lua_State *L)
{
	const pl_sse_reader *reader = check_reader(L);

	if (!reader->retries)
		return 0;
	lua_pushnumber(L, reader->retry / 1000.0);
	return 1;
}

static int reader_gc(lua_State *L)
{
	pl_sse_reader_deinit(lua_touserdata(L, 1));
	return 0;
}

static const luaL_Reg methods[] = {
	{ "read", reader_read },
	{ "id", reader_id },
	{ "retry", reader_retry },
	{ NULL, NULL },
};

int pl_lua_open_sse(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "__index", methods);
	pl_lua_set_kind(L, kind, reader_gc);
	lua_newtable(L);
	lua_pushcfunction(L, sse_reader);
	lua_setfield(L, -2, "reader");
	return 1;
}
