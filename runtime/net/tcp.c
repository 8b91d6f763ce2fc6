#include "net/tcp.h"

#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/sendfile.h"
#include "net/sockaddr.h"

enum {
	WRITE_PIECES = 64,	   /* buffers a system call takes at once */
	WRITE_MOST = 1 << 30,	   /* bytes a system call takes at once */
	WRITE_QUEUED = 256 * 1024, /* bytes handed to libuv at once, so that progress shows */
	FINISH_TICK = 250,	   /* ms between looks at a write that makes no progress */
	RESET_TICK = 10		   /* ms between looks at what is to be sent before a reset */
};

/* What a connection needs only while its output is blocked. */
typedef struct tcp_write {
	uv_write_t request;
	pl_timer timer;
	uint64_t since;	 /* when it last made progress */
	size_t progress; /* what was unsent then */
	size_t bytes;
	pl_tcp *tcp; /* NULL: the connection is closing */
} tcp_write;

/* What a connection needs only while it says goodbye. */
typedef struct tcp_linger {
	uv_shutdown_t request;
	pl_timer timer;
	size_t discarded;
	pl_tcp *tcp;
	uint32_t waited; /* ms for what is to be sent before a reset */
	bool sent;	 /* the shutdown is done */
} tcp_linger;

struct pl_tcp {
	pl_stream stream;
	uv_tcp_t handle;
	tcp_write *write;
	tcp_linger *linger;
	pl_sendfile_wait *waiting; /* `blocked`, but not by the socket */
	int status;		   /* for `closed` */
	bool finishing;
	bool warm;   /* the part of a file that is next has just been read in */
	bool closed; /* uv_close was called */
	bool ended;  /* the peer's FIN was read */
};

static void tcp_close(pl_tcp *self, int status);

static uv_stream_t *uv_stream(pl_tcp *self)
{
	return (uv_stream_t *)&self->handle;
}

/* -1 once it is closed. */
static int descriptor(const pl_tcp *self)
{
	uv_os_fd_t fd = -1;

	uv_fileno((const uv_handle_t *)&self->handle, &fd);
	return fd;
}

static void on_closed(uv_handle_t *handle)
{
	pl_tcp *self = handle->data;
	pl_loop *loop = self->stream.loop;

	pl_deferred_cancel(&self->stream.flush);
	pl_output_clear(&self->stream.output, &loop->chunks);
	if (self->linger) {
		pl_loop_stop_timer(loop, &self->linger->timer);
		pl_free(self->linger);
	}
	if (self->stream.events)
		self->stream.events->closed(self->stream.owner, self->status);
	pl_free(self);
}

static void tcp_close(pl_tcp *self, int status)
{
	if (self->closed)
		return;
	self->closed = true;
	self->stream.closing = true;
	self->status = status;
	if (self->write) {
		pl_loop_stop_timer(self->stream.loop, &self->write->timer);
		self->write->tcp = NULL;
	}
	if (self->waiting)
		pl_sendfile_wait_drop(self->waiting);
	uv_close((uv_handle_t *)&self->handle, on_closed);
}

/* Writing. */

static void tcp_flush(pl_stream *stream);
static void linger_begin(pl_tcp *self);

/* Bytes that the peer has not acknowledged: what libuv holds and what the kernel does. The kernel
 * takes more only when much of its own has gone, which for a slow peer is minutes. */
static size_t unsent(pl_tcp *self)
{
	int in_kernel = 0;

	ioctl(descriptor(self), SIOCOUTQ, &in_kernel);
	return uv_stream_get_write_queue_size(uv_stream(self)) + (size_t)in_kernel;
}

