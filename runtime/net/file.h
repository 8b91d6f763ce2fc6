/*
 * file.h - files below a root, read on the thread pool.
 */
#ifndef PL_NET_FILE_H
#define PL_NET_FILE_H

#include <stdint.h>

#include "base/slice.h"
#include "net/loop.h"

enum { PL_FILE_PIECE = 65536 };

typedef struct pl_file pl_file;

typedef struct pl_file_events {
	/* The file is open with its size, or status says why not: PL_ENOENT, PL_EACCES, PL_EISDIR,
	 * PL_EMFILE, PL_ENOMEM, PL_EIO; then the file is gone when this returns. */
	void (*opened)(void *owner, pl_file *file, int status, int64_t size);
	/* The piece asked for; len 0 at the end of the file; status < 0 on failure. Borrowed. */
	void (*read)(void *owner, pl_file *file, int status, const uint8_t *data, size_t len);
} pl_file_events;

/* Opens `path` (relative, no NUL) below the folder `root`; both are copied. The path is followed
 * inside root only: no "..", no symbolic link that leads out (openat2 RESOLVE_BENEATH). PL_OK:
 * `opened` will come; or PL_ENOMEM. */
int pl_file_open(pl_file **file, pl_loop *loop, const char *root, pl_slice path,
		 const pl_file_events *events, void *owner);

/* Reads the next piece, at most PL_FILE_PIECE bytes; one at a time. PL_OK or PL_ENOMEM. */
int pl_file_read(pl_file *file);

/* No callback comes any more. Safe at any time, also while a piece is being read. */
void pl_file_close(pl_file *file);

#endif
