#include "ws/hixie_session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/utf8.h"

/* CLOSE_SENT: the peer's closing frame is waited for. OVER: nothing is. */
enum { KEY, OPEN, CLOSE_SENT, OVER };

struct pl_hixie_session {
	pl_stream *stream; /* NULL after `closed` */
	const pl_hixie_events *events;
	void *owner;
	const pl_limits *limits;
	pl_buffer kept;	   /* of key3, or of a text that has not ended */
	pl_buffer unseen;  /* what came in a pause */
	pl_deferred again; /* looks at that */
	uint64_t received, sent;
	const char *why; /* it failed */
	int failure;	 /* then for `closed` */
	pl_hixie_decoder decoder;
	pl_utf8 utf8; /* of the text */
	uint8_t state;
	bool paused;
};

static const uint8_t closing_frame[] = { PL_HIXIE_CLOSING, 0 };

/* The end. */

static void drop_kept(pl_hixie_session *session)
{
	pl_deferred_cancel(&session->again);
	pl_buffer_deinit(&session->kept);
	pl_buffer_deinit(&session->unseen);
}

/* Without memory the peer sees only the end. */
static void send_closing(pl_hixie_session *session)
{
	if (pl_stream_write(session->stream, closing_frame, sizeof(closing_frame)) == PL_OK)
		session->sent += sizeof(closing_frame);
}

/* What waits behind blocked output is dropped: who has closed does not read it. */
static void answer_closing(pl_hixie_session *session)
{
	size_t before = pl_stream_queued(session->stream);

	pl_stream_cut(session->stream);
	session->sent -= before - pl_stream_queued(session->stream);
	send_closing(session);
}

static void finish(pl_hixie_session *session)
{
	session->state = OVER;
	drop_kept(session);
	pl_stream_finish(session->stream);
}

static void fail(pl_hixie_session *session, int status, const char *message)
{
	bool was_open = session->state == OPEN;

	session->state = OVER;
	session->failure = status;
	session->why = message;
	pl_log(PL_LOG_DEBUG, "websocket (hixie-76) closed: %s", message);
	if (was_open)
		answer_closing(session);
	session->events->failed(session->owner, status, message);
	finish(session);
}

static void on_closed(void *owner, int status)
{
	pl_hixie_session *session = owner;

	session->stream = NULL;
	session->state = OVER;
	drop_kept(session);
	session->events->closed(session->owner, session->failure ? session->failure : status);
}

/* Receiving. */

static bool keep(pl_hixie_session *session, pl_buffer *buffer, const uint8_t *data, size_t len)
{
	if (pl_buffer_append(buffer, data, len) == PL_OK)
		return true;
	fail(session, PL_ENOMEM, "no memory for a message");
	return false;
}

/* Returns how many bytes belong to key3; 0: it has failed. */
static size_t take_key(pl_hixie_session *session, const uint8_t *data, size_t len)
{
	uint8_t key3[PL_HIXIE_KEY3_SIZE];
	size_t missing = sizeof(key3) - session->kept.len;

	if (len > missing)
		len = missing;
	if (!keep(session, &session->kept, data, len))
		return 0;
	if (len < missing)
		return len;
	memcpy(key3, session->kept.data, sizeof(key3));
	pl_buffer_deinit(&session->kept);
	session->events->key(session->owner, key3);
	return len;
}

static void give_out(pl_hixie_session *session, const pl_hixie_piece *last)
{
	pl_buffer text = session->kept;

	if (text.len == 0) {
		session->events->message(session->owner, last->text, last->len);
		return;
	}
	if (!keep(session, &session->kept, last->text, last->len))
		return;
	text = session->kept;
	session->kept = (pl_buffer){ 0 };
	session->events->message(session->owner, text.data, text.len);
	pl_buffer_deinit(&text);
}

static void take_text(pl_hixie_session *session, const pl_hixie_piece *piece)
{
	if (session->state != OPEN)
		return;
	if (!pl_utf8_feed(&session->utf8, piece->text, piece->len) ||
	    (piece->last && !pl_utf8_done(&session->utf8)))
		fail(session, PL_EUTF8, "a text is not UTF-8");
	else if (piece->last)
		give_out(session, piece);
	else
		keep(session, &session->kept, piece->text, piece->len);
}

static void take_closing(pl_hixie_session *session)
{
	bool was_open = session->state == OPEN;

	session->state = OVER;
	if (was_open) {
		answer_closing(session);
		session->events->closing(session->owner);
	}
	finish(session);
}

/* Returns how many bytes belong together; 0: it has failed. */
static size_t take_piece(pl_hixie_session *session, const uint8_t *data, size_t len)
{
	pl_hixie_piece piece;
	int64_t used = pl_hixie_decode(&session->decoder, (size_t)session->limits->message, data,
				       len, &piece);

	if (used < 0) {
		fail(session, (int)used, piece.error);
		return 0;
	}
	session->received += (uint64_t)used;
	if (piece.part == PL_HIXIE_TEXT)
		take_text(session, &piece);
	else if (piece.part == PL_HIXIE_CLOSE)
		take_closing(session);
	return (size_t)used;
}

static void take(pl_hixie_session *session, const uint8_t *data, size_t len)
{
	while (len > 0 && session->state != OVER && !session->paused) {
		size_t used = session->state == KEY ? take_key(session, data, len)
						    : take_piece(session, data, len);

		data += used;
		len -= used;
	}
	if (len > 0 && session->state != OVER)
		keep(session, &session->unseen, data, len);
}

