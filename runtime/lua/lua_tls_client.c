#include "lua/lua_tls_client.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_tls_fields.h"
#include "lua/lua_value.h"
#include "net/tls_stamp.h"

enum { PROTOCOLS = 32, NAMES = 256, NAME_MAX_BYTES = 255 };

typedef struct context_object {
	pl_tls_context *context;
} context_object;

/* Names of protocols (RFC 7301), for as long as the program runs: connections refer to them when
 * their context has gone. Scripts name a handful. */
static struct {
	pthread_mutex_t lock;
	size_t count;
	pl_slice names[NAMES];
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* With the lock held; empty when there is no room for another. */
static pl_slice keep(pl_slice name)
{
	char *copy;

	for (size_t i = 0; i < known.count; i++)
		if (pl_slice_equal(known.names[i], name))
			return known.names[i];
	copy = known.count < NAMES ? pl_alloc(name.len) : NULL;
	if (!copy)
		return pl_slice_make(NULL, 0);
	memcpy(copy, name.at, name.len);
	return known.names[known.count++] = pl_slice_make(copy, name.len);
}

static pl_slice kept(pl_slice name)
{
	pl_slice found;

	pthread_mutex_lock(&known.lock);
	found = keep(name);
	pthread_mutex_unlock(&known.lock);
	return found;
}

/* The list `alpn` of the table; false: it cannot be used. */
static bool read_alpn(lua_State *L, int table, pl_slice names[PROTOCOLS], size_t *count)
{
	bool read;

	lua_getfield(L, table, "alpn");
	*count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
	read = *count <= PROTOCOLS;
	for (size_t i = 0; read && i < *count; i++) {
		pl_slice name;

		lua_rawgeti(L, -1, (int)i + 1);
		name.at = lua_tolstring(L, -1, &name.len);
		read = name.at && name.len > 0 && name.len <= NAME_MAX_BYTES;
		if (read)
			names[i] = kept(name);
		read = read && names[i].len > 0;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return read;
}

/* Without alpn. */
static pl_tls_client_settings read_settings(lua_State *L, int table)
{
	return (pl_tls_client_settings){
		.identity = pl_lua_tls_identity(L, table),
		.min_version = pl_lua_tls_version(L, table, "min_version"),
		.max_version = pl_lua_tls_version(L, table, "max_version"),
		.cipher_list = pl_lua_text_field(L, table, "cipher_list"),
		.curves = pl_lua_text_field(L, table, "curves"),
		.unverified = !pl_lua_bool_field(L, table, "verify"),
		.root_cert_file = pl_lua_text_field(L, table, "root_cert_file"),
		.crl_file = pl_lua_text_field(L, table, "crl_file"),
		.verify_depth = pl_lua_tls_depth(L, table),
		.sessions = (size_t)pl_lua_int_field(L, table, "sessions"), /* false: 0 */
	};
}

/* context(settings) -> userdata | nil, message, code */
static int make_context(lua_State *L)
{
	char error[PL_TLS_ERROR_MAX];
	pl_slice names[PROTOCOLS];
	pl_tls_client_settings settings;
	context_object *object;
	int status;

	luaL_checktype(L, 1, LUA_TTABLE);
	settings = read_settings(L, 1);
	settings.alpn = names;
	if (!read_alpn(L, 1, names, &settings.alpn_count))
		return pl_lua_fail(L, PL_EINVAL, "tls: alpn: too many names, or one is no name");
	object = pl_lua_new(L, PL_TLS_CLIENT_KIND, sizeof(*object));
	status = pl_tls_client_context(&object->context, &settings, error);
	if (status == PL_OK)
		return 1;
	lua_pushfstring(L, "tls: %s", error);
	return pl_lua_fail(L, status, lua_tostring(L, -1));
}

/* stamp(path) -> string */
static int file_stamp(lua_State *L)
{
	uint64_t stamp = pl_tls_stamp(luaL_checkstring(L, 1));

	lua_pushlstring(L, (const char *)&stamp, sizeof(stamp));
	return 1;
}

static int context_gc(lua_State *L)
{
	context_object *object = lua_touserdata(L, 1);

	pl_tls_context_unref(object->context);
	object->context = NULL;
	return 0;
}

pl_tls_context *pl_lua_tls_client_at(lua_State *L, int index)
{
	context_object *object = pl_lua_check(L, index, PL_TLS_CLIENT_KIND);

	return object->context;
}

int pl_lua_open_tls_client(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "context", make_context },
		{ "stamp", file_stamp },
		{ NULL, NULL },
	};

	lua_newtable(L);
	lua_pushliteral(L, "tls_client");
	lua_setfield(L, -2, "__metatable");
	pl_lua_set_kind(L, PL_TLS_CLIENT_KIND, context_gc);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	return 1;
}
