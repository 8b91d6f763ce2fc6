#include "net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/loop_internal.h"
#include "net/resolve.h"
#include "net/sockaddr.h"
#include "net/tcp.h"

/* One address being tried. */
typedef struct attempt {
	uv_poll_t poll;
	pl_list node;
	pl_dial *dial; /* NULL: it is closing */
	int fd;	       /* -1: the stream has it */
} attempt;

struct pl_dial {
	pl_loop *loop;
	pl_dial_settings settings;
	pl_resolve *resolve; /* while it is at work */
	pl_list attempts;
	pl_timer next;	   /* when the next address is tried */
	pl_timer deadline; /* of all */
	pl_deferred finish;
	pl_stream *stream; /* the winner's */
	int status;
	bool over;
	size_t tried;
	size_t count;
	pl_address addresses[PL_RESOLVE_MAX];
};

static void try_next(pl_dial *dial);

/* Attempts. */

static void on_attempt_closed(uv_handle_t *handle)
{
	attempt *self = handle->data;

	if (self->fd >= 0)
		close(self->fd);
	pl_free(self);
}

static void attempt_drop(attempt *self)
{
	pl_list_remove(&self->node);
	self->dial = NULL;
	uv_poll_stop(&self->poll);
	uv_close((uv_handle_t *)&self->poll, on_attempt_closed);
}

/* The end. */

static void run_finish(pl_deferred *deferred)
{
	pl_dial *dial = PL_CONTAINER(deferred, pl_dial, finish);
	const pl_dial_settings settings = dial->settings;
	pl_stream *stream = dial->stream;
	int status = dial->status;

	pl_loop_release(dial->loop);
	pl_free(dial);
	settings.done(settings.owner, status, stream);
}

static void clear(pl_dial *dial)
{
	if (dial->resolve)
		pl_resolve_cancel(dial->resolve);
	dial->resolve = NULL;
	pl_loop_stop_timer(dial->loop, &dial->next);
	pl_loop_stop_timer(dial->loop, &dial->deadline);
	while (!pl_list_empty(&dial->attempts))
		attempt_drop(PL_CONTAINER(dial->attempts.next, attempt, node));
}

static void finish(pl_dial *dial, int status)
{
	if (dial->over)
		return;
	dial->over = true;
	dial->status = status;
	clear(dial);
	pl_loop_defer(dial->loop, &dial->finish);
}

/* Connecting. */

static void failed(pl_dial *dial, int status)
{
	dial->status = status;
	if (!dial->over)
		try_next(dial);
}

static void connected(attempt *self)
{
	pl_dial *dial = self->dial;
	pl_tcp *tcp = pl_tcp_new();
	int fd = self->fd;

	/* Two watchers of one descriptor are more than libuv takes. */
	if (tcp)
		self->fd = -1;
	attempt_drop(self);
	if (tcp)
		dial->stream = pl_tcp_open(tcp, dial->loop, fd);
	finish(dial, tcp ? PL_OK : PL_ENOMEM);
}

static void on_writable(uv_poll_t *poll, int uv_status, int events)
{
	attempt *self = poll->data;
	pl_dial *dial = self->dial;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	/* libuv has one word for all errors; the socket knows better. */
	getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (uv_status == 0 && error == 0) {
		connected(self);
		return;
	}
	attempt_drop(self);
	failed(dial, error ? pl_status_from_errno(error) : pl_net_status(uv_status));
}

static bool bind_one(int fd, pl_address *from, uint16_t port)
{
	struct sockaddr_storage name;
	socklen_t len;

	from->port = port;
	len = pl_sockaddr_write(from, &name);
	return bind(fd, (const struct sockaddr *)&name, len) == 0;
}

/* To the local address and the first port of the range that is free. */
static int bind_local(const pl_dial_settings *settings, int fd, uint8_t family)
{
	pl_address from = settings->local;
	uint32_t port = settings->local_first;

	if (from.family == 0 && port == 0)
		return PL_OK;
	if (from.family == 0)
		from.family = family;
	if (from.family != family)
		return PL_EADDRNOTAVAIL;
	do {
		if (bind_one(fd, &from, (uint16_t)port))
			return PL_OK;
	} while (errno == EADDRINUSE && port != 0 && ++port <= settings->local_last);
	return pl_status_from_errno(errno);
}

/* PL_OK: connected or on the way. */
static int begin_connect(const pl_dial_settings *settings, int fd, const pl_address *to)
{
	struct sockaddr_storage name;
	socklen_t len = pl_sockaddr_write(to, &name);
	int status = pl_tcp_options_set(fd, &settings->tcp);

	if (!status)
		status = bind_local(settings, fd, to->family);
	if (!status && connect(fd, (const struct sockaddr *)&name, len) && errno != EINPROGRESS)
		status = pl_status_from_errno(errno);
	return status;
}

