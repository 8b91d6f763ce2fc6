#include "net/sendfile.h"

#include <errno.h>
#include <sys/sendfile.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/work.h"

/* The file system cannot: bytes are put before the part. */
static int with_bytes(pl_output *output, pl_chunk_pool *pool)
{
	int64_t got = pl_output_read_file(output, pool);

	if (got == PL_EAGAIN)
		return PL_SENDFILE_COLD;
	if (got == 0)
		return PL_EIO; /* it has become shorter */
	return got < 0 ? (int)got : PL_SENDFILE_SENT;
}

int pl_sendfile(int fd, pl_output *output, pl_chunk_pool *pool, bool warm, uint64_t now,
		size_t *sent)
{
	const pl_chunk *part = pl_output_file(output);
	size_t len = part->end - part->start;
	off_t offset = (off_t)(part->at + part->start);
	ssize_t n;

	*sent = 0;
	if (len > PL_SENDFILE_PIECE)
		len = PL_SENDFILE_PIECE;
	if (!warm && !pl_file_cached(part->file, offset, (int64_t)len, now))
		return PL_SENDFILE_COLD;
	do
		n = sendfile(fd, part->file->fd, &offset, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return PL_SENDFILE_FULL;
	if (n < 0 && (errno == EINVAL || errno == ENOSYS))
		return with_bytes(output, pool);
	if (n < 0)
		return pl_status_from_errno(errno);
	if (n == 0)
		return PL_EIO; /* it has become shorter */
	*sent = (size_t)n;
	pl_output_consume(output, pool, (size_t)n);
	return *sent < len ? PL_SENDFILE_FULL : PL_SENDFILE_SENT;
}

struct pl_sendfile_wait {
	pl_deferred deferred;
	pl_file *file;
	int64_t offset;
	int64_t len;
	void (*done)(void *owner, bool warm); /* NULL after pl_sendfile_wait_drop */
	void *owner;
	bool warm;
	uint8_t scratch[]; /* for the pool, when warm */
};

static void finish(pl_sendfile_wait *self)
{
	void (*done)(void *, bool) = self->done;
	void *owner = self->owner;
	bool warm = self->warm;

	pl_file_unref(self->file);
	pl_free(self);
	if (done)
		done(owner, warm);
}

static void on_turn(pl_deferred *deferred)
{
	finish(PL_CONTAINER(deferred, pl_sendfile_wait, deferred));
}

/* An error shows when the part is sent. */
static void run_read(void *context)
{
	pl_sendfile_wait *self = context;
	int64_t end = self->offset + self->len;
	int64_t at = self->offset;
	int64_t got = 1;

	while (at < end && got > 0) {
		got = pl_file_read(self->file, self->scratch, PL_FILE_PROBE, at, PL_FILE_WAIT);
		at += got;
	}
}

static void done_read(void *context)
{
	finish(context);
}

pl_sendfile_wait *pl_sendfile_wait_new(pl_loop *loop, const pl_chunk *part, bool warm,
				       void (*done)(void *owner, bool warm), void *owner)
{
	pl_sendfile_wait *self = pl_calloc(1, sizeof(*self) + (warm ? PL_FILE_PROBE : 0));
	size_t len = part->end - part->start;

	if (!self)
		return NULL;
	self->done = done;
	self->owner = owner;
	self->warm = warm;
	pl_deferred_init(&self->deferred, on_turn);
	self->offset = (int64_t)(part->at + part->start);
	self->len = len < PL_SENDFILE_PIECE ? (int64_t)len : PL_SENDFILE_PIECE;
	if (!warm) {
		pl_loop_defer(loop, &self->deferred);
		return self;
	}
	self->file = pl_file_ref(part->file);
	if (pl_work_start(loop, run_read, done_read, self) == PL_OK)
		return self;
	pl_file_unref(self->file);
	pl_free(self);
	return NULL;
}

void pl_sendfile_wait_drop(pl_sendfile_wait *self)
{
	self->done = NULL;
}
