#include "lua/lua_tls_fields.h"

#include "lua/lua_value.h"

const char *pl_lua_text_field(lua_State *L, int table, const char *name)
{
	const char *text;

	lua_getfield(L, table, name);
	text = lua_tostring(L, -1);
	lua_pop(L, 1);
	return text;
}

enum pl_tls_version pl_lua_tls_version(lua_State *L, int table, const char *name)
{
	const char *text = pl_lua_text_field(L, table, name);

	return text ? (enum pl_tls_version)(PL_TLS_1_0 + (text[2] - '0')) : PL_TLS_ANY;
}

pl_tls_identity pl_lua_tls_identity(lua_State *L, int table)
{
	return (pl_tls_identity){
		.name = pl_lua_text_field(L, table, "name"),
		.cert_file = pl_lua_text_field(L, table, "cert_file"),
		.key_file = pl_lua_text_field(L, table, "key_file"),
		.p12_file = pl_lua_text_field(L, table, "p12_file"),
		.p12_legacy = pl_lua_bool_field(L, table, "legacy"),
		.password = pl_lua_text_field(L, table, "password"),
	};
}

int pl_lua_tls_depth(lua_State *L, int table)
{
	int depth;

	lua_getfield(L, table, "verify_depth");
	depth = lua_isnil(L, -1) ? -1 : (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	return depth;
}
