/*
 * compare.h - equality of secrets in a time that tells nothing about them, and their end.
 */
#ifndef PL_CRYPTO_COMPARE_H
#define PL_CRYPTO_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

/* True when both are equal. The time depends on the lengths only. */
bool pl_secret_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* Zeroes what must not stay in memory; no compiler leaves it out. */
void pl_secret_wipe(void *secret, size_t len);

#endif
