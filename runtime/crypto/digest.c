/* digest.c - one-shot SHA-1, SHA-256 and MD5. */
#include "crypto/digest.h"

#include <stdatomic.h>

#include <openssl/evp.h>

#include "base/status.h"

typedef _Atomic(EVP_MD *) algorithm;

static algorithm sha1, sha256, md5;

/* A fetch that failed for want of memory is tried again by the next caller. */
static EVP_MD *fetch(algorithm *cached, const char *name)
{
	EVP_MD *md = atomic_load_explicit(cached, memory_order_acquire);
	EVP_MD *fresh;

	if (md)
		return md;
	fresh = EVP_MD_fetch(NULL, name, NULL);
	if (!fresh || atomic_compare_exchange_strong(cached, &md, fresh))
		return fresh;
	EVP_MD_free(fresh);
	return md;
}

static int digest(algorithm *cached, const char *name, const void *data, size_t len, uint8_t *out)
{
	const EVP_MD *md = fetch(cached, name);

	return md && EVP_Digest(data, len, out, NULL, md, NULL) == 1 ? PL_OK : PL_ENOMEM;
}

int pl_sha1(const void *data, size_t len, uint8_t out[PL_SHA1_SIZE])
{
	return digest(&sha1, "SHA1", data, len, out);
}

int pl_sha256(const void *data, size_t len, uint8_t out[PL_SHA256_SIZE])
{
	return digest(&sha256, "SHA256", data, len, out);
}

int pl_md5(const void *data, size_t len, uint8_t out[PL_MD5_SIZE])
{
	return digest(&md5, "MD5", data, len, out);
}
