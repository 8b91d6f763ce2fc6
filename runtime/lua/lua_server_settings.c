/* The options of a script's server, checked and complete, as C knows them. */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_value.h"

static void read_limits(lua_State *L, int table, pl_limits *limits)
{
	size_t count;
	const pl_limit_info *info = pl_limits_table(&count);
	size_t i;

	for (i = 0; i < count; i++) {
		double value = pl_lua_number_field(L, table, info[i].name);

		if (info[i].unit == PL_LIMIT_SECONDS)
			value *= 1000;
		*(int64_t *)((char *)limits + info[i].offset) = (int64_t)value;
	}
}

static pl_heartbeat read_heartbeat(lua_State *L, int table)
{
	pl_heartbeat heartbeat = { 0 };

	if (!lua_istable(L, table))
		return heartbeat;
	heartbeat.interval = pl_lua_milliseconds(pl_lua_number_field(L, table, "interval"));
	heartbeat.timeout = pl_lua_milliseconds(pl_lua_number_field(L, table, "timeout"));
	lua_getfield(L, table, "type");
	heartbeat.type = strcmp(lua_tostring(L, -1), "always") == 0 ? PL_HEARTBEAT_ALWAYS
								    : PL_HEARTBEAT_IF_NO_MESSAGE;
	lua_pop(L, 1);
	return heartbeat;
}

static void read_deflate(lua_State *L, int table, pl_deflate_settings *deflate)
{
	if (!lua_istable(L, table))
		return;
	deflate->enabled = true;
	deflate->terms.server_window =
		(uint8_t)pl_lua_int_field(L, table, "server_max_window_bits");
	deflate->terms.client_window =
		(uint8_t)pl_lua_int_field(L, table, "client_max_window_bits");
	deflate->terms.server_fresh = pl_lua_bool_field(L, table, "server_no_context_takeover");
	deflate->terms.client_fresh = pl_lua_bool_field(L, table, "client_no_context_takeover");
	deflate->mem_level = (int)pl_lua_int_field(L, table, "mem_level");
	deflate->level = (int)pl_lua_int_field(L, table, "level");
}

/* `index`: a table, or false. */
static void read_keepalive(lua_State *L, int index, pl_listener_options *tcp)
{
	if (!lua_istable(L, index))
		return;
	tcp->keepalive_time = (int)pl_lua_int_field(L, index, "time");
	tcp->keepalive_interval = (int)pl_lua_int_field(L, index, "interval");
	tcp->keepalive_count = (int)pl_lua_int_field(L, index, "count");
}

/* What concerns TCP, and when HTTP ends it. */
static void read_connection(lua_State *L, int options, pl_server_settings *settings)
{
	lua_getfield(L, options, "tcp_keepalive");
	read_keepalive(L, lua_gettop(L), &settings->tcp);
	settings->tcp.reset = pl_lua_int_field(L, options, "linger_state") == 0;
	lua_getfield(L, options, "keep_alive");
	settings->http_close = !lua_istable(L, -1);
	settings->http_announce =
		lua_istable(L, -1) && pl_lua_bool_field(L, lua_gettop(L), "header");
	lua_pop(L, 2);
}

/* gzip is a table, or false. */
static void read_files(lua_State *L, int table, pl_files_settings *files)
{
	lua_getfield(L, table, "cache_control");
	if (lua_isstring(L, -1))
		files->cache_control = pl_lua_check_slice(L, lua_gettop(L));
	files->precompressed = pl_lua_bool_field(L, table, "precompressed");
	lua_getfield(L, table, "gzip");
	if (lua_istable(L, -1)) {
		files->gzip_level = (int)pl_lua_int_field(L, lua_gettop(L), "level");
		files->gzip_min = pl_lua_int_field(L, lua_gettop(L), "min_size");
	}
	lua_pop(L, 2);
}

/* A list of strings at `table` as slices, which the caller frees. */
static int read_list(lua_State *L, int table, const pl_slice **result, size_t *count)
{
	size_t len = lua_objlen(L, table);
	pl_slice *list = len ? pl_calloc(len, sizeof(*list)) : NULL;
	size_t i;

	if (len && !list)
		return PL_ENOMEM;
	for (i = 0; i < len; i++) {
		lua_rawgeti(L, table, (int)i + 1);
		list[i] = pl_lua_check_slice(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	*result = list;
	*count = len;
	return PL_OK;
}

static int read_lists(lua_State *L, int options, pl_server_settings *settings)
{
	int status;

	lua_getfield(L, options, "protocols");
	status = read_list(L, lua_gettop(L), &settings->protocols, &settings->protocol_count);
	lua_getfield(L, options, "security_options");
	lua_getfield(L, -1, "origins_allowed");
	if (!status)
		status = read_list(L, lua_gettop(L), &settings->origins, &settings->origin_count);
	return status;
}

static enum pl_ws_delivery read_delivery(lua_State *L, int options)
{
	enum pl_ws_delivery delivery = PL_WS_WHOLE;
	const char *word;

	lua_getfield(L, options, "fragmented_messages");
	word = lua_tostring(L, -1);
	if (strcmp(word, "only_fragmented") == 0)
		delivery = PL_WS_FRAGMENTS;
	else if (strcmp(word, "all") == 0)
		delivery = PL_WS_ALL;
	lua_pop(L, 1);
	return delivery;
}

int pl_server_read_settings(lua_State *L, server_object *self, pl_server_settings *settings)
{
	int top = lua_gettop(L);
	int status;

	lua_getfield(L, 1, "limits");
	read_limits(L, top + 1, &settings->limits);
	lua_getfield(L, 1, "heartbeat");
	settings->heartbeat = read_heartbeat(L, top + 2);
	lua_getfield(L, 1, "software");
	if (lua_isstring(L, -1))
		settings->software = pl_lua_check_slice(L, top + 3);
	lua_getfield(L, 1, "document_root");
	settings->document_root = lua_tostring(L, -1);
	lua_getfield(L, 1, "files");
	read_files(L, lua_gettop(L), &settings->files);
	lua_pop(L, 1);
	lua_getfield(L, 1, "options");
	settings->html_files = pl_lua_bool_field(L, top + 5, "html_files");
	settings->javascript_files = pl_lua_bool_field(L, top + 5, "javascript_files");
	settings->delivery = read_delivery(L, top + 5);
	self->raise_disconnects = pl_lua_bool_field(L, top + 5, "raise_disconnect_exceptions");
	lua_getfield(L, 1, "extensions");
	lua_getfield(L, -1, "permessage_deflate");
	read_deflate(L, lua_gettop(L), &settings->deflate);
	lua_pop(L, 2);
	read_connection(L, 1, settings);
	status = read_lists(L, 1, settings);
	lua_settop(L, top);
	return status;
}

int pl_server_limits(lua_State *L)
{
	static const char *const units[] = { "bytes", NULL, "seconds" };
	size_t count;
	const pl_limit_info *info = pl_limits_table(&count);
	size_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		double scale = info[i].unit == PL_LIMIT_SECONDS ? 1000 : 1;

		lua_createtable(L, 0, 6);
		lua_pushstring(L, info[i].name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, units[info[i].unit]);
		lua_setfield(L, -2, "unit");
		lua_pushnumber(L, (double)info[i].standard / scale);
		lua_setfield(L, -2, "default");
		lua_pushnumber(L, (double)info[i].smallest / scale);
		lua_setfield(L, -2, "min");
		lua_pushnumber(L, (double)info[i].largest / scale);
		lua_setfield(L, -2, "max");
		lua_pushstring(L, info[i].text);
		lua_setfield(L, -2, "text");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}
