/* compare.c - equality without an early end. */
#include "crypto/compare.h"

#include <openssl/crypto.h>

bool pl_secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

void pl_secret_wipe(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
}
