/* http_authority_fuzz.c - an authority that is taken holds nothing that could end it. */
#include "fuzz/fuzz.h"

#include "codec/http_authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	pl_slice text = { copy, size }, port;
	uint64_t number;

	if (pl_http_authority_valid(text)) {
		port = pl_http_authority_port(text);
		FUZZ_CHECK(fuzz_within(port, text));
		FUZZ_CHECK(port.len == 0 || pl_slice_to_u64(port, UINT16_MAX, &number));
		for (size_t i = 0; i < size; i++)
			FUZZ_CHECK(copy[i] > ' ' && copy[i] < 0x7F &&
				   !strchr("/?#@\\\"<>", copy[i]));
	}
	free(copy);
	return 0;
}
