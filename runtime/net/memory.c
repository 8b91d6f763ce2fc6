#include "net/memory.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"

static pl_memory *memory_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, pl_memory, stream);
}

static void close_later(pl_memory *memory, int status)
{
	memory->status = status;
	memory->stream.closing = true;
	pl_loop_defer(memory->stream.loop, &memory->end_of_turn);
}

static void run_close(pl_deferred *deferred)
{
	pl_memory *memory = PL_CONTAINER(deferred, pl_memory, end_of_turn);

	if (memory->closed)
		return;
	memory->closed = true;
	pl_deferred_cancel(&memory->stream.flush);
	pl_output_clear(&memory->stream.output, &memory->stream.loop->chunks);
	memory->stream.events->closed(memory->stream.owner, memory->status);
}

static void memory_flush(pl_stream *stream)
{
	pl_memory *memory = memory_of(stream);
	pl_output_piece piece;

	while (memory->room > 0 && pl_output_peek(&stream->output, &piece, 1)) {
		size_t len = piece.len < memory->room ? piece.len : memory->room;

		if (pl_buffer_append(&memory->sent, piece.data, len)) {
			close_later(memory, PL_ENOMEM);
			return;
		}
		if (memory->room != SIZE_MAX)
			memory->room -= len;
		pl_output_consume(&stream->output, &stream->loop->chunks, len);
	}
	stream->blocked = stream->output.len > 0;
	memory->shut = !stream->blocked && stream->shut;
	if (!stream->blocked && memory->finishing) {
		memory->finished = true;
		close_later(memory, PL_OK);
	}
}

static void memory_nothing(pl_stream *stream)
{
	(void)stream;
}

static void memory_finish(pl_stream *stream)
{
	memory_of(stream)->finishing = true;
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void memory_shut(pl_stream *stream)
{
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void memory_abort(pl_stream *stream, int status)
{
	close_later(memory_of(stream), status);
}

static void memory_address(pl_stream *stream, bool local, pl_address *address)
{
	(void)stream;
	pl_address_parse(address, "127.0.0.1");
	address->port = local ? 80 : 50000;
}

static const pl_stream_ops memory_ops = {
	.flush = memory_flush,
	.pause = memory_nothing,
	.resume = memory_nothing,
	.finish = memory_finish,
	.shut = memory_shut,
	.abort = memory_abort,
	.address = memory_address,
};

void pl_memory_init(pl_memory *memory, pl_loop *loop)
{
	memset(memory, 0, sizeof(*memory));
	pl_stream_init(&memory->stream, &memory_ops, loop);
	memory->room = SIZE_MAX;
	pl_deferred_init(&memory->end_of_turn, run_close);
}

void pl_memory_deinit(pl_memory *memory)
{
	pl_deferred_cancel(&memory->stream.flush);
	pl_deferred_cancel(&memory->end_of_turn);
	pl_output_clear(&memory->stream.output, &memory->stream.loop->chunks);
	pl_buffer_deinit(&memory->sent);
}

/* As much as the owner wants in a place of its own; false: it wants it anywhere. */
static bool feed_into(pl_stream *stream, const uint8_t **data, size_t *len)
{
	size_t room;
	uint8_t *into = pl_stream_room(stream, &room);

	if (!into)
		return false;
	if (room > *len)
		room = *len;
	memcpy(into, *data, room);
	*data += room;
	*len -= room;
	stream->events->data(stream->owner, into, room);
	return true;
}

bool pl_memory_feed(pl_memory *memory, const void *bytes, size_t len)
{
	const uint8_t *data = bytes;
	uint8_t *copy;

	if (memory->stream.paused || memory->stream.closing)
		return false;
	while (len > 0 && !memory->stream.closing && feed_into(&memory->stream, &data, &len))
		;
	/* What is behind it was read in the same call, as TCP may do before it is paused. */
	if (memory->stream.closing || (len == 0 && data != bytes))
		return true;
	copy = pl_alloc(len + 1);
	if (!copy)
		return false;
	memcpy(copy, data, len);
	memory->stream.events->data(memory->stream.owner, copy, len);
	pl_free(copy);
	return true;
}

void pl_memory_end(pl_memory *memory)
{
	if (!memory->stream.closing)
		memory->stream.events->end(memory->stream.owner);
}

void pl_memory_open(pl_memory *memory, size_t room)
{
	bool blocked = memory->stream.blocked;

	if (room > SIZE_MAX - memory->room)
		memory->room = SIZE_MAX;
	else
		memory->room += room;
	if (memory->closed)
		return;
	memory_flush(&memory->stream);
	if (blocked && !memory->stream.blocked && !memory->stream.closing)
		memory->stream.events->drain(memory->stream.owner);
}
