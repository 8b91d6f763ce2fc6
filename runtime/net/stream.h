/*
 * stream.h - an ordered flow of bytes both ways: TCP, TLS, memory, a tunnel.
 *
 * Sessions know only this. Input is pushed: the `data` callback gets bytes that are
 * borrowed, may be changed in place, and are gone when it returns. Output is collected in chunks
 * and flushed once at the end of the loop's turn. Calls made inside a callback are always safe: a
 * stream is never freed before its `closed` callback, and that never comes from within another
 * call.
 */
#ifndef PL_NET_STREAM_H
#define PL_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/block.h"
#include "net/loop.h"
#include "net/output.h"

typedef struct pl_stream pl_stream;

typedef struct pl_stream_events {
	void (*data)(void *owner, uint8_t *data, size_t len);
	/* Where the bytes are wanted that are read next, at most *len, so that they need not be
	 * copied: `data` follows, with this address or with bytes that were read before, or
	 * nothing. NULL: anywhere, as when there is no such function. */
	uint8_t *(*room)(void *owner, size_t *len);
	void (*end)(void *owner);		 /* the peer has sent its last byte */
	void (*drain)(void *owner);		 /* output that was blocked is all sent */
	void (*closed)(void *owner, int status); /* last; PL_OK after pl_stream_finish */
} pl_stream_events;

typedef struct pl_stream_ops {
	void (*flush)(pl_stream *stream); /* send stream->output as far as it goes */
	void (*pause)(pl_stream *stream);
	void (*resume)(pl_stream *stream);
	void (*finish)(pl_stream *stream);
	void (*shut)(pl_stream *stream);
	void (*abort)(pl_stream *stream, int status);
	void (*address)(pl_stream *stream, bool local, pl_address *address);
	bool files; /* flush can send parts of files (pl_output_file) */
} pl_stream_ops;

struct pl_stream {
	const pl_stream_ops *ops;
	const pl_stream_events *events;
	void *owner;
	pl_loop *loop;
	pl_output output;
	pl_deferred flush;
	uint32_t write_timeout; /* ms without progress of blocked output, then PL_ETIMEDOUT */
	bool blocked;		/* the last flush left bytes; `drain` will come */
	bool paused;
	bool shut;    /* pl_stream_shut was called: writes are refused */
	bool abrupt;  /* set by the owner while an end would be taken for one in order: an abort, or
		       * a failure, is then seen as such where the transport can show it */
	bool closing; /* finish or abort was called, or the stream failed: writes are refused */
};

/* For implementations: sets everything but events and owner. */
void pl_stream_init(pl_stream *stream, const pl_stream_ops *ops, pl_loop *loop);

/* Hands the stream to an owner; may be called again to hand it on (an upgrade). */
void pl_stream_own(pl_stream *stream, const pl_stream_events *events, void *owner);

/* Room for n contiguous bytes of output; NULL when closing or out of memory. Then
 * commit how many of them were written (0..n). */
uint8_t *pl_stream_reserve(pl_stream *stream, size_t n);
void pl_stream_commit(pl_stream *stream, size_t n);

/* Copies. PL_OK, PL_ECLOSED or PL_ENOMEM; never partly. */
int pl_stream_write(pl_stream *stream, const void *data, size_t len);

/* Queues a part of a shared block by reference. */
int pl_stream_write_block(pl_stream *stream, pl_block *block, size_t at, size_t len);

/* Queues a part of a file by reference; what is sent is what the file has then. A file that has
 * become shorter closes the stream (PL_EIO). PL_OK, PL_ECLOSED, PL_ENOMEM, or PL_ENOTSUP: this
 * stream has to be given bytes. */
int pl_stream_write_file(pl_stream *stream, pl_file *file, size_t at, size_t len);

/* Copies a short write (at most PL_CHUNK_SMALL bytes), while the output is blocked ahead of all
 * writes that have not begun to leave; `slot` as in pl_output_insert. */
int pl_stream_overtake(pl_stream *stream, uint8_t slot, const void *data, size_t len);

/* Drops the writes that wait behind blocked output. */
void pl_stream_cut(pl_stream *stream);

/* Takes back what was written in this call of the owner: `len` bytes stay queued. */
void pl_stream_rewind(pl_stream *stream, size_t len);

/* Sends now what is queued instead of at the end of the turn: for output that grows large. */
void pl_stream_flush_now(pl_stream *stream);

/* Bytes of output not yet handed to the system. */
size_t pl_stream_queued(const pl_stream *stream);

/* For implementations: the next bytes of output, if there are any; the first n of it have been
 * sent; what is left will not be. */
bool pl_stream_peek(const pl_stream *stream, pl_output_piece *piece);
void pl_stream_consume(pl_stream *stream, size_t n);
void pl_stream_clear(pl_stream *stream);

/* For implementations: where the owner wants the next bytes; NULL: anywhere. */
uint8_t *pl_stream_room(pl_stream *stream, size_t *len);

/* While paused no `data` and no `end` comes. */
void pl_stream_pause(pl_stream *stream);
void pl_stream_resume(pl_stream *stream);

/* Sends what is queued, ends our direction, discards input until the peer ends its own (at most
 * PL_STREAM_LINGER ms and bytes), closes: so that our last words are not lost to a reset. */
enum { PL_STREAM_LINGER = 2000, PL_STREAM_LINGER_BYTES = 16 << 20 };
void pl_stream_finish(pl_stream *stream);

/* Sends what is queued, then ends our direction; the peer's goes on until its own end. */
void pl_stream_shut(pl_stream *stream);

/* Drops what is queued and closes at once; `closed` gets the status. */
void pl_stream_abort(pl_stream *stream, int status);

/* Takes it from its owner, who hears no more of it, and closes at once. */
void pl_stream_drop(pl_stream *stream);

void pl_stream_peer(pl_stream *stream, pl_address *address);
void pl_stream_local(pl_stream *stream, pl_address *address);

#endif
