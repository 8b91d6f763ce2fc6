#include "bytes.h"

#include "codec/frame_end.h"

static pl_frame_end end_of(enum pl_frame_scan scan, pl_slice bytes)
{
	pl_frame_end end;

	assert_true(pl_frame_end_set(&end, scan, bytes));
	return end;
}

static void what_ends(void **state)
{
	char longest[PL_FRAME_END_MAX + 1] = "";
	pl_frame_end end;

	(void)state;
	assert_true(pl_frame_end_set(&end, PL_FRAME_SCAN_NONE, pl_slice_make(NULL, 0)));
	assert_false(pl_frame_end_set(&end, PL_FRAME_SCAN_NONE, PL_SLICE("a")));
	assert_false(pl_frame_end_set(&end, PL_FRAME_SCAN_ALL, pl_slice_make(NULL, 0)));
	assert_false(pl_frame_end_set(&end, PL_FRAME_SCAN_LATEST, pl_slice_make(NULL, 0)));
	assert_true(pl_frame_end_set(&end, PL_FRAME_SCAN_ALL,
				     pl_slice_make(longest, PL_FRAME_END_MAX)));
	assert_false(pl_frame_end_set(&end, PL_FRAME_SCAN_ALL,
				      pl_slice_make(longest, PL_FRAME_END_MAX + 1)));
}

static const struct {
	pl_slice end, flow;
	size_t frames[6]; /* their lengths, up to 0; the rest has no end */
} flows[] = {
	{ BYTES("\n"), BYTES("a\nbc\n\nd"), { 2, 3, 1 } },
	{ BYTES("\0\n"), BYTES("CONNECTED\n\n\0\n\0\n\0"), { 13, 2 } },
	{ BYTES("\r\n\r\n"), BYTES("\r\n\r\r\n\r\n\r\n\r\n"), { 7, 4 } },
	{ BYTES("aab"), BYTES("aaab"), { 4 } },
	{ BYTES("aa"), BYTES("aaaaa"), { 2, 2 } },
	{ BYTES("abcab"), BYTES("abcabcabab"), { 5 } },
	{ BYTES("\xFF"), BYTES("\xFE\xFF"), { 2 } },
	{ BYTES("end"), BYTES("en"), { 0 } },
};

/* The frames of a flow that comes in three pieces, from memory that ends where each does. */
static void check_pieces(size_t row, size_t first, size_t second)
{
	const pl_slice flow = flows[row].flow;
	const pl_frame_end end = end_of(PL_FRAME_SCAN_ALL, flows[row].end);
	const size_t borders[] = { first, second, flow.len };
	size_t began = 0, at = 0, count = 0;

	for (size_t i = 0; i < 3; i++) {
		uint8_t *copy = malloc(borders[i] > 0 ? borders[i] : 1);

		assert_non_null(copy);
		memcpy(copy, flow.at, borders[i]);
		while (at < borders[i]) {
			size_t used = pl_frame_end_find(&end, copy + began, at - began, copy + at,
							borders[i] - at);

			at = used ? at + used : borders[i];
			if (!used)
				break;
			assert_int_equal(at - began, flows[row].frames[count++]);
			began = at;
		}
		free(copy);
	}
	assert_int_equal(flows[row].frames[count], 0);
}

static void ends_anywhere(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(flows); row++)
		for (size_t first = 0; first <= flows[row].flow.len; first++)
			for (size_t second = first; second <= flows[row].flow.len; second++)
				check_pieces(row, first, second);
}

/* The whole flow counts as one frame when it ends with the end, however it was cut. */
static void ends_at_the_latest_bytes(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(flows); row++) {
		const pl_frame_end end = end_of(PL_FRAME_SCAN_LATEST, flows[row].end);
		const pl_slice flow = flows[row].flow;
		const uint8_t *bytes = (const uint8_t *)flow.at;
		bool ends = flow.len >= end.len &&
			    memcmp(bytes + flow.len - end.len, end.bytes, end.len) == 0;

		for (size_t at = 0; at < flow.len; at++)
			assert_int_equal(
				pl_frame_end_find(&end, bytes, at, bytes + at, flow.len - at),
				ends ? flow.len - at : 0);
	}
}

static void no_frames(void **state)
{
	const pl_frame_end none = { 0 };

	(void)state;
	assert_int_equal(pl_frame_end_find(&none, NULL, 0, (const uint8_t *)"abc", 3), 3);
	assert_int_equal(pl_frame_end_payload(&none, 3), 3);
}

static void payload(void **state)
{
	pl_frame_end end = end_of(PL_FRAME_SCAN_ALL, PL_SLICE("\r\n"));

	(void)state;
	assert_int_equal(pl_frame_end_payload(&end, 5), 5);
	end.strip = true;
	assert_int_equal(pl_frame_end_payload(&end, 5), 3);
	assert_int_equal(pl_frame_end_payload(&end, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ends),
		cmocka_unit_test(ends_anywhere),
		cmocka_unit_test(ends_at_the_latest_bytes),
		cmocka_unit_test(no_frames),
		cmocka_unit_test(payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
