/*
 * fs.h - what a script does to the file system, each as one call that may block.
 *
 * All of them are to be called on a thread of the pool (work.h), never on the loop's. They touch
 * nothing but their arguments. Paths end in a NUL. A call returns PL_OK or a status: PL_ENOENT,
 * PL_EACCES, PL_EEXIST and so on, as errno has them.
 */
#ifndef PL_NET_FS_H
#define PL_NET_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"

enum {
	PL_FS_DEPTH = 256, /* folders within folders that pl_fs_remove goes down */
	PL_FS_MODE_NONE = -1,
};

typedef struct pl_fs_writing {
	int mode;	/* permissions of a new file, less the umask; PL_FS_MODE_NONE: 0666 */
	bool append;	/* behind what is there */
	bool exclusive; /* PL_EEXIST when there is a file */
	bool atomic; /* whoever reads sees the old file or the new one; keeps the old one's mode */
	bool sync;   /* on the disk when the call returns; implied by atomic */
} pl_fs_writing;

/* Opens a file; waits neither for a FIFO's other end nor for a device. PL_ENOTSUP for FIFOs and
 * sockets, PL_EISDIR for folders. `flags` are those of open(2). */
int pl_fs_open(const char *path, int flags, int mode, int *fd);

/* Appends the whole file to `out`. PL_ETOOBIG when it has more than `max` bytes. */
int pl_fs_read(const char *path, int64_t max, pl_buffer *out);

int pl_fs_write(const char *path, const void *data, size_t len, const pl_fs_writing *how);

/* Writes all of it at `offset`; at the present end when the file was opened with O_APPEND. */
int pl_fs_write_at(int fd, const void *data, size_t len, int64_t offset);

/* Appends up to `len` bytes from `offset` to `out`: fewer only at the end of the file. */
int pl_fs_read_at(int fd, int64_t offset, size_t len, pl_buffer *out);

/* Contents and permissions of a file. PL_EINVAL when both are the same file. */
int pl_fs_copy(const char *from, const char *to, bool overwrite);

/* `parents`: makes those that are missing, and a folder that is there is no error. */
int pl_fs_make_folder(const char *path, int mode, bool parents);

/* A file, a link, an empty folder; `recursive`: a folder with all that is in it. Links are removed
 * and not followed, also while others change the tree. PL_ELIMIT below PL_FS_DEPTH. */
int pl_fs_remove(const char *path, bool recursive);

/* Appends an entry for each name but "." and "..": a byte of pl_fs_type, the name, a NUL, in the
 * order of the names. PL_ELIMIT when there are more than `max`. */
int pl_fs_list(const char *path, size_t max, pl_buffer *out);

/* What kind of thing st_mode says it is: a letter. */
enum pl_fs_type {
	PL_FS_FILE = 'f',
	PL_FS_FOLDER = 'd',
	PL_FS_LINK = 'l',
	PL_FS_FIFO = 'p',
	PL_FS_SOCKET = 's',
	PL_FS_BLOCK = 'b',
	PL_FS_CHARACTER = 'c',
	PL_FS_UNKNOWN = '?',
};
enum pl_fs_type pl_fs_type_of(mode_t mode);

/* The target of a link, or the path without links, "." and "..": appended, without NUL. */
int pl_fs_read_link(const char *path, pl_buffer *out);
int pl_fs_real_path(const char *path, pl_buffer *out);

/* Gives a file another name, or, if that is taken, one like it ("a-2.txt"). No other file is
 * replaced, whoever makes one meanwhile; until it has its bytes the name is an empty file. Its
 * permissions become those of a new file. Appends the path to `out`, without NUL. PL_ELIMIT when no
 * name is free. Also to another file system, where the bytes are copied. */
int pl_fs_place(const char *from, const char *wanted, pl_buffer *out);

/* `path` ends in XXXXXX, which become a name that is free: an empty file for our eyes only, open
 * for reading and writing, or a folder. Behind the XXXXXX of a file may be `ending` more bytes. */
int pl_fs_temporary_file(char *path, size_t ending, int *fd);
int pl_fs_temporary_folder(char *path);

#endif
