/*
 * random.h - unpredictable bytes from OpenSSL's generator.
 */
#ifndef PL_CRYPTO_RANDOM_H
#define PL_CRYPTO_RANDOM_H

#include <stddef.h>

/* Fills out[0..len). Ends the process when the system has no randomness: nothing
 * that needs it could be done safely. Thread-safe; small requests are served from a
 * pool per thread, which a fork must not share. */
void pl_random(void *out, size_t len);

#endif
