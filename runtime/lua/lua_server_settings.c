/* The options of a script's server, checked and complete, as C knows them. */
#include "base/alloc.h"
#include "base/network.h"
#include "base/status.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_settings.h"
#include "lua/lua_value.h"

/* What concerns TCP, and when HTTP ends it. */
static void read_connection(lua_State *L, int options, pl_server_settings *settings)
{
	lua_getfield(L, options, "tcp_keepalive");
	pl_lua_read_keepalive(L, lua_gettop(L), &settings->tcp);
	settings->tcp.reset = pl_lua_int_field(L, options, "linger_state") == 0;
	lua_getfield(L, options, "keep_alive");
	settings->http_close = !lua_istable(L, -1);
	settings->http_announce =
		lua_istable(L, -1) && pl_lua_bool_field(L, lua_gettop(L), "header");
	lua_pop(L, 2);
}

/* Each worker gets its part of a total. */
static void read_throttle(lua_State *L, int options, pl_server_settings *settings)
{
	int64_t workers = pl_script_of(L)->worker->count;
	int table = lua_gettop(L) + 1;

	lua_getfield(L, options, "throttle");
	pl_lua_read_throttle(L, table, &settings->throttle);
	if (lua_istable(L, table)) {
		lua_getfield(L, table, "total");
		pl_lua_read_throttle(L, table + 1, &settings->throttle_total);
		settings->throttle_total.read /= workers;
		settings->throttle_total.write /= workers;
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* server_sent_events is a table, or false. */
static void read_fallback(lua_State *L, int options, pl_event_settings *events)
{
	int table = lua_gettop(L) + 2;

	lua_getfield(L, options, "fallback");
	lua_getfield(L, -1, "server_sent_events");
	events->enabled = lua_istable(L, table);
	if (events->enabled) {
		events->retry = pl_lua_milliseconds(pl_lua_number_field(L, table, "retry"));
		events->raw_fields = pl_lua_bool_field(L, table, "raw_fields");
		events->greets_all = pl_lua_bool_field(L, table, "greet_all");
	}
	lua_pop(L, 2);
}

/* The text stays in the options' table. */
static void read_flash(lua_State *L, int options, pl_slice *policy)
{
	int table = lua_gettop(L) + 1;

	lua_getfield(L, options, "fallback");
	lua_getfield(L, table, "flash");
	if (lua_istable(L, -1)) {
		lua_getfield(L, -1, "policy");
		*policy = pl_lua_check_slice(L, lua_gettop(L));
	}
	lua_settop(L, table - 1);
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

/* A table with `policy` and `messages`, at index. */
static pl_overflow read_overflow(lua_State *L, int index)
{
	pl_overflow overflow = { .policy = PL_OVERFLOW_CLOSE };
	const char *word;

	lua_getfield(L, index, "policy");
	word = lua_tostring(L, -1);
	if (strcmp(word, "drop_oldest") == 0)
		overflow.policy = PL_OVERFLOW_DROP_OLDEST;
	else if (strcmp(word, "conflate") == 0)
		overflow.policy = PL_OVERFLOW_CONFLATE;
	lua_getfield(L, index, "messages");
	overflow.messages = (uint32_t)lua_tonumber(L, -1);
	lua_pop(L, 2);
	return overflow;
}

static int read_lists(lua_State *L, int options, pl_server_settings *settings)
{
	int status;

	lua_getfield(L, options, "protocols");
	status =
		pl_lua_read_list(L, lua_gettop(L), &settings->protocols, &settings->protocol_count);
	lua_getfield(L, options, "security_options");
	lua_getfield(L, -1, "origins_allowed");
	if (!status)
		status = pl_lua_read_list(L, lua_gettop(L), &settings->origins,
					  &settings->origin_count);
	return status;
}

/* PL_OK or PL_ENOMEM. */
static int read_overflow_rules(lua_State *L, int options, pl_server_settings *settings)
{
	int list = lua_gettop(L) + 2;
	pl_overflow_rule *rules;
	size_t count;

	lua_getfield(L, options, "slow_consumers");
	lua_getfield(L, -1, "channels");
	count = lua_objlen(L, list);
	rules = pl_calloc(count + 1, sizeof(*rules));
	for (size_t i = 0; i < count && rules; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		rules[i].overflow = read_overflow(L, list + 1);
		lua_getfield(L, list + 1, "channel");
		rules[i].channel = pl_lua_check_slice(L, list + 2);
		lua_settop(L, list);
	}
	lua_settop(L, list - 2);
	settings->overflow_rules = rules;
	settings->overflow_rule_count = count;
	return rules ? PL_OK : PL_ENOMEM;
}

/* PL_OK or PL_ENOMEM. */
static int read_trusted(lua_State *L, server_object *self, int options)
{
	int list = lua_gettop(L) + 2;
	size_t count;

	lua_getfield(L, options, "security_options");
	lua_getfield(L, -1, "trusted_proxies");
	count = lua_objlen(L, list);
	self->trusted = pl_calloc(count + 1, sizeof(*self->trusted));
	for (size_t i = 0; i < count && self->trusted; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		if (pl_network_parse(&self->trusted[self->trusted_count], lua_tostring(L, -1)))
			self->trusted_count++;
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
	return self->trusted ? PL_OK : PL_ENOMEM;
}

/* Each worker takes its part of the connections. */
static void share_rate(pl_limits *limits, int64_t workers)
{
	limits->accept_rate /= workers;
	if (limits->accept_rate == 0)
		limits->accept_rate = 1;
}

int pl_server_read_settings(lua_State *L, server_object *self, pl_server_settings *settings,
			    pl_http_field fields[PL_LUA_FIELDS_MAX])
{
	int top = lua_gettop(L);
	int status;

	lua_getfield(L, 1, "headers");
	if (!pl_lua_fields(L, top + 1, fields, &settings->field_count))
		return luaL_error(L, "option 'headers' of server.new takes at most %d lines",
				  PL_LUA_FIELDS_MAX);
	settings->fields = fields;
	lua_pop(L, 1);
	lua_getfield(L, 1, "limits");
	pl_lua_read_limits(L, top + 1, &settings->limits);
	share_rate(&settings->limits, pl_script_of(L)->worker->count);
	lua_getfield(L, 1, "heartbeat");
	settings->heartbeat = pl_lua_read_heartbeat(L, top + 2);
	lua_getfield(L, 1, "queue_options");
	settings->queue = pl_lua_read_queue(L, top + 3);
	lua_pop(L, 1);
	lua_getfield(L, 1, "slow_consumers");
	settings->overflow = read_overflow(L, top + 3);
	lua_pop(L, 1);
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
	settings->delivery = pl_lua_read_delivery(L, top + 5);
	self->raise_disconnects = pl_lua_bool_field(L, top + 5, "raise_disconnect_exceptions");
	lua_getfield(L, 1, "extensions");
	pl_lua_read_extensions(L, lua_gettop(L), &settings->deflate, &settings->deflate_frame);
	lua_pop(L, 1);
	lua_getfield(L, 1, "specifications");
	settings->hixie76 = pl_lua_bool_field(L, lua_gettop(L), "hixie76");
	lua_pop(L, 1);
	pl_lua_read_frames(L, 1, &settings->frames);
	self->uploads = pl_lua_read_upload(L, 1, &self->upload);
	read_connection(L, 1, settings);
	read_fallback(L, 1, &settings->events);
	read_flash(L, 1, &settings->flash_policy);
	read_throttle(L, 1, settings);
	status = read_lists(L, 1, settings);
	if (!status)
		status = read_overflow_rules(L, 1, settings);
	if (!status)
		status = read_trusted(L, self, 1);
	lua_settop(L, top);
	return status;
}
