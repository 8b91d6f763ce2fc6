/*
 * bucket.h - a token bucket: how many bytes may pass at a rate of bits per second.
 *
 * Pure: the caller says what time it is. A full bucket holds what may pass in PL_BUCKET_BURST, and
 * not less than PL_BUCKET_LEAST bytes, so that a low rate does not make tiny packets. It may be
 * overdrawn; what follows then waits for longer.
 */
#ifndef PL_NET_BUCKET_H
#define PL_NET_BUCKET_H

#include <stddef.h>
#include <stdint.h>

enum {
	PL_BUCKET_BURST = 100,	/* ms */
	PL_BUCKET_LEAST = 1024, /* bytes */
};

#define PL_BUCKET_RATE_MAX INT64_C(1000000000000)

typedef struct pl_bucket {
	int64_t rate;  /* bits per second, up to PL_BUCKET_RATE_MAX; 0: everything passes */
	int64_t size;  /* thousandths of bits, as the level: what comes in a ms is the rate */
	int64_t level; /* < 0: overdrawn */
	uint64_t at;   /* ms, when it was the level */
} pl_bucket;

/* Full. */
void pl_bucket_init(pl_bucket *bucket, int64_t rate, uint64_t now);

/* Bytes that may pass now; SIZE_MAX when everything does. */
size_t pl_bucket_level(pl_bucket *bucket, uint64_t now);

/* These have passed, after pl_bucket_level in the same ms; < 0: they have not after all. */
void pl_bucket_spend(pl_bucket *bucket, int64_t bytes);

/* ms until `bytes`, or half of a full bucket if that is less, may pass; 0: now. */
uint64_t pl_bucket_delay(pl_bucket *bucket, uint64_t now, size_t bytes);

#endif
