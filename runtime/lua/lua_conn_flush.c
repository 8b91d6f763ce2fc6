#include "lua/lua_conn_flush.h"

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

typedef struct waiting_flush {
	pl_wait wait;
	pl_list node;
	pl_timer timer;
	pl_loop *loop;
	uint32_t mark; /* see pl_conn_flush */
} waiting_flush;

static void detach(waiting_flush *self)
{
	pl_list_remove(&self->node);
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_loop_release(self->loop);
	pl_free(self);
}

static void cancel(pl_wait *wait)
{
	detach(PL_CONTAINER(wait, waiting_flush, wait));
}

static void finish(waiting_flush *self, int status)
{
	pl_task *task = pl_lua_wait_end(&self->wait, status);

	detach(self);
	pl_wait_go(task);
}

static void on_timeout(pl_timer *timer)
{
	finish(PL_CONTAINER(timer, waiting_flush, timer), PL_ETIMEDOUT);
}

int pl_lua_flush(lua_State *L, pl_conn *conn, pl_list *flushes, double timeout)
{
	waiting_flush *self;
	uint32_t mark;
	int status;

	luaL_argcheck(L, lua_isnoneornil(L, 2) || (timeout > 0 && timeout <= 86400), 2,
		      "takes seconds, above 0");
	pl_wait_check(L);
	status = conn ? pl_conn_flush(conn, &mark) : PL_ECLOSED;
	if (status != PL_BUFFERED)
		return pl_lua_result(L, status);
	self = pl_calloc(1, sizeof(*self));
	if (!self)
		return pl_lua_result(L, PL_ENOMEM);
	self->loop = conn->settings->loop;
	self->mark = mark;
	pl_timer_init(&self->timer, on_timeout);
	pl_list_append(flushes, &self->node);
	if (timeout > 0)
		pl_loop_start(self->loop, &self->timer, pl_lua_milliseconds(timeout));
	pl_loop_hold(self->loop);
	pl_wait_begin(L, &self->wait, cancel);
	return pl_wait_yield(L);
}

static waiting_flush *first_done(const pl_list *flushes, const pl_conn *conn)
{
	pl_list *node;

	for (node = flushes->next; node != flushes; node = node->next) {
		waiting_flush *self = PL_CONTAINER(node, waiting_flush, node);

		if (pl_conn_flushed(conn, self->mark))
			return self;
	}
	return NULL;
}

void pl_lua_flush_answered(pl_list *flushes, pl_conn *conn)
{
	waiting_flush *done;

	/* A task that goes on may write, wait again, or end the connection. */
	while ((done = first_done(flushes, conn)))
		finish(done, PL_OK);
	conn->flush_wanted = !pl_list_empty(flushes);
}

void pl_lua_flush_failed(pl_list *flushes, int status)
{
	while (!pl_list_empty(flushes))
		finish(PL_CONTAINER(flushes->next, waiting_flush, node), status);
}
