#include "net/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/beneath.h"
#include "net/work.h"

struct pl_file {
	pl_loop *loop;
	const pl_file_events *events; /* NULL after pl_file_close */
	void *owner;
	int fd;
	int status;
	bool busy;    /* the pool has it */
	bool calling; /* a callback is on the stack */
	int64_t size;
	int64_t offset;
	uint8_t *piece; /* allocated for the first read */
	size_t len;
	const char *path; /* behind the root, in `names` */
	char names[];	  /* root and path: the caller's may be gone while the pool works */
};

static void file_free(pl_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	pl_free(file->piece);
	pl_free(file);
}

static int look_at(pl_file *file)
{
	struct stat info;

	if (fstat(file->fd, &info))
		return pl_status_from_errno(errno);
	if (S_ISDIR(info.st_mode))
		return PL_EISDIR;
	if (!S_ISREG(info.st_mode))
		return PL_EACCES;
	file->size = info.st_size;
	return PL_OK;
}

static int open_status(int error)
{
	/* EXDEV and ELOOP: a way out of the root. There is no such file, as far as a peer is told.
	 */
	if (error == EXDEV || error == ELOOP || error == ENOTDIR || error == ENAMETOOLONG)
		return PL_ENOENT;
	return pl_status_from_errno(error);
}

static void run_open(void *context)
{
	pl_file *file = context;

	file->fd = pl_beneath_open(file->names, file->path);
	file->status = file->fd < 0 ? open_status(errno) : look_at(file);
}

static void done_open(void *context)
{
	pl_file *file = context;
	int status = file->status;

	file->busy = false;
	file->calling = true;
	if (file->events)
		file->events->opened(file->owner, file, status, file->size);
	file->calling = false;
	if (status || (!file->events && !file->busy))
		file_free(file);
}

int pl_file_open(pl_file **result, pl_loop *loop, const char *root, pl_slice path,
		 const pl_file_events *events, void *owner)
{
	size_t root_size = strlen(root) + 1;
	pl_file *file = pl_calloc(1, sizeof(*file) + root_size + path.len + 1);
	int status;

	if (!file)
		return PL_ENOMEM;
	file->loop = loop;
	file->events = events;
	file->owner = owner;
	file->fd = -1;
	file->busy = true;
	memcpy(file->names, root, root_size);
	memcpy(file->names + root_size, path.at, path.len);
	file->path = file->names + root_size;
	status = pl_work_start(loop, run_open, done_open, file);
	if (status) {
		pl_free(file);
		return status;
	}
	*result = file;
	return PL_OK;
}

static void run_read(void *context)
{
	pl_file *file = context;
	ssize_t n;

	do
		n = pread(file->fd, file->piece, PL_FILE_PIECE, file->offset);
	while (n < 0 && errno == EINTR);
	file->status = n < 0 ? pl_status_from_errno(errno) : PL_OK;
	file->len = n < 0 ? 0 : (size_t)n;
	file->offset += (int64_t)file->len;
}

static void done_read(void *context)
{
	pl_file *file = context;

	file->busy = false;
	file->calling = true;
	if (file->events)
		file->events->read(file->owner, file, file->status, file->piece, file->len);
	file->calling = false;
	if (!file->events && !file->busy)
		file_free(file);
}

int pl_file_read(pl_file *file)
{
	int status;

	if (!file->piece)
		file->piece = pl_alloc(PL_FILE_PIECE);
	if (!file->piece)
		return PL_ENOMEM;
	status = pl_work_start(file->loop, run_read, done_read, file);
	if (status == PL_OK)
		file->busy = true;
	return status;
}

void pl_file_close(pl_file *file)
{
	file->events = NULL;
	if (!file->busy && !file->calling)
		file_free(file);
}
