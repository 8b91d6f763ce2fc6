/*
 * resolve.h - host names to addresses, by the system's resolver on the thread pool.
 */
#ifndef PL_NET_RESOLVE_H
#define PL_NET_RESOLVE_H

#include "base/address.h"
#include "base/slice.h"
#include "net/loop.h"

/* Addresses that are kept of one name; and the longest name (RFC 1035 2.3.4, as text). */
enum { PL_RESOLVE_MAX = 32, PL_RESOLVE_NAME_MAX = 253 };

typedef struct pl_resolve pl_resolve;

/* In the system's order (RFC 6724), with `port`; count 0 when status is not PL_OK: PL_EHOST (no
 * such name, or the resolver does not answer), PL_ENOMEM. Never within pl_resolve_start. */
typedef void pl_resolve_done(void *owner, int status, const pl_address *addresses, size_t count);

/* An IP address (IPv6 with or without brackets) is its own answer; "localhost" and names below it
 * are this machine (RFC 6761 6.3). Both without asking anybody. Holds the loop until `done`. PL_OK;
 * PL_EINVAL for what cannot be a name; PL_ENOMEM. */
int pl_resolve_start(pl_resolve **resolve, pl_loop *loop, pl_slice name, uint16_t port,
		     pl_resolve_done *done, void *owner);

/* `done` will not come. */
void pl_resolve_cancel(pl_resolve *resolve);

#endif
