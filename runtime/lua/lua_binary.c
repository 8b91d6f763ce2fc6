#include "lua/lua_binary.h"

#include "base/status.h"
#include "codec/binary_header.h"
#include "codec/utf8.h"
#include "lua/lua_value.h"

enum { ID_MAX = 10 }; /* characters that the helper writes; longer ones are read */

static size_t characters(pl_slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += ((uint8_t)text.at[i] & 0xC0) != 0x80;
	return count;
}

/* write(id, payload) -> message */
static int binary_write(lua_State *L)
{
	pl_slice id = pl_lua_check_slice(L, 1);
	uint8_t head[PL_BINARY_HEADER_DIGITS];

	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	luaL_argcheck(L, pl_utf8_valid((const uint8_t *)id.at, id.len), 1, "must be UTF-8");
	luaL_argcheck(L, characters(id) <= ID_MAX, 1, "takes at most 10 characters");
	pl_binary_header_encode(head, id.len);
	lua_pushlstring(L, (const char *)head, sizeof(head));
	lua_insert(L, 1);
	lua_concat(L, 3);
	return 1;
}

/* read(message) -> id, payload | nil, message, code */
static int binary_read(lua_State *L)
{
	pl_slice message = pl_lua_check_slice(L, 1), id;
	const char *error;
	int64_t used =
		pl_binary_header_decode(&id, (const uint8_t *)message.at, message.len, &error);

	if (used < 0) {
		lua_pushfstring(L, "the message has no header: %s", error);
		return pl_lua_fail(L, PL_EPROTO, lua_tostring(L, -1));
	}
	pl_lua_push(L, id);
	lua_pushlstring(L, message.at + used, message.len - (size_t)used);
	return 2;
}

int pl_lua_open_binary(lua_State *L)
{
	static const luaL_Reg functions[] = { { "write", binary_write },
					      { "read", binary_read },
					      { NULL, NULL } };

	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
