/* What a script's server does to its connections: sending to many, finding, ending. */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_conn.h"
#include "lua/lua_event_fields.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_value.h"
#include "server/reach.h"
#include "server/roster.h"

/* Guids of a list at index, as userdata on the stack, so that an error cannot lose them. Those that
 * are no guid name nobody. A string stands for a list of one. */
static const pl_guid *check_guids(lua_State *L, int index, const char *what, size_t *count)
{
	bool single = lua_type(L, index) == LUA_TSTRING;
	size_t len = single ? 1 : lua_istable(L, index) ? lua_objlen(L, index) : 0;
	pl_guid *guids;
	size_t i;

	if (!single && !lua_istable(L, index))
		luaL_error(L, "%s takes a guid or a list of guids, got a %s", what,
			   luaL_typename(L, index));
	guids = lua_newuserdata(L, (len + 1) * sizeof(*guids));
	*count = 0;
	for (i = 0; i < len; i++) {
		pl_slice text;

		if (single)
			lua_pushvalue(L, index);
		else
			lua_rawgeti(L, index, (int)i + 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "%s takes guids, which are strings; element %d is a %s", what,
				   (int)i + 1, luaL_typename(L, -1));
		text.at = lua_tolstring(L, -1, &text.len);
		if (pl_guid_decode(&guids[*count], text))
			++*count;
		lua_pop(L, 1);
	}
	return guids;
}

static pl_slice check_text(lua_State *L, const char *name)
{
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "broadcast: %s takes a string, got a %s", name, luaL_typename(L, -1));
	return pl_lua_check_slice(L, lua_gettop(L));
}

typedef struct addressing {
	pl_audience audience;
	pl_sse_fields fields;
	size_t fragment;
	bool include_given;
} addressing;

/* One field of broadcast's table: its value is at the top and stays there. */
static void read_field(lua_State *L, addressing *self, const char *name)
{
	if (strcmp(name, "channel") == 0) {
		self->audience.channel = check_text(L, name);
	} else if (strcmp(name, "key") == 0) {
		self->audience.key = check_text(L, name);
		if (self->audience.key.len > PL_MESSAGE_KEY_MAX)
			luaL_error(L, "broadcast: key takes at most %d bytes", PL_MESSAGE_KEY_MAX);
	} else if (strcmp(name, "protocol") == 0) {
		self->audience.protocol = check_text(L, name);
	} else if (strcmp(name, "exclude") == 0) {
		self->audience.exclude = check_guids(L, lua_gettop(L), "broadcast: exclude",
						     &self->audience.exclude_count);
	} else if (strcmp(name, "include") == 0) {
		self->audience.include = check_guids(L, lua_gettop(L), "broadcast: include",
						     &self->audience.include_count);
		self->include_given = true;
	} else if (strcmp(name, "size") == 0) {
		lua_Number size = luaL_checknumber(L, lua_gettop(L));

		if (!(size >= 1 && size <= INT32_MAX))
			luaL_error(L, "broadcast: size takes a number of bytes, from 1");
		self->fragment = (size_t)size;
	} else if (pl_lua_read_event_field(L, "broadcast", name, &self->fields)) {
		self->audience.fields = &self->fields;
	}
}

/* The third argument: nothing, a channel, or a table. */
static void read_addressing(lua_State *L, addressing *self)
{
	static const char *const names[] = { "channel", "key", "protocol", "exclude", "include",
					     "size",	"id",  "event",	   "retry" };
	size_t known = 0;
	size_t i;

	if (lua_isnoneornil(L, 3))
		return;
	if (lua_type(L, 3) == LUA_TSTRING) {
		self->audience.channel = pl_lua_check_slice(L, 3);
		return;
	}
	luaL_checktype(L, 3, LUA_TTABLE);
	luaL_checkstack(L, LUA_MINSTACK, "broadcast");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lua_getfield(L, 3, names[i]);
		if (lua_isnil(L, -1))
			continue;
		known++;
		read_field(L, self, names[i]);
	}
	lua_pushnil(L);
	while (lua_next(L, 3)) {
		lua_pop(L, 1);
		if (known-- == 0)
			luaL_error(L,
				   "broadcast has no option '%s'; it takes channel, key, protocol, "
				   "exclude, include, size, id, event, retry",
				   lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?");
	}
}

