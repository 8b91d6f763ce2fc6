/* Requests of a server that others answer: OnBeforeForwardHTTP, what it decides, and how that ends.
 * lua_forward.c makes the ways that it returns. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/network.h"
#include "base/status.h"
#include "conn/conn_tunnel.h"
#include "lua/lua_conn.h"
#include "lua/lua_exchange_internal.h"
#include "lua/lua_forward.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_value.h"
#include "net/tls.h"
#include "server/hold.h"
#include "server/origin.h"
#include "server/request.h"

enum {
	WHY_MAX = 768,
	/* Connections to other servers that are kept: of one server, of all, and for how many ms.
	 */
	KEPT_PER_ORIGIN = 128,
	KEPT = 1024,
	KEPT_FOR = 60000
};

static const char NAME[] = "OnBeforeForwardHTTP";

/* A request on its way: a question, then forwarded, then perhaps a tunnel. */
typedef struct forwarding {
	pl_lua_question base;
	pl_script_exchange view; /* what the handler sees, */
	int request;		 /* a reference to that */
	server_object *object;
	pl_conn *conn;
	pl_hold *hold; /* while somebody decides */
	const pl_lua_way *way;
	int way_ref; /* a reference to it */
	uint32_t attempts;
	pl_forward_outcome outcome;
	char why[WHY_MAX];
} forwarding;

static server_object *object_of(const pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

static void unref(forwarding *self, int *reference)
{
	luaL_unref(self->object->script->L, LUA_REGISTRYINDEX, *reference);
	*reference = LUA_NOREF;
}

static void release(forwarding *self)
{
	pl_handlers *handlers = &self->object->handlers;

	unref(self, &self->way_ref);
	pl_free(self);
	pl_handlers_leave(handlers);
}

/* The log of what goes this way. */

static void log_line(const forwarding *self, bool sent, enum pl_message_form form, const char *kind,
		     pl_slice data)
{
	const pl_message_line line = { .peer = &self->conn->info->peer,
				       .guid = &self->conn->info->guid,
				       .direction = sent ? PL_MESSAGE_SENT : PL_MESSAGE_RECEIVED,
				       .form = form,
				       .kind = kind,
				       .data = data };

	if (self->way->log)
		pl_message_log_put(self->way->log, &line);
}

static void log_state(const forwarding *self, const char *text)
{
	const pl_message_line line = { .peer = &self->conn->info->peer,
				       .guid = &self->conn->info->guid,
				       .direction = PL_MESSAGE_STATE,
				       .data = pl_slice_make(text, strlen(text)) };

	if (self->way->log)
		pl_message_log_put(self->way->log, &line);
}

/* Errors. */

static void tell_error(forwarding *self, int status, const char *why)
{
	const pl_forward_order *order = &self->way->order;

	snprintf(self->why, sizeof(self->why), "forwarding to %.*s: %s",
		 (int)order->change.authority.len, order->change.authority.at, why);
	log_state(self, self->why);
	pl_lua_conn_error(&self->object->handlers, self->conn, status, self->why, false);
}

/* What the way is told: report(what, code or nil, status, seconds to the first byte, whether the
 * client has gone, how many ways were tried). "unreached" may give another way. */

typedef struct report {
	const forwarding *from;
	const char *what;
} report;

static int push_report(lua_State *L, void *context)
{
	const report *self = context;
	const pl_forward_outcome *outcome = &self->from->outcome;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->from->way_ref);
	lua_getfenv(L, -1);
	lua_getfield(L, -1, "report");
	lua_replace(L, -3);
	lua_pop(L, 1);
	lua_pushstring(L, self->what);
	if (outcome->error)
		lua_pushstring(L, pl_status_name(outcome->error));
	else
		lua_pushnil(L);
	lua_pushnumber(L, outcome->status);
	lua_pushnumber(L, (lua_Number)outcome->first_byte / 1000);
	lua_pushboolean(L, outcome->gone);
	lua_pushnumber(L, self->from->attempts);
	return 7;
}

static void ended_done(pl_task *task, bool ok)
{
	forwarding *self = task->context;

	if (!ok)
		pl_handlers_exception(&self->object->handlers, task, LUA_NOREF);
	release(self);
}

static void ended_abandoned(pl_task *task)
{
	release(task->context);
}

/* The task, with what it is called with; NULL: there is none, or no memory. */
static pl_task *reporter(forwarding *self, const char *what, void (*done)(pl_task *task, bool ok),
			 int *arguments)
{
	report told = { self, what };
	pl_task *task = NULL;

	if (self->way && self->way->reports)
		task = pl_task_new(self->object->script, done, self);
	if (!task)
		return NULL;
	*arguments = pl_task_push(task, push_report, &told) - 1;
	if (*arguments >= 0)
		return task;
	pl_log(PL_LOG_ERROR, "the end of a forwarded request is lost: out of memory");
	pl_task_drop(task);
	return NULL;
}

/* It is over, whatever it came to. */
static void finish(forwarding *self)
{
	int arguments;
	pl_task *task = reporter(self, "ended", ended_done, &arguments);

	self->conn = NULL;
	if (!task) {
		release(self);
		return;
	}
	task->abandoned = ended_abandoned;
	pl_task_run_later(task, arguments);
}

