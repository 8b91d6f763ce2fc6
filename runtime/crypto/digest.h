/*
 * digest.h - message digests over OpenSSL, algorithms fetched once a process.
 */
#ifndef PL_CRYPTO_DIGEST_H
#define PL_CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { PL_SHA1_SIZE = 20, PL_SHA256_SIZE = 32 };

/* PL_OK, or PL_ENOMEM when OpenSSL has no memory. Thread-safe. */
int pl_sha1(const void *data, size_t len, uint8_t out[PL_SHA1_SIZE]);
int pl_sha256(const void *data, size_t len, uint8_t out[PL_SHA256_SIZE]);

#endif
