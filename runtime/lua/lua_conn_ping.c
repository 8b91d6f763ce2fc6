#include "lua/lua_conn_ping.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "crypto/random.h"
#include "lua/lua_conn.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

enum { PAYLOAD = 8 };

typedef struct waiting_ping {
	pl_wait wait;
	pl_list node;
	pl_timer timer;
	pl_loop *loop;
	pl_conn *conn;
	uint8_t payload[PAYLOAD];
} waiting_ping;

static void detach(waiting_ping *self)
{
	pl_list_remove(&self->node);
	pl_loop_stop_timer(self->loop, &self->timer);
	pl_loop_release(self->loop);
}

static void cancel(pl_wait *wait)
{
	waiting_ping *self = PL_CONTAINER(wait, waiting_ping, wait);

	detach(self);
	pl_free(self);
}

static void finish(waiting_ping *self, int status)
{
	pl_task *task = pl_lua_wait_end(&self->wait, status);

	detach(self);
	pl_free(self);
	pl_wait_go(task);
}

static void on_timeout(pl_timer *timer)
{
	waiting_ping *self = PL_CONTAINER(timer, waiting_ping, timer);

	/* While we do not read, the answer may lie unread: that is not the peer's fault. */
	if (!self->conn->paused)
		pl_conn_disconnect(self->conn, 0, pl_slice_make(NULL, 0));
	finish(self, PL_ETIMEDOUT);
}

int pl_lua_ping(lua_State *L, pl_conn *conn, pl_list *pings, double timeout)
{
	waiting_ping *self;
	int status;

	luaL_argcheck(L, timeout > 0 && timeout <= 86400, 2, "takes seconds, above 0");
	if (!conn)
		return pl_lua_result(L, PL_ECLOSED);
	pl_wait_check(L);
	self = pl_calloc(1, sizeof(*self));
	if (!self)
		return pl_lua_result(L, PL_ENOMEM);
	pl_random(self->payload, PAYLOAD);
	status = pl_conn_ping(conn, self->payload, PAYLOAD);
	if (status < 0) {
		pl_free(self);
		return pl_lua_conn_result(L, conn, status);
	}
	self->conn = conn;
	self->loop = conn->settings->loop;
	pl_timer_init(&self->timer, on_timeout);
	pl_list_append(pings, &self->node);
	pl_loop_start(self->loop, &self->timer, pl_lua_milliseconds(timeout));
	pl_loop_hold(self->loop);
	pl_wait_begin(L, &self->wait, cancel);
	return pl_wait_yield(L);
}

void pl_lua_ping_answered(pl_list *pings, const uint8_t *payload, size_t len)
{
	pl_list *node;

	if (len != PAYLOAD)
		return;
	for (node = pings->next; node != pings; node = node->next) {
		waiting_ping *self = PL_CONTAINER(node, waiting_ping, node);

		if (memcmp(self->payload, payload, PAYLOAD) == 0) {
			finish(self, PL_OK);
			return;
		}
	}
}

void pl_lua_ping_failed(pl_list *pings, int status)
{
	while (!pl_list_empty(pings))
		finish(PL_CONTAINER(pings->next, waiting_ping, node), status);
}
