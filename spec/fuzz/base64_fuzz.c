/* base64_fuzz.c - a text that is taken is the one that its bytes give; bytes come back. */
#include "fuzz/fuzz.h"

#include "codec/base64.h"

static void check_text(const uint8_t *text, size_t size)
{
	uint8_t *bytes = fuzz_copy(text, size / 4 * 3);
	ptrdiff_t len = pl_base64_decode(bytes, (const char *)text, size);

	if (len >= 0) {
		char *again = fuzz_copy(text, size);

		FUZZ_CHECK((size_t)len <= size / 4 * 3);
		FUZZ_CHECK(PL_BASE64_LENGTH((size_t)len) == size);
		FUZZ_CHECK(pl_base64_encode(again, bytes, (size_t)len) == size);
		FUZZ_CHECK(size == 0 || memcmp(again, text, size) == 0);
		free(again);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(PL_BASE64_LENGTH(size) + 1);
	uint8_t *bytes = malloc(PL_BASE64_LENGTH(size) / 4 * 3 + 1);
	size_t len = pl_base64_encode(text, data, size);

	FUZZ_CHECK(len == PL_BASE64_LENGTH(size));
	FUZZ_CHECK(pl_base64_decode(bytes, text, len) == (ptrdiff_t)size);
	FUZZ_CHECK(size == 0 || memcmp(bytes, data, size) == 0);
	check_text(data, size);
	free(bytes);
	free(text);
	return 0;
}
