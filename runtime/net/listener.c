#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "net/inherited.h"
#include "net/loop_internal.h"
#include "net/sockaddr.h"
#include "net/tcp.h"

enum {
	ACCEPT_BURST = 256, /* connections taken in a turn, at most */
	ACCEPT_AGAIN = 100  /* ms until connections that had to wait are tried again */
};

/* libuv's own way to listen would spin when the process has no descriptor left: here the
 * connections then wait in the backlog. */
struct pl_listener {
	uv_poll_t handle;
	pl_loop *loop;
	const pl_listener_events *events;
	void *owner;
	pl_timer again;
	int fd;
	bool told; /* that connections wait */
	bool lost; /* the socket listens no more */
};

static void on_readable(uv_poll_t *handle, int status, int events);
static void read_address(int fd, pl_address *address);

static void watch(pl_listener *listener)
{
	uv_poll_start(&listener->handle, UV_READABLE, on_readable);
}

static void on_again(pl_timer *timer)
{
	watch(PL_CONTAINER(timer, pl_listener, again));
}

/* From the socket, for a while in ms. */
static void look_away(pl_listener *listener, uint64_t delay)
{
	uv_poll_stop(&listener->handle);
	pl_loop_start(listener->loop, &listener->again, delay);
}

static void rest(pl_listener *listener, int status)
{
	if (!listener->told)
		pl_log(PL_LOG_WARN, "connections have to wait: %s", pl_status_text(status));
	listener->told = true;
	look_away(listener, ACCEPT_AGAIN);
}

/* The socket was shut down under us: looking at it on and on would tell nothing else. */
static void lose(pl_listener *listener, int error)
{
	char ip[PL_ADDRESS_TEXT];
	pl_address address;

	if (listener->lost)
		return;
	read_address(listener->fd, &address);
	pl_address_ip(&address, ip);
	pl_log(PL_LOG_ERROR, "nobody listens any more on %s port %u: %s", ip, address.port,
	       pl_status_text(pl_status_from_errno(error)));
	listener->lost = true;
	uv_poll_stop(&listener->handle);
}

static bool is_closing(const pl_listener *listener)
{
	return uv_is_closing((const uv_handle_t *)&listener->handle);
}

static void adopt(pl_listener *listener, pl_tcp *tcp, int fd)
{
	listener->told = false;
	listener->events->accept(listener->owner, pl_tcp_open(tcp, listener->loop, fd));
}

/* False when there is nothing more to take for now. */
static bool take_connection(pl_listener *listener)
{
	pl_tcp *tcp = pl_tcp_new();
	int fd;
	int error;

	if (!tcp) {
		rest(listener, PL_ENOMEM);
		return false;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		adopt(listener, tcp, fd);
		return !is_closing(listener);
	}
	error = errno;
	pl_tcp_free(tcp);
	if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
		rest(listener, pl_status_from_errno(error));
	if (error == EINVAL || error == EBADF || error == ENOTSOCK) {
		lose(listener, error);
		return false;
	}
	/* What is left is a connection that failed before it was ours. */
	return error == ECONNABORTED || error == EINTR || error == EPROTO;
}

static bool is_early(pl_listener *listener)
{
	const pl_listener_events *events = listener->events;
	uint64_t delay = events->delay ? events->delay(listener->owner) : 0;

	if (delay > 0)
		look_away(listener, delay);
	return delay > 0;
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
	pl_listener *listener = handle->data;
	int most = ACCEPT_BURST;

	(void)status, (void)events;
	while (most-- > 0 && !is_early(listener) && take_connection(listener))
		;
}

static int bind_to(int fd, const pl_address *address, bool shared)
{
	const int on = 1;
	struct sockaddr_storage name;
	socklen_t len = pl_sockaddr_write(address, &name);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
	    (address->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    bind(fd, (const struct sockaddr *)&name, len))
		return pl_status_from_errno(errno);
	return PL_OK;
}

static int open_bound(const pl_address *address, bool shared, int *fd)
{
	int family = address->family == 6 ? AF_INET6 : AF_INET;
	int status;

	*fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return pl_status_from_errno(errno);
	status = bind_to(*fd, address, shared);
	if (status)
		close(*fd);
	return status;
}

static int open_listening(const pl_address *address, const pl_listener_options *options, int *fd)
{
	int status;

	*fd = pl_inherited_take(address);
	if (*fd >= 0) {
		status = pl_tcp_options_set(*fd, &options->tcp);
		if (status)
			close(*fd);
		return status;
	}
	status = open_bound(address, options->shared, fd);
	if (status)
		return status;
	status = pl_tcp_options_set(*fd, &options->tcp);
	if (!status && listen(*fd, PL_LISTEN_BACKLOG))
		status = pl_status_from_errno(errno);
	if (status)
		close(*fd);
	return status;
}

static void read_address(int fd, pl_address *address)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	getsockname(fd, (struct sockaddr *)&name, &len);
	pl_sockaddr_read(&name, address);
}

/* The second bind by anybody then fails, but for shared listeners. SO_REUSEADDR is needed for the
 * bind itself, because of connections of an earlier run (TIME_WAIT), and would let others in. */
static int keep_for_shared(int fd)
{
	const int on = 1;
	const int off = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)))
		return pl_status_from_errno(errno);
	return PL_OK;
}

int pl_listener_reserve(const pl_address *address, int *fd, pl_address *bound)
{
	int status;

	*fd = pl_inherited_take(address);
	if (*fd >= 0) {
		*bound = *address;
		return PL_OK;
	}
	status = open_bound(address, false, fd);
	if (status)
		return status;
	status = keep_for_shared(*fd);
	if (status)
		close(*fd);
	else
		read_address(*fd, bound);
	return status;
}

int pl_listener_adopt(pl_listener **result, pl_loop *loop, int fd, const pl_listener_events *events,
		      void *owner)
{
	pl_listener *listener = pl_calloc(1, sizeof(*listener));
	int status = PL_ENOMEM;

	if (listener)
		status = pl_net_status(uv_poll_init(&loop->uv, &listener->handle, fd));
	if (status) {
		close(fd);
		pl_free(listener);
		return status;
	}
	listener->loop = loop;
	listener->events = events;
	listener->owner = owner;
	listener->fd = fd;
	listener->handle.data = listener;
	pl_timer_init(&listener->again, on_again);
	watch(listener);
	*result = listener;
	return PL_OK;
}

int pl_listener_open(pl_listener **result, pl_loop *loop, const pl_address *address,
		     const pl_listener_options *options, const pl_listener_events *events,
		     void *owner)
{
	int fd;
	int status = open_listening(address, options, &fd);

	return status ? status : pl_listener_adopt(result, loop, fd, events, owner);
}

void pl_listener_address(pl_listener *listener, pl_address *address)
{
	read_address(listener->fd, address);
}

static void on_closed(uv_handle_t *handle)
{
	pl_listener *listener = handle->data;

	listener->events->closed(listener->owner);
	pl_free(listener);
}

bool pl_listener_lost(const pl_listener *listener)
{
	return listener->lost;
}

void pl_listener_drain(pl_listener *listener)
{
	int most = PL_LISTEN_BACKLOG;

	while (most-- > 0 && take_connection(listener))
		;
}

void pl_listener_close(pl_listener *listener)
{
	pl_loop_stop_timer(listener->loop, &listener->again);
	uv_poll_stop(&listener->handle);
	close(listener->fd);
	uv_close((uv_handle_t *)&listener->handle, on_closed);
}
