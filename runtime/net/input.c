#include "net/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/work.h"

struct pl_input {
	pl_loop *loop;
	pl_input_got *got;
	void *owner;
	int fd;	     /* one of our own */
	bool polled; /* it can be waited for; a file is read on the pool */
	uv_poll_t poll;
	bool asked;
	bool closed;
	bool busy;  /* the pool has it */
	bool ready; /* `piece` is not told yet */
	pl_deferred tell;
	int status;
	size_t len;
	uint8_t *piece;
};

static void input_free(pl_input *self)
{
	close(self->fd);
	pl_free(self->piece);
	pl_free(self);
}

/* Opened anew it has flags of its own: reading must not block, and others must not notice. A file
 * does not block, and would begin at its start. A socket, or a terminal that is not ours, cannot be
 * opened: then we look before we read. */
static int take_descriptor(int fd)
{
	char path[64];
	struct stat info;
	int own = -1;

	if (fstat(fd, &info))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!S_ISREG(info.st_mode))
		own = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* libuv makes what it polls non-blocking: that is taken back, for the flags may be shared. */
static bool start_polling(pl_input *self)
{
	int flags = fcntl(self->fd, F_GETFL);
	bool polled;

	self->poll.data = self;
	polled = uv_poll_init(&self->loop->uv, &self->poll, self->fd) == 0;
	fcntl(self->fd, F_SETFL, flags);
	return polled;
}

static void tell(pl_input *self)
{
	self->asked = false;
	self->ready = false;
	self->got(self->owner, self->status, self->piece, self->len);
}

static void on_tell(pl_deferred *deferred)
{
	tell(PL_CONTAINER(deferred, pl_input, tell));
}

static void read_piece(pl_input *self)
{
	ssize_t n;

	do
		n = read(self->fd, self->piece, PL_INPUT_PIECE);
	while (n < 0 && errno == EINTR);
	self->status = PL_OK;
	self->len = n > 0 ? (size_t)n : 0;
	/* EIO: the terminal is gone, or we are in the background and may not stop. */
	if (n < 0 && errno != EIO)
		self->status = errno == EAGAIN ? PL_EBUSY : pl_status_from_errno(errno);
}

/* Terminals and pipes. */

static bool has_input(int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };

	return poll(&look, 1, 0) > 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	pl_input *self = poll->data;

	(void)events;
	if (status == 0 && !has_input(self->fd))
		return; /* somebody else was quicker */
	read_piece(self);
	if (self->status == PL_EBUSY)
		return;
	uv_poll_stop(poll);
	tell(self);
}

static void on_poll_closed(uv_handle_t *handle)
{
	input_free(handle->data);
}

/* Files. */

static void run_read(void *context)
{
	read_piece(context);
}

static void done_read(void *context)
{
	pl_input *self = context;

	self->busy = false;
	if (self->closed) {
		input_free(self);
		return;
	}
	self->ready = true;
	if (self->asked)
		tell(self);
}

static int ask_pool(pl_input *self)
{
	int status = PL_OK;

	if (self->ready)
		pl_loop_defer(self->loop, &self->tell);
	else if (!self->busy)
		status = pl_work_start(self->loop, run_read, done_read, self);
	if (!status && !self->ready)
		self->busy = true;
	return status;
}

int pl_input_open(pl_input **result, pl_loop *loop, int fd, pl_input_got *got, void *owner)
{
	pl_input *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	self->piece = pl_alloc(PL_INPUT_PIECE);
	self->fd = self->piece ? take_descriptor(fd) : -1;
	if (self->fd < 0) {
		int status = self->piece ? PL_EACCES : PL_ENOMEM;

		pl_free(self->piece);
		pl_free(self);
		return status;
	}
	self->loop = loop;
	self->got = got;
	self->owner = owner;
	pl_deferred_init(&self->tell, on_tell);
	self->polled = start_polling(self);
	*result = self;
	return PL_OK;
}

int pl_input_ask(pl_input *self)
{
	int status;

	if (self->polled)
		status = pl_net_status(
			uv_poll_start(&self->poll, UV_READABLE | UV_DISCONNECT, on_poll));
	else
		status = ask_pool(self);
	self->asked = !status;
	return status;
}

void pl_input_forget(pl_input *self)
{
	self->asked = false;
	pl_deferred_cancel(&self->tell);
	if (self->polled)
		uv_poll_stop(&self->poll);
}

void pl_input_close(pl_input *self)
{
	if (!self)
		return;
	pl_input_forget(self);
	self->closed = true;
	if (self->polled)
		uv_close((uv_handle_t *)&self->poll, on_poll_closed);
	else if (!self->busy)
		input_free(self);
}
