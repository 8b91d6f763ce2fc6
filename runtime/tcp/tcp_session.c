#include "tcp/tcp_session.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/status.h"

struct pl_tcp_session {
	pl_stream *stream; /* NULL after `closed` */
	const pl_tcp_session_events *events;
	void *owner;
	const pl_limits *limits;
	pl_buffer kept;	   /* of a frame that has not ended; with `unseen` what came in a pause */
	pl_deferred again; /* looks at that */
	uint64_t received, sent;
	const char *why; /* it failed */
	int failure;	 /* then for `closed` */
	bool open;
	bool paused;
	bool unseen;
	pl_frame_end end;
};

/* The end. */

static void drop_kept(pl_tcp_session *session)
{
	pl_deferred_cancel(&session->again);
	pl_buffer_deinit(&session->kept);
	session->unseen = false;
}

static void fail(pl_tcp_session *session, int status, const char *message)
{
	session->open = false;
	session->failure = status;
	session->why = message;
	drop_kept(session);
	pl_log(PL_LOG_DEBUG, "tcp connection closed: %s", message);
	session->events->failed(session->owner, status, message);
	pl_stream_finish(session->stream);
}

static void on_closed(void *owner, int status)
{
	pl_tcp_session *session = owner;

	session->stream = NULL;
	session->open = false;
	drop_kept(session);
	session->events->closed(session->owner, session->failure ? session->failure : status);
}

/* Receiving. */

static bool keep(pl_tcp_session *session, const uint8_t *data, size_t len)
{
	if (pl_buffer_append(&session->kept, data, len) == PL_OK)
		return true;
	fail(session, PL_ENOMEM, "no memory for a frame");
	return false;
}

static bool too_long(const pl_tcp_session *session, size_t more)
{
	size_t limit = (size_t)session->limits->message;

	return session->end.scan != PL_FRAME_SCAN_NONE &&
	       (session->kept.len > limit || more > limit - session->kept.len);
}

static void give_out(pl_tcp_session *session, const uint8_t *frame, size_t len)
{
	session->events->message(session->owner, frame, pl_frame_end_payload(&session->end, len));
}

/* The frame ends with these bytes. */
static void complete(pl_tcp_session *session, const uint8_t *data, size_t len)
{
	pl_buffer frame;

	if (session->kept.len == 0) {
		give_out(session, data, len);
		return;
	}
	if (!keep(session, data, len))
		return;
	frame = session->kept;
	session->kept = (pl_buffer){ 0 };
	give_out(session, frame.data, frame.len);
	pl_buffer_deinit(&frame);
}

static void take(pl_tcp_session *session, const uint8_t *data, size_t len)
{
	while (len > 0 && session->open && !session->paused) {
		size_t used = pl_frame_end_find(&session->end, session->kept.data,
						session->kept.len, data, len);

		if (too_long(session, used ? used : len)) {
			fail(session, PL_ETOOBIG, "a frame is longer than limits.message");
		} else if (used == 0) {
			keep(session, data, len);
			return;
		} else {
			complete(session, data, used);
			data += used;
			len -= used;
		}
	}
	if (len > 0 && session->open)
		session->unseen = keep(session, data, len);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_tcp_session *session = owner;

	session->received += len;
	session->events->alive(session->owner);
	take(session, data, len);
}

static void on_end(void *owner)
{
	pl_tcp_session *session = owner;

	if (!session->open)
		return;
	if (session->kept.len > 0)
		fail(session, PL_EPROTO, "the peer has ended within a frame");
	else
		session->events->ended(session->owner);
}

static void on_drain(void *owner)
{
	pl_tcp_session *session = owner;

	session->events->drain(session->owner);
}

static void on_again(pl_deferred *deferred)
{
	pl_tcp_session *session = PL_CONTAINER(deferred, pl_tcp_session, again);
	pl_buffer kept = session->kept;

	if (session->paused || !session->open)
		return;
	if (session->unseen) {
		session->kept = (pl_buffer){ 0 };
		session->unseen = false;
		take(session, kept.data, kept.len);
		pl_buffer_deinit(&kept);
	}
	if (!session->paused && session->open)
		pl_stream_resume(session->stream);
}

void pl_tcp_session_pause(pl_tcp_session *session)
{
	if (!session->open || session->paused)
		return;
	session->paused = true;
	pl_stream_pause(session->stream);
}

void pl_tcp_session_resume(pl_tcp_session *session)
{
	if (!session->paused)
		return;
	session->paused = false;
	if (session->open)
		pl_loop_defer(session->stream->loop, &session->again);
}

/* Life. */

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_tcp_session_new(pl_tcp_session **result, pl_stream *stream, const pl_frame_end *end,
		       const pl_limits *limits, const pl_tcp_session_events *events, void *owner)
{
	pl_tcp_session *session = pl_calloc(1, sizeof(*session));

	if (!session)
		return PL_ENOMEM;
	session->stream = stream;
	session->events = events;
	session->owner = owner;
	session->limits = limits;
	session->end = *end;
	session->open = true;
	pl_deferred_init(&session->again, on_again);
	pl_stream_own(stream, &stream_events, session);
	*result = session;
	return PL_OK;
}

void pl_tcp_session_free(pl_tcp_session *session)
{
	drop_kept(session);
	pl_free(session);
}

void pl_tcp_session_start(pl_tcp_session *session, const uint8_t *leftover, size_t len)
{
	if (len > 0)
		on_data(session, (uint8_t *)leftover, len);
	if (session->open && !session->paused)
		pl_stream_resume(session->stream);
}

/* Sending. */

pl_frame_end *pl_tcp_session_end(pl_tcp_session *session)
{
	return &session->end;
}

int pl_tcp_session_send(pl_tcp_session *session, const void *data, size_t len)
{
	int status = PL_ECLOSED;

	if (session->open)
		status = len > 0 ? pl_stream_write(session->stream, data, len) : PL_OK;
	if (status == PL_OK)
		session->sent += len;
	return status;
}

int pl_tcp_session_send_block(pl_tcp_session *session, pl_block *block)
{
	int status = PL_ECLOSED;

	if (session->open)
		status = block->len > 0
				 ? pl_stream_write_block(session->stream, block, 0, block->len)
				 : PL_OK;
	if (status == PL_OK)
		session->sent += block->len;
	return status;
}

/* Closing. */

void pl_tcp_session_close(pl_tcp_session *session)
{
	if (!session->open)
		return;
	session->open = false;
	drop_kept(session);
	pl_stream_finish(session->stream);
}

void pl_tcp_session_disconnect(pl_tcp_session *session)
{
	if (!session->stream)
		return;
	session->open = false;
	drop_kept(session);
	if (session->stream->blocked)
		pl_stream_abort(session->stream, PL_OK);
	else
		pl_stream_finish(session->stream);
}

void pl_tcp_session_abort(pl_tcp_session *session, int status)
{
	if (!session->stream)
		return;
	session->open = false;
	drop_kept(session);
	pl_stream_abort(session->stream, status);
}

bool pl_tcp_session_open(const pl_tcp_session *session)
{
	return session->open && !session->stream->closing;
}

const char *pl_tcp_session_failure(const pl_tcp_session *session)
{
	return session->why;
}

uint64_t pl_tcp_session_received(const pl_tcp_session *session)
{
	return session->received;
}

uint64_t pl_tcp_session_sent(const pl_tcp_session *session)
{
	return session->sent;
}
