/*
 * relay.h - two streams that are one: what comes from either goes out by the other.
 *
 * Who writes faster than the other side takes is not read from meanwhile. An end is handed on as an
 * end of that direction alone; when both directions have ended, both streams are closed in order. A
 * stream that fails takes the other one with it, behind what was written to that. Silence in both
 * directions for longer than `idle` closes both.
 */
#ifndef PL_NET_RELAY_H
#define PL_NET_RELAY_H

#include "base/slice.h"
#include "net/stream.h"

typedef struct pl_relay pl_relay;

typedef struct pl_relay_settings {
	uint32_t idle; /* ms; 0: no limit */
	/* Last, once, when the near stream is closed; the far one closes by itself, if it has not
	 * yet. PL_OK: in order; PL_ETIMEDOUT: silence, or output that made no progress; or what the
	 * first stream failed with. Never within a call of the owner. */
	void (*ended)(void *owner, int status);
	void *owner;
} pl_relay_settings;

/* Takes both streams over. Nothing is read before pl_relay_start. PL_OK or PL_ENOMEM: then they are
 * still the caller's. */
int pl_relay_new(pl_relay **relay, pl_stream *near, pl_stream *far,
		 const pl_relay_settings *settings);

/* Sends first what was read of either already, then begins. */
void pl_relay_start(pl_relay *relay, pl_slice from_near, pl_slice from_far);

/* Both streams close: in order, or at once. */
void pl_relay_finish(pl_relay *relay);
void pl_relay_abort(pl_relay *relay, int status);

/* Bytes that came from the near and from the far side. */
void pl_relay_counts(const pl_relay *relay, uint64_t *near, uint64_t *far);

#endif
