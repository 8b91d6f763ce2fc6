/* The end of a server: who is told, when, and what is waited for. */
#include "base/status.h"
#include "net/listener.h"
#include "server/hold.h"
#include "server/server_internal.h"
#include "ws/ws_session.h"

enum { SPREAD_STEP = 50 }; /* ms between two lots of sessions that are ended */

void pl_server_check_stopped(pl_server *server)
{
	if (server->stopping && pl_list_empty(&server->ports) && pl_list_empty(&server->conns))
		pl_loop_defer(server->loop, &server->stopped);
}

static void run_stopped(pl_deferred *deferred)
{
	pl_server *server = PL_CONTAINER(deferred, pl_server, stopped);

	pl_loop_stop_timer(server->loop, &server->stop_timer);
	pl_server_leave_group(server);
	server->stopping = false;
	server->events->stopped(server);
}

static void abort_all(pl_server *server)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		conn->ops->abort(conn, PL_ETIMEDOUT);
	}
}

/* Who reads slowly gets what was written before, if that takes no longer than the others. */
static void end_session(pl_conn *conn)
{
	const pl_slice why = PL_SLICE("server stops");

	if (conn->stream->blocked)
		pl_conn_close(conn, PL_WS_GOING_AWAY, why);
	else
		pl_conn_disconnect(conn, PL_WS_GOING_AWAY, why);
}

static uint32_t count_open(const pl_server *server)
{
	const pl_list *node;
	uint32_t count = 0;

	for (node = server->conns.next; node != &server->conns; node = node->next)
		count += PL_CONTAINER(node, pl_conn, node)->state == PL_CONN_OPEN;
	return count;
}

static void end_sessions(pl_server *server, uint32_t most)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns && most > 0; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		if (conn->state != PL_CONN_OPEN)
			continue;
		end_session(conn);
		most--;
	}
}

/* As many of those that are left as this step's share of the time that is left. */
static void spread(pl_server *server)
{
	uint64_t now = pl_loop_now(server->loop);
	uint64_t steps = server->stop_at > now ? (server->stop_at - now) / SPREAD_STEP + 1 : 1;
	uint64_t left = count_open(server);

	end_sessions(server, (uint32_t)((left + steps - 1) / steps));
	server->spreading = steps > 1;
	pl_loop_start(server->loop, &server->stop_timer,
		      server->spreading ? SPREAD_STEP
					: (uint64_t)server->settings.limits.close_timeout);
}

static void on_stop_timer(pl_timer *timer)
{
	pl_server *server = PL_CONTAINER(timer, pl_server, stop_timer);

	if (server->spreading)
		spread(server);
	else
		abort_all(server);
}

static void end_requests(pl_server *server)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		if (conn->state == PL_CONN_HTTP)
			pl_conn_close(conn, 0, pl_slice_make(NULL, 0));
	}
	pl_hold_end_all(&server->holds);
}

void pl_server_stop(pl_server *server)
{
	if (server->stopping)
		return;
	server->stopping = true;
	/* What the system has accepted already is ours to answer. */
	pl_server_close_listeners(server, true);
	end_requests(server);
	server->stop_at = pl_loop_now(server->loop) + (uint64_t)server->settings.limits.drain_time;
	spread(server);
	pl_server_check_stopped(server);
}

void pl_server_stop_init(pl_server *server)
{
	pl_deferred_init(&server->stopped, run_stopped);
	pl_timer_init(&server->stop_timer, on_stop_timer);
}
