#include "lua/lua_exchange.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_conn.h"
#include "lua/lua_exchange_internal.h"
#include "lua/lua_script.h"

/* Why a request is over, for who still asks for its properties. */
static const char CLIENT_GONE[] = "the client has gone";
static const char NO_MEMORY[] = "out of memory";
static const char STOPPED[] = "it was answered when its handler stopped the server";

void pl_script_exchange_release(pl_script_exchange *self)
{
	if (--self->users > 0)
		return;
	pl_handlers_leave(self->handlers);
	if (self->upload)
		pl_upload_free(self->upload);
	pl_buffer_deinit(&self->body);
	pl_free(self);
}

/* Tasks that wait. */

static void detach(pl_script_wait *wait)
{
	pl_deferred_cancel(&wait->next_turn);
	*wait->place = NULL;
	pl_script_exchange_release(wait->exchange);
	pl_free(wait);
}

static void on_cancel(pl_wait *wait)
{
	detach(PL_CONTAINER(wait, pl_script_wait, wait));
}

static void on_next_turn(pl_deferred *deferred)
{
	pl_script_wait_finish(PL_CONTAINER(deferred, pl_script_wait, next_turn), PL_OK);
}

pl_script_wait *pl_script_wait_begin(lua_State *L, pl_script_exchange *self, pl_script_wait **place)
{
	pl_script_wait *wait = pl_calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	wait->exchange = self;
	wait->place = place;
	*place = wait;
	self->users++;
	pl_deferred_init(&wait->next_turn, on_next_turn);
	pl_wait_begin(L, &wait->wait, on_cancel);
	return wait;
}

pl_task *pl_script_wait_end(pl_script_wait *wait, int (*push)(lua_State *L, void *context))
{
	pl_task *task = pl_wait_end_with(&wait->wait, push, wait->exchange);

	detach(wait);
	return task;
}

void pl_script_wait_finish(pl_script_wait *wait, int status)
{
	pl_task *task = pl_lua_wait_end(&wait->wait, status);

	detach(wait);
	pl_wait_go(task);
}

/* The exchange is over, or the handler is: nobody waits any longer. The tasks that go on may end
 * the handler. */
static void leave(pl_script_exchange *self, int status, const char *why)
{
	self->exchange = NULL;
	self->conn = NULL;
	self->status = status;
	self->over = why;
	if (self->use == PL_BODY_WHOLE && !self->whole && !self->body_status)
		self->body_status = status;
	self->users++;
	if (self->reader)
		pl_script_wait_finish(self->reader, status);
	if (self->writer)
		pl_script_wait_finish(self->writer, status);
	pl_script_exchange_release(self);
}

/* The handler. */

static void answer_failure(pl_script_exchange *self, pl_task *task, bool body_failed)
{
	if (!body_failed)
		pl_handlers_exception(self->handlers, task,
				      self->conn ? pl_lua_conn_ref(self->conn) : LUA_NOREF);
	if (!self->exchange)
		return;
	pl_exchange_answer(self->exchange, body_failed ? 413 : 500, NULL);
	if (body_failed)
		pl_lua_conn_error(self->handlers, self->conn, PL_ETOOBIG,
				  "the request's body is too large", false);
}

static void release_objects(pl_script_exchange *self)
{
	lua_State *L = self->handlers->script->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, self->request);
	pl_request_forget(L, -1);
	lua_pop(L, 1);
	luaL_unref(L, LUA_REGISTRYINDEX, self->request);
	luaL_unref(L, LUA_REGISTRYINDEX, self->response);
}

static void handler_done(pl_task *task, bool ok)
{
	pl_script_exchange *self = task->context;

	if (!ok)
		answer_failure(self, task, pl_request_failed(self, lua_tostring(task->L, -1)));
	else if (self->exchange && !pl_response_end(self, task->L))
		pl_server_serve(self->server, self->exchange);
	release_objects(self);
	leave(self, PL_ECLOSED, NULL);
	pl_script_exchange_release(self);
}

static void handler_abandoned(pl_task *task)
{
	release_objects(task->context);
	pl_script_exchange_release(task->context);
}

static pl_event event_of(pl_slice method)
{
	if (pl_slice_equal(method, PL_SLICE("GET")) || pl_slice_equal(method, PL_SLICE("HEAD")) ||
	    pl_slice_equal(method, PL_SLICE("POST")))
		return PL_OnCommandGet;
	return PL_OnCommandOther;
}

/* conn, request, response; the references are taken last, so that none is lost. */
static int push_call(lua_State *L, void *context)
{
	pl_script_exchange *self = context;
	int top = lua_gettop(L);

	pl_lua_conn_push(L, self->handlers, self->conn);
	pl_request_push(L, self);
	pl_response_push(L, top + 2);
	lua_pushvalue(L, top + 2);
	self->request = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, top + 3);
	self->response = luaL_ref(L, LUA_REGISTRYINDEX);
	return 3;
}

