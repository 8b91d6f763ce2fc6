/* What a script's client leaves to Lua: before it connects, the server's certificate, the
 * handshake, the watchdog, the heartbeat. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_client_internal.h"
#include "lua/lua_conn.h"
#include "lua/lua_fields.h"
#include "lua/lua_tls_certificate.h"
#include "lua/lua_value.h"

typedef struct question {
	client_object *self;
	uint32_t number;
	enum pl_lua_client_hook hook;
	uint32_t attempt; /* of the watchdog */
	int error;	  /* of the server's certificate */
	/* Until they are pushed. */
	pl_slice request; /* of the handshake */
	const pl_tls_question *server;
	/* What the function returned is on L, from 1; NULL: it threw. */
	void (*answered)(struct question *question, lua_State *L);
} question;

static client_object *object_of(pl_client *client)
{
	return pl_client_binding(client);
}

/* handler(nil, certificate, error) */
static int push_verify(lua_State *L, const question *asked)
{
	const pl_tls_question *server = asked->server;

	if (!pl_handlers_push(L, &asked->self->handlers, PL_OnSSLVerifyPeer))
		lua_pushnil(L); /* it was taken away meanwhile */
	lua_pushnil(L);
	pl_lua_push_certificate(L, server->certificate);
	if (server->error) {
		lua_pushinteger(L, server->error);
		lua_setfield(L, -2, "error");
	}
	lua_pushstring(L, server->why);
	return 4;
}

/* The function, and what it gets. */
static int push_question(lua_State *L, void *context)
{
	const question *asked = context;
	const client_object *self = asked->self;

	if (asked->hook == PL_HOOK_VERIFY)
		return push_verify(L, asked);
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->hooks);
	lua_rawgeti(L, -1, asked->hook);
	lua_remove(L, -2);
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->self);
	if (asked->hook == PL_HOOK_HANDSHAKE)
		pl_lua_push_headers(L, asked->request);
	else
		lua_pushinteger(L, (lua_Integer)asked->attempt);
	return 3;
}

static void end(question *asked)
{
	pl_handlers_leave(&asked->self->handlers);
	pl_free(asked);
}

/* A client that was stopped meanwhile has forgotten what it asked. */
static void answer(question *asked, lua_State *L)
{
	if (asked->number == asked->self->question)
		asked->answered(asked, L);
	end(asked);
}

static void question_done(pl_task *task, bool ok)
{
	question *asked = task->context;

	if (!ok)
		pl_handlers_exception(&asked->self->handlers, task, LUA_NOREF);
	answer(asked, ok ? task->L : NULL);
}

static void question_abandoned(pl_task *task)
{
	end(task->context);
}

static void ask(client_object *self, question *asked)
{
	pl_task *task = pl_task_new(self->script, question_done, asked);
	int count;

	asked->self = self;
	asked->number = ++self->question;
	pl_handlers_keep(&self->handlers);
	count = task ? pl_task_push(task, push_question, asked) : -1;
	if (count < 0) {
		if (task)
			pl_task_drop(task);
		pl_log(PL_LOG_ERROR, "a client's handler was not called: out of memory");
		answer(asked, NULL);
		return;
	}
	task->abandoned = question_abandoned;
	pl_task_run(task, count - 1);
}

/* "127.0.0.1:8080: " */
static void begin_reason(client_object *self)
{
	const pl_client_place *place = pl_client_place_of(self->client);
	bool brackets = memchr(place->host.at, ':', place->host.len) != NULL;
	char port[16];
	int len = snprintf(port, sizeof(port), "%s:%u: ", brackets ? "]" : "", place->port);

	self->why.len = 0;
	pl_buffer_append(&self->why, "[", brackets);
	pl_buffer_append(&self->why, place->host.at, place->host.len);
	pl_buffer_append(&self->why, port, (size_t)len);
}

/* Why a place is not tried: nil, message, code on L; NULL: a handler threw. */
static int refusal(client_object *self, lua_State *L)
{
	pl_slice text = PL_SLICE("a handler has failed");
	int status = PL_ECANCELED;

	if (L && lua_isstring(L, 2))
		text.at = lua_tolstring(L, 2, &text.len);
	if (L && lua_isstring(L, 3))
		status = pl_status_find(lua_tostring(L, 3));
	begin_reason(self);
	pl_buffer_append(&self->why, text.at, text.len);
	self->refused = status ? status : PL_ECANCELED;
	return self->refused;
}

static bool said_yes(lua_State *L)
{
	return L && lua_toboolean(L, 1);
}

/* prepare(client) -> true | nil, message, code */

static void connect_answered(question *asked, lua_State *L)
{
	client_object *self = asked->self;

	pl_client_connect_end(self->client, said_yes(L) ? PL_OK : refusal(self, L));
}