/* Forwarding. */

static void on_head(void *owner, const pl_http_response *response, pl_slice raw)
{
	(void)response;
	log_line(owner, true, PL_MESSAGE_HEAD, "head", raw);
}

static void on_body(void *owner, bool response, const uint8_t *data, size_t len)
{
	log_line(owner, response, PL_MESSAGE_TEXT, "body", pl_slice_make((const char *)data, len));
}

static void on_ended(void *owner, const pl_forward_outcome *outcome)
{
	forwarding *self = owner;

	self->outcome = *outcome;
	if (outcome->error)
		tell_error(self, outcome->error, outcome->why);
	else if (outcome->gone)
		log_state(self, "the client has gone");
	finish(self);
}

/* After the tunnel. */
static void on_tunnel_ended(void *owner, int status)
{
	forwarding *self = owner;

	self->outcome.gone = status != PL_OK;
	finish(self);
}

static void on_changed(void *owner, pl_exchange *exchange, const pl_call_changed *changed)
{
	forwarding *self = owner;
	pl_buffer head = { 0 };
	pl_conn_tunnel tunnel = { .stream = changed->stream,
				  .rest = pl_slice_make((const char *)changed->rest, changed->len),
				  .idle = self->way->tunnel_idle,
				  .ended = on_tunnel_ended,
				  .owner = self };
	int status = pl_forward_changed_head(&head, changed->response);

	self->outcome.status = 101;
	tunnel.head = pl_slice_make((const char *)head.data, head.len);
	log_line(self, true, PL_MESSAGE_HEAD, "head", changed->raw);
	if (!status && self->conn->leaving) /* the script or the server's end has closed it */
		status = PL_ECLOSED;
	if (status) {
		pl_stream_drop(changed->stream);
		pl_exchange_abort(exchange, status);
	} else {
		status = pl_conn_tunnel_open(self->conn, exchange, &tunnel);
	}
	pl_buffer_deinit(&head);
	if (status)
		finish(self);
}

/* Nobody can be reached, and nobody else is known. */
static void give_up(forwarding *self, pl_exchange *exchange)
{
	int status = self->outcome.error;

	finish(self);
	pl_forward_refuse(exchange, pl_forward_status(status), status);
}

static void go_way(forwarding *self, pl_exchange *exchange, lua_State *L);

static void on_over(void *owner, pl_conn *conn)
{
	forwarding *self = owner;

	(void)conn;
	pl_request_hide(&self->view, "it was answered, or the client has gone");
}

static void unreached_done(pl_task *task, bool ok)
{
	forwarding *self = task->context;
	pl_exchange *exchange = pl_hold_take(self->hold);

	self->hold = NULL;
	self->way = NULL; /* it has been told already */
	unref(self, &self->way_ref);
	if (!ok)
		pl_handlers_exception(&self->object->handlers, task, LUA_NOREF);
	if (ok && lua_isuserdata(task->L, 1))
		go_way(self, exchange, task->L);
	else if (exchange)
		give_up(self, exchange);
	else
		finish(self);
}

static void unreached_abandoned(pl_task *task)
{
	forwarding *self = task->context;
	pl_exchange *exchange = pl_hold_take(self->hold);

	release(self);
	if (exchange)
		pl_exchange_answer(exchange, 503, NULL);
}

static void on_unreached(void *owner, pl_exchange *exchange, int status, const char *why)
{
	forwarding *self = owner;
	pl_task *task;
	int arguments;

	self->outcome.error = status;
	tell_error(self, status, why);
	task = reporter(self, "unreached", unreached_done, &arguments);
	self->hold =
		task ? pl_hold_new(self->conn, exchange, "a way to another server", on_over, self)
		     : NULL;
	if (self->hold) {
		task->abandoned = unreached_abandoned;
		pl_task_run_later(task, arguments);
		return;
	}
	if (task)
		pl_task_drop(task);
	give_up(self, exchange);
}

static bool is_trusted(const server_object *object, const pl_address *address)
{
	for (size_t i = 0; i < object->trusted_count; i++)
		if (pl_network_has(&object->trusted[i], address))
			return true;
	return false;
}

/* NULL without memory. */
static pl_pool *pool_of(server_object *object)
{
	static const pl_pool_settings settings = { .max_idle_per_origin = KEPT_PER_ORIGIN,
						   .max_idle = KEPT,
						   .idle_timeout = KEPT_FOR };

	if (!object->forward_pool &&
	    pl_pool_new(&object->forward_pool, object->server->loop, &settings))
		return NULL;
	return object->forward_pool;
}

static void refuse(forwarding *self, pl_exchange *exchange, int answer, int status)
{
	self->outcome = (pl_forward_outcome){ .gone = true }; /* no server has to do with it */
	finish(self);
	pl_forward_refuse(exchange, answer, answer == 200 ? PL_OK : status);
}

