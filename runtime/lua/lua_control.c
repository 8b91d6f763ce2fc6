#include "lua/lua_control.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status.h"
#include "lua/lua_value.h"
#include "net/listener.h"
#include "net/local.h"
#include "net/tcp.h"
#include "worker/control.h"

static const char KIND[] = "perilune.control.socket";

static const char PLACE[] = "what is attached";

enum { INTERRUPT = 3, PEEK = 65536, WRITE_TIMEOUT = 30000 /* ms */ };

typedef struct control_socket {
	pl_list node; /* of its control */
	pl_script *script;
	pl_stream *stream; /* NULL: closed */
	pl_local_peer peer;
	int self;    /* a reference as long as it is open */
	int handler; /* a reference, likewise */
} control_socket;

struct pl_lua_control {
	pl_listener *listener; /* NULL: it listens to nobody */
	pl_list sockets;
	int handler; /* a reference: of those that connect */
};

/* Telling the script. */

typedef struct news {
	control_socket *socket;
	const char *event;
	const uint8_t *data;
	size_t len;
} news;

static int push_news(lua_State *L, void *context)
{
	const news *it = context;

	lua_rawgeti(L, LUA_REGISTRYINDEX, it->socket->handler);
	lua_pushstring(L, it->event);
	lua_rawgeti(L, LUA_REGISTRYINDEX, it->socket->self);
	lua_pushlstring(L, (const char *)it->data, it->len);
	return 4;
}

static void on_done(pl_task *task, bool ok)
{
	if (!ok)
		pl_log(PL_LOG_ERROR, "attached: %s", lua_tostring(task->L, -1));
}

static bool tell(control_socket *self, const char *event, const uint8_t *data, size_t len)
{
	news it = { self, event, data ? data : (const uint8_t *)"", len };
	pl_task *task = pl_task_new(self->script, on_done, NULL);

	if (task && pl_task_push(task, push_news, &it) < 0) {
		pl_task_drop(task);
		task = NULL;
	}
	if (!task)
		return false;
	task->place = PLACE;
	pl_task_run(task, 3);
	return true;
}

/* Its stream. */

static void on_data(void *owner, uint8_t *data, size_t len)
{
	control_socket *self = owner;

	if (!tell(self, "data", data, len) && self->stream)
		pl_stream_abort(self->stream, PL_ENOMEM);
}

static void on_end(void *owner)
{
	pl_stream_abort(((control_socket *)owner)->stream, PL_OK);
}

static void on_drain(void *owner)
{
	(void)owner;
}

static void forget(control_socket *self)
{
	lua_State *L = self->script->L;

	pl_list_remove(&self->node);
	luaL_unref(L, LUA_REGISTRYINDEX, self->handler);
	luaL_unref(L, LUA_REGISTRYINDEX, self->self);
}

static void on_closed(void *owner, int status)
{
	control_socket *self = owner;

	(void)status;
	self->stream = NULL;
	if (!self->script->stopping && !tell(self, "closed", NULL, 0))
		pl_log(PL_LOG_ERROR, "attached: out of memory");
	forget(self);
}

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

/* Making one; may throw for want of memory. */

typedef struct making {
	pl_script *script;
	pl_lua_control *control;
	int handler; /* a reference that is the new one's */
	control_socket *made;
} making;

static int make(lua_State *L, void *context)
{
	making *asked = context;
	control_socket *self = pl_lua_new(L, KIND, sizeof(*self));

	lua_rawgeti(L, LUA_REGISTRYINDEX, asked->handler);
	lua_pushvalue(L, -2);
	self->self = luaL_ref(L, LUA_REGISTRYINDEX);
	self->handler = luaL_ref(L, LUA_REGISTRYINDEX);
	self->script = asked->script;
	asked->made = self;
	return 0;
}

static control_socket *new_socket(pl_script *script, int handler)
{
	making asked = { .script = script, .control = script->control, .handler = handler };

	return pl_tasks_try(script, make, &asked) ? asked.made : NULL;
}

static void own_stream(control_socket *self, pl_stream *stream)
{
	self->stream = stream;
	stream->write_timeout = WRITE_TIMEOUT;
	pl_list_append(&self->script->control->sockets, &self->node);
	pl_stream_own(stream, &stream_events, self);
}

/* Listening. */

static void on_accept(void *owner, pl_stream *stream)
{
	pl_script *script = owner;
	pl_local_peer peer = { 0 };
	control_socket *self;

	if (!pl_local_trusted(pl_tcp_socket(stream), &peer)) {
		pl_log(PL_LOG_WARN, "user %u may not attach", (unsigned)peer.uid);
		pl_stream_drop(stream);
		return;
	}
	self = new_socket(script, script->control->handler);
	if (!self) {
		pl_stream_drop(stream);
		return;
	}
	self->peer = peer;
	own_stream(self, stream);
	if (tell(self, "open", NULL, 0) && self->stream)
		pl_stream_resume(self->stream);
	else if (self->stream)
		pl_stream_abort(self->stream, PL_ENOMEM);
}

static void on_listener_closed(void *owner)
{
	(void)owner;
}