void pl_lua_client_ask_connect(pl_client *client)
{
	client_object *self = object_of(client);
	question *asked;

	self->question++; /* what was asked about another place is of no use for this one */
	self->refused = PL_OK;
	self->events.verify = pl_handlers_has(&self->handlers, PL_OnSSLVerifyPeer)
				      ? pl_lua_client_ask_verify
				      : NULL;
	if (!self->prepares && !pl_handlers_has(&self->handlers, PL_OnBeforeConnect)) {
		pl_client_connect_end(client, PL_OK);
		return;
	}
	asked = pl_calloc(1, sizeof(*asked));
	if (!asked) {
		pl_client_connect_end(client, PL_ENOMEM);
		return;
	}
	asked->hook = PL_HOOK_PREPARE;
	asked->answered = connect_answered;
	ask(self, asked);
}

/* OnSSLVerifyPeer(nil, certificate, error) -> boolean. Without an answer the error counts; a
 * handler that throws lets nobody in. */

static void verify_answered(question *asked, lua_State *L)
{
	bool accept = L != NULL;

	if (accept)
		accept = lua_isnoneornil(L, 1) ? asked->error == 0 : lua_toboolean(L, 1);
	pl_client_verified(asked->self->client, accept);
}

void pl_lua_client_ask_verify(pl_client *client, const pl_tls_question *server)
{
	client_object *self = object_of(client);
	question *asked = NULL;

	if (pl_handlers_has(&self->handlers, PL_OnSSLVerifyPeer))
		asked = pl_calloc(1, sizeof(*asked));
	if (!asked) {
		pl_client_verified(client, !server->error);
		return;
	}
	asked->hook = PL_HOOK_VERIFY;
	asked->answered = verify_answered;
	asked->server = server;
	asked->error = server->error;
	ask(self, asked);
}

/* handshake(client, headers) -> true, fields | true | nil, message, code */

static void handshake_answered(question *asked, lua_State *L)
{
	client_object *self = asked->self;
	pl_http_field fields[PL_LUA_FIELDS_MAX];
	size_t count = 0;

	if (!said_yes(L)) {
		pl_client_handshake_end(self->client, refusal(self, L), NULL, 0);
		return;
	}
	lua_settop(L, 2);
	if (lua_istable(L, 2) &&
	    !(lua_checkstack(L, LUA_MINSTACK) && pl_lua_fields(L, 2, fields, &count))) {
		pl_log(PL_LOG_ERROR, "OnHandshake returns strings and numbers, or lists of these, "
				     "at most 100");
		pl_client_handshake_end(self->client, PL_EINVAL, NULL, 0);
		return;
	}
	if (pl_client_handshake_end(self->client, PL_OK, fields, count) == PL_EINVAL)
		pl_log(PL_LOG_ERROR, "the handshake cannot be sent: a bad header name or value, or "
				     "a header that is set for you");
}

void pl_lua_client_ask_handshake(pl_client *client, pl_slice request)
{
	client_object *self = object_of(client);
	question *asked;

	if (!pl_handlers_has(&self->handlers, PL_OnHandshake)) {
		pl_client_handshake_end(client, PL_OK, NULL, 0);
		return;
	}
	asked = pl_calloc(1, sizeof(*asked));
	if (!asked) {
		pl_client_handshake_end(client, PL_ENOMEM, NULL, 0);
		return;
	}
	asked->hook = PL_HOOK_HANDSHAKE;
	asked->answered = handshake_answered;
	asked->request = request;
	ask(self, asked);
}

/* watchdog(client, attempt) -> whether it goes on. A handler that throws does not end a client that
 * is to stay connected. */

static void watchdog_answered(question *asked, lua_State *L)
{
	pl_client_watchdog_end(asked->self->client, !L || lua_toboolean(L, 1));
}

void pl_lua_client_ask_watchdog(pl_client *client, uint32_t attempt)
{
	client_object *self = object_of(client);
	question *asked = NULL;

	if (pl_handlers_has(&self->handlers, PL_OnBeforeWatchDog))
		asked = pl_calloc(1, sizeof(*asked));
	if (!asked) {
		pl_client_watchdog_end(client, true);
		return;
	}
	asked->hook = PL_HOOK_WATCHDOG;
	asked->answered = watchdog_answered;
	asked->attempt = attempt;
	ask(self, asked);
}

/* OnBeforeHeartBeat(conn) -> boolean */

bool pl_lua_client_ask_heartbeat(pl_conn *conn)
{
	return pl_lua_conn_ask_heartbeat(&object_of(pl_client_of(conn))->handlers, conn);
}
