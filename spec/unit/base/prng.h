/* prng.h - repeatable numbers for tests against a model (SplitMix64). */
#ifndef UNIT_BASE_PRNG_H
#define UNIT_BASE_PRNG_H

#include <stdint.h>

static inline uint64_t prng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline uint64_t prng_below(uint64_t *state, uint64_t bound)
{
	return prng_next(state) % bound;
}

/* Up to `bits` bits long, each length as likely as the others. */
static inline uint64_t prng_magnitude(uint64_t *state, unsigned bits)
{
	unsigned length = (unsigned)prng_below(state, bits + 1);

	return length == 0 ? 0 : prng_next(state) >> (64 - length);
}

#endif
