/*
 * ws_deflate.h - permessage-deflate (RFC 7692) and deflate-frame: messages and frames through zlib.
 *
 * A direction whose every message starts anew (no context takeover) needs no memory of its own: it
 * borrows from a pool that all connections of a server share. One with takeover has its own zlib
 * state, made at its first message: 7 KiB and the window to inflate; to deflate 6 KiB, four times
 * the window, and 512 bytes << mem_level. That is 301 KiB with 15 bits and mem_level 8.
 */
#ifndef PL_WS_WS_DEFLATE_H
#define PL_WS_WS_DEFLATE_H

#include "base/buffer.h"
#include "codec/ws_extension.h"

/* zlib deflates with no less, and then refers back 250 bytes at most: that keeps to 8 bits, too. */
enum { PL_WS_DEFLATE_WINDOW_MIN = 9 };

typedef struct pl_ws_deflate pl_ws_deflate;
typedef struct pl_ws_deflate_pool pl_ws_deflate_pool;

/* One thread's. mem_level 1 to 9, level 1 to 9 as zlib has them. NULL without memory. */
pl_ws_deflate_pool *pl_ws_deflate_pool_new(int mem_level, int level);
void pl_ws_deflate_pool_free(pl_ws_deflate_pool *pool);

/* One connection's. The pool must outlive it. `server`: we are the server. NULL without memory. */
pl_ws_deflate *pl_ws_deflate_new(pl_ws_deflate_pool *pool, const pl_ws_deflate_terms *terms,
				 bool server);
void pl_ws_deflate_free(pl_ws_deflate *deflate);

/* Deflates a message. *out is the pool's, valid until the next encode with the same pool. PL_OK or
 * PL_ENOMEM, and then the next message does not refer to this one. */
int pl_ws_deflate_encode(pl_ws_deflate *deflate, const void *data, size_t len, pl_slice *out);

/* A message that was encoded is not sent after all: the next one must not refer to it. */
void pl_ws_deflate_forget(pl_ws_deflate *deflate);

/* Inflates a whole message, at most `limit` bytes. *out is the pool's, valid until the next decode,
 * and empty when it fails. PL_OK; PL_ETOOBIG (1009: checked while inflating, so that a bomb costs
 * at most the limit; also for more deflate blocks than any compressor makes of so much data);
 * PL_EPROTO (1007: no deflate data, or it does not end with a block, 7.2.1); PL_ENOMEM. */
int pl_ws_deflate_decode(pl_ws_deflate *deflate, const void *data, size_t len, size_t limit,
			 pl_slice *out);

/*
 * The same for a message that is wanted as it comes. `begin` takes a zlib state, `end` gives it
 * back; one inflation a connection at a time. After the last byte `tail` says whether the message
 * was whole. Errors as with decode; `limit` bounds all that an inflation gives.
 */
typedef struct pl_ws_inflation {
	struct z_stream_s *stream; /* NULL: none has begun */
	size_t limit;
	size_t given;
	size_t taken;  /* bytes of it, before inflating */
	size_t blocks; /* ends of deflate blocks so far */
} pl_ws_inflation;

int pl_ws_inflate_begin(pl_ws_inflation *inflation, pl_ws_deflate *deflate, size_t limit);
void pl_ws_inflate_end(pl_ws_inflation *inflation, pl_ws_deflate *deflate);

/* Takes from *data, *len as much as fits into out[0..room), which is at least one byte; *given is
 * how much was written. When that is `room` there may be more, also without new data. */
int pl_ws_inflate(pl_ws_inflation *inflation, const uint8_t **data, size_t *len, uint8_t *out,
		  size_t room, size_t *given);
int pl_ws_inflate_tail(pl_ws_inflation *inflation);

/* What encode or decode gave is not needed any more: a pool's buffer that is large is freed. */
void pl_ws_deflate_release(pl_ws_deflate *deflate, const void *message);

/* Whether it is deflate-frame: each frame is deflated by itself or not at all. */
bool pl_ws_deflate_by_frame(const pl_ws_deflate *deflate);

/* Whether what this connection deflates could be sent on another one for which this gives the same
 * number: 0 for "no", else the window bits, 9 to 15. */
uint8_t pl_ws_deflate_sharing(const pl_ws_deflate *deflate);

#endif
