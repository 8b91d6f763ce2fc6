/* http_text_fuzz.c - every status has a phrase or none; every name has a media type. */
#include "fuzz/fuzz.h"

#include "codec/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_copy(data, size);
	uint64_t number = 0;

	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	FUZZ_CHECK(pl_http_reason((int)(uint32_t)number));
	FUZZ_CHECK(strchr(pl_http_media_type(pl_slice_make(name, size)), '/'));
	pl_http_media_compressible(pl_slice_make(name, size));
	free(name);
	return 0;
}
