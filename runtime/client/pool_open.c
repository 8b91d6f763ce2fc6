#include "client/pool_internal.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/status.h"
#include "proxy/proxy.h"

enum { FOREVER = INT32_MAX, TEXT_MAX = 255 };

/* One who wants a connection: it waits for one in its origin's list, or for the connector. */
struct pl_pool_ticket {
	pl_list node;
	pl_pool_origin *origin;
	pl_pool_order order; /* the request is `request`, the texts are the origin's */
	pl_call_request *request;
	pl_connector *connector;
	pl_pool_connection *connection; /* memory for it, while it is being opened */
	pl_timer timer;			/* while it waits */
	uint64_t begun;
	uint32_t waited;
};

/* Orders. */

/* Of the proxy that is asked itself; see pl_connector_settings.allow for all others. */
static bool is_guarded(const pl_pool_order *order)
{
	char text[PL_ADDRESS_TEXT] = "";
	pl_slice host = order->host;
	pl_address address;

	if (!order->guarded || !pl_pool_absolute(order))
		return false;
	if (host.len >= 2 && host.at[0] == '[')
		host = pl_slice_make(host.at + 1, host.len - 2);
	if (host.len < sizeof(text))
		memcpy(text, host.at, host.len);
	if (pl_address_parse(&address, text))
		return pl_address_kind(&address) != PL_ADDRESS_PUBLIC;
	return pl_connector_local_form(host);
}

const char *pl_pool_problem(const pl_pool_order *order)
{
	const pl_connector_settings where = { .host = order->host,
					      .port = order->port,
					      .server_name = order->server_name,
					      .proxy = order->proxy };
	const char *problem = pl_connector_problem(&where);

	if (problem)
		return problem;
	if (order->host.len > TEXT_MAX || order->server_name.len > TEXT_MAX)
		return "the host is too long";
	if (order->call.request->count > PL_HTTP_FIELDS_MAX)
		return "there are too many headers";
	return pl_call_problem(order->call.request);
}

/* What is left of the whole time; false: nothing. */
static bool time_left(const pl_pool_ticket *self, uint32_t *left)
{
	uint32_t total = self->order.call.times.total;
	uint64_t gone = pl_loop_now(self->origin->pool->loop) - self->begun;

	*left = total > gone ? total - (uint32_t)gone : 0;
	return total == 0 || *left > 0;
}

/* The end of a ticket. */

static void release(pl_pool_ticket *self)
{
	pl_loop_stop_timer(self->origin->pool->loop, &self->timer);
	pl_list_remove(&self->node);
	pl_free(self->connection);
	pl_free(self->request);
	pl_free(self);
}

/* The ticket is gone before its owner hears of it, who may do anything. */
static void tell(pl_pool_ticket *self, int status, const pl_pool_opened *opened)
{
	void (*done)(void *, int, const pl_pool_opened *) = self->order.done;
	void *owner = self->order.owner;

	release(self);
	done(owner, status, opened);
}

static void fail(pl_pool_ticket *self, int status, const char *why)
{
	const pl_pool_opened opened = { .why = why };

	tell(self, status, &opened);
}

/* Calls. */

/* The request as this way needs it. */
static int begin(pl_call **call, pl_pool_connection *connection, const pl_pool_order *order)
{
	pl_call_order ordered = order->call;
	pl_pool_absolute_request absolute;
	int status;

	if (!pl_pool_absolute(order))
		return pl_call_http1_begin(call, connection->session, &ordered);
	status = pl_pool_absolute_init(&absolute, order);
	if (status) {
		pl_call_http1_close(connection->session);
		return status;
	}
	ordered.request = &absolute.request;
	status = pl_call_http1_begin(call, connection->session, &ordered);
	pl_pool_absolute_deinit(&absolute);
	return status;
}

/* The ticket's call begins; `opened` knows how the connection was had. */
static void begin_for(pl_pool_ticket *self, pl_pool_connection *connection, pl_pool_opened *opened)
{
	uint32_t *total = &self->order.call.times.total;
	int status;

	if (!time_left(self, total)) {
		pl_call_http1_close(connection->session);
		fail(self, PL_ETIMEDOUT, "no connection in time");
		return;
	}
	opened->wait = self->waited;
	status = begin(&opened->call, connection, &self->order);
	if (status)
		opened->why = pl_status_text(status);
	tell(self, status, opened);
}

/* New connections. */

static void on_connected(void *owner, int status, const pl_connected *connected)
{
	pl_pool_ticket *self = owner;
	pl_pool_origin *origin = self->origin;
	pl_pool_connection *connection = NULL;
	pl_pool_opened opened = { .resolve = connected->resolve,
				  .connect = connected->connect,
				  .tunnel = connected->tunnel,
				  .tls = connected->tls };

	self->connector = NULL;
	if (!status) {
		connection = self->connection;
		self->connection = NULL;
		status = pl_pool_connection_start(connection, origin, connected->stream);
	}
	if (status) {
		fail(self, status, connected->why ? connected->why : pl_status_text(status));
		pl_pool_lost(origin);
	} else if (connected->len > 0) {
		pl_call_http1_close(connection->session);
		fail(self, PL_EPROTO, "the server speaks before it is asked");
	} else {
		begin_for(self, connection, &opened);
	}
}

