/* Where a script's server listens: its bindings, opened in their order, all or none. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_tls.h"
#include "lua/lua_tls_fields.h"
#include "lua/lua_value.h"

enum {
	FAMILIES = 2, /* addresses of a host, at most */
	TRIES = 16    /* ports that are picked until one is free in both families */
};

/* A binding, from its opening on. */
typedef struct opening {
	pl_address addresses[FAMILIES];
	size_t address_count;
	pl_tls_renewal *tls; /* NULL: plain; that of the first binding with the same table */
	bool shares;	     /* it is not the first */
	uint32_t interval;   /* ms between two looks at its files; 0: none */
	uint16_t port;
} opening;

struct pl_openings {
	size_t count;
	opening list[];
};

void pl_server_openings_free(server_object *self)
{
	size_t i;

	for (i = 0; self->openings && i < self->openings->count; i++)
		if (!self->openings->list[i].shares)
			pl_tls_renewal_free(self->openings->list[i].tls);
	pl_free(self->openings);
	self->openings = NULL;
}

/* Pushes the list of bindings of the options, which are the environment of the server at 1. */
static void push_bindings(lua_State *L)
{
	lua_getfenv(L, 1);
	lua_getfield(L, -1, "bindings");
	lua_remove(L, -2);
}

/* Two words stand for an address of each family; names are not looked up. 0: no address. */
static size_t parse_host(pl_address addresses[FAMILIES], const char *host)
{
	static const char *const words[][1 + FAMILIES] = {
		{ "localhost", "127.0.0.1", "::1" },
		{ "*", "0.0.0.0", "::" },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(host, words[i][0]) == 0)
			return pl_address_parse(&addresses[0], words[i][1]) &&
					       pl_address_parse(&addresses[1], words[i][2])
				       ? FAMILIES
				       : 0;
	return pl_address_parse(&addresses[0], host) ? 1 : 0;
}

/* Pushes the sentence; the failed binding is at the top. */
static int listen_failed(lua_State *L, int status)
{
	int binding = lua_gettop(L);

	lua_getfield(L, binding, "host");
	lua_getfield(L, binding, "name");
	lua_pushfstring(L, "cannot listen on %s port %d", lua_tostring(L, binding + 1),
			(int)pl_lua_int_field(L, binding, "port"));
	if (!lua_isnil(L, binding + 2))
		lua_pushfstring(L, "%s (%s)", lua_tostring(L, -1), lua_tostring(L, binding + 2));
	lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), pl_status_text(status));
	return status;
}

/* reload_interval of the options at the index, in ms; false: 0. */
static uint32_t read_interval(lua_State *L, int options)
{
	uint32_t interval;

	lua_getfield(L, options, "reload_interval");
	interval = (uint32_t)(lua_tonumber(L, -1) * 1000);
	lua_pop(L, 1);
	return interval;
}

/* The context of an earlier binding with the very same table, or a new one. The binding is at
 * index, its table of options at the top. An error has its sentence pushed. */
static int make_context(lua_State *L, server_object *self, size_t index, int list)
{
	int options = lua_gettop(L);
	opening *made = &self->openings->list[index];
	size_t i;
	int status;

	for (i = 0; i < index && !made->tls; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		lua_getfield(L, -1, "tls");
		if (lua_rawequal(L, -1, options))
			made->tls = self->openings->list[i].tls;
		lua_pop(L, 2);
	}
	made->shares = made->tls != NULL;
	if (made->tls)
		return PL_OK;
	if (pl_lua_bool_field(L, options, "verify_certificate") &&
	    !pl_lua_text_field(L, options, "root_cert_file") &&
	    !pl_handlers_has(&self->handlers, PL_OnSSLVerifyPeer)) {
		lua_pushliteral(L,
				"tls.verify_certificate needs root_cert_file, or OnSSLVerifyPeer "
				"to decide about every client");
		return PL_EINVAL;
	}
	made->interval = read_interval(L, options);
	status = pl_lua_tls_context(L, options, &made->tls);
	if (!status)
		return PL_OK;
	lua_getfield(L, options - 1, "name");
	if (lua_isnil(L, -1))
		lua_pushfstring(L, "tls: %s", lua_tostring(L, -2));
	else
		lua_pushfstring(L, "%s.tls: %s", lua_tostring(L, -1), lua_tostring(L, -2));
	return status;
}