static void on_data(void *owner, uint8_t *data, size_t len)
{
	pl_hixie_session *session = owner;

	session->events->alive(session->owner);
	take(session, data, len);
}

/* Without a closing frame it was cut off. */
static void on_end(void *owner)
{
	pl_hixie_session *session = owner;
	uint8_t before = session->state;

	if (before == OVER)
		return;
	session->state = OVER;
	session->failure = PL_ECLOSED;
	if (before == OPEN)
		session->events->closing(session->owner);
	finish(session);
}

static void on_drain(void *owner)
{
	pl_hixie_session *session = owner;

	session->events->drain(session->owner);
}

static void on_again(pl_deferred *deferred)
{
	pl_hixie_session *session = PL_CONTAINER(deferred, pl_hixie_session, again);
	pl_buffer unseen = session->unseen;

	if (session->paused || session->state == OVER)
		return;
	session->unseen = (pl_buffer){ 0 };
	take(session, unseen.data, unseen.len);
	pl_buffer_deinit(&unseen);
	if (!session->paused && session->state != OVER)
		pl_stream_resume(session->stream);
}

void pl_hixie_session_pause(pl_hixie_session *session)
{
	/* After the closing frame no message comes anyway, and the peer's is waited for. */
	if (session->paused || (session->state != OPEN && session->state != KEY))
		return;
	session->paused = true;
	pl_stream_pause(session->stream);
}

void pl_hixie_session_resume(pl_hixie_session *session)
{
	if (!session->paused)
		return;
	session->paused = false;
	if (session->state != OVER)
		pl_loop_defer(session->stream->loop, &session->again);
}

/* Life. */

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_hixie_session_new(pl_hixie_session **result, pl_stream *stream, const pl_limits *limits,
			 const pl_hixie_events *events, void *owner)
{
	pl_hixie_session *session = pl_calloc(1, sizeof(*session));

	if (!session)
		return PL_ENOMEM;
	session->stream = stream;
	session->events = events;
	session->owner = owner;
	session->limits = limits;
	pl_deferred_init(&session->again, on_again);
	pl_stream_own(stream, &stream_events, session);
	*result = session;
	return PL_OK;
}

void pl_hixie_session_free(pl_hixie_session *session)
{
	drop_kept(session);
	pl_free(session);
}

void pl_hixie_session_start(pl_hixie_session *session, const uint8_t *leftover, size_t len)
{
	if (len > 0)
		on_data(session, (uint8_t *)leftover, len);
	if (session->state != OVER && !session->paused)
		pl_stream_resume(session->stream);
}

int pl_hixie_session_open_with(pl_hixie_session *session, const uint8_t proof[PL_HIXIE_PROOF_SIZE])
{
	int status = session->state == KEY
			     ? pl_stream_write(session->stream, proof, PL_HIXIE_PROOF_SIZE)
			     : PL_ECLOSED;

	if (status == PL_OK)
		session->state = OPEN;
	return status;
}

/* Sending. */

pl_block *pl_hixie_block(const void *text, size_t len)
{
	pl_block *block = pl_block_new(len + PL_HIXIE_FRAME_EXTRA);

	if (block)
		pl_hixie_encode(block->data, text, len);
	return block;
}

int pl_hixie_session_send(pl_hixie_session *session, const void *text, size_t len)
{
	size_t size = len + PL_HIXIE_FRAME_EXTRA;
	uint8_t *out;

	if (!pl_hixie_session_open(session))
		return PL_ECLOSED;
	out = pl_stream_reserve(session->stream, size);
	if (!out)
		return PL_ENOMEM;
	pl_hixie_encode(out, text, len);
	pl_stream_commit(session->stream, size);
	session->sent += size;
	return PL_OK;
}

int pl_hixie_session_send_block(pl_hixie_session *session, pl_block *frames)
{
	int status = PL_ECLOSED;

	if (session->state == OPEN)
		status = pl_stream_write_block(session->stream, frames, 0, frames->len);
	if (status == PL_OK)
		session->sent += frames->len;
	return status;
}

/* Closing. */

void pl_hixie_session_close(pl_hixie_session *session)
{
	if (session->state == KEY) {
		finish(session);
		return;
	}
	if (session->state != OPEN)
		return;
	session->state = CLOSE_SENT;
	pl_buffer_deinit(&session->kept);
	send_closing(session);
	pl_hixie_session_resume(session);
}

void pl_hixie_session_disconnect(pl_hixie_session *session)
{
	if (!session->stream)
		return;
	if (session->state == OPEN && !session->stream->blocked)
		send_closing(session);
	session->state = OVER;
	drop_kept(session);
	if (session->stream->blocked)
		pl_stream_abort(session->stream, PL_OK);
	else
		pl_stream_finish(session->stream);
}

void pl_hixie_session_abort(pl_hixie_session *session, int status)
{
	if (!session->stream)
		return;
	session->state = OVER;
	drop_kept(session);
	pl_stream_abort(session->stream, status);
}

bool pl_hixie_session_open(const pl_hixie_session *session)
{
	return session->state == OPEN && !session->stream->closing;
}

const char *pl_hixie_session_failure(const pl_hixie_session *session)
{
	return session->why;
}

uint64_t pl_hixie_session_received(const pl_hixie_session *session)
{
	return session->received;
}

uint64_t pl_hixie_session_sent(const pl_hixie_session *session)
{
	return session->sent;
}
