#include "ws/ws_deflate.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"

enum {
	WINDOWS = PL_WS_WINDOW_MAX + 1,
	FIRST_ROOM = 4096,  /* bytes of a buffer at first */
	KEPT_ROOM = 1 << 20 /* bytes that a pool's buffer keeps between two messages */
};

/* What deflate writes at the end of a flush, and a sender leaves out (7.2.1). */
static const uint8_t tail[4] = { 0x00, 0x00, 0xff, 0xff };

struct pl_ws_deflate_pool {
	int mem_level;
	int level;
	z_stream *deflate[WINDOWS]; /* by window bits, made when needed */
	z_stream *inflate;	    /* of the largest window, which reads all */
	pl_buffer deflated;
	pl_buffer inflated;
};

struct pl_ws_deflate {
	pl_ws_deflate_pool *pool;
	z_stream *deflate; /* NULL: the pool's, or not made yet */
	z_stream *inflate;
	uint8_t window; /* bits of what we send */
	bool send_fresh;
	bool receive_fresh;
};

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
	(void)unused;
	return pl_calloc(count, size);
}

static void zlib_free(void *unused, void *ptr)
{
	(void)unused;
	pl_free(ptr);
}

static z_stream *stream_new(void)
{
	z_stream *stream = pl_calloc(1, sizeof(*stream));

	if (stream) {
		stream->zalloc = zlib_alloc;
		stream->zfree = zlib_free;
	}
	return stream;
}

static z_stream *new_deflate(const pl_ws_deflate_pool *pool, int window)
{
	z_stream *stream = stream_new();

	if (stream && deflateInit2(stream, pool->level, Z_DEFLATED, -window, pool->mem_level,
				   Z_DEFAULT_STRATEGY) != Z_OK) {
		pl_free(stream);
		return NULL;
	}
	return stream;
}

static z_stream *new_inflate(void)
{
	z_stream *stream = stream_new();

	if (stream && inflateInit2(stream, -PL_WS_WINDOW_MAX) != Z_OK) {
		pl_free(stream);
		return NULL;
	}
	return stream;
}

static void free_deflate(z_stream *stream)
{
	if (stream)
		deflateEnd(stream);
	pl_free(stream);
}

static void free_inflate(z_stream *stream)
{
	if (stream)
		inflateEnd(stream);
	pl_free(stream);
}

pl_ws_deflate_pool *pl_ws_deflate_pool_new(int mem_level, int level)
{
	pl_ws_deflate_pool *pool = pl_calloc(1, sizeof(*pool));

	if (pool) {
		pool->mem_level = mem_level;
		pool->level = level;
	}
	return pool;
}

void pl_ws_deflate_pool_free(pl_ws_deflate_pool *pool)
{
	int i;

	if (!pool)
		return;
	for (i = 0; i < WINDOWS; i++)
		free_deflate(pool->deflate[i]);
	free_inflate(pool->inflate);
	pl_buffer_deinit(&pool->deflated);
	pl_buffer_deinit(&pool->inflated);
	pl_free(pool);
}

pl_ws_deflate *pl_ws_deflate_new(pl_ws_deflate_pool *pool, const pl_ws_deflate_terms *terms,
				 bool server)
{
	pl_ws_deflate *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->pool = pool;
	self->window = server ? terms->server_window : terms->client_window;
	/* zlib cannot deflate with 8 bits; a client with that window sends what 9 bits would. */
	if (self->window < PL_WS_WINDOW_MIN)
		self->window = PL_WS_WINDOW_MIN;
	self->send_fresh = server ? terms->server_fresh : terms->client_fresh;
	self->receive_fresh = server ? terms->client_fresh : terms->server_fresh;
	return self;
}

void pl_ws_deflate_free(pl_ws_deflate *self)
{
	if (!self)
		return;
	free_deflate(self->deflate);
	free_inflate(self->inflate);
	pl_free(self);
}

uint8_t pl_ws_deflate_sharing(const pl_ws_deflate *self)
{
	return self->send_fresh ? self->window : 0;
}

