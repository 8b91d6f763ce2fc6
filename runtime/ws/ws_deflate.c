#include "ws/ws_deflate.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"

enum {
	WINDOWS = PL_WS_WINDOW_MAX + 1,
	FIRST_ROOM = 4096,   /* bytes of a buffer at first */
	KEPT_ROOM = 1 << 20, /* bytes that a pool's buffer keeps between two messages */
	FREE_BLOCKS = 16384, /* deflate blocks of a message, whatever its size */
	BLOCK_MIN = 64	     /* bytes, before and after inflating, that pay for one more */
};

/* What inflate says in data_type when it stops. */
enum { UNUSED_BITS = 63, BLOCK_END = 128 };

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
	uint8_t window;		/* bits of what we send */
	uint8_t receive_window; /* of what the peer sends */
	bool send_fresh;
	bool receive_fresh;
	bool by_frame;
};

static z_stream *stream_new(void)
{
	z_stream *stream = pl_calloc(1, sizeof(*stream));

	if (stream) {
		stream->zalloc = pl_alloc_zlib;
		stream->zfree = pl_free_zlib;
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

static z_stream *new_inflate(int window)
{
	z_stream *stream = stream_new();

	if (stream && inflateInit2(stream, -window) != Z_OK) {
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
	if (self->window < PL_WS_DEFLATE_WINDOW_MIN)
		self->window = PL_WS_DEFLATE_WINDOW_MIN;
	self->receive_window = server ? terms->client_window : terms->server_window;
	self->send_fresh = server ? terms->server_fresh : terms->client_fresh;
	self->receive_fresh = server ? terms->client_fresh : terms->server_fresh;
	self->by_frame = terms->form != PL_WS_PERMESSAGE_DEFLATE;
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

bool pl_ws_deflate_by_frame(const pl_ws_deflate *self)
{
	return self->by_frame;
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
		*stream =
			new_inflate(self->receive_fresh ? PL_WS_WINDOW_MAX : self->receive_window);
	else if (self->receive_fresh)
		inflateReset(*stream);
	return *stream;
}

/* False without memory. */
static bool make_room(pl_buffer *out)
{
	return out->len < out->cap ||
	       pl_buffer_reserve(out, out->cap ? out->cap : FIRST_ROOM) == PL_OK;
}

/* Deflates into out, with the end that a sender leaves out. */
static int deflate_all(z_stream *stream, pl_buffer *out, const void *data, size_t len)
{
	if (len > UINT32_MAX)
		return PL_ENOMEM;
	stream->next_in = (Bytef *)(uintptr_t)data;
	stream->avail_in = (uInt)len;
	do {
		if (!make_room(out))
			return PL_ENOMEM;
		stream->next_out = out->data + out->len;
		stream->avail_out = (uInt)(out->cap - out->len);
		deflate(stream, Z_SYNC_FLUSH);
		out->len = out->cap - stream->avail_out;
	} while (stream->avail_out == 0);
	return PL_OK;
}

int pl_ws_deflate_encode(pl_ws_deflate *self, const void *data, size_t len, pl_slice *result)
{
	pl_buffer *out = begin(&self->pool->deflated);
	z_stream *stream = deflate_of(self);
	int status = stream ? deflate_all(stream, out, data, len) : PL_ENOMEM;

	if (status) {
		pl_ws_deflate_forget(self);
		return status;
	}
	/* Behind an empty message there may be nothing to flush; then one empty block stands for it
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

void pl_ws_deflate_release(pl_ws_deflate *self, const void *message)
{
	pl_ws_deflate_pool *pool = self->pool;

	if (message == pool->deflated.data)
		begin(&pool->deflated);
	else if (message == pool->inflated.data)
		begin(&pool->inflated);
}

void pl_ws_deflate_forget(pl_ws_deflate *self)
{
	if (self->deflate)
		deflateReset(self->deflate);
}

static bool too_big(const pl_ws_inflation *self)
{
	return self->given > self->limit ||
	       self->blocks > FREE_BLOCKS + (self->taken + self->given) / BLOCK_MIN;
}

/* Inflates up to the end of a block, of the input or of the room. */
static int inflate_some(pl_ws_inflation *self)
{
	z_stream *stream = self->stream;
	size_t before_in = stream->avail_in;
	size_t before_out = stream->avail_out;
	int status = inflate(stream, Z_BLOCK);

	self->taken += before_in - stream->avail_in;
	self->given += before_out - stream->avail_out;
	if (stream->data_type & BLOCK_END)
		self->blocks++;
	if (too_big(self))
		return PL_ETOOBIG;
	/* A final block ends a deflate stream, not the message (7.2.3.4). */
	if (status == Z_STREAM_END)
		status = inflateResetKeep(stream);
	if (status == Z_MEM_ERROR)
		return PL_ENOMEM;
	return status == Z_OK || status == Z_BUF_ERROR ? PL_OK : PL_EPROTO;
}

int pl_ws_inflate_begin(pl_ws_inflation *self, pl_ws_deflate *deflate, size_t limit)
{
	*self = (pl_ws_inflation){ .stream = inflate_of(deflate), .limit = limit };
	if (!self->stream)
		return PL_ENOMEM;
	/* Others may inflate a message while this one comes. */
	if (deflate->receive_fresh)
		deflate->pool->inflate = NULL;
	return PL_OK;
}

void pl_ws_inflate_end(pl_ws_inflation *self, pl_ws_deflate *deflate)
{
	if (self->stream && deflate->receive_fresh) {
		free_inflate(deflate->pool->inflate);
		deflate->pool->inflate = self->stream;
	}
	self->stream = NULL;
}

int pl_ws_inflate(pl_ws_inflation *self, const uint8_t **data, size_t *len, uint8_t *out,
		  size_t room, size_t *given)
{
	z_stream *stream = self->stream;
	size_t before = self->given;
	int status;

	stream->next_in = (Bytef *)(uintptr_t)*data;
	stream->avail_in = (uInt)*len;
	stream->next_out = out;
	stream->avail_out = (uInt)room;
	do
		status = inflate_some(self);
	while (status == PL_OK && stream->avail_out > 0 &&
	       (stream->avail_in > 0 || stream->data_type & BLOCK_END));
	*data = stream->next_in;
	*len = stream->avail_in;
	*given = self->given - before;
	return status;
}

/* What the sender has left out: it ends an empty block, and is nothing but that. */
int pl_ws_inflate_tail(pl_ws_inflation *self)
{
	z_stream *stream = self->stream;
	size_t before = self->given;
	uint8_t nothing;
	int status;

	stream->next_in = (Bytef *)(uintptr_t)tail;
	stream->avail_in = sizeof(tail);
	stream->next_out = &nothing;
	stream->avail_out = sizeof(nothing);
	status = inflate_some(self);
	if (status)
		return status;
	return stream->avail_in == 0 && self->given == before &&
			       (stream->data_type & (BLOCK_END | UNUSED_BITS)) == BLOCK_END
		       ? PL_OK
		       : PL_EPROTO;
}

static int inflate_all(pl_ws_inflation *self, pl_buffer *out, const uint8_t *data, size_t len)
{
	size_t given;
	size_t room;
	int status;

	do {
		if (!make_room(out))
			return PL_ENOMEM;
		/* One byte more than the limit tells a message that is too big from one that
		 * fits. */
		room = (out->cap <= self->limit ? out->cap : self->limit + 1) - out->len;
		status = pl_ws_inflate(self, &data, &len, out->data + out->len, room, &given);
		out->len += given;
	} while (status == PL_OK && given == room);
	return status ? status : pl_ws_inflate_tail(self);
}

int pl_ws_deflate_decode(pl_ws_deflate *self, const void *data, size_t len, size_t limit,
			 pl_slice *result)
{
	pl_ws_inflation message = { .stream = inflate_of(self), .limit = limit };
	pl_buffer *out = begin(&self->pool->inflated);
	int status;

	*result = pl_slice_make(NULL, 0);
	if (!message.stream)
		return PL_ENOMEM;
	status = inflate_all(&message, out, data, len);
	if (status)
		begin(out);
	else
		*result = pl_slice_make((const char *)out->data, out->len);
	return status;
}