static int control_listen(lua_State *L)
{
	static const pl_listener_events events = { .accept = on_accept,
						   .closed = on_listener_closed };
	pl_script *script = pl_script_of(L);
	pl_lua_control *control = script->control;
	int status;
	int fd;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	fd = script->sockets && !control->listener
		     ? pl_control_take(script->sockets, script->worker->id)
		     : -1;
	if (fd < 0) {
		lua_pushboolean(L, false);
		return 1;
	}
	lua_settop(L, 1);
	control->handler = luaL_ref(L, LUA_REGISTRYINDEX);
	status = pl_listener_adopt(&control->listener, script->loop, fd, &events, script);
	return pl_lua_result(L, status);
}

static int control_connect(lua_State *L)
{
	pl_script *script = pl_script_of(L);
	const char *path = luaL_checkstring(L, 1);
	control_socket *self;
	pl_tcp *tcp;
	int status;
	int handler;
	int fd;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	status = pl_local_connect(path, &fd);
	if (status)
		return pl_lua_result(L, status);
	lua_settop(L, 2);
	handler = luaL_ref(L, LUA_REGISTRYINDEX);
	self = new_socket(script, handler);
	luaL_unref(L, LUA_REGISTRYINDEX, handler);
	tcp = self ? pl_tcp_new() : NULL;
	if (!tcp) {
		close(fd);
		return pl_lua_result(L, PL_ENOMEM);
	}
	pl_local_trusted(fd, &self->peer);
	own_stream(self, pl_tcp_open(tcp, script->loop, fd));
	pl_stream_resume(self->stream);
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->self);
	return 1;
}

/* Interrupting what runs: between instructions it is looked whether the peer has said so. Nothing
 * is read, that is for the loop. */

static bool is_interrupted(void *context)
{
	const control_socket *self = context;
	char bytes[PEEK];
	ssize_t n;

	if (!self->stream || pl_tcp_socket(self->stream) < 0)
		return true;
	n = recv(pl_tcp_socket(self->stream), bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n > 0 && memchr(bytes, INTERRUPT, (size_t)n));
}

static int control_watch(lua_State *L)
{
	void *socket = lua_isnoneornil(L, 1) ? NULL : pl_lua_check(L, 1, KIND);

	lua_pushboolean(L, pl_task_watch(L, socket ? is_interrupted : NULL, socket));
	pl_task_name(L, PLACE);
	return 1;
}

/* Methods. */

static int socket_write(lua_State *L)
{
	control_socket *self = pl_lua_check(L, 1, KIND);
	pl_slice bytes = pl_lua_check_slice(L, 2);

	if (!self->stream)
		return pl_lua_result(L, PL_ECLOSED);
	return pl_lua_result(L, pl_stream_write(self->stream, bytes.at, bytes.len));
}

static int socket_close(lua_State *L)
{
	control_socket *self = pl_lua_check(L, 1, KIND);

	if (self->stream)
		pl_stream_finish(self->stream);
	return 0;
}

static int socket_queued(lua_State *L)
{
	control_socket *self = pl_lua_check(L, 1, KIND);

	lua_pushnumber(L, self->stream ? (lua_Number)pl_stream_queued(self->stream) : 0);
	return 1;
}

static int socket_peer(lua_State *L)
{
	const control_socket *self = pl_lua_check(L, 1, KIND);

	lua_pushinteger(L, self->peer.pid);
	lua_pushinteger(L, (lua_Integer)self->peer.uid);
	return 2;
}

static const luaL_Reg methods[] = {
	{ "write", socket_write },
	{ "close", socket_close },
	{ "queued", socket_queued },
	{ "peer", socket_peer },
	{ NULL, NULL },
};

static const luaL_Reg functions[] = {
	{ "listen", control_listen },
	{ "connect", control_connect },
	{ "watch", control_watch },
	{ NULL, NULL },
};

int pl_lua_open_control(lua_State *L)
{
	pl_script *script = pl_script_of(L);

	lua_newtable(L);
	pl_lua_set_functions(L, "__index", methods);
	lua_setfield(L, LUA_REGISTRYINDEX, KIND);
	script->control = lua_newuserdata(L, sizeof(*script->control));
	memset(script->control, 0, sizeof(*script->control));
	script->control->handler = LUA_NOREF;
	pl_list_init(&script->control->sockets);
	luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_pushboolean(L, script->sockets != NULL);
	lua_setfield(L, -2, "enabled");
	return 1;
}

/* What it was told last is sent, as far as it goes at once. */
static void leave(control_socket *self)
{
	pl_stream *stream = self->stream;

	self->stream = NULL;
	if (stream && !stream->closing)
		pl_stream_flush_now(stream);
	if (stream)
		pl_stream_drop(stream);
	forget(self);
}

void pl_lua_control_end(pl_script *script)
{
	pl_lua_control *control = script->control;

	if (!control)
		return;
	if (control->listener)
		pl_listener_close(control->listener);
	while (!pl_list_empty(&control->sockets)) {
		control_socket *self = PL_CONTAINER(control->sockets.next, control_socket, node);

		leave(self);
	}
}
