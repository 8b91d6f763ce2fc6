#include "conn/conn.h"

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "conn/conn_log.h"
#include "conn/conn_send.h"

static void on_timer(pl_timer *timer);

static void deliver(pl_subscriber *subscriber, pl_message *message)
{
	pl_conn_publish(PL_CONTAINER(subscriber, pl_conn, subscriber), message);
}

int pl_conn_new(pl_conn **result, pl_stream *stream, uint16_t worker,
		const pl_conn_settings *settings, void *server)
{
	pl_conn *conn = pl_calloc(1, sizeof(*conn));
	pl_conn_info *info = pl_conn_info_new(stream, worker);

	if (!conn || !info) {
		pl_free(conn);
		pl_conn_info_unref(info);
		return PL_ENOMEM;
	}
	info->generation = settings->generation;
	conn->info = info;
	conn->stream = stream;
	conn->settings = settings;
	conn->server = server;
	stream->write_timeout = (uint32_t)settings->limits->write_timeout;
	pl_list_init(&conn->node);
	pl_list_init(&conn->subscriber.subscriptions);
	conn->subscriber.deliver = deliver;
	pl_timer_init(&conn->timer, on_timer);
	*result = conn;
	return PL_OK;
}

void pl_conn_free(pl_conn *conn)
{
	pl_loop_stop_timer(conn->settings->loop, &conn->timer);
	if (conn->ops && conn->session)
		conn->ops->free(conn);
	if (conn->queue) {
		pl_queue_deinit(conn->queue);
		pl_free(conn->queue);
	}
	pl_conn_info_unref(conn->info);
	pl_free(conn);
}

pl_conn_info *pl_conn_describe(pl_conn *conn, const pl_conn_heads *heads)
{
	pl_conn_info *former = conn->info;
	pl_conn_info *info = pl_conn_info_with(former, heads);

	if (!info)
		return NULL;
	conn->info = info;
	return former;
}

void pl_conn_salvage(pl_conn *conn, pl_queue *to)
{
	if (conn->queue && conn->ops &&
	    (!conn->ops->encode || conn->ops->encoding(conn) == PL_ENCODING_BYTES))
		pl_queue_move(to, conn->queue);
}

bool pl_conn_is_open(const pl_conn *conn)
{
	return conn->state == PL_CONN_OPEN && conn->ops->is_open(conn);
}

/* What arrives. */

static void count_received(const pl_conn *conn)
{
	pl_count(conn->settings->client ? PL_COUNT_RECEIVED_CLIENT : PL_COUNT_RECEIVED_SERVER, 1);
}

void pl_conn_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	count_received(conn);
	if (conn->settings->log)
		pl_conn_log_message(conn, false, kind, data, len, false);
	conn->settings->events->message(conn, kind, data, len);
}

void pl_conn_fragment(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len, bool more)
{
	count_received(conn);
	if (conn->settings->log)
		pl_conn_log_message(conn, false, kind, data, len, more);
	conn->settings->events->fragment(conn, kind, data, len, more);
}

void pl_conn_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	if (conn->settings->log)
		pl_conn_log_control(conn, false, payload, len);
	conn->settings->events->pong(conn, payload, len);
}

/* Output that has left. */

/* The stream has nothing left of what it was given before. */
static void tell_flushed(pl_conn *conn)
{
	if (conn->flush_wanted && !conn->stream->blocked && conn->settings->events->flushed)
		conn->settings->events->flushed(conn);
}

static void limit_closing(pl_conn *conn)
{
	pl_loop_start(conn->settings->loop, &conn->timer,
		      (uint64_t)conn->settings->limits->close_timeout);
}

void pl_conn_drained(pl_conn *conn)
{
	tell_flushed(conn);
	/* Our Close has left now; it had to wait for what was written before. */
	if (conn->state == PL_CONN_CLOSING && !conn->stream->blocked &&
	    !pl_timer_active(&conn->timer))
		limit_closing(conn);
	if (conn->state != PL_CONN_OPEN)
		return;
	pl_conn_pump(conn);
	if (conn->state == PL_CONN_OPEN)
		tell_flushed(conn);
	if (conn->state != PL_CONN_OPEN || !conn->drain_wanted ||
	    pl_conn_queued(conn) > (size_t)conn->settings->limits->low_water)
		return;
	conn->drain_wanted = false;
	conn->settings->events->drain(conn);
}

/* The heartbeat. */

/* Until the next beat; without a heartbeat there is none. */
static void rest(pl_conn *conn)
{
	uint32_t interval = conn->settings->heartbeat.interval;

	conn->pinged = false;
	if (interval > 0)
		pl_loop_start(conn->settings->loop, &conn->timer, interval);
	else
		pl_loop_stop_timer(conn->settings->loop, &conn->timer);
}

static void send_ping(pl_conn *conn)
{
	const pl_heartbeat *heartbeat = &conn->settings->heartbeat;

	if (!conn->ops->ping) {
		if (conn->ops->beat)
			conn->ops->beat(conn);
		rest(conn);
		return;
	}
	if (conn->ops->ping(conn, NULL, 0) == PL_OK && conn->settings->log)
		pl_conn_log_control(conn, true, NULL, 0);
	if (conn->pinged) /* by pl_conn_demand, while the owner was asked: that deadline stays */
		return;
	conn->pinged = heartbeat->timeout > 0;
	pl_loop_start(conn->settings->loop, &conn->timer,
		      conn->pinged ? heartbeat->timeout : heartbeat->interval);
}

