/*
 * lua_fs_internal.h - shared by the files of lua_fs.h: one operation on the thread pool, open
 * files.
 *
 * An operation is made, filled in, and started; then it belongs to the pool until it is done, also
 * when the task that waits is cancelled or the script ends meanwhile. It owns all that it works on:
 * paths and data are copies, an open file is counted.
 */
#ifndef PL_LUA_LUA_FS_INTERNAL_H
#define PL_LUA_LUA_FS_INTERNAL_H

#include <lauxlib.h>

#include "lua/lua_script.h"
#include "net/fs.h"

/* An open file, shared by the script's userdata and the operations on it, which run one at a time.
 */
typedef struct fs_file {
	pl_loop *loop;
	int fd; /* -1: not open, or closed */
	int refs;
	struct fs_op *running;
	pl_list queue;
	int64_t position; /* of what `read` gives next; while nothing runs, or for what runs */
	pl_buffer ahead;  /* what follows there, read already, from `used` on */
	size_t used;
	bool at_end; /* nothing follows `ahead` */
	char name[]; /* for messages */
} fs_file;

typedef struct fs_op {
	pl_wait wait;
	bool waiting; /* a task does */
	pl_loop *loop;
	pl_list node; /* in the file's queue */
	fs_file *file;
	void (*run)(struct fs_op *op); /* on a thread of the pool: sets status and results */
	int (*push)(lua_State *L, const struct fs_op *op); /* results when status is PL_OK */
	int status;
	const char *path; /* for messages too */
	const char *other;
	pl_buffer in;
	pl_buffer out;
	int64_t number; /* an offset, a size, a limit */
	int64_t limit;
	int mode;
	int flags;
	bool option;
	pl_fs_writing writing;
	struct stat info;
} fs_op;

/* An operation on the paths at `path` and `other` (0: none); on the file at 1. They throw when the
 * arguments are wrong, when waiting is impossible, and without memory: check other arguments first.
 */
fs_op *pl_fs_op_new(lua_State *L, int path, int other);
fs_op *pl_fs_op_file(lua_State *L);

/* `return pl_fs_op_start(L, op);`: the task waits for it. */
int pl_fs_op_start(lua_State *L, fs_op *op);

/* An operation that is not to be started: nil, message, code. */
int pl_fs_op_fail(lua_State *L, fs_op *op, int status);

void pl_fs_op_free(fs_op *op);

int pl_fs_push_true(lua_State *L, const fs_op *op);
int pl_fs_push_out(lua_State *L, const fs_op *op);  /* the bytes of `out` */
int pl_fs_push_stat(lua_State *L, const fs_op *op); /* a table of `info` */

/* Files. */
fs_file *pl_fs_file_new(pl_loop *loop,
			const char *name);	    /* with one reference; NULL without memory */
void pl_fs_file_unref(fs_file *file);		    /* the last closes it, on the pool */
int pl_fs_push_file(lua_State *L, const fs_op *op); /* the userdata of op->file */
fs_file *pl_fs_file_at(lua_State *L, int index);    /* throws when it is none */
void pl_lua_open_fs_file(lua_State *L);		    /* adds functions to the table at the top */

/* Watching. */
void pl_lua_open_fs_watch(lua_State *L); /* the same */

#endif
