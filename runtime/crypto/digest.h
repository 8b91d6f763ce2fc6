/*
 * digest.h - message digests over OpenSSL, algorithms fetched once a process.
 */
#ifndef PL_CRYPTO_DIGEST_H
#define PL_CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { PL_MD5_SIZE = 16, PL_SHA1_SIZE = 20, PL_SHA256_SIZE = 32 };

/* PL_OK, or PL_ENOMEM when OpenSSL has no memory. Thread-safe. */
int pl_sha1(const void *data, size_t len, uint8_t out[PL_SHA1_SIZE]);
int pl_sha256(const void *data, size_t len, uint8_t out[PL_SHA256_SIZE]);

/* For protocols that ask for it; it protects nothing. PL_ENOMEM also where OpenSSL is set up to
 * have none. */
int pl_md5(const void *data, size_t len, uint8_t out[PL_MD5_SIZE]);

#endif