static void on_write_timer(pl_timer *timer)
{
	tcp_write *write = PL_CONTAINER(timer, tcp_write, timer);
	pl_tcp *self = write->tcp;
	pl_loop *loop = self->stream.loop;
	size_t queued = unsent(self);
	uint64_t limit = self->stream.write_timeout;

	if (queued != write->progress) {
		write->progress = queued;
		write->since = pl_loop_now(loop);
	}
	if (pl_loop_now(loop) - write->since >= limit) {
		tcp_close(self, PL_ETIMEDOUT);
		return;
	}
	pl_loop_start(loop, timer, limit < 4 * FINISH_TICK ? limit / 4 + 1 : FINISH_TICK);
}

/* What blocked the output is over. */
static void flush_on(pl_tcp *self, bool warm)
{
	pl_stream *stream = &self->stream;

	stream->blocked = false;
	self->warm = warm;
	tcp_flush(stream);
	if (!stream->blocked && !stream->closing)
		stream->events->drain(stream->owner);
}

static void on_written(uv_write_t *request, int status)
{
	tcp_write *write = (tcp_write *)request;
	pl_tcp *self = write->tcp;
	size_t bytes = write->bytes;

	if (self) {
		pl_loop_stop_timer(self->stream.loop, &write->timer);
		self->write = NULL;
	}
	pl_free(write);
	if (!self)
		return;
	if (status) {
		tcp_close(self, pl_net_status(status));
		return;
	}
	pl_output_consume(&self->stream.output, &self->stream.loop->chunks, bytes);
	flush_on(self, false);
}

static size_t gather(const pl_output *output, uv_buf_t *buffers, size_t max_bytes, size_t *bytes)
{
	pl_output_piece pieces[WRITE_PIECES];
	size_t count = pl_output_peek(output, pieces, WRITE_PIECES);
	size_t i;

	*bytes = 0;
	for (i = 0; i < count && *bytes < max_bytes; i++) {
		size_t len = pieces[i].len;

		if (len > max_bytes - *bytes)
			len = max_bytes - *bytes;
		buffers[i] = uv_buf_init((char *)(uintptr_t)pieces[i].data, (unsigned)len);
		*bytes += len;
	}
	return i;
}

/* The kernel takes no more: libuv waits for it, with one request at a time. */
static void write_later(pl_tcp *self)
{
	uv_buf_t buffers[WRITE_PIECES];
	tcp_write *write = pl_calloc(1, sizeof(*write));
	size_t count;
	int status;

	if (!write) {
		tcp_close(self, PL_ENOMEM);
		return;
	}
	count = gather(&self->stream.output, buffers, WRITE_QUEUED, &write->bytes);
	status = uv_write(&write->request, uv_stream(self), buffers, (unsigned)count, on_written);
	if (status) {
		pl_free(write);
		tcp_close(self, pl_net_status(status));
		return;
	}
	self->stream.output.pinned = write->bytes;
	write->tcp = self;
	write->progress = unsent(self);
	write->since = pl_loop_now(self->stream.loop);
	pl_timer_init(&write->timer, on_write_timer);
	self->write = write;
	self->stream.blocked = true;
	if (self->stream.write_timeout)
		pl_loop_start(self->stream.loop, &write->timer, 1 + FINISH_TICK / 10);
}

