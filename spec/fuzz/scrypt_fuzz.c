/* scrypt_fuzz.c - whatever a list of users holds, a hash that is taken can be made. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "crypto/scrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	pl_scrypt hash;

	if (pl_scrypt_decode(&hash, text, size) == PL_OK) {
		FUZZ_CHECK(pl_scrypt_looks_like(text, size));
		FUZZ_CHECK(hash.salt_len >= PL_SCRYPT_SALT_MIN &&
			   hash.salt_len <= PL_SCRYPT_SALT_MAX);
		FUZZ_CHECK(hash.key_len >= PL_SCRYPT_KEY_MIN && hash.key_len <= PL_SCRYPT_KEY_MAX);
		FUZZ_CHECK((uint64_t)128 * hash.r << hash.log_n <= PL_SCRYPT_MEMORY);
		FUZZ_CHECK(hash.p >= 1 && hash.p <= 16);
	}
	free(text);
	return 0;
}