static int broadcast(lua_State *L, enum pl_kind kind)
{
	server_object *self = pl_server_object(L, 1);
	pl_slice payload = pl_lua_check_slice(L, 2);
	addressing to = { .fields = { .retry = -1 } };
	pl_reach reach = { 0 };
	int status;

	read_addressing(L, &to);
	/* A list of receivers that names nobody reaches nobody. */
	if (to.include_given && to.audience.include_count == 0)
		status = PL_OK;
	else
		status = pl_server_publish(self->server, kind, payload, to.fragment, &to.audience,
					   &reach);
	if (status < 0)
		return pl_lua_result(L, status);
	lua_pushboolean(L, true);
	lua_pushnumber(L, reach.connections);
	return 2;
}

/* broadcast(text [, channel | options]) -> true, receivers */
static int server_broadcast(lua_State *L)
{
	return broadcast(L, PL_KIND_TEXT);
}

static int server_broadcast_binary(lua_State *L)
{
	return broadcast(L, PL_KIND_BINARY);
}

/* Nobody took it. */
static int fail_write(lua_State *L, const pl_server *server, enum pl_kind kind,
		      const pl_audience *audience)
{
	size_t i;

	for (i = 0; kind == PL_KIND_BINARY && i < audience->include_count; i++) {
		const pl_conn *conn = pl_server_find(server, &audience->include[i]);

		if (conn && conn->ops->texts_only)
			return pl_lua_fail(L, PL_ENOTSUP, PL_LUA_TEXTS_ONLY);
	}
	return pl_lua_fail(L, PL_ENOENT, "no such connection");
}

/* write(guid | list, text [, size | { size =, id =, event =, retry = }]) */
static int write_to(lua_State *L, enum pl_kind kind)
{
	server_object *self = pl_server_object(L, 1);
	pl_slice payload = pl_lua_check_slice(L, 3);
	pl_audience audience = { .include = NULL };
	pl_reach reach = { 0 };
	pl_lua_manner manner;
	int status = PL_OK;

	pl_lua_check_manner(L, 4, "write", &manner);
	audience.fields = manner.has_fields ? &manner.fields : NULL;
	audience.include = check_guids(L, 2, "write", &audience.include_count);
	if (audience.include_count > 0)
		status = pl_server_publish(self->server, kind, payload, manner.fragment, &audience,
					   &reach);
	if (status == PL_OK && reach.connections + reach.workers == 0)
		return fail_write(L, self->server, kind, &audience);
	return pl_lua_result(L, status);
}

static int server_write(lua_State *L)
{
	return write_to(L, PL_KIND_TEXT);
}

static int server_write_binary(lua_State *L)
{
	return write_to(L, PL_KIND_BINARY);
}

/* disconnect(guid [, code]) */
static int server_disconnect(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	pl_slice text = pl_lua_check_slice(L, 2);
	uint16_t code = pl_lua_check_close_code(L, 3);
	pl_guid guid;

	if (!pl_guid_decode(&guid, text) || !pl_server_disconnect(self->server, &guid, code))
		return pl_lua_fail(L, PL_ENOENT, "no such connection");
	return pl_lua_result(L, PL_OK);
}

/* disconnect_all([code]) -> how many */
static int server_disconnect_all(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);

	lua_pushnumber(L, pl_server_disconnect_all(self->server, pl_lua_check_close_code(L, 2)));
	return 1;
}

/* ping([timeout]) -> how many were sent one; who does not answer in time is dropped */
static int server_ping(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	double timeout = luaL_optnumber(L, 2, 0);

	luaL_argcheck(L, lua_isnoneornil(L, 2) || (timeout > 0 && timeout <= 86400), 2,
		      "takes seconds, above 0");
	lua_pushnumber(L, pl_server_ping_all(self->server, pl_lua_milliseconds(timeout)));
	return 1;
}

static void push_description(lua_State *L, const pl_roster_entry *entry)
{
	char text[PL_ADDRESS_TEXT];
	char guid[PL_GUID_TEXT];

	lua_createtable(L, 0, 5);
	pl_guid_encode(guid, &entry->guid);
	lua_pushlstring(L, guid, sizeof(guid));
	lua_setfield(L, -2, "guid");
	lua_pushlstring(L, text, pl_address_ip(&entry->peer, text));
	lua_setfield(L, -2, "ip");
	pl_lua_push(L, entry->url);
	lua_setfield(L, -2, "url");
	pl_lua_push(L, entry->protocol);
	lua_setfield(L, -2, "protocol");
	lua_pushinteger(L, pl_guid_worker(&entry->guid));
	lua_setfield(L, -2, "worker");
}

