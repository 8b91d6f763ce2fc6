/* http_range_fuzz.c - ranges lie within what they are parts of. The first bytes are its size. */
#include "fuzz/fuzz.h"

#include "codec/http_range.h"

enum { MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pl_http_range ranges[MAX];
	char out[PL_HTTP_CONTENT_RANGE_MAX];
	size_t head = size < 3 ? size : 3;
	uint64_t whole = 0;
	char *text;
	int count;

	memcpy(&whole, data, head);
	if (whole % 8 == 7)
		whole = UINT64_MAX - whole;
	text = fuzz_copy(data + head, size - head);
	count = pl_http_range_decode(ranges, MAX, pl_slice_make(text, size - head), whole);
	FUZZ_CHECK(count >= PL_HTTP_RANGE_OUTSIDE && count <= MAX);
	for (int i = 0; i < count; i++) {
		FUZZ_CHECK(ranges[i].len > 0 && ranges[i].first < whole);
		FUZZ_CHECK(ranges[i].len <= whole - ranges[i].first);
		FUZZ_CHECK(pl_http_content_range_encode(out, &ranges[i], whole) <= sizeof(out));
	}
	FUZZ_CHECK(pl_http_unsatisfied_range_encode(out, whole) <= sizeof(out));
	free(text);
	return 0;
}