/* Bytes that a part of a file follows: one packet may hold the end of these and its begin. */
static int send_before_file(pl_tcp *self, const uv_buf_t *buffers, size_t count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)buffers,
				  .msg_iovlen = count };
	ssize_t n;

	do
		n = sendmsg(descriptor(self), &message, MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void flush_bytes(pl_tcp *self)
{
	pl_output *output = &self->stream.output;
	uv_buf_t buffers[WRITE_PIECES];
	size_t bytes;
	size_t count = gather(output, buffers, WRITE_MOST, &bytes);
	int sent;

	if (count < WRITE_PIECES && bytes < output->len && bytes < WRITE_MOST)
		sent = send_before_file(self, buffers, count);
	else
		sent = uv_try_write(uv_stream(self), buffers, (unsigned)count);
	if (sent < 0 && sent != UV_EAGAIN) {
		tcp_close(self, pl_net_status(sent));
		return;
	}
	if (sent > 0)
		pl_output_consume(output, &self->stream.loop->chunks, (size_t)sent);
	if (sent < 0 || (size_t)sent < bytes)
		write_later(self);
}

static void on_waited(void *owner, bool warm)
{
	pl_tcp *self = owner;

	self->waiting = NULL;
	flush_on(self, warm);
}

/* The disk, or the other connections of this turn, come first. */
static void wait_for_file(pl_tcp *self, bool warm)
{
	pl_stream *stream = &self->stream;

	self->waiting = pl_sendfile_wait_new(stream->loop, pl_output_file(&stream->output), warm,
					     on_waited, self);
	if (self->waiting)
		stream->blocked = true;
	else
		tcp_close(self, PL_ENOMEM);
}

static void flush_file(pl_tcp *self, size_t *left)
{
	pl_stream *stream = &self->stream;
	bool warm = self->warm;
	size_t sent;
	int result;

	if (*left == 0) {
		wait_for_file(self, false);
		return;
	}
	self->warm = false;
	result = pl_sendfile(descriptor(self), &stream->output, &stream->loop->chunks, warm, &sent);
	*left -= sent < *left ? sent : *left;
	if (result < 0)
		tcp_close(self, result);
	else if (result == PL_SENDFILE_FULL)
		write_later(self);
	else if (result == PL_SENDFILE_COLD)
		wait_for_file(self, true);
}

static void tcp_flush(pl_stream *stream)
{
	pl_tcp *self = PL_CONTAINER(stream, pl_tcp, stream);
	size_t left = PL_SENDFILE_TURN;

	while (stream->output.len > 0 && !self->closed && !stream->blocked)
		if (pl_output_file(&stream->output))
			flush_file(self, &left);
		else
			flush_bytes(self);
	if (stream->output.len == 0 && !self->closed) {
		pl_output_clear(&stream->output, &stream->loop->chunks);
		if (self->finishing)
			linger_begin(self);
	}
}

/* Saying goodbye. */

static void on_linger_timer(pl_timer *timer)
{
	tcp_close(PL_CONTAINER(timer, tcp_linger, timer)->tcp, PL_OK);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	pl_tcp *self = request->handle->data;

	if (!self->linger || self->closed)
		return;
	self->linger->sent = true;
	if (status || self->ended)
		tcp_close(self, PL_OK);
}

static bool resets_at_close(pl_tcp *self)
{
	struct linger linger = { 0 };
	socklen_t len = sizeof(linger);
	uv_os_fd_t fd;

	return uv_fileno((uv_handle_t *)&self->handle, &fd) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff;
}

/* A reset would take away what the peer has not got yet: that is waited for. */
static void on_reset_timer(pl_timer *timer)
{
	tcp_linger *linger = PL_CONTAINER(timer, tcp_linger, timer);
	pl_tcp *self = linger->tcp;

	if (unsent(self) == 0 || linger->waited >= PL_STREAM_LINGER) {
		tcp_close(self, PL_OK);
		return;
	}
	linger->waited += RESET_TICK;
	pl_loop_start(self->stream.loop, timer, RESET_TICK);
}

static void reset_begin(pl_tcp *self)
{
	pl_timer_init(&self->linger->timer, on_reset_timer);
	pl_loop_start(self->stream.loop, &self->linger->timer, 1);
}

static void linger_begin(pl_tcp *self)
{
	self->finishing = false;
	if (resets_at_close(self)) {
		reset_begin(self);
		return;
	}
	if (uv_shutdown(&self->linger->request, uv_stream(self), on_shutdown)) {
		tcp_close(self, PL_OK);
		return;
	}
	pl_loop_start(self->stream.loop, &self->linger->timer, PL_STREAM_LINGER);
}

static void tcp_resume(pl_stream *stream);

static void tcp_finish(pl_stream *stream)
{
	pl_tcp *self = PL_CONTAINER(stream, pl_tcp, stream);

	if (self->closed)
		return;
	self->linger = pl_calloc(1, sizeof(*self->linger));
	if (!self->linger) {
		tcp_close(self, PL_ENOMEM);
		return;
	}
	self->linger->tcp = self;
	pl_timer_init(&self->linger->timer, on_linger_timer);
	self->finishing = true;
	if (stream->paused)
		tcp_resume(stream);
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void tcp_abort(pl_stream *stream, int status)
{
	tcp_close(PL_CONTAINER(stream, pl_tcp, stream), status);
}

/* Reading. */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
	pl_tcp *self = handle->data;
	size_t len;
	uint8_t *into = pl_stream_room(&self->stream, &len);

	(void)hint;
	if (into)
		*buffer = uv_buf_init((char *)into, len < UINT_MAX ? (unsigned)len : UINT_MAX);
	else
		*buffer = uv_buf_init(self->stream.loop->read_buffer, PL_LOOP_READ_BUFFER);
}

static void discard(pl_tcp *self, size_t len)
{
	self->linger->discarded += len;
	if (self->linger->discarded > PL_STREAM_LINGER_BYTES)
		tcp_close(self, PL_OK);
}

static void read_end(pl_tcp *self)
{
	self->ended = true;
	uv_read_stop(uv_stream(self));
	if (!self->stream.closing)
		self->stream.events->end(self->stream.owner);
	else if (self->linger && self->linger->sent)
		tcp_close(self, PL_OK);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buffer)
{
	pl_tcp *self = handle->data;
	pl_stream *stream = &self->stream;

	if (n == 0 || self->closed)
		return;
	if (n == UV_EOF)
		read_end(self);
	else if (n < 0)
		tcp_close(self, self->linger ? PL_OK : pl_net_status((int)n));
	else if (stream->closing)
		discard(self, (size_t)n);
	else
		stream->events->data(stream->owner, (uint8_t *)buffer->base, (size_t)n);
}

static void tcp_pause(pl_stream *stream)
{
	uv_read_stop(uv_stream(PL_CONTAINER(stream, pl_tcp, stream)));
}

static void tcp_resume(pl_stream *stream)
{
	pl_tcp *self = PL_CONTAINER(stream, pl_tcp, stream);

	if (!self->closed && !self->ended)
		uv_read_start(uv_stream(self), on_alloc, on_read);
}

/* Addresses. */

static void tcp_address(pl_stream *stream, bool local, pl_address *address)
{
	pl_tcp *self = PL_CONTAINER(stream, pl_tcp, stream);
	struct sockaddr_storage name = { 0 };
	int len = sizeof(name);

	if (local)
		uv_tcp_getsockname(&self->handle, (struct sockaddr *)&name, &len);
	else
		uv_tcp_getpeername(&self->handle, (struct sockaddr *)&name, &len);
	pl_sockaddr_read(&name, address);
}

static const pl_stream_ops tcp_ops = {
	.flush = tcp_flush,
	.pause = tcp_pause,
	.resume = tcp_resume,
	.finish = tcp_finish,
	.abort = tcp_abort,
	.address = tcp_address,
	.files = true,
};

static void on_refused(uv_handle_t *handle)
{
	pl_free(handle->data);
}

pl_tcp *pl_tcp_new(void)
{
	return pl_calloc(1, sizeof(pl_tcp));
}

void pl_tcp_free(pl_tcp *tcp)
{
	pl_free(tcp);
}

int pl_tcp_open(pl_tcp *self, pl_loop *loop, int fd, pl_stream **stream)
{
	uv_tcp_init(&loop->uv, &self->handle);
	self->handle.data = self;
	pl_stream_init(&self->stream, &tcp_ops, loop);
	if (uv_tcp_open(&self->handle, fd)) {
		close(fd);
		uv_close((uv_handle_t *)&self->handle, on_refused);
		return PL_EIO;
	}
	uv_tcp_nodelay(&self->handle, 1);
	*stream = &self->stream;
	return PL_OK;
}
