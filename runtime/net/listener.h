/*
 * listener.h - accepts TCP connections at an address; the listeners of several loops may share one.
 * A socket that was opened for us (inherited.h) is taken in place of a new one.
 */
#ifndef PL_NET_LISTENER_H
#define PL_NET_LISTENER_H

#include <stdbool.h>

#include "base/address.h"
#include "net/stream.h"
#include "net/tcp_options.h"

enum { PL_LISTEN_BACKLOG = 4096 };

typedef struct pl_listener pl_listener;

typedef struct pl_listener_events {
	/* A new connection. The receiver owns it with pl_stream_own, or aborts it; reading begins
	 * with pl_stream_resume. */
	void (*accept)(void *owner, pl_stream *stream);
	void (*closed)(void *owner); /* last */
	/* How long until the next connection may be taken, in ms; 0: now. NULL: always now. Those
	 * that wait do so in the system's backlog. */
	uint64_t (*delay)(void *owner);
} pl_listener_events;

/* Zeroed: the system's defaults. */
typedef struct pl_listener_options {
	bool shared; /* others may listen at the address too (SO_REUSEPORT): the system shares the
		      * connections out */
	pl_tcp_options tcp; /* what the connections that come are given */
} pl_listener_options;

/* Binds and listens; port 0 picks a free port. PL_OK, PL_EADDRINUSE, PL_EADDRNOTAVAIL,
 * PL_EACCES, PL_EMFILE, PL_ENOMEM or PL_EIO. IPv6 sockets take IPv6 only. */
int pl_listener_open(pl_listener **listener, pl_loop *loop, const pl_address *address,
		     const pl_listener_options *options, const pl_listener_events *events,
		     void *owner);

/* Of a socket that listens, and does not block, which is the listener's from now on, also when this
 * fails. */
int pl_listener_adopt(pl_listener **listener, pl_loop *loop, int fd,
		      const pl_listener_events *events, void *owner);
void pl_listener_address(pl_listener *listener, pl_address *address); /* the port as bound */

/* Whether its socket has stopped to listen without our doing; nothing comes any more then. */
bool pl_listener_lost(const pl_listener *listener);

/* Hands out now what the system has accepted for us already and a close would reset. */
void pl_listener_drain(pl_listener *listener);
void pl_listener_close(pl_listener *listener);

/* Binds a socket that keeps an address for shared listeners: nobody else listens there, which a
 * shared listener would not notice, and a port 0 is settled. *bound receives the address. Errors as
 * above. The caller closes *fd when the last listener is closed. */
int pl_listener_reserve(const pl_address *address, int *fd, pl_address *bound);

#endif