/* A pool's buffer, empty; a large one is not kept for ever. */
static pl_buffer *begin(pl_buffer *out)
{
	if (out->cap > KEPT_ROOM)
		pl_buffer_deinit(out);
	out->len = 0;
	return out;
}

static z_stream *deflate_of(pl_ws_deflate *self)
{
	z_stream **stream = self->send_fresh ? &self->pool->deflate[self->window] : &self->deflate;

	if (!*stream)
		*stream = new_deflate(self->pool, self->window);
	else if (self->send_fresh)
		deflateReset(*stream);
	return *stream;
}

static z_stream *inflate_of(pl_ws_deflate *self)
{
	z_stream **stream = self->receive_fresh ? &self->pool->inflate : &self->inflate;

	if (!*stream)
		*stream = new_inflate();
	else if (self->receive_fresh)
		inflateReset(*stream);
	return *stream;
}

/* Room behind what is there, at most `limit` in all; false without memory. */
static bool give_room(z_stream *stream, pl_buffer *out, size_t limit)
{
	size_t room;

	if (out->len == out->cap && pl_buffer_reserve(out, out->cap ? out->cap : FIRST_ROOM))
		return false;
	room = (out->cap < limit ? out->cap : limit) - out->len;
	stream->next_out = out->data + out->len;
	stream->avail_out = (uInt)room;
	return true;
}

int pl_ws_deflate_encode(pl_ws_deflate *self, const void *data, size_t len, pl_slice *result)
{
	pl_buffer *out = begin(&self->pool->deflated);
	z_stream *stream = deflate_of(self);

	if (!stream || len > UINT32_MAX)
		return PL_ENOMEM;
	stream->next_in = (Bytef *)(uintptr_t)data;
	stream->avail_in = (uInt)len;
	do {
		if (!give_room(stream, out, SIZE_MAX))
			return PL_ENOMEM;
		deflate(stream, Z_SYNC_FLUSH);
		out->len = out->cap - stream->avail_out;
	} while (stream->avail_out == 0);
	/* An empty message may leave nothing to flush; then one empty block stands for it
	 * (7.2.3.6). */
	if (out->len < sizeof(tail)) {
		out->data[0] = 0;
		out->len = 1;
	} else {
		out->len -= sizeof(tail);
	}
	*result = pl_slice_make((const char *)out->data, out->len);
	return PL_OK;
}

/* Inflates one piece of input into out. PL_ETOOBIG: the limit is full and there is more. */
static int inflate_piece(z_stream *stream, pl_buffer *out, const void *data, size_t len,
			 size_t limit)
{
	int status;

	stream->next_in = (Bytef *)(uintptr_t)data;
	stream->avail_in = (uInt)len;
	do {
		/* One byte more than the limit tells a message that is too big from one that fits.
		 */
		if (!give_room(stream, out, limit + 1))
			return PL_ENOMEM;
		status = inflate(stream, Z_SYNC_FLUSH);
		out->len = (size_t)(stream->next_out - out->data);
		if (out->len > limit)
			return PL_ETOOBIG;
		/* A final block ends a deflate stream, not the message (7.2.3.4). */
		if (status == Z_STREAM_END)
			status = inflateResetKeep(stream);
		if (status == Z_MEM_ERROR)
			return PL_ENOMEM;
		if (status != Z_OK && status != Z_BUF_ERROR)
			return PL_EPROTO;
	} while (stream->avail_in > 0 || stream->avail_out == 0);
	return PL_OK;
}

int pl_ws_deflate_decode(pl_ws_deflate *self, const void *data, size_t len, size_t limit,
			 pl_slice *result)
{
	pl_buffer *out = begin(&self->pool->inflated);
	z_stream *stream = inflate_of(self);
	int status;

	if (!stream)
		return PL_ENOMEM;
	status = inflate_piece(stream, out, data, len, limit);
	if (status == PL_OK)
		status = inflate_piece(stream, out, tail, sizeof(tail), limit);
	*result = pl_slice_make((const char *)out->data, out->len);
	return status;
}
