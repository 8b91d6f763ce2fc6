/*
 * throttle.h - a stream over another one that lets pass a number of bits per second.
 *
 * It belongs between TCP and whatever speaks over it, below TLS: counted are the bytes on the wire.
 * Reading is held up by not reading, so that the peer is, by the kernel; writing by keeping what is
 * written, which makes the stream `blocked`: control frames overtake then as ever. pl_stream_finish
 * sends what is queued at the same rate. A connection without a throttle has none of this.
 *
 * A total is shared by any number of throttles of one loop. Who has to wait for it gets a share of
 * it in turn, the first come first.
 */
#ifndef PL_NET_THROTTLE_H
#define PL_NET_THROTTLE_H

#include "net/bucket.h"
#include "net/stream.h"

/* Bits per second, see bucket.h; 0: no bound. */
typedef struct pl_throttle_rates {
	int64_t read;
	int64_t write;
} pl_throttle_rates;

static inline bool pl_throttle_rates_any(const pl_throttle_rates *rates)
{
	return rates->read > 0 || rates->write > 0;
}

typedef struct pl_throttle_total pl_throttle_total;

/* PL_OK or PL_ENOMEM. */
int pl_throttle_total_new(pl_throttle_total **total, pl_loop *loop, const pl_throttle_rates *rates);

/* When the streams that share it are closed. NULL is allowed. */
void pl_throttle_total_free(pl_throttle_total *total);

/* Takes `below` over, which nobody reads yet. `total` may be NULL. PL_OK, or PL_ENOMEM: `below` is
 * still the caller's. */
int pl_throttle_open(pl_stream **stream, pl_stream *below, const pl_throttle_rates *rates,
		     pl_throttle_total *total);

#endif
