/*
 * sendfile.h - parts of files from the page cache to a socket (sendfile(2)).
 *
 * sendfile waits for the disk where the cache has gaps, which the loop's thread must not: a part is
 * looked at first (pl_file_cached), and read in by the thread pool when it is not there.
 */
#ifndef PL_NET_SENDFILE_H
#define PL_NET_SENDFILE_H

#include "net/loop.h"
#include "net/output.h"

enum {
	PL_SENDFILE_PIECE = 1 << 20, /* bytes that one call sends at most */
	PL_SENDFILE_TURN = 1 << 20   /* bytes that a stream sends in one flush */
};

typedef enum pl_sendfile_result {
	PL_SENDFILE_SENT, /* some, or all, of the part; or bytes are before it now: go on */
	PL_SENDFILE_FULL, /* the socket takes no more */
	PL_SENDFILE_COLD  /* has to be read in */
} pl_sendfile_result;

/* `now` is the loop's. Sends from the part at the front of the output, at most PL_SENDFILE_PIECE
 * bytes, and consumes it. `warm`: it was just read in. `sent` gets how many bytes went. A
 * pl_sendfile_result, or < 0: PL_EIO (also for a file that has become shorter), PL_ENOMEM, what the
 * socket says. */
int pl_sendfile(int fd, pl_output *output, pl_chunk_pool *pool, bool warm, uint64_t now,
		size_t *sent);

/* A stream that waits: for the thread pool to read a file in, or for its next turn. */
typedef struct pl_sendfile_wait pl_sendfile_wait;

/* Calls `done` at the end of this turn or of a later one: when the first PL_SENDFILE_PIECE bytes of
 * the output's part were read in (`warm`), or else in the next turn. NULL without memory. */
pl_sendfile_wait *pl_sendfile_wait_new(pl_loop *loop, const pl_chunk *part, bool warm,
				       void (*done)(void *owner, bool warm), void *owner);

/* `done` will not come. It frees itself. */
void pl_sendfile_wait_drop(pl_sendfile_wait *wait);

#endif
