/*
 * memory.h - a stream whose other end is the test that holds it.
 *
 * Output collects in `sent`; input is what the test feeds. `room` bounds what a flush
 * takes, so that blocked output can be seen.
 */
#ifndef PL_NET_MEMORY_H
#define PL_NET_MEMORY_H

#include "base/buffer.h"
#include "net/stream.h"

typedef struct pl_memory {
	pl_stream stream;
	pl_buffer sent;
	size_t room;   /* bytes that flushes may still take; SIZE_MAX at first */
	bool finished; /* pl_stream_finish was called and all output is in `sent` */
	bool shut;     /* the same of pl_stream_shut */
	bool closed;   /* the owner has had its `closed` */
	int status;    /* what it was given */
	pl_deferred end_of_turn;
	bool finishing;
} pl_memory;

void pl_memory_init(pl_memory *memory, pl_loop *loop);
void pl_memory_deinit(pl_memory *memory);

/* Gives bytes to the owner (from a copy, so that borrowing mistakes show). False when
 * the stream is paused or closing: nothing was given. */
bool pl_memory_feed(pl_memory *memory, const void *data, size_t len);
void pl_memory_end(pl_memory *memory);		     /* the peer ends its direction */
void pl_memory_open(pl_memory *memory, size_t room); /* more room: flushes, may drain */

#endif
