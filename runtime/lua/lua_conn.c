/* A conn as scripts see it: what they call and what they read. */
#include <string.h>

#include "base/block.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "conn/conn_tcp.h"
#include "lua/lua_conn_flush.h"
#include "lua/lua_conn_internal.h"
#include "lua/lua_conn_ping.h"
#include "lua/lua_event_fields.h"
#include "lua/lua_script.h"
#include "lua/lua_tls_certificate.h"
#include "lua/lua_value.h"
#include "server/server.h"

static conn_object *check(lua_State *L, int index)
{
	return pl_lua_check(L, index, PL_CONN_KIND);
}

pl_conn *pl_lua_conn_at(lua_State *L, int index)
{
	return check(L, index)->conn;
}

static const pl_conn_info *info_of(const conn_object *self)
{
	return self->conn ? self->conn->info : self->info;
}

/* Methods. */

int pl_lua_conn_result(lua_State *L, const pl_conn *conn, int status)
{
	if (status == PL_ECLOSED && conn && conn->state == PL_CONN_HTTP)
		return pl_lua_fail(L, PL_ESTATE, "the connection carries no messages yet");
	return pl_lua_result(L, status);
}

static int write_message(pl_conn *conn, enum pl_kind kind, pl_slice payload,
			 const pl_lua_manner *manner)
{
	pl_message message = { .kind = kind,
			       .payload = payload,
			       .fragment = manner->fragment,
			       .fields = &manner->fields };
	int status;

	if (!manner->has_fields)
		return pl_conn_write(conn, kind, payload.at, payload.len, manner->fragment);
	if (kind == PL_KIND_TEXT && !pl_utf8_valid((const uint8_t *)payload.at, payload.len))
		return PL_EUTF8;
	status = pl_conn_publish(conn, &message);
	pl_message_deinit(&message);
	return status;
}

/* write(text [, size | { size =, id =, event =, retry = }]) */
static int conn_write_kind(lua_State *L, enum pl_kind kind)
{
	conn_object *self = check(L, 1);
	pl_slice payload = pl_lua_check_slice(L, 2);
	pl_lua_manner manner;
	int status;

	pl_lua_check_manner(L, 3, "write", &manner);
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	status = write_message(self->conn, kind, payload, &manner);
	if (status == PL_ENOTSUP)
		return pl_lua_fail(L, status, PL_LUA_TEXTS_ONLY);
	return pl_lua_conn_result(L, self->conn, status);
}

static int conn_write(lua_State *L)
{
	return conn_write_kind(L, PL_KIND_TEXT);
}

static int conn_write_binary(lua_State *L)
{
	return conn_write_kind(L, PL_KIND_BINARY);
}

static int conn_close(lua_State *L)
{
	conn_object *self = check(L, 1);
	uint16_t code = pl_lua_check_close_code(L, 2);
	pl_slice reason = { NULL, 0 };

	if (!lua_isnoneornil(L, 3))
		reason = pl_lua_check_slice(L, 3);
	luaL_argcheck(L, pl_utf8_valid((const uint8_t *)reason.at, reason.len), 3, "must be UTF-8");
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	pl_lua_conn_leave(self->conn);
	pl_conn_close(self->conn, code, reason);
	return pl_lua_result(L, PL_OK);
}

static int conn_disconnect(lua_State *L)
{
	conn_object *self = check(L, 1);
	uint16_t code = pl_lua_check_close_code(L, 2);

	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	pl_lua_conn_leave(self->conn);
	pl_conn_disconnect(self->conn, code, pl_slice_make(NULL, 0));
	return pl_lua_result(L, PL_OK);
}

/* Channels are a server's. Of a connection that lives: behind its end the component may be gone. */
static bool has_channels(const conn_object *self)
{
	return self->handlers->whose == PL_OF_SERVER;
}

static int no_channels(lua_State *L)
{
	return pl_lua_fail(L, PL_ENOTSUP, "the connection of a client has no channels");
}

static int conn_subscribe(lua_State *L)
{
	conn_object *self = check(L, 1);
	pl_slice channel = pl_lua_check_slice(L, 2);

	luaL_argcheck(L, channel.len > 0 && channel.len <= PL_CHANNEL_NAME_MAX, 2,
		      "takes a channel's name, 1 to 1024 bytes");
	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	if (!has_channels(self))
		return no_channels(L);
	return pl_lua_conn_result(L, self->conn, pl_server_subscribe(self->conn, channel));
}

