#include "net/stream.h"

#include <string.h>

#include "base/status.h"
#include "net/loop_internal.h"

static void run_flush(pl_deferred *deferred)
{
	pl_stream *stream = PL_CONTAINER(deferred, pl_stream, flush);

	if (!stream->blocked)
		stream->ops->flush(stream);
}

void pl_stream_init(pl_stream *stream, const pl_stream_ops *ops, pl_loop *loop)
{
	memset(stream, 0, sizeof(*stream));
	stream->ops = ops;
	stream->loop = loop;
	stream->paused = true;
	pl_deferred_init(&stream->flush, run_flush);
}

void pl_stream_own(pl_stream *stream, const pl_stream_events *events, void *owner)
{
	stream->events = events;
	stream->owner = owner;
}

uint8_t *pl_stream_reserve(pl_stream *stream, size_t n)
{
	if (stream->closing || stream->shut)
		return NULL;
	return pl_output_reserve(&stream->output, &stream->loop->chunks, n);
}

void pl_stream_commit(pl_stream *stream, size_t n)
{
	pl_output_commit(&stream->output, n);
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

int pl_stream_write(pl_stream *stream, const void *data, size_t len)
{
	uint8_t *room;

	if (stream->closing || stream->shut)
		return PL_ECLOSED;
	if (len == 0)
		return PL_OK;
	room = pl_stream_reserve(stream, len);
	if (!room)
		return PL_ENOMEM;
	memcpy(room, data, len);
	pl_stream_commit(stream, len);
	return PL_OK;
}

static int queued(pl_stream *stream, int status)
{
	if (status == PL_OK && !stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
	return status;
}

int pl_stream_write_block(pl_stream *stream, pl_block *block, size_t at, size_t len)
{
	pl_chunk_pool *pool = &stream->loop->chunks;

	if (stream->closing || stream->shut)
		return PL_ECLOSED;
	return queued(stream, pl_output_append_block(&stream->output, pool, block, at, len));
}

int pl_stream_write_file(pl_stream *stream, pl_file *file, size_t at, size_t len)
{
	pl_chunk_pool *pool = &stream->loop->chunks;
	uint8_t byte;

	if (stream->closing || stream->shut)
		return PL_ECLOSED;
	if (!stream->ops->files)
		return PL_ENOTSUP;
	if (!file->tried)
		pl_file_read(file, &byte, 1, (int64_t)at, 0);
	if (!file->eager)
		return PL_ENOTSUP;
	return queued(stream, pl_output_append_file(&stream->output, pool, file, at, len));
}

int pl_stream_overtake(pl_stream *stream, uint8_t slot, const void *data, size_t len)
{
	if (stream->closing || stream->shut)
		return PL_ECLOSED;
	if (!stream->blocked)
		return pl_stream_write(stream, data, len);
	return pl_output_insert(&stream->output, &stream->loop->chunks, slot, data, len);
}

void pl_stream_cut(pl_stream *stream)
{
	if (stream->blocked)
		pl_output_cut(&stream->output, &stream->loop->chunks);
}

void pl_stream_rewind(pl_stream *stream, size_t len)
{
	pl_output_rewind(&stream->output, &stream->loop->chunks, len);
}

void pl_stream_flush_now(pl_stream *stream)
{
	if (!stream->blocked && !stream->closing)
		stream->ops->flush(stream);
}

size_t pl_stream_queued(const pl_stream *stream)
{
	return stream->output.len;
}

bool pl_stream_peek(const pl_stream *stream, pl_output_piece *piece)
{
	return pl_output_peek(&stream->output, piece, 1) > 0;
}

void pl_stream_consume(pl_stream *stream, size_t n)
{
	pl_output_consume(&stream->output, &stream->loop->chunks, n);
}

void pl_stream_clear(pl_stream *stream)
{
	pl_output_clear(&stream->output, &stream->loop->chunks);
}

uint8_t *pl_stream_room(pl_stream *stream, size_t *len)
{
	if (stream->closing || !stream->events->room)
		return NULL;
	return stream->events->room(stream->owner, len);
}

void pl_stream_pause(pl_stream *stream)
{
	if (stream->paused || stream->closing)
		return;
	stream->paused = true;
	stream->ops->pause(stream);
}

void pl_stream_resume(pl_stream *stream)
{
	if (!stream->paused || stream->closing)
		return;
	stream->paused = false;
	stream->ops->resume(stream);
}

void pl_stream_finish(pl_stream *stream)
{
	if (stream->closing)
		return;
	stream->closing = true;
	stream->ops->finish(stream);
}

void pl_stream_shut(pl_stream *stream)
{
	if (stream->closing || stream->shut)
		return;
	stream->shut = true;
	stream->ops->shut(stream);
}

void pl_stream_abort(pl_stream *stream, int status)
{
	stream->closing = true;
	pl_deferred_cancel(&stream->flush);
	stream->ops->abort(stream, status);
}

static void drop_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
}

static void drop_event(void *owner)
{
	(void)owner;
}

static void drop_closed(void *owner, int status)
{
	(void)owner, (void)status;
}

void pl_stream_drop(pl_stream *stream)
{
	static const pl_stream_events nobody = {
		.data = drop_data, .end = drop_event, .drain = drop_event, .closed = drop_closed
	};

	pl_stream_own(stream, &nobody, NULL);
	pl_stream_abort(stream, PL_ECANCELED);
}

void pl_stream_peer(pl_stream *stream, pl_address *address)
{
	stream->ops->address(stream, false, address);
}

void pl_stream_local(pl_stream *stream, pl_address *address)
{
	stream->ops->address(stream, true, address);
}
