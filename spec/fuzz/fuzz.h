/*
 * fuzz.h - what the codecs' fuzz targets share: pieces of exact size, checks that abort.
 *
 * The borders of the pieces are drawn from the input itself, so that a seed is nothing but the
 * text of its protocol.
 */
#ifndef SPEC_FUZZ_FUZZ_H
#define SPEC_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* A copy that ends where its memory ends: the address sanitizer sees a read beyond it. */
static inline void *fuzz_copy(const void *data, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	FUZZ_CHECK(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* Whether inner lies within outer; one without memory lies everywhere. */
static inline bool fuzz_within(pl_slice inner, pl_slice outer)
{
	return !inner.at || (inner.at >= outer.at && inner.len <= outer.len &&
			     (size_t)(inner.at - outer.at) <= outer.len - inner.len);
}

typedef struct fuzz_cuts {
	uint64_t state;
} fuzz_cuts;

static inline fuzz_cuts fuzz_cuts_of(const uint8_t *data, size_t len)
{
	fuzz_cuts cuts = { UINT64_C(0xCBF29CE484222325) };

	for (size_t i = 0; i < len; i++)
		cuts.state = (cuts.state ^ data[i]) * UINT64_C(0x100000001B3);
	return cuts;
}

/* The length of the next piece of what is left: 1 to 8 bytes mostly, sometimes up to all. */
static inline size_t fuzz_cut(fuzz_cuts *cuts, size_t left)
{
	size_t len;

	cuts->state = cuts->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	len = (size_t)(cuts->state >> 40);
	len = (cuts->state >> 33) % 8 == 0 ? len % (left + 1) : len % 8;
	len++;
	return len < left ? len : left;
}

#endif
