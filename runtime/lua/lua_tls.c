#include "lua/lua_tls.h"

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_tls_fields.h"
#include "lua/lua_value.h"
#include "server/https.h"

static enum pl_tls_verify read_verify(lua_State *L, int table)
{
	if (!pl_lua_bool_field(L, table, "verify_certificate"))
		return PL_TLS_VERIFY_OFF;
	return pl_lua_bool_field(L, table, "fail_if_no_peer_certificate") ? PL_TLS_VERIFY_REQUIRED
									  : PL_TLS_VERIFY_OPTIONAL;
}

static uint32_t read_lifetime(lua_State *L, int table)
{
	uint32_t seconds;

	lua_getfield(L, table, "ticket_lifetime");
	seconds = (uint32_t)lua_tointeger(L, -1); /* false: 0 */
	lua_pop(L, 1);
	return seconds;
}

static pl_tls_settings read_settings(lua_State *L, int table)
{
	return (pl_tls_settings){
		.identity = pl_lua_tls_identity(L, table),
		.min_version = pl_lua_tls_version(L, table, "min_version"),
		.max_version = pl_lua_tls_version(L, table, "max_version"),
		.cipher_list = pl_lua_text_field(L, table, "cipher_list"),
		.curves = pl_lua_text_field(L, table, "curves"),
		.verify = read_verify(L, table),
		.root_cert_file = pl_lua_text_field(L, table, "root_cert_file"),
		.verify_depth = pl_lua_tls_depth(L, table),
		.verify_once = pl_lua_bool_field(L, table, "verify_client_once"),
		.crl_file = pl_lua_text_field(L, table, "crl_file"),
		.ticket_lifetime = read_lifetime(L, table),
	};
}

static pl_tls_identity *read_others(lua_State *L, int list, size_t count)
{
	pl_tls_identity *others = pl_calloc(count ? count : 1, sizeof(*others));
	size_t i;

	for (i = 0; others && i < count; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		others[i] = pl_lua_tls_identity(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	return others;
}

int pl_lua_tls_context(lua_State *L, int index, pl_tls_renewal **context)
{
	char error[PL_TLS_ERROR_MAX];
	pl_tls_settings settings = read_settings(L, index);
	pl_tls_identity *others;
	int status;

	lua_getfield(L, index, "sni");
	settings.other_count = lua_objlen(L, -1);
	others = read_others(L, lua_gettop(L), settings.other_count);
	lua_pop(L, 1);
	settings.others = others;
	pl_https_settings(&settings);
	if (!others) {
		lua_pushstring(L, pl_status_text(PL_ENOMEM));
		return PL_ENOMEM;
	}
	status = pl_tls_renewal_new(context, &settings, error);
	pl_free(others);
	if (status)
		lua_pushstring(L, error);
	return status;
}
