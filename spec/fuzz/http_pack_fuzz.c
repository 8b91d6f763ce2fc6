/* http_pack_fuzz.c - what is packed comes back; what is no packing stays within its room. */
#include "fuzz/fuzz.h"

#include "codec/http_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size);
	size_t packed_len = pl_http_pack(NULL, text, size), len = pl_http_unpack(NULL, text, size);
	char *packed = malloc(packed_len + 1), *back = malloc(size + 1), *out = malloc(len + 1);

	FUZZ_CHECK(packed_len <= 2 * size);
	FUZZ_CHECK(pl_http_pack(packed, text, size) == packed_len);
	FUZZ_CHECK(pl_http_unpack(back, packed, packed_len) == size);
	FUZZ_CHECK(size == 0 || memcmp(back, text, size) == 0);
	FUZZ_CHECK(pl_http_unpack(out, text, size) == len);
	free(out);
	free(back);
	free(packed);
	free(text);
	return 0;
}
