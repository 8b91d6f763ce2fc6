#include "lua/lua_tls_certificate.h"

#include "lua/lua_value.h"

static void set_text(lua_State *L, const char *name, pl_slice text)
{
	pl_lua_push(L, text);
	lua_setfield(L, -2, name);
}

static void set_time(lua_State *L, const char *name, int64_t seconds)
{
	lua_pushnumber(L, (lua_Number)seconds);
	lua_setfield(L, -2, name);
}

int pl_lua_push_certificate(lua_State *L, const pl_tls_certificate *certificate)
{
	lua_createtable(L, 0, 8);
	set_text(L, "subject", certificate->subject);
	set_text(L, "issuer", certificate->issuer);
	set_text(L, "serial", certificate->serial);
	set_text(L, "fingerprint", certificate->fingerprint);
	set_text(L, "pem", certificate->pem);
	set_time(L, "not_before", certificate->not_before);
	set_time(L, "not_after", certificate->not_after);
	lua_createtable(L, (int)certificate->name_count, 0);
	for (size_t i = 0; i < certificate->name_count; i++) {
		pl_lua_push(L, certificate->names[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "names");
	return 1;
}

static int push_protected(lua_State *L)
{
	return pl_lua_push_certificate(L, lua_touserdata(L, 1));
}

int pl_lua_push_peer_certificate(lua_State *L, const pl_stream *stream)
{
	pl_tls_certificate *certificate;
	int status;

	lua_pushcfunction(L, push_protected);
	certificate = stream ? pl_tls_peer_certificate(stream) : NULL;
	if (!certificate) {
		lua_pop(L, 1);
		lua_pushnil(L);
		return 1;
	}
	lua_pushlightuserdata(L, certificate);
	status = lua_pcall(L, 1, 1, 0);
	pl_tls_certificate_free(certificate);
	return status ? lua_error(L) : 1;
}
