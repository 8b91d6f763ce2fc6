/*
 * watch.h - tells of changes to a file, or to what is in a folder.
 *
 * A folder is watched for what happens to its entries, not to those of folders within it. A file is
 * watched by its name: replacing it by another is a change, and so is its coming back.
 */
#ifndef PL_NET_WATCH_H
#define PL_NET_WATCH_H

#include <stdbool.h>

#include "net/loop.h"

typedef struct pl_watch pl_watch;

/* `name`: the entry of the folder that was made, written, renamed or removed; NULL when the system
 * does not say. `status` < 0: the watching has ended. */
typedef void pl_watch_changed(void *owner, const char *name, int status);

/* Watches the folder `path`; with `name`, only that entry of it. Both are copied. Does not hold the
 * loop. PL_OK, PL_ENOENT, PL_EACCES, PL_ENOTDIR, PL_EMFILE (too many watches), PL_ENOMEM.
 * The folder is looked up on this thread: one system call. */
int pl_watch_start(pl_watch **watch, pl_loop *loop, const char *path, const char *name,
		   pl_watch_changed *changed, void *owner);

/* No call comes any more; NULL is allowed. */
void pl_watch_stop(pl_watch *watch);

#endif
