#include "conn/conn_send.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "conn/conn_log.h"

/* Output beyond this leaves before the turn ends, so that a blocked peer is noticed. */
enum { FLUSH_EARLY = 64 * 1024 };

size_t pl_conn_queued(const pl_conn *conn)
{
	size_t queued = conn->queue ? conn->queue->bytes : 0;

	return conn->stream ? queued + pl_stream_queued(conn->stream) : queued;
}

static void count_sent(const pl_conn *conn)
{
	pl_count(conn->settings->client ? PL_COUNT_SENT_CLIENT : PL_COUNT_SENT_SERVER, 1);
}

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

/* What waits, and what becomes of it when it is too much. */

/* PL_OK or PL_ENOMEM. */
static int make_queue(pl_conn *conn)
{
	if (conn->queue)
		return PL_OK;
	conn->queue = pl_alloc(sizeof(*conn->queue));
	if (!conn->queue)
		return PL_ENOMEM;
	pl_queue_init(conn->queue);
	return PL_OK;
}

static bool fits(const pl_conn *conn, size_t len)
{
	size_t limit = (size_t)conn->settings->limits->send_queue;

	return len <= limit && pl_conn_queued(conn) <= limit - len;
}

static void leave_out(pl_conn *conn, uint32_t count)
{
	conn->left_out += count;
	pl_count(PL_COUNT_MESSAGES_DROPPED, count);
}

/* A message that may not be left out takes the room of those that may. */
static int push(pl_conn *conn, uint8_t level, const pl_queued *message)
{
	size_t len = pl_queue_cost(message);

	if (!fits(conn, len))
		leave_out(conn, pl_queue_drop_lanes(conn->queue));
	if (!fits(conn, len))
		return drop(conn);
	return pl_queue_push(conn->queue, level, message);
}

static int push_droppable(pl_conn *conn, uint8_t level, const pl_queued *message, pl_slice name,
			  uint32_t most)
{
	pl_queue_lane *lane = pl_queue_lane_of(conn->queue, name);
	size_t len = pl_queue_cost(message);
	bool ever = len <= (size_t)conn->settings->limits->send_queue;

	while (ever && lane && ((most > 0 && lane->count >= most) || !fits(conn, len))) {
		bool last = lane->count == 1;

		pl_queue_drop_oldest(conn->queue, lane);
		leave_out(conn, 1);
		if (last)
			break;
	}
	if (fits(conn, len))
		return pl_queue_push_lane(conn->queue, level, message, name);
	leave_out(conn, 1);
	return PL_ELIMIT;
}

static int push_latest(pl_conn *conn, uint8_t level, const pl_queued *message, pl_slice name)
{
	pl_queue_lane *lane = pl_queue_lane_of(conn->queue, name);

	if (!lane || !fits(conn, pl_queue_cost(message)))
		return push_droppable(conn, level, message, name, 1);
	pl_queue_replace(conn->queue, lane, message);
	conn->left_out++;
	pl_count(PL_COUNT_MESSAGES_CONFLATED, 1);
	return PL_OK;
}

/* Of a channel, or of a key on it; what has no policy of its own is of one lane. */
static pl_slice lane_name(const pl_message *source, bool keyed, char *at)
{
	size_t len = 0;

	if (source->overflow || keyed) {
		len = source->channel.len;
		if (len > 0)
			memcpy(at, source->channel.at, len);
	}
	if (keyed && source->key.len > 0) {
		at[len++] = '\0';
		memcpy(at + len, source->key.at, source->key.len);
		len += source->key.len;
	}
	return pl_slice_make(at, len);
}