static int start(pl_pool_ticket *self)
{
	pl_pool_origin *origin = self->origin;
	pl_connector_settings settings = origin->where;
	uint32_t left;
	int status;

	if (!time_left(self, &left))
		return PL_ETIMEDOUT;
	self->connection = pl_calloc(1, sizeof(*self->connection));
	if (!self->connection)
		return PL_ENOMEM;
	settings.timeout = left > 0 ? left : FOREVER;
	settings.resolve_timeout = self->order.resolve_timeout;
	settings.connect_timeout = self->order.connect_timeout;
	settings.limits = self->order.call.limits;
	settings.done = on_connected;
	settings.owner = self;
	status = pl_connector_start(&self->connector, origin->pool->loop, &settings);
	if (status)
		return status;
	origin->count++;
	origin->pool->count++;
	return PL_OK;
}

/* Waiting. */

static pl_pool_ticket *first(pl_pool_origin *origin)
{
	pl_pool_ticket *ticket = PL_CONTAINER(origin->waiting.next, pl_pool_ticket, node);

	pl_list_remove(&ticket->node);
	pl_loop_stop_timer(origin->pool->loop, &ticket->timer);
	ticket->waited = (uint32_t)(pl_loop_now(origin->pool->loop) - ticket->begun);
	return ticket;
}

static void serve_by(pl_pool_origin *origin, pl_pool_connection *connection)
{
	pl_pool_opened opened = { .reused = true };
	pl_pool_ticket *ticket = first(origin);
	int status;

	if (connection) {
		begin_for(ticket, connection, &opened);
		return;
	}
	status = start(ticket);
	if (status)
		fail(ticket, status, pl_status_text(status));
}

/* One ticket a round: its owner may change all there is, but for this origin, which is held. */
void pl_pool_serve(pl_deferred *deferred)
{
	pl_pool_origin *origin = PL_CONTAINER(deferred, pl_pool_origin, serve);

	origin->holds++;
	while (!pl_list_empty(&origin->waiting) && !origin->pool->closing) {
		pl_pool_connection *connection = pl_pool_take(origin);

		if (!connection && !pl_pool_origin_open(origin))
			break;
		serve_by(origin, connection);
	}
	origin->holds--;
	pl_pool_trim(origin);
	pl_pool_origin_release(origin);
}

static void on_timer(pl_timer *timer)
{
	pl_pool_ticket *self = PL_CONTAINER(timer, pl_pool_ticket, timer);
	pl_pool_origin *origin = self->origin;

	fail(self, PL_ETIMEDOUT, "no connection became free in time");
	pl_pool_origin_release(origin);
}

static pl_pool_ticket *make(pl_pool_origin *origin, const pl_pool_order *order)
{
	pl_pool_ticket *self = pl_calloc(1, sizeof(*self));
	pl_call_request *request = self ? pl_call_request_copy(order->call.request) : NULL;

	if (!request) {
		pl_free(self);
		return NULL;
	}
	self->origin = origin;
	self->order = *order;
	self->request = request;
	self->order.call.request = request;
	self->order.host = origin->host;
	self->order.proxy = origin->has_proxy ? &origin->proxy : NULL;
	self->order.server_name = pl_slice_make(NULL, 0);
	self->begun = pl_loop_now(origin->pool->loop);
	pl_list_init(&self->node);
	pl_timer_init(&self->timer, on_timer);
	return self;
}

static int queue(pl_pool_ticket *self)
{
	uint32_t total = self->order.call.times.total;

	pl_list_append(&self->origin->waiting, &self->node);
	if (total > 0)
		pl_loop_start(self->origin->pool->loop, &self->timer, total);
	return PL_OK;
}

static int open_later(pl_pool_origin *origin, const pl_pool_order *order, pl_pool_ticket **ticket)
{
	pl_pool_ticket *self = make(origin, order);
	bool open = pl_pool_origin_open(origin) && pl_list_empty(&origin->waiting);
	int status = !self ? PL_ENOMEM : open ? start(self) : queue(self);

	if (!status)
		*ticket = self;
	else if (self)
		release(self);
	return status;
}

int pl_pool_open(pl_pool *pool, const pl_pool_order *order, pl_pool_opened *opened,
		 pl_pool_ticket **ticket)
{
	pl_pool_origin *origin;
	pl_pool_connection *connection;
	int status;

	*opened = (pl_pool_opened){ .reused = true };
	*ticket = NULL;
	if (is_guarded(order)) {
		opened->why = "the host is not allowed";
		return PL_EACCES;
	}
	pl_loop_refresh(pool->loop);
	origin = pl_pool_origin_of(pool, order);
	if (!origin)
		return PL_ENOMEM;
	connection = pl_list_empty(&origin->waiting) && !order->fresh ? pl_pool_take(origin) : NULL;
	if (connection)
		return begin(&opened->call, connection, order);
	status = open_later(origin, order, ticket);
	if (status)
		pl_pool_origin_release(origin);
	return status;
}

void pl_pool_cancel(pl_pool_ticket *self)
{
	pl_pool_origin *origin = self->origin;
	bool connecting = self->connector != NULL;

	if (connecting)
		pl_connector_cancel(self->connector);
	release(self);
	if (connecting)
		pl_pool_lost(origin);
	else
		pl_pool_origin_release(origin);
}