static int attempt_open(pl_dial *dial, const pl_address *to, int fd)
{
	attempt *self = pl_calloc(1, sizeof(*self));
	int status;

	if (!self)
		return PL_ENOMEM;
	status = begin_connect(&dial->settings, fd, to);
	if (!status)
		status = pl_net_status(uv_poll_init(&dial->loop->uv, &self->poll, fd));
	if (status) {
		pl_free(self);
		return status;
	}
	self->poll.data = self;
	self->dial = dial;
	self->fd = fd;
	pl_list_append(&dial->attempts, &self->node);
	uv_poll_start(&self->poll, UV_WRITABLE, on_writable);
	return PL_OK;
}

static int try_address(pl_dial *dial, const pl_address *to)
{
	int family = to->family == 6 ? AF_INET6 : AF_INET;
	int status;
	int fd;

	if (dial->settings.allow && !dial->settings.allow(dial->settings.owner, to))
		return PL_EACCES;
	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return pl_status_from_errno(errno);
	status = attempt_open(dial, to, fd);
	if (status)
		close(fd);
	return status;
}

/* The next address that is not refused at once; the end when there is none and none is under way.
 */
static void try_next(pl_dial *dial)
{
	pl_loop_stop_timer(dial->loop, &dial->next);
	while (dial->tried < dial->count) {
		int status = try_address(dial, &dial->addresses[dial->tried++]);

		if (!status) {
			if (dial->tried < dial->count)
				pl_loop_start(dial->loop, &dial->next, PL_DIAL_DELAY);
			return;
		}
		dial->status = status;
	}
	if (pl_list_empty(&dial->attempts))
		finish(dial, dial->status);
}

static void on_next(pl_timer *timer)
{
	try_next(PL_CONTAINER(timer, pl_dial, next));
}

static void on_deadline(pl_timer *timer)
{
	finish(PL_CONTAINER(timer, pl_dial, deadline), PL_ETIMEDOUT);
}

/* Index of the next address of a family from `at` on, or count. */
static size_t next_of(const pl_address *from, size_t count, size_t at, uint8_t family)
{
	while (at < count && from[at].family != family)
		at++;
	return at;
}

/* The families take turns, beginning with that of the first address (RFC 8305 4). */
static void interleave(pl_address *to, const pl_address *from, size_t count)
{
	uint8_t family = from[0].family;
	size_t four = next_of(from, count, 0, 4);
	size_t six = next_of(from, count, 0, 6);
	size_t i;

	for (i = 0; i < count; i++) {
		size_t *at = family == 6 ? &six : &four;

		if (*at == count)
			at = at == &six ? &four : &six;
		to[i] = from[*at];
		family = to[i].family == 6 ? 4 : 6;
		*at = next_of(from, count, *at + 1, to[i].family);
	}
}

static void try_all(pl_dial *dial, const pl_address *addresses, size_t count)
{
	dial->count = count;
	interleave(dial->addresses, addresses, count);
	try_next(dial);
}

static void on_resolved(void *owner, int status, const pl_address *addresses, size_t count)
{
	pl_dial *dial = owner;

	dial->resolve = NULL;
	if (status)
		finish(dial, status);
	else
		try_all(dial, addresses, count);
}

int pl_dial_start(pl_dial **result, pl_loop *loop, const pl_dial_settings *settings)
{
	pl_dial *dial = pl_calloc(1, sizeof(*dial));
	size_t count = settings->address_count;
	int status = PL_OK;

	if (!dial)
		return PL_ENOMEM;
	dial->loop = loop;
	dial->settings = *settings;
	pl_list_init(&dial->attempts);
	pl_timer_init(&dial->next, on_next);
	pl_timer_init(&dial->deadline, on_deadline);
	pl_deferred_init(&dial->finish, run_finish);
	if (count > PL_RESOLVE_MAX)
		status = PL_EINVAL;
	else if (count == 0)
		status = pl_resolve_start(&dial->resolve, loop, settings->host, settings->port,
					  on_resolved, dial);
	if (status) {
		pl_free(dial);
		return status;
	}
	dial->settings.host = pl_slice_make(NULL, 0); /* no longer needed, nor ours to keep */
	dial->settings.addresses = NULL;
	pl_loop_hold(loop);
	pl_loop_start(loop, &dial->deadline, settings->timeout);
	if (count > 0)
		try_all(dial, settings->addresses, count);
	*result = dial;
	return PL_OK;
}

void pl_dial_cancel(pl_dial *dial)
{
	clear(dial);
	pl_deferred_cancel(&dial->finish);
	if (dial->stream)
		pl_stream_abort(dial->stream, PL_ECANCELED);
	pl_loop_release(dial->loop);
	pl_free(dial);
}
