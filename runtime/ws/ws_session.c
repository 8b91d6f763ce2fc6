#include "ws/ws_session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "ws/ws_internal.h"

void pl_ws_partial_clear(pl_ws_session *session)
{
	ws_partial *partial = session->partial;

	if (!partial)
		return;
	pl_deferred_cancel(&partial->again);
	pl_ws_inflate_end(&partial->inflation, session->deflate);
	pl_buffer_deinit(&partial->message);
	pl_buffer_deinit(&partial->leftover);
	pl_free(partial);
	session->partial = NULL;
}

static void run_again(pl_deferred *deferred)
{
	ws_partial *partial = PL_CONTAINER(deferred, ws_partial, again);
	pl_ws_session *session = partial->session;
	pl_buffer leftover = partial->leftover;

	if (session->paused)
		return;
	partial->leftover = (pl_buffer){ 0 };
	pl_ws_receive(session, leftover.data, leftover.len);
	pl_buffer_deinit(&leftover);
	if (!session->paused)
		pl_stream_resume(session->stream);
}

ws_partial *pl_ws_partial(pl_ws_session *session)
{
	if (!session->partial) {
		session->partial = pl_calloc(1, sizeof(*session->partial));
		if (!session->partial)
			return NULL;
		session->partial->session = session;
		pl_deferred_init(&session->partial->again, run_again);
	}
	return session->partial;
}

static void remember(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	session->code = code;
	if (reason.len > 0 && !session->reason)
		session->reason = pl_block_copy(reason.at, reason.len);
}

/* Nobody waits for our messages any more: the Close leaves before those that have not begun to. */
static void answer_close(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	size_t before = pl_stream_queued(session->stream);

	pl_stream_cut(session->stream);
	session->sent -= before - pl_stream_queued(session->stream);
	pl_ws_send_close(session, code, reason);
	session->events->closing(session->owner);
}

void pl_ws_fail(pl_ws_session *session, uint16_t code, const char *reason)
{
	pl_slice text = pl_slice_make(reason, strlen(reason));
	uint8_t before = session->state;

	if (before == WS_CLOSED)
		return;
	pl_log(PL_LOG_DEBUG, "websocket closed with %u: %s", code, reason);
	session->state = WS_CLOSED;
	remember(session, code, text);
	if (before == WS_OPEN)
		answer_close(session, code, text);
	if (session->events->failed)
		session->events->failed(session->owner, code, reason);
	pl_stream_finish(session->stream);
}

void pl_ws_peer_closed(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	uint8_t before = session->state;

	session->state = WS_CLOSED;
	remember(session, code, reason);
	if (before == WS_OPEN)
		answer_close(session, code, pl_slice_make(NULL, 0));
	/* A client waits for the server to end the connection (7.1.1), as long as its owner lets
	 * it. */
	if (session->server)
		pl_stream_finish(session->stream);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_ws_session *session = owner;

	session->received += len;
	session->events->alive(session->owner);
	pl_ws_receive(session, data, len);
}

static void on_end(void *owner)
{
	pl_ws_session *session = owner;
	uint8_t before = session->state;

	session->state = WS_CLOSED;
	if (before == WS_OPEN)
		session->events->closing(session->owner);
	pl_stream_finish(session->stream);
}

static void on_drain(void *owner)
{
	pl_ws_session *session = owner;

	session->events->drain(session->owner);
}

static void on_closed(void *owner, int status)
{
	pl_ws_session *session = owner;
	pl_slice reason = { NULL, 0 };

	session->state = WS_CLOSED;
	session->stream = NULL;
	if (session->reason)
		reason = pl_slice_make((const char *)session->reason->data, session->reason->len);
	else if (status < 0 && !session->code)
		reason = pl_slice_make(pl_status_text(status), strlen(pl_status_text(status)));
	session->events->closed(session->owner, session->code ? session->code : PL_WS_ABNORMAL,
				reason);
}

static uint8_t *on_room(void *owner, size_t *len)
{
	pl_ws_session *session = owner;

	return session->partial ? pl_ws_message_room(session, len) : NULL;
}

static const pl_stream_events stream_events = {
	.data = on_data,
	.room = on_room,
	.end = on_end,
	.drain = on_drain,
	.closed = on_closed,
};

int pl_ws_session_new(pl_ws_session **result, pl_stream *stream, bool server,
		      const pl_limits *limits, const pl_ws_events *events, void *owner)
{
	pl_ws_session *session = pl_calloc(1, sizeof(*session));

	if (!session)
		return PL_ENOMEM;
	session->stream = stream;
	session->server = server;
	session->limits = limits;
	session->events = events;
	session->owner = owner;
	pl_stream_own(stream, &stream_events, session);
	*result = session;
	return PL_OK;
}

void pl_ws_session_free(pl_ws_session *session)
{
	pl_ws_partial_clear(session);
	pl_ws_deflate_free(session->deflate);
	pl_block_unref(session->reason);
	pl_free(session);
}

void pl_ws_session_deflate(pl_ws_session *session, pl_ws_deflate *deflate)
{
	session->deflate = deflate;
}

void pl_ws_session_deliver(pl_ws_session *session, enum pl_ws_delivery delivery)
{
	session->delivery = (uint8_t)delivery;
}

pl_ws_deflate *pl_ws_session_deflater(const pl_ws_session *session)
{
	return session->deflate;
}

void pl_ws_session_start(pl_ws_session *session, uint8_t *leftover, size_t len)
{
	if (len > 0)
		on_data(session, leftover, len);
	if (!session->paused)
		pl_stream_resume(session->stream);
}

void pl_ws_session_close(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	if (session->state != WS_OPEN)
		return;
	session->state = WS_CLOSE_SENT;
	pl_ws_send_close(session, code, reason);
	if (session->paused)
		pl_ws_session_resume(session);
}

void pl_ws_session_disconnect(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	bool blocked;

	if (!session->stream)
		return;
	blocked = session->stream->blocked;
	if (session->state == WS_OPEN && !blocked)
		pl_ws_send_close(session, code, reason);
	session->state = WS_CLOSED;
	remember(session, session->code ? session->code : code, reason);
	if (blocked)
		pl_stream_abort(session->stream, PL_OK);
	else
		pl_stream_finish(session->stream);
}

void pl_ws_session_abort(pl_ws_session *session, int status)
{
	if (!session->stream)
		return;
	session->state = WS_CLOSED;
	pl_stream_abort(session->stream, status);
}

void pl_ws_session_pause(pl_ws_session *session)
{
	/* After a Close no message comes anyway, and the peer's Close is waited for. */
	if (session->state != WS_OPEN)
		return;
	session->paused = true;
	pl_stream_pause(session->stream);
}

void pl_ws_session_resume(pl_ws_session *session)
{
	ws_partial *partial = session->partial;

	if (!session->paused)
		return;
	session->paused = false;
	if (!session->stream)
		return;
	if (partial && (partial->leftover.len > 0 || partial->more)) {
		pl_loop_defer(session->stream->loop, &partial->again);
		return;
	}
	pl_ws_settle(session);
	pl_stream_resume(session->stream);
}

bool pl_ws_session_open(const pl_ws_session *session)
{
	return session->state == WS_OPEN;
}

uint64_t pl_ws_session_received(const pl_ws_session *session)
{
	return session->received;
}

uint64_t pl_ws_session_sent(const pl_ws_session *session)
{
	return session->sent;
}