/* Everything of one binding that can fail before any socket is opened. */
static int prepare(lua_State *L, server_object *self, size_t index, int list)
{
	opening *made = &self->openings->list[index];

	lua_rawgeti(L, list, (int)index + 1);
	lua_getfield(L, -1, "host");
	made->address_count = parse_host(made->addresses, lua_tostring(L, -1));
	lua_pop(L, 1);
	if (made->address_count == 0)
		return listen_failed(L, PL_EHOST);
	made->port = (uint16_t)pl_lua_int_field(L, lua_gettop(L), "port");
	lua_getfield(L, -1, "tls");
	return lua_istable(L, -1) ? make_context(L, self, index, list) : PL_OK;
}

static int prepare_all(lua_State *L, server_object *self, int list)
{
	size_t count = lua_objlen(L, list);
	size_t i;

	pl_server_openings_free(self);
	pl_free(self->bound);
	self->bound_count = 0;
	self->bound = pl_calloc(count * FAMILIES, sizeof(*self->bound));
	self->openings = pl_calloc(1, sizeof(*self->openings) + count * sizeof(opening));
	if (!self->bound || !self->openings) {
		lua_pushstring(L, pl_status_text(PL_ENOMEM));
		return PL_ENOMEM;
	}
	self->openings->count = count;
	for (i = 0; i < count; i++) {
		int top = lua_gettop(L);
		int status = prepare(L, self, i, list);

		if (status)
			return status;
		lua_settop(L, top);
	}
	return PL_OK;
}

/* A port that is picked is the same for both families. A machine without IPv6 has one only. */
static int open_one(server_object *self, const opening *from)
{
	uint16_t port = from->port;
	size_t i;

	for (i = 0; i < from->address_count; i++) {
		pl_server_bound *bound = &self->bound[self->bound_count];
		pl_tls_context *tls = from->tls ? pl_tls_renewal_context(from->tls) : NULL;
		pl_address address = from->addresses[i];
		int status;

		address.port = port;
		status = pl_server_listen(self->server, &address, tls, &bound->address);
		if (i > 0 && (status == PL_EADDRNOTAVAIL || status == PL_ENOTSUP))
			continue;
		if (status)
			return status;
		bound->tls = from->tls != NULL;
		port = bound->address.port;
		self->bound_count++;
	}
	return PL_OK;
}

/* *failed: the index of the one that could not be opened; then none is. */
static int open_all(server_object *self, size_t *failed)
{
	const struct pl_openings *openings = self->openings;
	size_t i;

	self->bound_count = 0;
	for (i = 0; i < openings->count; i++) {
		int status = open_one(self, &openings->list[i]);

		if (status) {
			pl_server_unlisten(self->server);
			self->bound_count = 0;
			*failed = i;
			return status;
		}
	}
	return PL_OK;
}

static void renewed(void *owner, const pl_tls_context *former, pl_tls_context *now)
{
	server_object *self = owner;

	pl_server_renew_tls(self->server, former, now);
}

static void watch_files(server_object *self)
{
	size_t i;

	for (i = 0; i < self->openings->count; i++) {
		const opening *one = &self->openings->list[i];

		if (one->tls && !one->shares && one->interval > 0)
			pl_tls_renewal_start(one->tls, self->script->loop, one->interval, renewed,
					     self);
	}
}

