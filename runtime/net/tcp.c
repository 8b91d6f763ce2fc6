#include "net/tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/sendfile.h"
#include "net/sockaddr.h"
#include "net/socket.h"

enum {
	WRITE_PIECES = 64,   /* buffers a system call takes at once */
	PROGRESS_TICK = 250, /* ms between looks at a write that makes no progress */
	RESET_TICK = 10	     /* ms between looks at what is to be sent before a reset */
};

/* What a connection needs only while its output is blocked, and while it says goodbye. */
typedef struct tcp_busy {
	pl_timer timer;	 /* looks at blocked output */
	uint64_t since;	 /* when that last made progress */
	size_t sent;	 /* bytes given to the kernel since */
	size_t progress; /* less what the kernel has: what the peer acknowledges; wraps around */
	pl_timer linger;
	size_t discarded;	   /* bytes read while lingering */
	uint32_t waited;	   /* ms for what is to be sent before a reset */
	pl_sendfile_wait *waiting; /* `blocked`, but not by the socket */
	pl_tcp *tcp;
} tcp_busy;

struct pl_tcp {
	pl_stream stream;
	pl_socket socket;
	tcp_busy *busy;
	int status;	    /* for `closed`; while that has not come, why it will: see hear_out */
	bool finishing : 1; /* output, then our end */
	bool lingering : 1; /* our end is sent */
	bool warm : 1;	    /* the part of a file that is next has just been read in */
	bool closed : 1;
	bool broken : 1; /* nothing can be sent any more, but there may be something to read */
	bool ended : 1;	 /* the peer's FIN was read */
};

static pl_tcp *tcp_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, pl_tcp, stream);
}

static void free_busy(pl_tcp *self)
{
	if (!self->busy)
		return;
	pl_loop_stop_timer(self->stream.loop, &self->busy->timer);
	pl_loop_stop_timer(self->stream.loop, &self->busy->linger);
	if (self->busy->waiting)
		pl_sendfile_wait_drop(self->busy->waiting);
	pl_free(self->busy);
	self->busy = NULL;
}

