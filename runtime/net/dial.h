/*
 * dial.h - a TCP connection to a host: its addresses tried beside each other (RFC 8305, "Happy
 * Eyeballs").
 *
 * Addresses of both families take turns, in the order in which the resolver gives them. The next
 * one is tried when the present one has failed, or after PL_DIAL_DELAY; the first that connects
 * wins, the others are dropped.
 */
#ifndef PL_NET_DIAL_H
#define PL_NET_DIAL_H

#include "base/address.h"
#include "base/slice.h"
#include "net/stream.h"
#include "net/tcp_options.h"

enum { PL_DIAL_DELAY = 250 }; /* ms, RFC 8305 5 */

typedef struct pl_dial pl_dial;

typedef struct pl_dial_settings {
	pl_slice host; /* a name or an IP address; see pl_resolve_start */
	uint16_t port;
	const pl_address *addresses; /* where to, with ports, in place of the host, */
	size_t address_count;	     /* at most PL_RESOLVE_MAX; 0: the host is resolved */
	uint32_t timeout;	     /* ms for all of it, then PL_ETIMEDOUT */
	pl_address local;	     /* to connect from; family 0: the system's choice */
	uint16_t local_first;	     /* the ports to connect from, */
	uint16_t local_last;	     /* first to last; 0: the system's choice */
	pl_tcp_options tcp;
	/* Whether an address may be dialled at all: called for each, when it is about to be, also
	 * within pl_dial_start. NULL: all may. */
	bool (*allow)(void *owner, const pl_address *address);
	/* Once, never within pl_dial_start: PL_OK with the stream, which the receiver owns with
	 * pl_stream_own or aborts; or why there is none. Of several addresses it is the last one's
	 * reason. PL_EHOST, PL_ETIMEDOUT, PL_ECONNREFUSED, PL_EACCES (not allowed), PL_EADDRINUSE
	 * (no free port to connect from), PL_EMFILE, PL_ENOMEM, PL_EIO and others. */
	void (*done)(void *owner, int status, pl_stream *stream);
	void *owner;
} pl_dial_settings;

/* The settings are copied, the host with them. Holds the loop until `done`. PL_OK; PL_EINVAL for
 * what cannot be a name; PL_ENOMEM. */
int pl_dial_start(pl_dial **dial, pl_loop *loop, const pl_dial_settings *settings);

/* `done` will not come. */
void pl_dial_cancel(pl_dial *dial);

#endif
