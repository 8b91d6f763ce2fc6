#include "net/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/beneath.h"

/* A pipe must not be waited for, a terminal not become ours. */
enum { READING = O_RDONLY | O_NONBLOCK | O_NOCTTY };

/* What the kernel finds in its cache of names, or EAGAIN. */
static int open_cached(int folder, const char *path, int how_to, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(how_to | O_CLOEXEC),
				.resolve = resolve | RESOLVE_CACHED };

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static int open_cached_below(const char *root, const char *path, int how_to, unsigned flags)
{
	uint64_t resolve = flags & PL_FILE_ANYWHERE ? 0 : RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	int folder = open_cached(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
	int fd;
	int error;

	if (folder < 0)
		return -1;
	fd = open_cached(folder, path[0] ? path : ".", how_to, resolve);
	error = errno;
	close(folder);
	errno = error;
	return fd;
}

static int open_anywhere(const char *root, const char *path)
{
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;
	int error;

	if (folder < 0)
		return -1;
	fd = openat(folder, path[0] ? path : ".", READING | O_CLOEXEC);
	error = errno;
	close(folder);
	errno = error;
	return fd;
}

/* A descriptor, or -1 and errno. With PL_FILE_WAIT it can always be read from. */
static int open_below(const char *root, const char *path, int how_to, unsigned flags)
{
	if (!(flags & PL_FILE_WAIT))
		return open_cached_below(root, path, how_to, flags);
	if (flags & PL_FILE_ANYWHERE)
		return open_anywhere(root, path);
	return pl_beneath_open(root, path);
}

static int open_status(int error, unsigned flags)
{
	/* EXDEV and ELOOP: a way out of the root. There is no such file, as far as a peer is told.
	 */
	if (error == EXDEV || error == ELOOP || error == ENOTDIR || error == ENAMETOOLONG)
		return PL_ENOENT;
	/* Linux before 5.12 does not know RESOLVE_CACHED; a filter may hide openat2. */
	if ((error == EINVAL || error == ENOSYS || error == EPERM) && !(flags & PL_FILE_WAIT))
		return PL_EAGAIN;
	return pl_status_from_errno(error);
}

static int64_t nanoseconds(const struct statx_timestamp *time)
{
	return time->tv_sec * 1000000000 + time->tv_nsec;
}

static int read_info(int fd, pl_file_info *info, unsigned flags)
{
	int how = AT_EMPTY_PATH | (flags & PL_FILE_WAIT ? 0 : AT_STATX_DONT_SYNC);
	struct statx said;

	if (statx(fd, "", how, STATX_BASIC_STATS, &said))
		return pl_status_from_errno(errno);
	if (S_ISDIR(said.stx_mode))
		return PL_EISDIR;
	if (!S_ISREG(said.stx_mode))
		return PL_EACCES;
	info->device = (uint64_t)said.stx_dev_major << 32 | said.stx_dev_minor;
	info->inode = said.stx_ino;
	info->size = (int64_t)said.stx_size;
	info->modified = nanoseconds(&said.stx_mtime);
	info->changed = nanoseconds(&said.stx_ctime);
	return PL_OK;
}

int pl_file_open(pl_file **result, const char *root, const char *path, unsigned flags)
{
	int fd = open_below(root, path, READING, flags);
	pl_file_info info;
	pl_file *file = NULL;
	int status;

	if (fd < 0)
		return open_status(errno, flags);
	status = read_info(fd, &info, flags);
	if (!status)
		file = pl_alloc(sizeof(*file));
	if (!file) {
		close(fd);
		return status ? status : PL_ENOMEM;
	}
	*file = (pl_file){ .refs = 1, .fd = fd, .eager = true, .info = info };
	*result = file;
	return PL_OK;
}

int pl_file_look(pl_file_info *info, const char *root, const char *path, unsigned flags)
{
	int fd = open_below(root, path, O_PATH, flags);
	int status;

	if (fd < 0)
		return open_status(errno, flags);
	status = read_info(fd, info, flags);
	close(fd);
	return status;
}

int pl_file_look_again(const pl_file *file, pl_file_info *info, unsigned flags)
{
	return read_info(file->fd, info, flags);
}

pl_file *pl_file_ref(pl_file *file)
{
	file->refs++;
	return file;
}

void pl_file_unref(pl_file *file)
{
	if (!file || --file->refs > 0)
		return;
	close(file->fd);
	pl_free(file);
}

static ssize_t read_some(const pl_file *file, void *data, size_t len, int64_t offset, int how)
{
	struct iovec piece = { data, len };
	ssize_t n;

	do
		n = preadv2(file->fd, &piece, 1, offset, how);
	while (n < 0 && errno == EINTR);
	return n;
}

int64_t pl_file_read(pl_file *file, void *data, size_t len, int64_t offset, unsigned flags)
{
	uint8_t *at = data;
	bool wait = flags & PL_FILE_WAIT;
	size_t got = 0;

	if (!wait && !file->eager)
		return PL_EAGAIN;
	if (!wait)
		file->tried = true;
	while (got < len) {
		ssize_t n = read_some(file, at + got, len - got, offset + (int64_t)got,
				      wait ? 0 : RWF_NOWAIT);

		if (n < 0 && got > 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno == EOPNOTSUPP && !wait)
			file->eager = false; /* not every file system can */
		if (n < 0)
			return errno == EOPNOTSUPP ? PL_EAGAIN : pl_status_from_errno(errno);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (int64_t)got;
}

static bool probe(pl_file *file, int64_t offset, int64_t len)
{
	int64_t last = offset + len - 1;
	uint8_t byte;

	for (; offset < last; offset += PL_FILE_PROBE)
		if (pl_file_read(file, &byte, 1, offset, 0) < 0)
			return false;
	return pl_file_read(file, &byte, 1, last, 0) >= 0;
}

/* One stretch is known: it grows at its end, from its begin's time on. */
bool pl_file_cached(pl_file *file, int64_t offset, int64_t len, uint64_t now)
{
	bool known = file->warm_end > file->warm_first && now - file->warm_at < PL_FILE_WARM &&
		     offset >= file->warm_first && offset <= file->warm_end;

	if (known && offset + len <= file->warm_end)
		return true;
	if (!probe(file, offset, len))
		return false;
	if (!known) {
		file->warm_first = offset;
		file->warm_at = now;
	}
	file->warm_end = offset + len;
	return true;
}
