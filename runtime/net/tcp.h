/*
 * tcp.h - TCP connections as streams, and the listener that accepts them.
 */
#ifndef PL_NET_TCP_H
#define PL_NET_TCP_H

#include "base/address.h"
#include "net/stream.h"

enum { PL_LISTEN_BACKLOG = 4096 };

typedef struct pl_listener pl_listener;

typedef struct pl_listener_events {
	/* A new connection. The receiver owns it with pl_stream_own, or aborts it; reading begins
	 * with pl_stream_resume. */
	void (*accept)(void *owner, pl_stream *stream);
	void (*closed)(void *owner); /* last */
} pl_listener_events;

/* Binds and listens; port 0 picks a free port. PL_OK, PL_EADDRINUSE, PL_EADDRNOTAVAIL,
 * PL_EACCES, PL_EMFILE, PL_ENOMEM or PL_EIO. IPv6 sockets take IPv6 only. */
int pl_listener_open(pl_listener **listener, pl_loop *loop, const pl_address *address,
		     const pl_listener_events *events, void *owner);
void pl_listener_address(pl_listener *listener, pl_address *address); /* the port as bound */
void pl_listener_close(pl_listener *listener);

#endif