/* `source`: what it is about. */
static int enqueue(pl_conn *conn, const pl_message *source, pl_queued *message)
{
	const pl_overflow *overflow =
		source->overflow ? source->overflow : &conn->settings->overflow;
	uint8_t level = pl_queue_level(&conn->settings->queue, source->kind);
	char name[PL_CHANNEL_NAME_MAX + 1 + PL_MESSAGE_KEY_MAX];

	if (make_queue(conn))
		return PL_ENOMEM;
	message->serial = conn->queued++;
	switch (overflow->policy) {
	case PL_OVERFLOW_CONFLATE:
		return push_latest(conn, level, message, lane_name(source, true, name));
	case PL_OVERFLOW_DROP_OLDEST:
		return push_droppable(conn, level, message, lane_name(source, false, name),
				      overflow->messages);
	default:
		return push(conn, level, message);
	}
}

/* What is deflated with a state of its own, and may change its place or be left out, is encoded
 * when it leaves. */
static bool encodes_early(const pl_conn *conn)
{
	const pl_conn_settings *settings = conn->settings;

	return conn->ops->encode &&
	       !((pl_queue_ordered(&settings->queue) || settings->leaves_out) &&
		 conn->ops->encoding(conn) == PL_ENCODING_OWN);
}

static int write_queued(pl_conn *conn, const pl_message *source)
{
	pl_queued message = { .kind = (uint8_t)source->kind,
			      .fragment = source->fragment,
			      .encoded = encodes_early(conn) };
	int status;

	message.block = message.encoded ? conn->ops->encode(conn, source)
					: pl_block_copy(source->payload.at, source->payload.len);
	if (!message.block)
		return PL_ENOMEM;
	status = enqueue(conn, source, &message);
	pl_block_unref(message.block);
	/* What is lost of a deflated flow spoils what follows. */
	if (status == PL_ENOMEM && message.encoded && conn->ops->encoding(conn) == PL_ENCODING_OWN)
		fail(conn, status);
	return status;
}

/* Sending. */

/* PL_OK, PL_ECLOSED or PL_ENOTSUP. */
static int may_send(const pl_conn *conn, enum pl_kind kind)
{
	if (!pl_conn_is_open(conn))
		return PL_ECLOSED;
	return kind == PL_KIND_BINARY && conn->ops->texts_only ? PL_ENOTSUP : PL_OK;
}

static int sent(pl_conn *conn, const pl_message *message)
{
	count_sent(conn);
	if (conn->settings->log)
		pl_conn_log_message(conn, true, message->kind, message->payload.at,
				    message->payload.len, false);
	return settle(conn);
}

/* As one of this connection alone. */
static int send_own(pl_conn *conn, const pl_message *message)
{
	pl_slice payload = message->payload;
	int status;

	if (!must_queue(conn))
		status = conn->ops->send(conn, message->kind, payload.at, payload.len,
					 message->fragment);
	else if (message->kind == PL_KIND_TEXT &&
		 !pl_utf8_valid((const uint8_t *)payload.at, payload.len))
		status = PL_EUTF8;
	else
		status = write_queued(conn, message);
	return status ? status : sent(conn, message);
}

int pl_conn_write(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	const pl_message message = { .kind = kind, .payload = { data, len }, .fragment = fragment };
	int status = may_send(conn, kind);

	return status ? status : send_own(conn, &message);
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
		return send_own(conn, message);
	frames = &message->encoded[encoding];
	if (!*frames)
		*frames = conn->ops->encode(conn, message);
	if (!*frames)
		return PL_ENOMEM;
	if (must_queue(conn))
		status = enqueue(conn, message,
				 &(pl_queued){ .block = *frames,
					       .kind = (uint8_t)message->kind,
					       .encoded = true });
	else
		status = conn->ops->send_frames(conn, *frames);
	return status ? status : sent(conn, message);
}

static int queue_ping(pl_conn *conn, const void *payload, size_t len)
{
	pl_queued message = { .block = pl_block_copy(payload, len), .ping = true };
	int status;

	if (!message.block)
		return PL_ENOMEM;
	status = make_queue(conn);
	message.serial = conn->queued++;
	if (!status)
		status = push(conn, conn->settings->queue.ping, &message);
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

/* What waited. */

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

void pl_conn_pump(pl_conn *conn)
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

void pl_conn_send_waiting(pl_conn *conn)
{
	while (send_next(conn))
		;
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
