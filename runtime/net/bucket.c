#include "net/bucket.h"

enum { BYTE = 8 * 1000 };

void pl_bucket_init(pl_bucket *bucket, int64_t rate, uint64_t now)
{
	int64_t size = rate * PL_BUCKET_BURST;
	const int64_t least = (int64_t)PL_BUCKET_LEAST * BYTE;

	if (size < least)
		size = least;
	*bucket = (pl_bucket){ .rate = rate, .size = size, .level = size, .at = now };
}

static void fill(pl_bucket *bucket, uint64_t now)
{
	uint64_t passed = now - bucket->at;
	int64_t missing = bucket->size - bucket->level;

	bucket->at = now;
	if (passed > (uint64_t)(missing / bucket->rate))
		bucket->level = bucket->size;
	else
		bucket->level += bucket->rate * (int64_t)passed;
}

size_t pl_bucket_level(pl_bucket *bucket, uint64_t now)
{
	if (bucket->rate == 0)
		return SIZE_MAX;
	fill(bucket, now);
	return bucket->level > 0 ? (size_t)(bucket->level / BYTE) : 0;
}

void pl_bucket_spend(pl_bucket *bucket, int64_t bytes)
{
	if (bucket->rate == 0)
		return;
	bucket->level -= bytes * BYTE;
	if (bucket->level > bucket->size)
		bucket->level = bucket->size;
}

uint64_t pl_bucket_delay(pl_bucket *bucket, uint64_t now, size_t bytes)
{
	int64_t wanted;

	if (bucket->rate == 0)
		return 0;
	fill(bucket, now);
	wanted = bucket->size / 2;
	if (bytes < (size_t)(wanted / BYTE))
		wanted = (int64_t)bytes * BYTE;
	if (bucket->level >= wanted)
		return 0;
	return (uint64_t)((wanted - bucket->level + bucket->rate - 1) / bucket->rate);
}