int pl_server_open(lua_State *L, server_object *self)
{
	int tries = TRIES;
	size_t failed = 0;
	int status;
	int list;

	push_bindings(L);
	list = lua_gettop(L);
	status = prepare_all(L, self, list);
	if (status || self->script->check) {
		pl_server_openings_free(self);
		return status;
	}
	do
		status = open_all(self, &failed);
	while (status == PL_EADDRINUSE && self->openings->list[failed].port == 0 && tries-- > 0);
	if (!status) {
		watch_files(self);
		return PL_OK;
	}
	pl_server_openings_free(self);
	lua_rawgeti(L, list, (int)failed + 1);
	return listen_failed(L, status);
}

static const char *scheme_of(const pl_server_bound *bound)
{
	return bound->tls ? "https" : "http";
}

void pl_server_announce(const server_object *self)
{
	char ip[PL_ADDRESS_TEXT];
	size_t i;

	for (i = 0; i < self->bound_count; i++) {
		const pl_server_bound *bound = &self->bound[i];

		pl_address_ip(&bound->address, ip);
		printf(bound->address.family == 6 ? "listening on %s://[%s]:%u/\n"
						  : "listening on %s://%s:%u/\n",
		       scheme_of(bound), ip, bound->address.port);
	}
	fflush(stdout);
}

/* Properties: as bound while the server is active, else as asked for. */

static void push_bound(lua_State *L, const pl_server_bound *bound)
{
	char ip[PL_ADDRESS_TEXT];

	lua_createtable(L, 0, 3);
	lua_pushlstring(L, ip, pl_address_ip(&bound->address, ip));
	lua_setfield(L, -2, "host");
	lua_pushinteger(L, bound->address.port);
	lua_setfield(L, -2, "port");
	lua_pushboolean(L, bound->tls);
	lua_setfield(L, -2, "tls");
}

static void push_asked(lua_State *L, int binding)
{
	lua_createtable(L, 0, 3);
	lua_getfield(L, binding, "host");
	lua_setfield(L, -2, "host");
	lua_getfield(L, binding, "port");
	lua_setfield(L, -2, "port");
	lua_getfield(L, binding, "tls");
	lua_pushboolean(L, lua_istable(L, -1));
	lua_setfield(L, -3, "tls");
	lua_pop(L, 1);
}

static int get_bindings(lua_State *L)
{
	const server_object *self = pl_server_object(L, 1);
	size_t count;
	size_t i;
	int list;

	push_bindings(L);
	list = lua_gettop(L);
	count = self->active ? self->bound_count : lua_objlen(L, list);
	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		if (self->active) {
			push_bound(L, &self->bound[i]);
		} else {
			lua_rawgeti(L, list, (int)i + 1);
			push_asked(L, lua_gettop(L));
			lua_remove(L, -2);
		}
		lua_rawseti(L, list + 1, (int)i + 1);
	}
	return 1;
}

/* A field of the first binding, of the first one with TLS if `tls`; 0 when there is none. */
static int get_first(lua_State *L, const char *field, bool tls)
{
	int list;
	int i;

	get_bindings(L);
	list = lua_gettop(L);
	for (i = 1; i <= (int)lua_objlen(L, list); i++) {
		lua_rawgeti(L, list, i);
		lua_getfield(L, -1, "tls");
		if (!tls || lua_toboolean(L, -1)) {
			lua_getfield(L, -2, field);
			return 1;
		}
		lua_pop(L, 2);
	}
	return 0;
}

static int get_port(lua_State *L)
{
	return get_first(L, "port", false);
}

static int get_tls_port(lua_State *L)
{
	return get_first(L, "port", true);
}

static int get_host(lua_State *L)
{
	pl_server_object(L, 1);
	push_bindings(L);
	lua_rawgeti(L, -1, 1);
	lua_getfield(L, -1, "host");
	return 1;
}

const luaL_Reg pl_server_places[] = {
	{ "bindings", get_bindings }, { "host", get_host }, { "port", get_port },
	{ "tls_port", get_tls_port }, { NULL, NULL },
};
