#include "lua/lua_url.h"

#include "base/status.h"
#include "codec/http_path.h"
#include "codec/url.h"
#include "lua/lua_value.h"

/* What fails leaves nil and a sentence; how, the text is not in it: it may hold a password. */
static int refuse(lua_State *L, const char *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error);
	return 2;
}

static void set_text(lua_State *L, const char *name, pl_slice text)
{
	if (!text.at)
		return;
	pl_lua_push(L, text);
	lua_setfield(L, -2, name);
}

/* The escapes were checked with the URL. */
static void set_decoded(lua_State *L, const char *name, pl_slice text)
{
	char *out = lua_newuserdata(L, text.len + 1);

	lua_pushlstring(L, out, (size_t)pl_percent_decode(out, text));
	lua_setfield(L, -3, name);
	lua_pop(L, 1);
}

static void set_user(lua_State *L, pl_slice userinfo)
{
	size_t colon = pl_slice_find(userinfo, ':');

	if (!userinfo.at)
		return;
	set_decoded(L, "user", pl_slice_make(userinfo.at, colon));
	if (colon < userinfo.len)
		set_decoded(L, "password",
			    pl_slice_make(userinfo.at + colon + 1, userinfo.len - colon - 1));
}

/* As a request sends it: never empty (RFC 9112 3.2.1). */
static void set_target(lua_State *L, pl_slice target)
{
	if (target.len > 0 && target.at[0] == '/') {
		set_text(L, "target", target);
		return;
	}
	lua_pushliteral(L, "/");
	pl_lua_push(L, target);
	lua_concat(L, 2);
	lua_setfield(L, -2, "target");
}

/* split_url(text) -> { scheme (lower-case), user, password (decoded), authority, host (lower-case,
 * IPv6 without brackets), port (the scheme's when none is named), named_port, secure, path, query,
 * target, fragment } | nil, message */
static int split_url(lua_State *L)
{
	pl_url url;
	uint16_t port;

	if (pl_url_decode(&url, pl_lua_check_slice(L, 1)))
		return refuse(L, url.error);
	port = url.port ? url.port : pl_url_default_port(url.scheme);
	lua_createtable(L, 0, 12);
	pl_lua_push_lower(L, url.scheme);
	lua_setfield(L, -2, "scheme");
	pl_lua_push_lower(L, url.host);
	lua_setfield(L, -2, "host");
	if (port != 0) {
		lua_pushinteger(L, port);
		lua_setfield(L, -2, "port");
	}
	lua_pushboolean(L, url.port != 0);
	lua_setfield(L, -2, "named_port");
	lua_pushboolean(L, pl_url_secure(url.scheme));
	lua_setfield(L, -2, "secure");
	set_text(L, "authority", url.authority);
	set_text(L, "path", url.path);
	set_text(L, "query", url.query);
	set_text(L, "fragment", url.fragment);
	set_target(L, url.target);
	set_user(L, url.userinfo);
	return 1;
}

/* A buffer of pl_alloc's is not left behind by a push that throws. */
static int push_url(lua_State *L)
{
	const pl_buffer *out = lua_touserdata(L, 1);

	lua_pushlstring(L, (const char *)out->data, out->len);
	return 1;
}

/* resolve_url(base, reference) -> URL | nil, message */
static int resolve_url(lua_State *L)
{
	pl_slice reference = pl_lua_check_slice(L, 2);
	pl_buffer out = { 0 };
	pl_url base;
	int status;

	if (pl_url_decode(&base, pl_lua_check_slice(L, 1)))
		return refuse(L, base.error);
	lua_pushcfunction(L, push_url);
	lua_pushlightuserdata(L, &out);
	status = pl_url_resolve(&out, &base, reference);
	if (status == PL_EINVAL) {
		pl_buffer_deinit(&out);
		return refuse(L, "the reference leads to no URL with a host");
	}
	if (!status && lua_pcall(L, 1, 1, 0))
		status = PL_ENOMEM;
	pl_buffer_deinit(&out);
	return status ? luaL_error(L, "out of memory") : 1;
}

static const luaL_Reg functions[] = { { "split_url", split_url },
				      { "resolve_url", resolve_url },
				      { NULL, NULL } };

int pl_lua_open_url(lua_State *L)
{
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
