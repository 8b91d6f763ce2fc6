#include "net/socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/status.h"
#include "net/loop_internal.h"

enum { EVENTS = 1024 }; /* taken at once; the others come with the next turn */

_Static_assert((int)PL_SOCKET_READ == EPOLLIN, "handed on as it is");
_Static_assert((int)PL_SOCKET_WRITE == EPOLLOUT, "handed on as it is");

void pl_socket_init(pl_socket *socket, const pl_socket_events *events, int fd)
{
	*socket = (pl_socket){ .events = events, .fd = fd };
}

static int watch(pl_socket *socket, int set)
{
	struct epoll_event event = { .events = socket->wanted, .data.ptr = socket };
	int operation = EPOLL_CTL_MOD;

	if (!socket->watched)
		operation = EPOLL_CTL_ADD;
	else if (!socket->wanted)
		operation = EPOLL_CTL_DEL;
	if (epoll_ctl(set, operation, socket->fd, &event))
		return pl_status_from_errno(errno);
	socket->watched = socket->wanted;
	return PL_OK;
}

int pl_socket_want(pl_socket *socket, pl_loop *loop, unsigned wanted)
{
	socket->wanted = (uint8_t)wanted;
	return wanted & ~(unsigned)socket->watched ? watch(socket, loop->sockets.set) : PL_OK;
}

void pl_socket_close(pl_socket *socket, pl_loop *loop)
{
	/* Closing takes it out only with its last descriptor, and a program that is being started
	 * has those of this one up to its exec. */
	if (socket->watched)
		epoll_ctl(loop->sockets.set, EPOLL_CTL_DEL, socket->fd, NULL);
	close(socket->fd);
	socket->fd = -1;
	socket->next = loop->sockets.closing;
	loop->sockets.closing = socket;
}

static void report(pl_socket *socket, int set, unsigned happened)
{
	if (happened & (EPOLLERR | EPOLLHUP))
		happened |= PL_SOCKET_READ | PL_SOCKET_WRITE;
	if (!(happened & socket->wanted)) {
		watch(socket, set);
		return;
	}
	if (happened & socket->wanted & PL_SOCKET_READ)
		socket->events->readable(socket);
	if (socket->fd >= 0 && happened & socket->wanted & PL_SOCKET_WRITE)
		socket->events->writable(socket);
}

static void on_events(uv_poll_t *handle, int status, int unused)
{
	pl_loop *loop = handle->data;
	struct epoll_event events[EVENTS];
	int count = epoll_wait(loop->sockets.set, events, EVENTS, 0);

	(void)status, (void)unused;
	/* One that an earlier one has closed is still there: it is freed at the end of the turn. */
	for (int i = 0; i < count; i++) {
		pl_socket *socket = events[i].data.ptr;

		if (socket->fd >= 0)
			report(socket, loop->sockets.set, events[i].events);
	}
}

int pl_sockets_init(pl_loop *loop)
{
	pl_sockets *sockets = &loop->sockets;
	int status;

	sockets->set = epoll_create1(EPOLL_CLOEXEC);
	if (sockets->set < 0)
		return -errno;
	status = uv_poll_init(&loop->uv, &sockets->poll, sockets->set);
	if (!status)
		status = uv_poll_start(&sockets->poll, UV_READABLE, on_events);
	if (status) {
		close(sockets->set);
		return status;
	}
	sockets->poll.data = loop;
	return PL_OK;
}

void pl_sockets_end_turn(pl_loop *loop)
{
	while (loop->sockets.closing) {
		pl_socket *socket = loop->sockets.closing;

		loop->sockets.closing = socket->next;
		socket->events->closed(socket);
	}
}

void pl_sockets_close(pl_loop *loop)
{
	uv_close((uv_handle_t *)&loop->sockets.poll, NULL);
	close(loop->sockets.set);
}