static void start(forwarding *self, pl_exchange *exchange)
{
	static const pl_forward_events events = { .unreached = on_unreached,
						  .changed = on_changed,
						  .ended = on_ended };
	static const pl_forward_events logged = { .unreached = on_unreached,
						  .changed = on_changed,
						  .head = on_head,
						  .body = on_body,
						  .ended = on_ended };
	const pl_conn_info *info = self->conn->info;
	pl_forward_order order = self->way->order;
	int answer = 503;
	int status;

	order.pool = pool_of(self->object);
	order.limits = &self->object->server->settings.limits;
	order.events = self->way->log ? &logged : &events;
	order.owner = self;
	order.client = (pl_forward_client){ .peer = info->peer,
					    .port = info->local.port,
					    .secure = pl_tls_is(self->conn->stream),
					    .trusted = is_trusted(self->object, &info->peer) };
	self->attempts++;
	log_line(self, false, PL_MESSAGE_HEAD, "head", exchange->request->raw);
	status = order.pool ? pl_forward_start(exchange, &order, &answer) : PL_ENOMEM;
	if (!status)
		return;
	if (answer >= 500)
		tell_error(self, status, "the request cannot be sent");
	refuse(self, exchange, answer, status);
}

/* The decision. */

/* The origins that a server has for its WebSockets count for those behind it, too. */
static bool origin_allowed(const pl_server *server, const pl_exchange_request *request)
{
	const pl_http_field *fields = request->fields;
	size_t count = request->field_count;
	pl_slice origin = pl_http_field_find(fields, count, PL_SLICE("origin"));

	return server->settings.origin_count == 0 || !origin.at ||
	       !pl_http_field_has(fields, count, PL_SLICE("upgrade"), PL_SLICE("websocket")) ||
	       pl_origin_allowed(server->settings.origins, server->settings.origin_count, origin);
}

typedef struct keep {
	forwarding *self;
	lua_State *L;
} keep;

static int keep_way(lua_State *L, void *context)
{
	keep *kept = context;

	lua_pushvalue(kept->L, 1);
	if (L != kept->L)
		lua_xmove(kept->L, L, 1);
	kept->self->way_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/* The way at 1, which is told of its end in any case. The reference holds it; without memory for
 * that there is no way. The exchange may be gone. */
static void go_way(forwarding *self, pl_exchange *exchange, lua_State *L)
{
	keep kept = { self, L };

	self->outcome = (pl_forward_outcome){ .gone = true };
	if (pl_tasks_try(self->object->script, keep_way, &kept))
		self->way = lua_touserdata(L, 1);
	if (!exchange) {
		finish(self);
	} else if (!self->way) {
		refuse(self, exchange, 503, PL_ENOMEM);
	} else if (!origin_allowed(self->object->server, exchange->request)) {
		tell_error(self, PL_EACCES, "this origin is not allowed");
		refuse(self, exchange, 403, PL_EACCES);
	} else {
		self->outcome.gone = false;
		start(self, exchange);
	}
}

static void decide(forwarding *self, pl_exchange *exchange, lua_State *L)
{
	pl_conn *conn = self->conn;

	if (lua_isuserdata(L, 1)) {
		go_way(self, exchange, L);
		return;
	}
	finish(self);
	if (!exchange)
		return;
	if (lua_isnumber(L, 1))
		pl_exchange_answer(exchange, (int)lua_tointeger(L, 1), NULL);
	else
		pl_request_next(conn, exchange, PL_STAGE_FORWARDING);
}

static int push_request(pl_lua_question *question, lua_State *L)
{
	forwarding *self = (forwarding *)question;

	pl_request_push(L, &self->view);
	lua_pushvalue(L, -1);
	self->request = luaL_ref(L, LUA_REGISTRYINDEX);
	return 1;
}

static void forget_request(forwarding *self)
{
	lua_State *L = self->object->script->L;

	if (self->request == LUA_NOREF)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, self->request);
	pl_request_forget(L, -1);
	lua_pop(L, 1);
	unref(self, &self->request);
}

static void on_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	forwarding *self = (forwarding *)question;
	pl_exchange *exchange = pl_hold_take(self->hold);

	(void)conn;
	self->hold = NULL;
	forget_request(self);
	if (L) {
		decide(self, exchange, L);
		return;
	}
	finish(self);
	if (exchange)
		pl_exchange_answer(exchange, 500, NULL);
}

void pl_server_forwarding(pl_conn *conn, pl_exchange *exchange)
{
	forwarding *self = pl_calloc(1, sizeof(*self));
	pl_handlers *handlers = &object_of(conn)->handlers;

	if (self)
		self->hold = pl_hold_new(conn, exchange, NAME, on_over, self);
	if (!self || !self->hold) {
		pl_free(self);
		pl_exchange_answer(exchange, 503, NULL);
		return;
	}
	self->base.event = PL_OnBeforeForwardHTTP;
	self->base.push = push_request;
	self->base.answered = on_answered;
	self->object = object_of(conn);
	self->conn = conn;
	self->request = self->way_ref = LUA_NOREF;
	pl_request_show(&self->view, handlers, self->object->server, conn, exchange);
	pl_handlers_keep(handlers);
	pl_lua_conn_ask(handlers, conn, &self->base);
}
