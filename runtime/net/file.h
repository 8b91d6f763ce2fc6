/*
 * file.h - files below a folder: looked at, opened and read at once, or not at all.
 *
 * With PL_FILE_WAIT a call may wait for a disk or a network: it is for the thread pool (work.h).
 * Without, it does what the kernel can do from its caches, for the loop's thread, and says
 * PL_EAGAIN where it would have to wait (RESOLVE_CACHED, AT_STATX_DONT_SYNC, RWF_NOWAIT).
 */
#ifndef PL_NET_FILE_H
#define PL_NET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PL_FILE_WAIT = 1,
	PL_FILE_ANYWHERE = 2 /* links may lead out of the folder */
};

/* What tells one state of a file from another. Times are nanoseconds since 1970. */
typedef struct pl_file_info {
	uint64_t device;
	uint64_t inode;
	int64_t size;
	int64_t modified;
	int64_t changed; /* also by a new mode, owner or name */
} pl_file_info;

typedef struct pl_file {
	uint32_t refs; /* taken and given back by one thread */
	int fd;
	bool eager; /* RWF_NOWAIT works here, as far as was tried */
	bool tried;
	int64_t warm_first; /* where what was seen in memory begins, */
	int64_t warm_end;   /* and ends */
	uint64_t warm_at;   /* when, in ms */
	pl_file_info info;
} pl_file;

/*
 * Opens the regular file `path` below the folder `root`, for reading; its info is that of the open
 * file. No link on the way leads out of root, and no ".." (beneath.h), unless PL_FILE_ANYWHERE.
 * PL_OK with one reference; PL_EAGAIN; PL_ENOENT (also for a way out, and when root is no folder),
 * PL_EISDIR, PL_EACCES (also what is no regular file), PL_EMFILE, PL_ENOMEM, PL_EIO.
 */
int pl_file_open(pl_file **file, const char *root, const char *path, unsigned flags);

/* The info of what pl_file_open would open, or why it would not. */
int pl_file_look(pl_file_info *info, const char *root, const char *path, unsigned flags);

/* The info of an open file as it is now. PL_OK, or as above. */
int pl_file_look_again(const pl_file *file, pl_file_info *info, unsigned flags);

pl_file *pl_file_ref(pl_file *file);
void pl_file_unref(pl_file *file); /* NULL is allowed; closes with the last reference */

/* Up to len bytes from offset: how many, less only at the end of the file or, without PL_FILE_WAIT,
 * where the cache ends; PL_EAGAIN when that is at once; PL_EIO. */
int64_t pl_file_read(pl_file *file, void *data, size_t len, int64_t offset, unsigned flags);

/* Whether these bytes seem to be in memory, so that sendfile would not wait for them: whether they
 * were when they were last asked for, less than PL_FILE_WARM ago (`now` is in ms); else a byte of
 * every PL_FILE_PROBE is looked at, as much as the system reads ahead at once. */
enum { PL_FILE_PROBE = 128 * 1024, PL_FILE_WARM = 1000 };
bool pl_file_cached(pl_file *file, int64_t offset, int64_t len, uint64_t now);

static inline bool pl_file_same(const pl_file_info *a, const pl_file_info *b)
{
	return a->inode == b->inode && a->size == b->size && a->modified == b->modified &&
	       a->changed == b->changed && a->device == b->device;
}

#endif
