#include "sse/sse_session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

struct pl_sse_session {
	pl_stream *stream; /* NULL after `closed` */
	const pl_sse_session_events *events;
	void *owner;
	uint64_t sent;
	bool fields;
	bool open;
};

/* The stream tells the session. */

static void on_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
}

static void on_end(void *owner)
{
	pl_sse_session *session = owner;

	if (session->open)
		session->events->ended(session->owner);
}

static void on_drain(void *owner)
{
	pl_sse_session *session = owner;

	session->events->drain(session->owner);
}

static void on_closed(void *owner, int status)
{
	pl_sse_session *session = owner;

	session->stream = NULL;
	session->open = false;
	session->events->closed(session->owner, status);
}

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

int pl_sse_session_new(pl_sse_session **result, pl_stream *stream, bool fields,
		       const pl_sse_session_events *events, void *owner)
{
	pl_sse_session *session = pl_calloc(1, sizeof(*session));

	if (!session)
		return PL_ENOMEM;
	session->stream = stream;
	session->events = events;
	session->owner = owner;
	session->fields = fields;
	session->open = true;
	pl_stream_own(stream, &stream_events, session);
	*result = session;
	return PL_OK;
}

void pl_sse_session_free(pl_sse_session *session)
{
	pl_free(session);
}

void pl_sse_session_start(pl_sse_session *session)
{
	if (session->open)
		pl_stream_resume(session->stream);
}

/* Sending. */

/* A text that says its fields itself, unless it is given some. */
static size_t write_text(const pl_sse_session *session, char *out, const pl_sse_fields *fields,
			 pl_slice text)
{
	if (session->fields && !fields && pl_sse_is_fields(text))
		return pl_sse_write_fields(out, text);
	return pl_sse_write_text(out, fields, text);
}

static size_t write_event(const pl_sse_session *session, char *out, const pl_sse_fields *fields,
			  pl_slice payload, bool text)
{
	return text ? write_text(session, out, fields, payload)
		    : pl_sse_write_bytes(out, fields, payload);
}

static int send_event(pl_sse_session *session, pl_slice payload, bool text)
{
	size_t size;
	char *out;

	if (!session->open)
		return PL_ECLOSED;
	size = write_event(session, NULL, NULL, payload, text);
	out = (char *)pl_stream_reserve(session->stream, size);
	if (!out)
		return session->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	write_event(session, out, NULL, payload, text);
	pl_stream_commit(session->stream, size);
	session->sent += size;
	return PL_OK;
}

int pl_sse_session_send_text(pl_sse_session *session, pl_slice text)
{
	return send_event(session, text, true);
}

int pl_sse_session_send_bytes(pl_sse_session *session, pl_slice bytes)
{
	return send_event(session, bytes, false);
}

pl_block *pl_sse_session_encode(const pl_sse_session *session, const pl_sse_fields *fields,
				pl_slice payload, bool text)
{
	size_t size = write_event(session, NULL, fields, payload, text);
	pl_block *block = pl_block_new(size);

	if (block)
		write_event(session, (char *)block->data, fields, payload, text);
	return block;
}

static int sent(pl_sse_session *session, size_t len, int status)
{
	if (status == PL_OK)
		session->sent += len;
	return status;
}

int pl_sse_session_send_block(pl_sse_session *session, pl_block *block)
{
	if (!session->open)
		return PL_ECLOSED;
	return sent(session, block->len,
		    pl_stream_write_block(session->stream, block, 0, block->len));
}

int pl_sse_session_comment(pl_sse_session *session)
{
	const pl_slice comment = PL_SLICE(PL_SSE_COMMENT);

	if (!session->open)
		return PL_ECLOSED;
	if (pl_stream_queued(session->stream) > 0)
		return PL_OK;
	return sent(session, comment.len,
		    pl_stream_write(session->stream, comment.at, comment.len));
}

/* Closing. */

void pl_sse_session_close(pl_sse_session *session)
{
	if (!session->open)
		return;
	session->open = false;
	pl_stream_finish(session->stream);
}

void pl_sse_session_disconnect(pl_sse_session *session)
{
	if (!session->stream)
		return;
	session->open = false;
	if (session->stream->blocked)
		pl_stream_abort(session->stream, PL_OK);
	else
		pl_stream_finish(session->stream);
}

void pl_sse_session_abort(pl_sse_session *session, int status)
{
	if (!session->stream)
		return;
	session->open = false;
	pl_stream_abort(session->stream, status);
}

bool pl_sse_session_open(const pl_sse_session *session)
{
	return session->open && !session->stream->closing;
}

uint64_t pl_sse_session_sent(const pl_sse_session *session)
{
	return session->sent;
}
