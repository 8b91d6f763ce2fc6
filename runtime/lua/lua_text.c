#include "lua/lua_text.h"

#include <time.h>

#include "codec/base64.h"
#include "codec/http_date.h"
#include "codec/http_text.h"
#include "crypto/compare.h"
#include "crypto/random.h"
#include "lua/lua_value.h"

enum { RANDOM_MAX = 4096 };

/* base64_encode(bytes) -> text */
static int text_base64_encode(lua_State *L)
{
	pl_slice bytes = pl_lua_check_slice(L, 1);
	char *out = lua_newuserdata(L, PL_BASE64_LENGTH(bytes.len) + 1);

	lua_pushlstring(L, out, pl_base64_encode(out, (const uint8_t *)bytes.at, bytes.len));
	return 1;
}

/* base64_decode(text) -> bytes; nil when it is none */
static int text_base64_decode(lua_State *L)
{
	pl_slice text = pl_lua_check_slice(L, 1);
	uint8_t *out = lua_newuserdata(L, text.len / 4 * 3 + 1);
	ptrdiff_t len = pl_base64_decode(out, text.at, text.len);

	if (len < 0)
		return 0;
	lua_pushlstring(L, (const char *)out, (size_t)len);
	return 1;
}

/* random(count) -> bytes that nobody can guess */
static int text_random(lua_State *L)
{
	char bytes[RANDOM_MAX];
	lua_Integer count = luaL_checkinteger(L, 1);

	luaL_argcheck(L, count >= 0 && count <= RANDOM_MAX, 1, "takes 0 to 4096");
	pl_random(bytes, (size_t)count);
	lua_pushlstring(L, bytes, (size_t)count);
	return 1;
}

/* http_date(text) -> seconds since 1970; nil when it is no date */
static int text_http_date(lua_State *L)
{
	pl_slice text = pl_lua_check_slice(L, 1);
	int64_t seconds;

	if (!pl_http_date_decode(&seconds, text, time(NULL)))
		return 0;
	lua_pushnumber(L, (lua_Number)seconds);
	return 1;
}

/* media_type(file name) -> "image/png" */
static int text_media_type(lua_State *L)
{
	lua_pushstring(L, pl_http_media_type(pl_lua_check_slice(L, 1)));
	return 1;
}

/* equal(a, b): the time tells nothing about them but their lengths */
static int text_equal(lua_State *L)
{
	pl_slice a = pl_lua_check_slice(L, 1);
	pl_slice b = pl_lua_check_slice(L, 2);

	lua_pushboolean(L, pl_secret_equal(a.at, a.len, b.at, b.len));
	return 1;
}

static const luaL_Reg functions[] = {
	{ "base64_encode", text_base64_encode },
	{ "base64_decode", text_base64_decode },
	{ "equal", text_equal },
	{ "random", text_random },
	{ "http_date", text_http_date },
	{ "media_type", text_media_type },
	{ NULL, NULL },
};

int pl_lua_open_text(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
