/*
 * socket.h - connected sockets that a loop watches, in 24 bytes each.
 *
 * libuv's handles take ten times as much. These are in an epoll set of their own, which libuv
 * watches like any descriptor. Level-triggered; what is no longer wanted is taken out when it
 * happens next. Not for files.
 */
#ifndef PL_NET_SOCKET_H
#define PL_NET_SOCKET_H

#include <stdint.h>

#include "net/loop.h"

typedef struct pl_socket pl_socket;

enum pl_socket_want { PL_SOCKET_READ = 1, PL_SOCKET_WRITE = 4 }; /* EPOLLIN and EPOLLOUT */

/* A socket that has failed is readable and writable: the next call on it says why. */
typedef struct pl_socket_events {
	void (*readable)(pl_socket *socket);
	void (*writable)(pl_socket *socket);
	void (*closed)(pl_socket *socket); /* last, at the end of a turn: it can be freed */
} pl_socket_events;

struct pl_socket {
	const pl_socket_events *events;
	pl_socket *next; /* of those that are closing */
	int fd;		 /* -1: closed */
	uint8_t wanted;	 /* of enum pl_socket_want */
	uint8_t watched; /* what the epoll set has */
};

void pl_socket_init(pl_socket *socket, const pl_socket_events *events, int fd);

/* What it is watched for from now on. PL_OK or an error of the system. */
int pl_socket_want(pl_socket *socket, pl_loop *loop, unsigned wanted);

/* Closes the descriptor now; `closed` follows, and nothing else. */
void pl_socket_close(pl_socket *socket, pl_loop *loop);

#endif