static void run_handler(pl_script_exchange *self)
{
	pl_event event = event_of(self->exchange->request->method);
	pl_task *task = pl_handlers_task(self->handlers, event, handler_done, self);
	int arguments;

	self->running = true;
	self->request = self->response = LUA_NOREF;
	arguments = task ? pl_task_push(task, push_call, self) : -1;
	if (arguments < 0) {
		if (task)
			pl_task_drop(task);
		luaL_unref(self->handlers->script->L, LUA_REGISTRYINDEX, self->request);
		pl_exchange_answer(self->exchange, 500, NULL);
		pl_script_exchange_release(self);
		return;
	}
	task->abandoned = handler_abandoned;
	pl_task_run(task, arguments);
}

void pl_lua_exchange_let_go(lua_State *L, const pl_server *server)
{
	const pl_task *task = pl_script_of(L)->tasks.current;
	pl_script_exchange *self;

	if (!task || task->done != handler_done)
		return;
	self = task->context;
	if (!self->exchange || (server && self->server != server))
		return;
	if (!pl_response_end(self, L))
		pl_exchange_answer(self->exchange, 503, NULL);
	leave(self, PL_ECLOSED, STOPPED);
}

/* The exchange's events. A handler that they begin or resume may end it all. */

static void proceed(pl_script_exchange *self)
{
	if (self->running)
		pl_request_resume(self);
	else
		run_handler(self);
}

static void on_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	pl_script_exchange *self = owner;
	bool running = self->running;

	if (!pl_request_take(self, data, len)) {
		pl_exchange_abort(exchange, PL_ENOMEM);
		leave(self, PL_ENOMEM, NO_MEMORY);
		if (!running)
			pl_script_exchange_release(self);
	} else if (pl_request_full(self)) {
		pl_exchange_pause(exchange, true);
		proceed(self);
	}
}

static void on_starved(void *owner, pl_exchange *exchange)
{
	pl_script_exchange *self = owner;

	if (!self->running) /* the body is asked for when the handler wants it */
		pl_exchange_pause(exchange, true);
	proceed(self);
}

static void on_end(void *owner, pl_exchange *exchange)
{
	pl_script_exchange *self = owner;

	(void)exchange;
	self->whole = true;
	proceed(self);
}

static void on_drain(void *owner, pl_exchange *exchange)
{
	pl_script_exchange *self = owner;

	(void)exchange;
	if (self->writer)
		pl_script_wait_finish(self->writer, PL_OK);
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_script_exchange *self = owner;
	bool running = self->running;

	(void)exchange;
	leave(self, status == PL_ETIMEDOUT || status == PL_EPROTO ? status : PL_ECLOSED,
	      CLIENT_GONE);
	if (!running)
		pl_script_exchange_release(self);
}

static const pl_exchange_events exchange_events = {
	.data = on_data,
	.starved = on_starved,
	.end = on_end,
	.drain = on_drain,
	.aborted = on_aborted,
};

pl_exchange *pl_script_exchange_hand_over(pl_script_exchange *self, const char *why)
{
	pl_exchange *exchange = self->exchange;

	pl_exchange_pause(exchange, true); /* what comes of the body is for who gets it back */
	self->exchange = NULL;
	self->conn = NULL;
	self->status = PL_ESTATE;
	self->over = why;
	return exchange;
}

void pl_script_exchange_give_back(pl_script_exchange *self, pl_exchange *exchange, pl_conn *conn)
{
	self->exchange = exchange;
	self->conn = conn;
	self->whole = exchange->received;
	pl_exchange_own(exchange, &exchange_events, self);
}

/* With the exchange; NULL: no memory, and the answer says so. */
static pl_script_exchange *take_over(pl_handlers *handlers, pl_server *server, pl_conn *conn,
				     pl_exchange *exchange)
{
	/* glibc's calloc is slower: it passes the thread's cache by */
	pl_script_exchange *self = pl_alloc(sizeof(*self));

	if (!self) {
		pl_exchange_answer(exchange, 503, NULL);
		return NULL;
	}
	memset(self, 0, sizeof(*self));
	pl_handlers_keep(handlers);
	self->users = 1;
	self->exchange = exchange;
	self->handlers = handlers;
	self->server = server;
	self->conn = conn;
	pl_exchange_own(exchange, &exchange_events, self);
	return self;
}

void pl_lua_exchange(pl_handlers *handlers, pl_server *server, pl_conn *conn, pl_exchange *exchange)
{
	if (pl_handlers_has(handlers, event_of(exchange->request->method)))
		take_over(handlers, server, conn, exchange);
	else
		pl_server_serve(server, exchange);
}

void pl_lua_exchange_received(pl_handlers *handlers, pl_server *server, pl_conn *conn,
			      pl_exchange *exchange, pl_upload *upload)
{
	pl_script_exchange *self = take_over(handlers, server, conn, exchange);

	if (!self) {
		pl_upload_free(upload);
		return;
	}
	self->upload = upload;
	self->whole = true;
	run_handler(self);
}

int pl_lua_open_exchange(lua_State *L)
{
	lua_newtable(L);
	pl_request_open(L);
	lua_setfield(L, -2, "request");
	pl_response_open(L);
	lua_setfield(L, -2, "response");
	return 1;
}
