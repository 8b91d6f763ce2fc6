/* A client's write_and_wait: the next message of a kind is the answer, before any event. */
#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_client_internal.h"
#include "lua/lua_value.h"

enum { DEFAULT_TIMEOUT = 10 }; /* s */

typedef struct answer_wait {
	pl_wait wait;
	pl_list node;
	pl_timer timer;
	pl_loop *loop;
} answer_wait;

static void detach(answer_wait *self)
{
	pl_list_remove(&self->node);
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_loop_release(self->loop);
	pl_free(self);
}

static void cancel(pl_wait *wait)
{
	detach(PL_CONTAINER(wait, answer_wait, wait));
}

static void fail(answer_wait *self, int status)
{
	pl_task *task = pl_lua_wait_end(&self->wait, status);

	detach(self);
	pl_wait_go(task);
}

static void on_timeout(pl_timer *timer)
{
	fail(PL_CONTAINER(timer, answer_wait, timer), PL_ETIMEDOUT);
}

static int push_answer(lua_State *L, void *context)
{
	pl_lua_push(L, *(const pl_slice *)context);
	return 1;
}

bool pl_lua_client_answered(client_object *self, enum pl_kind kind, const uint8_t *data, size_t len)
{
	pl_slice text = pl_slice_make((const char *)data, len);
	answer_wait *first;
	pl_task *task;

	if (pl_list_empty(&self->answers[kind]))
		return false;
	first = PL_CONTAINER(self->answers[kind].next, answer_wait, node);
	task = pl_wait_end_with(&first->wait, push_answer, &text);
	detach(first);
	pl_wait_go(task);
	return true;
}

void pl_lua_client_unanswered(client_object *self, int status)
{
	pl_list waits;
	int kind;

	/* Whoever goes on may connect again and wait anew: that is another connection's. */
	pl_list_init(&waits);
	for (kind = 0; kind < 2; kind++)
		pl_list_move(&waits, &self->answers[kind]);
	while (!pl_list_empty(&waits))
		fail(PL_CONTAINER(waits.next, answer_wait, node), status);
}

/* Waits behind those that wait already. While it does the connection is read, whatever waits for
 * its handlers. */
static int wait_for(lua_State *L, client_object *self, enum pl_kind kind, double timeout)
{
	answer_wait *wait = pl_calloc(1, sizeof(*wait));

	if (!wait)
		return pl_lua_result(L, PL_ENOMEM);
	wait->loop = self->script->loop;
	pl_timer_init(&wait->timer, on_timeout);
	pl_list_append(&self->answers[kind], &wait->node);
	pl_loop_refresh(wait->loop);
	pl_loop_start(wait->loop, &wait->timer, pl_lua_milliseconds(timeout));
	pl_loop_hold(wait->loop);
	pl_conn_pause(pl_client_conn(self->client), false);
	pl_wait_begin(L, &wait->wait, cancel);
	return pl_wait_yield(L);
}

/* (client, message [, timeout]) -> answer, or nil, message, code */
static int write_and_wait(lua_State *L, enum pl_kind kind)
{
	client_object *self = pl_lua_client_object(L, 1);
	pl_slice message = pl_lua_check_slice(L, 2);
	double timeout = luaL_optnumber(L, 3, DEFAULT_TIMEOUT);
	int status;

	luaL_argcheck(L, timeout > 0 && timeout <= 86400, 3, "takes seconds, above 0");
	if (!self->client || !pl_client_conn(self->client))
		return pl_lua_result(L, PL_ECLOSED);
	if (self->fragments)
		return pl_lua_fail(L, PL_ENOTSUP,
				   "with fragmented_messages = 'only_fragmented' no message "
				   "comes whole");
	pl_wait_check(L);
	status = pl_client_write(self->client, kind, message.at, message.len, 0);
	if (status < 0)
		return pl_lua_result(L, status);
	return wait_for(L, self, kind, timeout);
}

static int client_write_and_wait(lua_State *L)
{
	return write_and_wait(L, PL_KIND_TEXT);
}

static int client_write_binary_and_wait(lua_State *L)
{
	return write_and_wait(L, PL_KIND_BINARY);
}

const luaL_Reg pl_lua_client_waiting[] = {
	{ "write_and_wait", client_write_and_wait },
	{ "write_binary_and_wait", client_write_binary_and_wait },
	{ NULL, NULL },
};