static int push_list(lua_State *L, const pl_buffer *entries)
{
	pl_roster_entry entry;
	size_t offset = 0;
	int count = 0;

	lua_newtable(L);
	while (pl_roster_next(entries, &offset, &entry)) {
		push_description(L, &entry);
		lua_rawseti(L, -2, ++count);
	}
	return 1;
}

/* list(entries) of a light userdata */
static int list_protected(lua_State *L)
{
	return push_list(L, lua_touserdata(L, 1));
}

typedef struct roster_wait {
	pl_wait wait;
	pl_roster *roster;
} roster_wait;

static void cancel_roster(pl_wait *wait)
{
	roster_wait *self = PL_CONTAINER(wait, roster_wait, wait);

	pl_loop_release(self->roster->server->loop);
	pl_roster_free(self->roster);
	pl_free(self);
}

typedef struct roster_result {
	const pl_roster *roster;
	int status;
} roster_result;

/* A list, or nil, message, code. */
static int push_roster(lua_State *L, void *context)
{
	const roster_result *result = context;

	if (result->status == PL_ETIMEDOUT)
		return pl_lua_fail(L, result->status, "a worker does not answer");
	if (result->status)
		return pl_lua_result(L, result->status);
	return push_list(L, &result->roster->entries);
}

static void on_roster(pl_roster *roster, int status)
{
	roster_wait *self = roster->context;
	roster_result result = { roster, status };
	pl_loop *loop = roster->server->loop;
	pl_task *task = pl_wait_end_with(&self->wait, push_roster, &result);

	pl_roster_free(roster);
	pl_free(self);
	pl_loop_release(loop);
	pl_wait_go(task);
}

static int collect(lua_State *L, pl_server *server)
{
	roster_wait *self;
	int status;

	pl_wait_check(L);
	self = pl_calloc(1, sizeof(*self));
	status = self ? pl_roster_collect(&self->roster, server, on_roster, self) : PL_ENOMEM;
	if (status) {
		pl_free(self);
		return pl_lua_result(L, status);
	}
	pl_loop_hold(server->loop);
	pl_wait_begin(L, &self->wait, cancel_roster);
	return pl_wait_yield(L);
}

/* connections() -> list of { guid, ip, url, protocol, worker }; waits when there are more workers
 */
static int server_connections(lua_State *L)
{
	pl_server *server = pl_server_object(L, 1)->server;
	pl_buffer entries = { 0 };
	int results = 1;

	if (server->group)
		return collect(L, server);
	lua_pushcfunction(L, list_protected);
	lua_pushlightuserdata(L, &entries);
	if (pl_roster_describe(server, &entries) || lua_pcall(L, 1, 1, 0))
		results = pl_lua_result(L, PL_ENOMEM);
	pl_buffer_deinit(&entries);
	return results;
}

static pl_conn *find(lua_State *L, const server_object *self, int index)
{
	pl_guid guid;

	if (!pl_guid_decode(&guid, pl_lua_check_slice(L, index)))
		return NULL;
	return pl_server_find(self->server, &guid);
}

static int server_connection(lua_State *L)
{
	server_object *self = pl_server_object(L, 1);
	pl_conn *conn = find(L, self, 2);

	if (conn)
		pl_lua_conn_push(L, &self->handlers, conn);
	else
		lua_pushnil(L);
	return 1;
}

static int server_count(lua_State *L)
{
	lua_pushnumber(L, pl_server_count(pl_server_object(L, 1)->server));
	return 1;
}

const luaL_Reg pl_server_sending[] = {
	{ "broadcast", server_broadcast },
	{ "broadcast_binary", server_broadcast_binary },
	{ "write", server_write },
	{ "write_binary", server_write_binary },
	{ "disconnect", server_disconnect },
	{ "disconnect_all", server_disconnect_all },
	{ "ping", server_ping },
	{ "connections", server_connections },
	{ "connection", server_connection },
	{ "count", server_count },
	{ NULL, NULL },
};