static void reset_at_close(pl_tcp *self)
{
	const struct linger reset = { .l_onoff = 1 };

	setsockopt(self->socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static void tcp_close(pl_tcp *self, int status)
{
	if (self->closed)
		return;
	if (self->stream.abrupt)
		reset_at_close(self);
	self->closed = true;
	self->stream.closing = true;
	self->status = status;
	free_busy(self);
	pl_socket_close(&self->socket, self->stream.loop);
}

static void on_closed(pl_socket *socket)
{
	pl_tcp *self = PL_CONTAINER(socket, pl_tcp, socket);

	pl_deferred_cancel(&self->stream.flush);
	pl_output_clear(&self->stream.output, &self->stream.loop->chunks);
	if (self->stream.events)
		self->stream.events->closed(self->stream.owner, self->status);
	pl_free(self);
}

static void want(pl_tcp *self, unsigned wanted)
{
	int status;

	if (self->closed)
		return;
	status = pl_socket_want(&self->socket, self->stream.loop, wanted);
	if (status)
		tcp_close(self, status);
}

/* Writing. */

static void linger_begin(pl_tcp *self);
static void flush_on(pl_tcp *self);

/* Bytes that the kernel has and the peer has not acknowledged. */
static size_t in_kernel(pl_tcp *self)
{
	int bytes = 0;

	ioctl(self->socket.fd, SIOCOUTQ, &bytes);
	return (size_t)bytes;
}

static void count_sent(pl_tcp *self, size_t n)
{
	pl_count(PL_COUNT_BYTES_OUT, (int64_t)n);
	if (self->busy)
		self->busy->sent += n;
}

/* Grows with what the peer acknowledges, and with nothing else. The kernel takes more only when
 * much of its own has gone, which for a slow peer is minutes. */
static size_t progress(pl_tcp *self)
{
	return self->busy->sent - in_kernel(self);
}

static void on_progress_timer(pl_timer *timer)
{
	tcp_busy *busy = PL_CONTAINER(timer, tcp_busy, timer);
	pl_tcp *self = busy->tcp;
	pl_loop *loop = self->stream.loop;
	size_t now = progress(self);
	uint64_t limit = self->stream.write_timeout;

	if (now != busy->progress) {
		busy->progress = now;
		busy->since = pl_loop_now(loop);
	}
	if (pl_loop_now(loop) - busy->since >= limit) {
		tcp_close(self, PL_ETIMEDOUT);
		return;
	}
	pl_loop_start(loop, timer, limit < 4 * PROGRESS_TICK ? limit / 4 + 1 : PROGRESS_TICK);
}

static void on_linger_timer(pl_timer *timer)
{
	tcp_close(PL_CONTAINER(timer, tcp_busy, linger)->tcp, PL_OK);
}

/* False: no memory, it closes. */
static bool make_busy(pl_tcp *self)
{
	tcp_busy *busy = self->busy ? self->busy : pl_calloc(1, sizeof(*busy));

	if (!busy) {
		tcp_close(self, PL_ENOMEM);
		return false;
	}
	if (self->busy)
		return true;
	busy->tcp = self;
	pl_timer_init(&busy->timer, on_progress_timer);
	pl_timer_init(&busy->linger, on_linger_timer);
	self->busy = busy;
	return true;
}

/* The kernel takes no more: it says when it does. */
static void write_later(pl_tcp *self)
{
	pl_stream *stream = &self->stream;

	if (!make_busy(self))
		return;
	stream->blocked = true;
	want(self, self->socket.wanted | PL_SOCKET_WRITE);
	if (self->closed || pl_timer_active(&self->busy->timer))
		return;
	self->busy->progress = progress(self);
	self->busy->since = pl_loop_now(stream->loop);
	if (stream->write_timeout)
		pl_loop_start(stream->loop, &self->busy->timer, 1 + PROGRESS_TICK / 10);
}

/* Before a part of a file, one packet may hold the end of these bytes and its begin. */
static ssize_t send_pieces(pl_tcp *self, size_t *bytes)
{
	pl_output_piece pieces[WRITE_PIECES];
	struct iovec vector[WRITE_PIECES];
	struct msghdr message = { .msg_iov = vector };
	size_t count = pl_output_peek(&self->stream.output, pieces, WRITE_PIECES);
	bool more;
	ssize_t sent;

	*bytes = 0;
	for (size_t i = 0; i < count; i++) {
		vector[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].data, pieces[i].len };
		*bytes += pieces[i].len;
	}
	message.msg_iovlen = count;
	more = count < WRITE_PIECES && *bytes < self->stream.output.len;
	do
		sent = sendmsg(self->socket.fd, &message,
			       MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* The peer has reset, perhaps behind an answer that says why (RFC 9112 9.6): that is read before
 * the end is told. */
static void hear_out(pl_tcp *self, int status)
{
	pl_stream *stream = &self->stream;

	if (self->ended || stream->paused || stream->closing) {
		tcp_close(self, status);
		return;
	}
	self->broken = true;
	self->status = status;
	free_busy(self);
	pl_output_clear(&stream->output, &stream->loop->chunks);
	want(self, PL_SOCKET_READ);
}

static void flush_bytes(pl_tcp *self)
{
	size_t bytes;
	ssize_t sent = send_pieces(self, &bytes);

	if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
		hear_out(self, pl_status_from_errno(errno));
		return;
	}
	if (sent > 0) {
		pl_output_consume(&self->stream.output, &self->stream.loop->chunks, (size_t)sent);
		count_sent(self, (size_t)sent);
	}
	if (sent < 0 || (size_t)sent < bytes)
		write_later(self);
}

static void on_waited(void *owner, bool warm)
{
	pl_tcp *self = owner;

	self->busy->waiting = NULL;
	self->warm = warm;
	flush_on(self);
}

/* The disk, or the other connections of this turn, come first. */
static void wait_for_file(pl_tcp *self, bool warm)
{
	pl_stream *stream = &self->stream;

	if (!make_busy(self))
		return;
	pl_loop_stop_timer(stream->loop, &self->busy->timer);
	self->busy->waiting = pl_sendfile_wait_new(stream->loop, pl_output_file(&stream->output),
						   warm, on_waited, self);
	if (self->busy->waiting)
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
	result = pl_sendfile(self->socket.fd, &stream->output, &stream->loop->chunks, warm,
			     pl_loop_now(stream->loop), &sent);
	count_sent(self, sent);
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
	pl_tcp *self = tcp_of(stream);
	size_t left = PL_SENDFILE_TURN;

	if (self->broken && stream->paused) /* nobody will read why */
		tcp_close(self, self->status);
	if (self->broken)
		pl_output_clear(&stream->output, &stream->loop->chunks);
	while (stream->output.len > 0 && !self->closed && !stream->blocked)
		if (pl_output_file(&stream->output))
			flush_file(self, &left);
		else
			flush_bytes(self);
	if (stream->output.len == 0 && !self->closed) {
		pl_output_clear(&stream->output, &stream->loop->chunks);
		if (self->finishing)
			linger_begin(self);
		else if (stream->shut)
			shutdown(self->socket.fd, SHUT_WR);
	}
}

/* What blocked the output is over. */
static void flush_on(pl_tcp *self)
{
	pl_stream *stream = &self->stream;

	stream->blocked = false;
	tcp_flush(stream);
	if (stream->blocked || self->closed || self->broken)
		return;
	want(self, self->socket.wanted & PL_SOCKET_READ);
	if (stream->closing)
		return;
	free_busy(self);
	stream->events->drain(stream->owner);
}

static void on_writable(pl_socket *socket)
{
	pl_tcp *self = PL_CONTAINER(socket, pl_tcp, socket);

	if (self->busy && self->busy->waiting)
		want(self, socket->wanted & PL_SOCKET_READ);
	else
		flush_on(self);
}

/* Saying goodbye. */

static bool resets_at_close(pl_tcp *self)
{
	struct linger linger = { 0 };
	socklen_t len = sizeof(linger);

	return getsockopt(self->socket.fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 &&
	       linger.l_onoff;
}

/* A reset would take away what the peer has not got yet: that is waited for. */
static void on_reset_timer(pl_timer *timer)
{
	tcp_busy *busy = PL_CONTAINER(timer, tcp_busy, linger);
	pl_tcp *self = busy->tcp;

	if (in_kernel(self) == 0 || busy->waited >= PL_STREAM_LINGER) {
		tcp_close(self, PL_OK);
		return;
	}
	busy->waited += RESET_TICK;
	pl_loop_start(self->stream.loop, timer, RESET_TICK);
}

static void linger_begin(pl_tcp *self)
{
	pl_loop *loop = self->stream.loop;
	pl_timer *timer = &self->busy->linger;

	self->finishing = false;
	pl_loop_stop_timer(loop, &self->busy->timer);
	if (resets_at_close(self)) {
		pl_timer_init(timer, on_reset_timer);
		pl_loop_start(loop, timer, 1);
	} else if (shutdown(self->socket.fd, SHUT_WR) || self->ended) {
		tcp_close(self, PL_OK);
	} else {
		self->lingering = true;
		pl_loop_start(loop, timer, PL_STREAM_LINGER);
	}
}

static void tcp_resume(pl_stream *stream);

static void tcp_finish(pl_stream *stream)
{
	pl_tcp *self = tcp_of(stream);

	if (self->closed || !make_busy(self))
		return;
	self->finishing = true;
	if (stream->paused)
		tcp_resume(stream);
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

/* The flush ends our direction when nothing is left. */
static void tcp_shut(pl_stream *stream)
{
	if (!stream->blocked)
		pl_loop_flush(stream->loop, &stream->flush);
}

static void tcp_abort(pl_stream *stream, int status)
{
	tcp_close(tcp_of(stream), status);
}

/* Reading. */

static void discard(pl_tcp *self, size_t len)
{
	self->busy->discarded += len;
	if (self->busy->discarded > PL_STREAM_LINGER_BYTES)
		tcp_close(self, PL_OK);
}

static void read_end(pl_tcp *self)
{
	if (self->broken) {
		tcp_close(self, self->stream.closing ? PL_OK : self->status);
		return;
	}
	self->ended = true;
	want(self, self->socket.wanted & PL_SOCKET_WRITE);
	if (!self->stream.closing)
		self->stream.events->end(self->stream.owner);
	else if (self->lingering)
		tcp_close(self, PL_OK);
}

static void on_readable(pl_socket *socket)
{
	pl_tcp *self = PL_CONTAINER(socket, pl_tcp, socket);
	pl_stream *stream = &self->stream;
	size_t room = PL_LOOP_READ_BUFFER;
	uint8_t *buffer = pl_stream_room(stream, &room);
	ssize_t n;

	if (!buffer) {
		buffer = (uint8_t *)stream->loop->read_buffer;
		room = PL_LOOP_READ_BUFFER;
	}
	n = recv(socket->fd, buffer, room, MSG_DONTWAIT);
	if (n > 0)
		pl_count(PL_COUNT_BYTES_IN, n);
	if (n == 0)
		read_end(self);
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	else if (n < 0)
		tcp_close(self, stream->closing ? PL_OK
				: self->broken	? self->status
						: pl_status_from_errno(errno));
	else if (stream->closing)
		discard(self, (size_t)n);
	else
		stream->events->data(stream->owner, buffer, (size_t)n);
}

static void tcp_pause(pl_stream *stream)
{
	pl_tcp *self = tcp_of(stream);

	want(self, self->socket.wanted & PL_SOCKET_WRITE);
}

static void tcp_resume(pl_stream *stream)
{
	pl_tcp *self = tcp_of(stream);

	if (!self->ended)
		want(self, self->socket.wanted | PL_SOCKET_READ);
}

/* Addresses. */

static void tcp_address(pl_stream *stream, bool local, pl_address *address)
{
	int fd = tcp_of(stream)->socket.fd;
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	if (local)
		getsockname(fd, (struct sockaddr *)&name, &len);
	else
		getpeername(fd, (struct sockaddr *)&name, &len);
	pl_sockaddr_read(&name, address);
}

int pl_tcp_socket(const pl_stream *stream)
{
	return PL_CONTAINER((pl_stream *)(uintptr_t)stream, pl_tcp, stream)->socket.fd;
}

static const pl_stream_ops tcp_ops = {
	.flush = tcp_flush,
	.pause = tcp_pause,
	.resume = tcp_resume,
	.finish = tcp_finish,
	.shut = tcp_shut,
	.abort = tcp_abort,
	.address = tcp_address,
	.files = true,
};

static const pl_socket_events socket_events = {
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};

pl_tcp *pl_tcp_new(void)
{
	return pl_calloc(1, sizeof(pl_tcp));
}

void pl_tcp_free(pl_tcp *tcp)
{
	pl_free(tcp);
}

pl_stream *pl_tcp_open(pl_tcp *self, pl_loop *loop, int fd)
{
	const int on = 1;

	pl_socket_init(&self->socket, &socket_events, fd);
	pl_stream_init(&self->stream, &tcp_ops, loop);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return &self->stream;
}
