#include "server/hold.h"

#include "base/alloc.h"
#include "base/log.h"
#include "server/server.h"

struct pl_hold {
	pl_conn *conn;
	pl_exchange *exchange; /* NULL: it is over */
	const char *who;
	int refusal;
	pl_hold_over *over;
	void *owner;
	pl_timer timer;
	pl_list node; /* in the server's list, while the exchange is there */
};

static void hold_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len; /* it is paused */
}

static void hold_event(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

/* From here on a decision comes too late. */
static pl_exchange *let_go(pl_hold *self)
{
	pl_exchange *exchange = self->exchange;

	pl_loop_stop_timer(self->conn->settings->loop, &self->timer);
	pl_list_remove(&self->node);
	self->exchange = NULL;
	return exchange;
}

static void hold_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_hold *self = owner;

	(void)exchange, (void)status;
	let_go(self);
	self->over(self->owner, NULL);
}

static const pl_exchange_events hold_events = {
	.data = hold_data,
	.end = hold_event,
	.drain = hold_event,
	.aborted = hold_aborted,
};

static void refuse(pl_hold *self)
{
	pl_exchange *exchange = let_go(self);
	int status = self->refusal;

	self->over(self->owner, self->conn);
	pl_exchange_answer(exchange, status, NULL);
}

static void on_deadline(pl_timer *timer)
{
	pl_hold *self = PL_CONTAINER(timer, pl_hold, timer);

	pl_log(PL_LOG_WARN, "request refused: %s takes longer than handshake_timeout", self->who);
	refuse(self);
}

pl_hold *pl_hold_new(pl_conn *conn, pl_exchange *exchange, const char *who, pl_hold_over *over,
		     void *owner)
{
	pl_server *server = conn->server;
	pl_hold *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->conn = conn;
	self->exchange = exchange;
	self->who = who;
	self->refusal = 503;
	self->over = over;
	self->owner = owner;
	pl_timer_init(&self->timer, on_deadline);
	pl_exchange_own(exchange, &hold_events, self);
	pl_exchange_pause(exchange, true);
	pl_list_append(&server->holds, &self->node);
	pl_loop_start(server->loop, &self->timer,
		      (uint64_t)server->settings.limits.handshake_timeout);
	return self;
}

void pl_hold_set_refusal(pl_hold *self, int status)
{
	self->refusal = status;
}

bool pl_hold_pending(const pl_hold *self)
{
	return self->exchange != NULL;
}

pl_exchange *pl_hold_take(pl_hold *self)
{
	pl_exchange *exchange = self->exchange;

	if (exchange) {
		let_go(self);
		pl_exchange_pause(exchange, false);
	}
	pl_free(self);
	return exchange;
}

void pl_hold_end_all(pl_list *holds)
{
	while (!pl_list_empty(holds))
		refuse(PL_CONTAINER(holds->next, pl_hold, node));
}
