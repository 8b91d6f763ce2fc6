/* From a listener's stream to the first request: who is let in, TLS, what is spoken. */
#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "net/tls.h"
#include "server/server_internal.h"
#include "server/stranger.h"

/* Refused connections are told of once in this time, in ms: a flood must not fill the log. */
enum { REFUSAL_LOG_INTERVAL = 10000 };

/* Connections may come ahead of limits.accept_rate by so much, in us. */
enum { ACCEPT_AHEAD = 100000 };

struct pl_arrival {
	pl_tls_context *tls; /* NULL: plain */
};

uint64_t pl_server_accept_delay(const pl_server *server)
{
	uint64_t now = pl_loop_now(server->loop) * 1000;

	if (server->accept_due <= now + ACCEPT_AHEAD)
		return 0;
	return (server->accept_due - now - ACCEPT_AHEAD + 999) / 1000;
}

void pl_server_count_accept(pl_server *server)
{
	uint64_t now = pl_loop_now(server->loop) * 1000;

	if (server->accept_due < now)
		server->accept_due = now;
	server->accept_due += 1000000 / (uint64_t)server->settings.limits.accept_rate;
}

static void tell(pl_server *server, const char *why)
{
	uint64_t now = pl_loop_now(server->loop);

	if (server->last_refusal && now - server->last_refusal < REFUSAL_LOG_INTERVAL)
		return;
	server->last_refusal = now;
	pl_log(PL_LOG_WARN, "connections are turned away: %s", why);
}

static void orphan_closed(void *owner, int status)
{
	(void)owner, (void)status;
}

static const pl_stream_events orphan_events = { .closed = orphan_closed };

static void count_away(const char *why)
{
	enum pl_counter counter = PL_COUNT_TURNED_AWAY_MEMORY;

	if (strcmp(why, "connections") == 0)
		counter = PL_COUNT_TURNED_AWAY_CONNECTIONS;
	else if (strcmp(why, "connections_per_address") == 0)
		counter = PL_COUNT_TURNED_AWAY_ADDRESS;
	pl_count(counter, 1);
}

static void turn_away(pl_server *server, pl_stream *stream, const char *why)
{
	tell(server, why);
	count_away(why);
	pl_stream_own(stream, &orphan_events, NULL);
	pl_stream_abort(stream, PL_ELIMIT);
}

static bool asks(pl_server *server, enum pl_question question)
{
	return server->events->asks && server->events->asks(server, question);
}

static void on_certificate(void *owner, const pl_tls_question *question)
{
	pl_conn *conn = owner;

	pl_server_of(conn)->events->certificate(conn, question);
}

static void on_protocols(void *owner, const pl_slice *offered, size_t count)
{
	pl_conn *conn = owner;

	pl_server_of(conn)->events->protocols(conn, offered, count);
}

/* TLS, if its port has it. PL_OK or PL_ENOMEM. */
static int secure(pl_conn *conn, pl_tls_context *tls, pl_stream **stream)
{
	pl_server *server = conn->server;
	const pl_limits *limits = &server->settings.limits;
	const pl_tls_acceptance acceptance = {
		.timeout = (uint32_t)limits->handshake_timeout,
		.steps = (uint32_t)limits->tls_handshakes,
		.verify = asks(server, PL_ASKS_CERTIFICATE) ? on_certificate : NULL,
		.select = asks(server, PL_ASKS_PROTOCOL) ? on_protocols : NULL,
		.owner = conn,
	};

	return tls ? pl_tls_accept(stream, *stream, tls, &acceptance) : PL_OK;
}

/* What is spoken. PL_OK or PL_ENOMEM. */
static int speak(pl_conn *conn, pl_stream *stream, bool tcp)
{
	pl_server *server = conn->server;

	if (tcp)
		pl_stranger_welcome(conn, stream);
	else if (asks(server, PL_ASKS_STRANGER) || server->settings.flash_policy.len > 0)
		pl_stranger_meet(conn, stream);
	else
		return pl_conn_http_start(conn, stream, &server->http1_settings, pl_server_request);
	return PL_OK;
}

static void proceed(pl_conn *conn, pl_tls_context *tls, bool tcp)
{
	pl_stream *stream = conn->stream;

	if (stream->closing) /* the script was asked, and has ended it */
		return;
	if (secure(conn, tls, &stream) || speak(conn, stream, tcp)) {
		tell(conn->server, "out of memory");
		conn->ops->abort(conn, PL_ENOMEM);
	}
}

/* OnTCPConnect: nothing is read until the answer is there. */
static void ask(pl_conn *conn, pl_tls_context *tls)
{
	pl_server *server = conn->server;
	pl_arrival *arrival = pl_calloc(1, sizeof(*arrival));

	if (!arrival) {
		tell(server, "out of memory");
		conn->ops->abort(conn, PL_ENOMEM);
		return;
	}
	arrival->tls = tls ? pl_tls_context_ref(tls) : NULL;
	pl_loop_start(server->loop, &conn->timer,
		      (uint64_t)server->settings.limits.handshake_timeout);
	server->events->arrived(conn, arrival);
}

void pl_arrival_end(pl_arrival *arrival, pl_conn *conn, enum pl_arrival_answer answer)
{
	if (conn) {
		pl_loop_stop_timer(conn->settings->loop, &conn->timer);
		if (answer != PL_ARRIVAL_REFUSED)
			proceed(conn, arrival->tls, answer == PL_ARRIVAL_TCP);
		else
			conn->ops->abort(conn, PL_OK);
	}
	pl_tls_context_unref(arrival->tls);
	pl_free(arrival);
}

/* PL_OK or PL_ENOMEM. */
static int throttle(const pl_server *server, pl_stream **stream)
{
	const pl_throttle_rates *rates = &server->settings.throttle;

	if (!server->throttle && !pl_throttle_rates_any(rates))
		return PL_OK;
	return pl_throttle_open(stream, *stream, rates, server->throttle);
}

/* The connection of a stream that was let in; NULL: no memory. */
static pl_conn *begin(pl_server *server, pl_stream *stream, pl_guest *guest)
{
	pl_conn *conn;

	if (pl_conn_new(&conn, stream, server->settings.worker, &server->conn_settings, server))
		return NULL;
	conn->guest = guest;
	if (pl_conn_http_hold(conn)) {
		pl_conn_free(conn);
		return NULL;
	}
	pl_list_append(&server->conns, &conn->node);
	pl_count(PL_COUNT_ACCEPTED, 1);
	pl_count(PL_COUNT_NOW_HTTP, 1);
	return conn;
}

void pl_server_admit(pl_server *server, pl_stream *stream, pl_tls_context *tls)
{
	const char *why = "out of memory";
	pl_address address;
	pl_guest *guest;
	pl_conn *conn;

	pl_stream_peer(stream, &address);
	if (pl_admission_enter(server->admission, &server->settings.limits, &address, &guest,
			       &why)) {
		turn_away(server, stream, why);
		return;
	}
	conn = throttle(server, &stream) ? NULL : begin(server, stream, guest);
	if (!conn) {
		pl_admission_leave(server->admission, guest);
		turn_away(server, stream, why);
	} else if (asks(server, PL_ASKS_ARRIVAL)) {
		ask(conn, tls);
	} else {
		proceed(conn, tls, false);
	}
}
