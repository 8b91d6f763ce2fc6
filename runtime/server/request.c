#include "server/request.h"

#include "server/events.h"
#include "server/server_internal.h"

typedef void stage(pl_conn *conn, pl_exchange *exchange);

static void ask_forwarding(pl_conn *conn, pl_exchange *exchange)
{
	pl_server *server = conn->server;

	if (server->events->asks && server->events->asks(server, PL_ASKS_FORWARDING))
		server->events->forwarding(conn, exchange);
	else
		pl_request_next(conn, exchange, PL_STAGE_FORWARDING);
}

static void ask_script(pl_conn *conn, pl_exchange *exchange)
{
	pl_server_of(conn)->events->request(conn, exchange);
}

static stage *const stages[PL_STAGE_COUNT] = {
	[PL_STAGE_AUTHENTICATION] = pl_server_authenticate,
	[PL_STAGE_FORWARDING] = ask_forwarding,
	[PL_STAGE_UPGRADE] = pl_server_upgrade,
	[PL_STAGE_EVENTS] = pl_server_events_stage,
	[PL_STAGE_SCRIPT] = ask_script,
};

void pl_server_request(pl_conn *conn, pl_exchange *exchange)
{
	/* The answer ends the connection, unless it is an upgrade. */
	if (pl_server_is_last(exchange->request))
		conn->ops->close(conn, 0, pl_slice_make(NULL, 0));
	stages[0](conn, exchange);
}

void pl_request_next(pl_conn *conn, pl_exchange *exchange, enum pl_stage done)
{
	stages[done + 1](conn, exchange);
}
