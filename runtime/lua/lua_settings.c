#include "lua/lua_settings.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_value.h"

void pl_lua_read_limits(lua_State *L, int table, pl_limits *limits)
{
	size_t count;
	const pl_limit_info *info = pl_limits_table(&count);
	size_t i;

	pl_limits_init(limits);
	for (i = 0; i < count; i++) {
		double scale = info[i].unit == PL_LIMIT_SECONDS ? 1000 : 1;

		lua_getfield(L, table, info[i].name);
		if (!lua_isnil(L, -1))
			*(int64_t *)((char *)limits + info[i].offset) =
				(int64_t)(lua_tonumber(L, -1) * scale);
		lua_pop(L, 1);
	}
}

pl_heartbeat pl_lua_read_heartbeat(lua_State *L, int table)
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

static void read_deflate(lua_State *L, int extensions, const char *name,
			 pl_deflate_settings *deflate)
{
	pl_ws_deflate_terms *terms = &deflate->terms;
	int table = lua_gettop(L) + 1;

	lua_getfield(L, extensions, name);
	deflate->enabled = lua_istable(L, table);
	if (deflate->enabled) {
		terms->server_window =
			(uint8_t)pl_lua_int_field(L, table, "server_max_window_bits");
		terms->client_window =
			(uint8_t)pl_lua_int_field(L, table, "client_max_window_bits");
		terms->server_fresh = pl_lua_bool_field(L, table, "server_no_context_takeover");
		terms->client_fresh = pl_lua_bool_field(L, table, "client_no_context_takeover");
		deflate->mem_level = (int)pl_lua_int_field(L, table, "mem_level");
		deflate->level = (int)pl_lua_int_field(L, table, "level");
	}
	lua_pop(L, 1);
}

void pl_lua_read_extensions(lua_State *L, int table, pl_deflate_settings *deflate,
			    pl_deflate_settings *deflate_frame)
{
	read_deflate(L, table, "permessage_deflate", deflate);
	read_deflate(L, table, "deflate_frame", deflate_frame);
}

void pl_lua_read_keepalive(lua_State *L, int index, pl_tcp_options *tcp)
{
	if (!lua_istable(L, index))
		return;
	tcp->keepalive_time = (int)pl_lua_int_field(L, index, "time");
	tcp->keepalive_interval = (int)pl_lua_int_field(L, index, "interval");
	tcp->keepalive_count = (int)pl_lua_int_field(L, index, "count");
}

/* "none", "level1", "level2", "level3" */
static uint8_t read_level(lua_State *L, int table, const char *name)
{
	const char *word;
	uint8_t level;

	lua_getfield(L, table, name);
	word = lua_tostring(L, -1);
	level = strcmp(word, "none") == 0 ? 0 : (uint8_t)(word[strlen("level")] - '0');
	lua_pop(L, 1);
	return level;
}

pl_queue_options pl_lua_read_queue(lua_State *L, int index)
{
	return (pl_queue_options){ .text = read_level(L, index, "text"),
				   .binary = read_level(L, index, "binary"),
				   .ping = read_level(L, index, "ping") };
}

static int64_t read_rate(lua_State *L, int table, const char *name)
{
	int64_t rate;

	lua_getfield(L, table, name);
	rate = (int64_t)lua_tonumber(L, -1);
	lua_pop(L, 1);
	return rate;
}

void pl_lua_read_throttle(lua_State *L, int index, pl_throttle_rates *rates)
{
	if (!lua_istable(L, index))
		return;
	rates->read = read_rate(L, index, "read");
	rates->write = read_rate(L, index, "write");
}

int pl_lua_read_list(lua_State *L, int table, const pl_slice **result, size_t *count)
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

enum pl_ws_delivery pl_lua_read_delivery(lua_State *L, int options)
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

int pl_lua_open_log(lua_State *L, int options, pl_loop *loop, pl_message_log **log)
{
	int top = lua_gettop(L);
	int status = PL_OK;
	double most;

	*log = NULL;
	lua_getfield(L, options, "log_file");
	lua_getfield(L, options, "limits");
	if (lua_istable(L, top + 1)) {
		most = pl_lua_number_field(L, top + 2, "message_log");
		lua_getfield(L, top + 1, "file_name");
		status = pl_message_log_open(log, loop, lua_tostring(L, -1),
					     pl_lua_bool_field(L, top + 1, "raw"), (size_t)most);
		if (status)
			lua_pushfstring(L, "log_file '%s': %s", lua_tostring(L, -1),
					pl_status_text(status));
	}
	if (!status)
		lua_settop(L, top);
	return status;
}

int pl_lua_limits(lua_State *L)
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

void pl_lua_read_frames(lua_State *L, int options, pl_frame_end *frames)
{
	lua_getfield(L, options, "frames");
	if (lua_istable(L, -1)) {
		int table = lua_gettop(L);

		lua_getfield(L, table, "scan");
		lua_getfield(L, table, "bytes");
		pl_frame_end_set(
			frames,
			pl_slice_equal(pl_lua_check_slice(L, table + 1), PL_SLICE("all_bytes"))
				? PL_FRAME_SCAN_ALL
				: PL_FRAME_SCAN_LATEST,
			pl_lua_check_slice(L, table + 2));
		frames->strip = pl_lua_bool_field(L, table, "strip");
		lua_pop(L, 2);
	}
	lua_pop(L, 1);
}