/* The timer is for an owner that does not answer. */
static void ask_ping(pl_conn *conn)
{
	const pl_conn_settings *settings = conn->settings;

	conn->asked = !conn->asked && settings->events->heartbeat;
	if (conn->asked) {
		pl_loop_start(settings->loop, &conn->timer, settings->heartbeat.interval);
		if (settings->events->heartbeat(conn))
			return;
		conn->asked = false;
	}
	send_ping(conn);
}

void pl_conn_heartbeat(pl_conn *conn, bool handled)
{
	if (!conn->asked || conn->state != PL_CONN_OPEN)
		return;
	conn->asked = false;
	if (!handled)
		send_ping(conn);
}

/* How long until a ping is due. 0: now. */
static uint64_t until_ping(const pl_conn *conn)
{
	const pl_heartbeat *heartbeat = &conn->settings->heartbeat;
	uint32_t since = (uint32_t)pl_loop_now(conn->settings->loop) - conn->last_read;

	if (heartbeat->type == PL_HEARTBEAT_ALWAYS || since >= heartbeat->interval)
		return 0;
	return heartbeat->interval - since;
}

static void beat(pl_conn *conn)
{
	uint64_t wait;

	/* What we do not read cannot tell whether the peer lives. */
	if (conn->paused) {
		rest(conn);
		return;
	}
	if (conn->pinged) {
		pl_log(PL_LOG_DEBUG, "connection dropped: no answer to a ping");
		pl_count(PL_COUNT_HEARTBEAT_TIMEOUTS, 1);
		conn->state = PL_CONN_CLOSING;
		pl_conn_error(conn, PL_ETIMEDOUT, "no answer to a ping");
		conn->ops->abort(conn, PL_ETIMEDOUT);
		return;
	}
	wait = until_ping(conn);
	if (wait > 0)
		pl_loop_start(conn->settings->loop, &conn->timer, wait);
	else
		ask_ping(conn);
}

static void on_timer(pl_timer *timer)
{
	pl_conn *conn = PL_CONTAINER(timer, pl_conn, timer);

	if (conn->state == PL_CONN_OPEN)
		beat(conn);
	else if (conn->state == PL_CONN_HTTP || conn->state == PL_CONN_CLOSING)
		conn->ops->abort(conn, PL_ETIMEDOUT);
}

void pl_conn_alive(pl_conn *conn)
{
	conn->last_read = (uint32_t)pl_loop_now(conn->settings->loop);
	if (conn->pinged && conn->state == PL_CONN_OPEN)
		rest(conn);
}

bool pl_conn_answers(const pl_conn *conn)
{
	return conn->ops->ping != NULL;
}

int pl_conn_demand(pl_conn *conn, uint32_t timeout)
{
	int status = pl_conn_answers(conn) ? pl_conn_ping(conn, NULL, 0) : PL_ENOTSUP;

	if (status < 0)
		return status;
	if (conn->pinged && conn->timer.due <= pl_loop_now(conn->settings->loop) + timeout)
		return status; /* the peer has less time already */
	conn->pinged = true;
	pl_loop_start(conn->settings->loop, &conn->timer, timeout);
	return status;
}

void pl_conn_pause(pl_conn *conn, bool pause)
{
	if (conn->paused == pause || conn->state == PL_CONN_CLOSED)
		return;
	conn->paused = pause;
	if (pause)
		conn->pinged = false; /* the answer may be there, unread */
	conn->ops->pause(conn, pause);
}

/* Life. */

void pl_conn_opened(pl_conn *conn, const pl_conn_ops *ops, void *session)
{
	conn->ops = ops;
	conn->session = session;
	conn->state = PL_CONN_OPEN;
	conn->last_read = (uint32_t)pl_loop_now(conn->settings->loop);
	conn->logged = conn->settings->log != NULL;
	if (conn->logged)
		pl_conn_log_opened(conn);
	if (conn->settings->heartbeat.interval > 0)
		pl_loop_start(conn->settings->loop, &conn->timer,
			      conn->settings->heartbeat.interval);
}

void pl_conn_close(pl_conn *conn, uint16_t code, pl_slice reason)
{
	if (conn->state != PL_CONN_OPEN && conn->state != PL_CONN_HTTP)
		return;
	/* What was written before goes out before the Close. */
	pl_conn_send_waiting(conn);
	if (conn->state != PL_CONN_OPEN) {
		conn->leaving = true;
		conn->ops->close(conn, code, reason);
		return;
	}
	conn->state = PL_CONN_CLOSING;
	pl_loop_stop_timer(conn->settings->loop, &conn->timer);
	conn->ops->close(conn, code, reason);
	pl_stream_flush_now(conn->stream);
	if (!conn->stream->blocked)
		limit_closing(conn);
}

void pl_conn_disconnect(pl_conn *conn, uint16_t code, pl_slice reason)
{
	if (conn->state == PL_CONN_CLOSED)
		return;
	if (conn->state == PL_CONN_OPEN)
		conn->state = PL_CONN_CLOSING;
	pl_loop_stop_timer(conn->settings->loop, &conn->timer);
	conn->ops->disconnect(conn, code, reason);
}

void pl_conn_error(pl_conn *conn, int status, const char *message)
{
	if (conn->settings->events->error)
		conn->settings->events->error(conn, status, message);
}

void pl_conn_closing(pl_conn *conn)
{
	if (conn->state != PL_CONN_OPEN)
		return;
	conn->state = PL_CONN_CLOSING;
	limit_closing(conn);
}

void pl_conn_ended(pl_conn *conn, uint16_t code, pl_slice reason)
{
	if (conn->settings->log && conn->logged)
		pl_conn_log_ended(conn, code, reason);
	conn->state = PL_CONN_CLOSED;
	conn->stream = NULL;
	pl_loop_stop_timer(conn->settings->loop, &conn->timer);
	conn->settings->events->closed(conn, code, reason);
}