static int conn_unsubscribe(lua_State *L)
{
	conn_object *self = check(L, 1);
	pl_slice channel = pl_lua_check_slice(L, 2);

	if (!self->conn)
		return pl_lua_result(L, PL_ECLOSED);
	if (!has_channels(self))
		return no_channels(L);
	lua_pushboolean(L, pl_server_unsubscribe(self->conn, channel));
	return 1;
}

/* ping([timeout]): with a timeout it waits for the answer, and closes who does not give it. */
static int conn_ping(lua_State *L)
{
	conn_object *self = check(L, 1);

	if (lua_isnoneornil(L, 2))
		return pl_lua_conn_result(
			L, self->conn, self->conn ? pl_conn_ping(self->conn, NULL, 0) : PL_ECLOSED);
	return pl_lua_ping(L, self->conn, &self->pings, luaL_checknumber(L, 2));
}

/* flush([timeout]): waits until what was written is with the system. */
static int conn_flush(lua_State *L)
{
	conn_object *self = check(L, 1);

	return pl_lua_flush(L, self->conn, &self->flushes, luaL_optnumber(L, 2, 0));
}

/* Properties. */

static int get_guid(lua_State *L)
{
	char text[PL_GUID_TEXT];

	pl_guid_encode(text, &info_of(check(L, 1))->guid);
	lua_pushlstring(L, text, sizeof(text));
	return 1;
}

static int push_ip(lua_State *L, const pl_address *address)
{
	char text[PL_ADDRESS_TEXT];

	lua_pushlstring(L, text, pl_address_ip(address, text));
	return 1;
}

static int get_ip(lua_State *L)
{
	return push_ip(L, &info_of(check(L, 1))->peer);
}

static int get_local_ip(lua_State *L)
{
	return push_ip(L, &info_of(check(L, 1))->local);
}

static int get_port(lua_State *L)
{
	lua_pushinteger(L, info_of(check(L, 1))->peer.port);
	return 1;
}

static int get_local_port(lua_State *L)
{
	lua_pushinteger(L, info_of(check(L, 1))->local.port);
	return 1;
}

static int get_url(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_url(info_of(check(L, 1))));
	return 1;
}

static int get_user(lua_State *L)
{
	pl_slice user = pl_conn_info_user(info_of(check(L, 1)));

	if (user.len == 0)
		return 0;
	pl_lua_push(L, user);
	return 1;
}

static int get_protocol(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_protocol(info_of(check(L, 1))));
	return 1;
}

static int get_alpn_protocol(lua_State *L)
{
	pl_lua_push(L, pl_conn_info_alpn(info_of(check(L, 1))));
	return 1;
}

static int get_peer_certificate(lua_State *L)
{
	const conn_object *self = check(L, 1);

	return pl_lua_push_peer_certificate(L, self->conn ? self->conn->stream : NULL);
}

static int get_transport(lua_State *L)
{
	lua_pushstring(L, info_of(check(L, 1))->transport);
	return 1;
}

static int push_head(lua_State *L, size_t (*unpack)(const pl_conn_info *info, char *out))
{
	const pl_conn_info *info = info_of(check(L, 1));
	size_t len = unpack(info, NULL);
	char *text = lua_newuserdata(L, len);

	unpack(info, text);
	pl_lua_push_headers(L, pl_slice_make(text, len));
	return 1;
}

static int get_headers_request(lua_State *L)
{
	return push_head(L, pl_conn_info_request);
}

static int get_headers_response(lua_State *L)
{
	return push_head(L, pl_conn_info_response);
}

/* What an event stream's client has got before it came back; nil: it says nothing. */
static int get_last_event_id(lua_State *L)
{
	get_headers_request(L);
	lua_getfield(L, -1, "last-event-id");
	return 1;
}

static int get_generation(lua_State *L)
{
	lua_pushnumber(L, info_of(check(L, 1))->generation);
	return 1;
}

static int push_count(lua_State *L, bool sent)
{
	conn_object *self = check(L, 1);

	if (self->conn)
		self->conn->ops->counts(self->conn, &self->received, &self->sent);
	lua_pushnumber(L, (lua_Number)(sent ? self->sent : self->received));
	return 1;
}

