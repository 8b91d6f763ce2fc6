/*
 * protocols.h - the subprotocols (RFC 6455 1.9) that are registered with a server besides those of
 * its options, and what some of them make of what is published.
 */
#ifndef PL_SERVER_PROTOCOLS_H
#define PL_SERVER_PROTOCOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { PL_PROTOCOLS_MAX = 32 };

/* How receivers of a protocol get a text that is published, on a channel or (empty) to everybody.
 * PL_OK, or a status: then they do not get it. */
typedef int pl_dialect(pl_buffer *out, pl_slice channel, pl_slice text);

typedef struct pl_protocol {
	pl_slice name;
	pl_dialect *dialect; /* NULL: as it is */
} pl_protocol;

typedef struct pl_protocols {
	size_t count;
	size_t dialects; /* how many have one */
	pl_protocol list[PL_PROTOCOLS_MAX];
} pl_protocols;

void pl_protocols_deinit(pl_protocols *protocols);

/* Adds, or gives another dialect to, a protocol. PL_OK, PL_ELIMIT or PL_ENOMEM. */
int pl_protocols_add(pl_protocols *protocols, pl_slice name, pl_dialect *dialect);

/* NULL: it is not registered. */
const pl_protocol *pl_protocols_find(const pl_protocols *protocols, pl_slice name);

#endif
