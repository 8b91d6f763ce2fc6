#include "conn/conn.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "conn/conn_log.h"

/* Output beyond this leaves before the turn ends, so that a blocked peer is noticed. */
enum { FLUSH_EARLY = 64 * 1024 };

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

size_t pl_conn_queued(const pl_conn *conn)
{
	size_t queued = conn->queue ? conn->queue->bytes : 0;

	return conn->stream ? queued + pl_stream_queued(conn->stream) : queued;
}

/* What arrives. */

static void count_received(const pl_conn *conn)
{
	pl_count(conn->settings->client ? PL_COUNT_RECEIVED_CLIENT : PL_COUNT_RECEIVED_SERVER, 1);
}

static void count_sent(const pl_conn *conn)
{
	pl_count(conn->settings->client ? PL_COUNT_SENT_CLIENT : PL_COUNT_SENT_SERVER, 1);
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

/* Sending. */

static void fail(pl_conn *conn, int status)
{
	conn->state = PL_CONN_CLOSING;
	conn->ops->abort(conn, status);
}

static int drop(pl_conn *conn)
{
	pl_log(PL_LOG_WARN, "connection dropped: send_queue of %lld bytes is full",
	       (long long)conn->settings->limits->send_queue);
	pl_count(PL_COUNT_SLOW_PEERS, 1);
	fail(conn, PL_ELIMIT);
	return PL_ELIMIT;
}

static bool must_queue(const pl_conn *conn)
{
	return conn->stream->blocked || (conn->queue && conn->queue->count > 0);
}

/* What a write has come to: the early flush, the high-water mark. Only what the peer has not taken
 * counts for the latter: `drain` comes for nothing else. */
static int settle(pl_conn *conn)
{
	size_t high_water = (size_t)conn->settings->limits->high_water;
	size_t queued = pl_conn_queued(conn);

	if (queued >= FLUSH_EARLY || queued >= high_water) {
		pl_stream_flush_now(conn->stream);
		queued = pl_conn_queued(conn);
	}
	if (queued < high_water)
		return PL_OK;
	conn->drain_wanted = true;
	return PL_BUFFERED;
}

static int enqueue(pl_conn *conn, uint8_t level, pl_queued *message)
{
	size_t len = pl_queue_cost(message);
	size_t limit = (size_t)conn->settings->limits->send_queue;

	if (!conn->queue) {
		conn->queue = pl_calloc(1, sizeof(*conn->queue));
		if (!conn->queue)
			return PL_ENOMEM;
	}
	if (len > limit || pl_conn_queued(conn) > limit - len)
		return drop(conn);
	message->serial = conn->queued++;
	return pl_queue_push(conn->queue, level, message);
}

/* What is deflated with a state of its own, and may change its place, is encoded when it leaves. */
static bool encodes_early(const pl_conn *conn)
{
	return conn->ops->encode && !(pl_queue_ordered(&conn->settings->queue) &&
				      conn->ops->encoding(conn) == PL_ENCODING_OWN);
}

static pl_block *encode(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
			size_t fragment)
{
	const pl_message message = { .kind = kind, .payload = { data, len }, .fragment = fragment };

	return conn->ops->encode(conn, &message);
}

static int write_queued(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
			size_t fragment)
{
	pl_queued message = { .kind = (uint8_t)kind,
			      .fragment = fragment,
			      .encoded = encodes_early(conn) };
	int status;

	if (kind == PL_KIND_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	message.block = message.encoded ? encode(conn, kind, data, len, fragment)
					: pl_block_copy(data, len);
	if (!message.block)
		return PL_ENOMEM;
	status = enqueue(conn, pl_queue_level(&conn->settings->queue, kind), &message);
	pl_block_unref(message.block);
	/* What is lost of a deflated flow spoils what follows. */
	if (status == PL_ENOMEM && message.encoded && conn->ops->encoding(conn) == PL_ENCODING_OWN)
		fail(conn, status);
	return status;
}

/* PL_OK, PL_ECLOSED or PL_ENOTSUP. */
static int may_send(const pl_conn *conn, enum pl_kind kind)
{
	if (!pl_conn_is_open(conn))
		return PL_ECLOSED;
	return kind == PL_KIND_BINARY && conn->ops->texts_only ? PL_ENOTSUP : PL_OK;
}

int pl_conn_write(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	int status = may_send(conn, kind);

	if (status)
		return status;
	if (must_queue(conn))
		status = write_queued(conn, kind, data, len, fragment);
	else
		status = conn->ops->send(conn, kind, data, len, fragment);
	if (status)
		return status;
	count_sent(conn);
	if (conn->settings->log)
		pl_conn_log_message(conn, true, kind, data, len, false);
	return settle(conn);
}

int pl_conn_publish(pl_conn *conn, pl_message *message)
{
	pl_block **frames;
	int status = may_send(conn, message->kind);
	int encoding;

	if (status)
		return status;
	encoding = conn->ops->encoding(conn);
	if (encoding == PL_ENCODING_OWN)
		return pl_conn_write(conn, message->kind, message->payload.at, message->payload.len,
				     message->fragment);
	frames = &message->encoded[encoding];
	if (!*frames)
		*frames = conn->ops->encode(conn, message);
	if (!*frames)
		return PL_ENOMEM;
	if (must_queue(conn))
		status = enqueue(conn, pl_queue_level(&conn->settings->queue, message->kind),
				 &(pl_queued){ .block = *frames,
					       .kind = (uint8_t)message->kind,
					       .encoded = true });
	else
		status = conn->ops->send_frames(conn, *frames);
	if (status)
		return status;
	count_sent(conn);
	if (conn->settings->log)
		pl_conn_log_message(conn, true, message->kind, message->payload.at,
				    message->payload.len, false);
	return settle(conn);
}

static int queue_ping(pl_conn *conn, const void *payload, size_t len)
{
	pl_queued message = { .block = pl_block_copy(payload, len), .ping = true };
	int status;

	if (!message.block)
		return PL_ENOMEM;
	status = enqueue(conn, conn->settings->queue.ping, &message);
	pl_block_unref(message.block);
	return status;
}

int pl_conn_ping(pl_conn *conn, const void *payload, size_t len)
{
	int status;

	if (!pl_conn_is_open(conn))
		return PL_ECLOSED;
	if (!conn->ops->ping)
		return conn->ops->beat && len == 0 ? conn->ops->beat(conn) : PL_ENOTSUP;
	if (pl_conn_queued(conn) > (size_t)conn->settings->limits->send_queue)
		return drop(conn);
	if (conn->settings->queue.ping && must_queue(conn))
		status = queue_ping(conn, payload, len);
	else
		status = conn->ops->ping(conn, payload, len);
	if (!status && conn->settings->log)
		pl_conn_log_control(conn, true, payload, len);
	return status;
}

static bool send_next(pl_conn *conn)
{
	pl_queued message;
	int status;

	if (!conn->queue || !pl_queue_pop(conn->queue, &message))
		return false;
	if (message.ping)
		status = conn->ops->ping(conn, message.block->data, message.block->len);
	else if (message.encoded)
		status = conn->ops->send_frames(conn, message.block);
	else
		status = conn->ops->send(conn, message.kind, message.block->data,
					 message.block->len, message.fragment);
	pl_block_unref(message.block);
	if (status)
		fail(conn, status);
	return status == PL_OK;
}

/* The stream's output is all sent: what waits follows, as far as it goes. */
static void pump(pl_conn *conn)
{
	while (!conn->stream->blocked && send_next(conn))
		if (pl_stream_queued(conn->stream) >= FLUSH_EARLY)
			pl_stream_flush_now(conn->stream);
	pl_stream_flush_now(conn->stream);
	if (conn->queue && conn->queue->count == 0) {
		pl_free(conn->queue);
		conn->queue = NULL;
	}
}

int pl_conn_flush(pl_conn *conn, uint32_t *mark)
{
	if (conn->state != PL_CONN_HTTP && conn->state != PL_CONN_OPEN)
		return PL_ECLOSED;
	pl_stream_flush_now(conn->stream);
	if (conn->stream->closing)
		return PL_ECLOSED;
	*mark = conn->queued;
	if (pl_conn_flushed(conn, *mark))
		return PL_OK;
	conn->flush_wanted = true;
	return PL_BUFFERED;
}

bool pl_conn_flushed(const pl_conn *conn, uint32_t mark)
{
	return !conn->stream->blocked && !(conn->queue && pl_queue_has_before(conn->queue, mark));
}

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
	pump(conn);
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
	while (send_next(conn))
		;
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
