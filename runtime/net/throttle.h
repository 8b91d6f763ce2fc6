/*
 * throttle.h - a stream over another stream that carries so many bits a second and no more.
 *
 * What may be sent or read is counted as it goes, with a quarter of a second in reserve: a read
 * that was more than that is made up for by a pause. While output waits for its time the stream is
 * `blocked`, as it is by a slow peer. What stream.h says holds here.
 */
#ifndef PL_NET_THROTTLE_H
#define PL_NET_THROTTLE_H

#include "net/stream.h"

typedef struct pl_throttle_rates {
	uint64_t out; /* bits a second, at least 8; 0: no limit */
	uint64_t in;
} pl_throttle_rates;

/* Takes `below` over, which is not resumed. PL_OK, or PL_ENOMEM: `below` is still the caller's. */
int pl_throttle_open(pl_stream **stream, pl_stream *below, const pl_throttle_rates *rates);

#endif
