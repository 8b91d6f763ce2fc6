/*
 * frame_end_fuzz.c - a flow in pieces has the frames of the whole.
 *
 * The first byte of an input is how long the end is, the end follows, then the flow.
 */
#include "fuzz/fuzz.h"

#include "codec/frame_end.h"

/* Where the next frame that begins at `from` ends; 0: nowhere. */
static size_t next_end(const pl_frame_end *end, const uint8_t *flow, size_t size, size_t from)
{
	for (size_t at = from; at + end->len <= size; at++)
		if (memcmp(flow + at, end->bytes, end->len) == 0)
			return at + end->len;
	return 0;
}

static void check(const pl_frame_end *end, const uint8_t *flow, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(flow, size);
	size_t began = 0, at = 0, border = 0;

	while (at < size) {
		uint8_t *copy;

		border += fuzz_cut(&cuts, size - border);
		copy = fuzz_copy(flow, border);
		while (at < border) {
			size_t used = pl_frame_end_find(end, copy + began, at - began, copy + at,
							border - at);
			size_t expected = next_end(end, flow, border, began);

			FUZZ_CHECK(expected == (used ? at + used : 0));
			at = used ? at + used : border;
			if (used)
				began = at;
		}
		free(copy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pl_frame_end end;
	size_t len = size > 0 ? data[0] % PL_FRAME_END_MAX + 1u : 0;

	if (len == 0 || size < 1 + len || size > 4096)
		return 0;
	FUZZ_CHECK(pl_frame_end_set(&end, PL_FRAME_SCAN_ALL,
				    pl_slice_make((const char *)data + 1, len)));
	check(&end, data + 1 + len, size - 1 - len);
	return 0;
}
