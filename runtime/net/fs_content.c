/* fs_content.c - what is in files: reading, writing, copying. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "base/alloc.h"
#include "net/fs_internal.h"

enum { PIECE = 65536, COPY_PIECE = 1 << 30, NUMBER_MAX = 40 };

/* O_NONBLOCK, for a FIFO would make us wait for its other end. */
int pl_fs_open(const char *path, int flags, int mode, int *fd)
{
	struct stat info;
	int status;

	*fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
	if (*fd < 0)
		return errno == ENXIO ? PL_ENOTSUP : pl_status_from_errno(errno);
	status = pl_fs_status(fstat(*fd, &info));
	if (!status && S_ISDIR(info.st_mode))
		status = PL_EISDIR;
	if (!status && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)))
		status = PL_ENOTSUP;
	if (status)
		close(*fd);
	return status;
}

/* Reads once into `out`, which has room for `room` bytes; *got is 0 at the end. Devices have no
 * offset. */
static int read_once(int fd, int64_t offset, size_t room, pl_buffer *out, size_t *got)
{
	ssize_t n;

	do {
		n = pread(fd, out->data + out->len, room, offset);
		if (n < 0 && errno == ESPIPE)
			n = read(fd, out->data + out->len, room);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return pl_status_from_errno(errno);
	*got = (size_t)n;
	out->len += (size_t)n;
	return PL_OK;
}

int pl_fs_read_at(int fd, int64_t offset, size_t len, pl_buffer *out)
{
	size_t got = 1;
	int status = PL_OK;

	while (len > 0 && got > 0 && !status) {
		size_t room = len < PIECE ? len : PIECE;

		status = pl_buffer_reserve(out, room);
		if (!status)
			status = read_once(fd, offset, room, out, &got);
		if (!status) {
			offset += (int64_t)got;
			len -= got;
		}
	}
	return status;
}

/* The size is a hint: files of /proc say 0, and a file may grow meanwhile. */
static int read_whole(int fd, int64_t max, pl_buffer *out)
{
	size_t before = out->len;
	struct stat info;
	int status = pl_fs_status(fstat(fd, &info));

	if (status)
		return status;
	if (info.st_size > max)
		return PL_ETOOBIG;
	if (info.st_size > 0)
		status = pl_buffer_reserve(out, (size_t)info.st_size + 1);
	if (!status)
		status = pl_fs_read_at(fd, 0, (size_t)max + 1, out);
	if (!status && out->len - before > (size_t)max)
		status = PL_ETOOBIG;
	return status;
}

int pl_fs_read(const char *path, int64_t max, pl_buffer *out)
{
	int fd;
	int status = pl_fs_open(path, O_RDONLY, 0, &fd);

	if (status)
		return status;
	status = read_whole(fd, max, out);
	close(fd);
	return status;
}

int pl_fs_write_at(int fd, const void *data, size_t len, int64_t offset)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, at, len, offset);

		if (n < 0 && errno == ESPIPE)
			n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_status_from_errno(errno);
		at += n;
		offset += n;
		len -= (size_t)n;
	}
	return PL_OK;
}

/* close tells of errors that some file systems find out late. */
static int close_written(int fd, bool sync, int status)
{
	if (!status && sync)
		status = pl_fs_status(fsync(fd));
	if (close(fd) && !status && errno != EINTR)
		status = pl_status_from_errno(errno);
	return status;
}

static int write_in_place(const char *path, const void *data, size_t len, const pl_fs_writing *how)
{
	int flags = O_WRONLY | O_CREAT | (how->append ? O_APPEND : O_TRUNC) |
		    (how->exclusive ? O_EXCL : 0);
	int fd;
	int status = pl_fs_open(path, flags, how->mode < 0 ? 0666 : how->mode, &fd);

	if (status)
		return status;
	status = pl_fs_write_at(fd, data, len, 0);
	return close_written(fd, how->sync, status);
}

/* A rename is on the disk when its folder is. */
static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = pl_alloc(strlen(path) + 2);
	int status;
	int fd;

	if (!folder)
		return PL_ENOMEM;
	snprintf(folder, strlen(path) + 2, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pl_free(folder);
	if (fd < 0)
		return pl_status_from_errno(errno);
	status = pl_fs_status(fsync(fd));
	close(fd);
	return status == PL_EINVAL ? PL_OK : status; /* a file system that has nothing to sync */
}