static int get_rec_bytes(lua_State *L)
{
	return push_count(L, false);
}

static int get_send_bytes(lua_State *L)
{
	return push_count(L, true);
}

static int get_queued_bytes(lua_State *L)
{
	const conn_object *self = check(L, 1);

	lua_pushnumber(L, self->conn ? (lua_Number)pl_conn_queued(self->conn) : 0);
	return 1;
}

static int get_left_out(lua_State *L)
{
	const conn_object *self = check(L, 1);

	lua_pushnumber(L, self->conn ? self->conn->left_out : self->left_out);
	return 1;
}

/* The application's own table is the userdata's environment: made when it is asked for. */
static int get_data(lua_State *L)
{
	conn_object *self = check(L, 1);

	if (!self->has_data) {
		lua_newtable(L);
		lua_setfenv(L, 1);
		self->has_data = true;
	}
	lua_getfenv(L, 1);
	return 1;
}

static int set_data(lua_State *L)
{
	conn_object *self = check(L, 1);

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_setfenv(L, 1);
	self->has_data = true;
	return 0;
}

static int conn_gc(lua_State *L)
{
	conn_object *self = lua_touserdata(L, 1);

	pl_lua_conn_forget(self, true);
	pl_block_unref(self->reason);
	pl_conn_info_unref(self->info);
	if (self->conn)
		self->conn->binding = NULL;
	return 0;
}

/* add_tcp_end_of_frame(conn, bytes [, scan]) */
static int conn_add_tcp_end_of_frame(lua_State *L)
{
	static const char *const scans[] = { "all_bytes", "latest_bytes", NULL };
	pl_conn *conn = pl_lua_conn_at(L, 1);
	pl_slice bytes = pl_lua_check_slice(L, 2);
	enum pl_frame_scan scan = luaL_checkoption(L, 3, "all_bytes", scans) == 0
					  ? PL_FRAME_SCAN_ALL
					  : PL_FRAME_SCAN_LATEST;
	int status = conn ? pl_conn_tcp_add_end(conn, bytes, scan) : PL_ECLOSED;

	luaL_argcheck(L, status != PL_EINVAL, 2, "takes 1 to 32 bytes in all");
	if (status == PL_ESTATE)
		return pl_lua_fail(L, status, "the connection is no plain TCP");
	return pl_lua_result(L, status);
}

static const luaL_Reg methods[] = {
	{ "add_tcp_end_of_frame", conn_add_tcp_end_of_frame },
	{ "write", conn_write },
	{ "write_binary", conn_write_binary },
	{ "close", conn_close },
	{ "disconnect", conn_disconnect },
	{ "subscribe", conn_subscribe },
	{ "unsubscribe", conn_unsubscribe },
	{ "ping", conn_ping },
	{ "flush", conn_flush },
	{ NULL, NULL },
};

static const luaL_Reg getters[] = {
	{ "guid", get_guid },
	{ "ip", get_ip },
	{ "port", get_port },
	{ "local_ip", get_local_ip },
	{ "local_port", get_local_port },
	{ "url", get_url },
	{ "user", get_user },
	{ "protocol", get_protocol },
	{ "alpn_protocol", get_alpn_protocol },
	{ "peer_certificate", get_peer_certificate },
	{ "transport", get_transport },
	{ "headers_request", get_headers_request },
	{ "headers_response", get_headers_response },
	{ "last_event_id", get_last_event_id },
	{ "generation", get_generation },
	{ "rec_bytes", get_rec_bytes },
	{ "send_bytes", get_send_bytes },
	{ "queued_bytes", get_queued_bytes },
	{ "left_out", get_left_out },
	{ "data", get_data },
	{ NULL, NULL },
};

static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	pl_lua_set_kind(L, PL_CONN_KIND, conn_gc);
	return 0;
}

int pl_lua_open_conn(lua_State *L)
{
	lua_newtable(L);
	pl_lua_set_functions(L, "methods", methods);
	pl_lua_set_functions(L, "getters", getters);
	lua_pushcfunction(L, set_data);
	lua_setfield(L, -2, "set_data");
	lua_pushcfunction(L, set_metatable);
	lua_setfield(L, -2, "set_metatable");
	return 1;
}
