#include "conn/conn_stream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

/* RFC 6455 7.4.1; bare TCP has no use for them. */
enum { IN_ORDER = 1000, CUT_OFF = 1011 };

typedef struct conn_stream {
	pl_stream stream;
	pl_conn *conn; /* NULL after its end */
	int status;    /* of pl_stream_abort, for `closed` */
} conn_stream;

static conn_stream *of(const pl_stream *stream)
{
	return PL_CONTAINER(stream, conn_stream, stream);
}

/* The next piece goes to the connection. PL_OK, PL_BUFFERED, or why it cannot. */
static int send_piece(conn_stream *self, const pl_output_piece *piece)
{
	int status = pl_conn_write(self->conn, PL_KIND_BINARY, piece->data, piece->len, 0);

	if (status >= 0)
		pl_stream_consume(&self->stream, piece->len);
	return status;
}

/* All of it, or until the connection has enough. */
static int send_output(conn_stream *self, bool all)
{
	pl_output_piece piece;
	int status = PL_OK;

	while (status >= 0 && (all || status == PL_OK) && pl_stream_peek(&self->stream, &piece))
		status = send_piece(self, &piece);
	return status;
}

static void stream_flush(pl_stream *stream)
{
	conn_stream *self = of(stream);
	int status = self->conn ? send_output(self, false) : PL_ECLOSED;

	if (status == PL_ENOMEM) {
		pl_stream_abort(stream, status);
		return;
	}
	if (status < 0)
		pl_stream_clear(stream); /* the connection is about to end */
	stream->blocked = status == PL_BUFFERED;
	if (self->conn)
		pl_stream_flush_now(self->conn->stream);
}

static void stream_pause(pl_stream *stream)
{
	if (of(stream)->conn)
		pl_conn_pause(of(stream)->conn, true);
}

static void stream_resume(pl_stream *stream)
{
	if (of(stream)->conn)
		pl_conn_pause(of(stream)->conn, false);
}

static void stream_finish(pl_stream *stream)
{
	conn_stream *self = of(stream);

	pl_deferred_cancel(&stream->flush);
	if (!self->conn)
		return;
	send_output(self, true);
	pl_stream_clear(stream);
	if (self->conn)
		pl_conn_close(self->conn, IN_ORDER, pl_slice_make(NULL, 0));
}

static void stream_abort(pl_stream *stream, int status)
{
	conn_stream *self = of(stream);
	const char *why = pl_status_text(status);

	self->status = status;
	pl_stream_clear(stream);
	if (self->conn)
		pl_conn_disconnect(self->conn, CUT_OFF, pl_slice_make(why, strlen(why)));
}

static void stream_address(pl_stream *stream, bool local, pl_address *address)
{
	const pl_conn *conn = of(stream)->conn;

	*address = (pl_address){ 0 };
	if (conn)
		conn->stream->ops->address(conn->stream, local, address);
}

static const pl_stream_ops ops = {
	.flush = stream_flush,
	.pause = stream_pause,
	.resume = stream_resume,
	.finish = stream_finish,
	.shut = stream_finish,
	.abort = stream_abort,
	.address = stream_address,
};

int pl_conn_stream_new(pl_stream **stream, pl_conn *conn)
{
	conn_stream *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	pl_stream_init(&self->stream, &ops, conn->settings->loop);
	self->stream.paused = conn->paused;
	self->conn = conn;
	*stream = &self->stream;
	return PL_OK;
}

void pl_conn_stream_received(pl_stream *stream, const uint8_t *data, size_t len)
{
	if (!stream->closing && len > 0)
		stream->events->data(stream->owner, (uint8_t *)(uintptr_t)data, len);
}

void pl_conn_stream_drained(pl_stream *stream)
{
	if (!stream->blocked || stream->closing)
		return;
	stream->blocked = false;
	stream_flush(stream);
	if (!stream->blocked && !stream->closing)
		stream->events->drain(stream->owner);
}

void pl_conn_stream_ended(pl_stream *stream, int status)
{
	conn_stream *self = of(stream);

	self->conn = NULL;
	stream->closing = true;
	pl_deferred_cancel(&stream->flush);
	pl_stream_clear(stream);
	stream->events->closed(stream->owner, self->status ? self->status : status);
	pl_free(self);
}

pl_conn *pl_conn_stream_conn(const pl_stream *stream)
{
	return of(stream)->conn;
}