/* A new file beside `path`, whose name is written to `temporary`: that of `path` with a number. */
static int open_beside(char *temporary, size_t size, const char *path, int mode, int *fd)
{
	static atomic_uint next;
	int status = PL_EEXIST;
	int tries;

	for (tries = 0; status == PL_EEXIST && tries < 1000; tries++) {
		snprintf(temporary, size, "%s.%ld-%u", path, (long)getpid(),
			 atomic_fetch_add(&next, 1));
		status = pl_fs_open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode, fd);
	}
	return status;
}

/* Without a mode of its own, it gets that of the file which it replaces. */
static int take_mode(int fd, const char *path, const pl_fs_writing *how)
{
	struct stat info;

	if (how->mode >= 0 || stat(path, &info))
		return PL_OK;
	return pl_fs_status(fchmod(fd, info.st_mode & 07777));
}

/* The new file gets its name: in place of the old one, or only if there is none. */
static int put_in_place(const char *temporary, const char *path, bool exclusive)
{
	int status;

	if (!exclusive)
		return pl_fs_status(rename(temporary, path));
	status = pl_fs_status(link(temporary, path));
	if (!status)
		unlink(temporary);
	return status;
}

static int write_beside(char *temporary, size_t size, const char *path, const void *data,
			size_t len, const pl_fs_writing *how)
{
	int fd;
	int status = open_beside(temporary, size, path, how->mode < 0 ? 0666 : how->mode, &fd);

	if (status)
		return status;
	status = pl_fs_write_at(fd, data, len, 0);
	if (!status)
		status = take_mode(fd, path, how);
	status = close_written(fd, true, status);
	if (!status)
		status = put_in_place(temporary, path, how->exclusive);
	if (status) {
		unlink(temporary);
		return status;
	}
	return sync_folder_of(path);
}

/* Through a link: the file that it means is replaced, not the link. */
static int write_atomic(const char *path, const void *data, size_t len, const pl_fs_writing *how)
{
	char *real = realpath(path, NULL);
	const char *target = real ? real : path;
	size_t size = strlen(target) + NUMBER_MAX;
	char *temporary = pl_alloc(size);
	struct stat info;
	int status = PL_ENOMEM;

	if (temporary && stat(target, &info) == 0 && S_ISDIR(info.st_mode))
		status = PL_EISDIR;
	else if (temporary)
		status = write_beside(temporary, size, target, data, len, how);
	pl_free(temporary);
	free(real);
	return status;
}

int pl_fs_write(const char *path, const void *data, size_t len, const pl_fs_writing *how)
{
	return how->atomic ? write_atomic(path, data, len, how)
			   : write_in_place(path, data, len, how);
}

/* The kernel copies; where it cannot (files of /proc) we do. */
static int copy_contents(int from, int to)
{
	pl_buffer piece = { 0 };
	int64_t offset = 0;
	ssize_t n;
	int status;

	do
		n = sendfile(to, from, NULL, COPY_PIECE);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0)
		return PL_OK;
	if (errno != EINVAL && errno != ENOSYS)
		return pl_status_from_errno(errno);
	do {
		piece.len = 0;
		status = pl_fs_read_at(from, offset, PIECE, &piece);
		if (!status)
			status = pl_fs_write_at(to, piece.data, piece.len, offset);
		offset += (int64_t)piece.len;
	} while (!status && piece.len > 0);
	pl_buffer_deinit(&piece);
	return status;
}

/* The target is emptied only when it is known not to be the source. */
static int copy_to(int from, const struct stat *source, const char *to, bool overwrite)
{
	struct stat target;
	int fd;
	int status = pl_fs_open(to, O_WRONLY | O_CREAT | (overwrite ? 0 : O_EXCL),
				(int)(source->st_mode & 0777), &fd);

	if (status)
		return status;
	status = pl_fs_status(fstat(fd, &target));
	if (!status && target.st_dev == source->st_dev && target.st_ino == source->st_ino)
		status = PL_EINVAL;
	if (!status && S_ISREG(target.st_mode))
		status = pl_fs_status(ftruncate(fd, 0));
	if (!status)
		status = copy_contents(from, fd);
	return close_written(fd, false, status);
}

int pl_fs_copy(const char *from, const char *to, bool overwrite)
{
	struct stat info;
	int fd;
	int status = pl_fs_open(from, O_RDONLY, 0, &fd);

	if (status)
		return status;
	status = pl_fs_status(fstat(fd, &info));
	if (!status && !S_ISREG(info.st_mode))
		status = PL_ENOTSUP; /* a device may have no end */
	if (!status)
		status = copy_to(fd, &info, to, overwrite);
	close(fd);
	return status;
}
