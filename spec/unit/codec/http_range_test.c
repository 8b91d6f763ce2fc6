#include "bytes.h"

#include <stdio.h>

#include "codec/http_range.h"

enum { MAX = 4, IGNORED = PL_HTTP_RANGE_IGNORED, OUTSIDE = PL_HTTP_RANGE_OUTSIDE };

typedef struct row {
	pl_slice value;
	uint64_t size;
	int result;
	pl_http_range ranges[MAX];
} row;

static const row rows[] = {
	/* RFC 9110 14.1.2 */
	{ BYTES("bytes=0-499"), 10000, 1, { { 0, 500 } } },
	{ BYTES("bytes=500-999"), 10000, 1, { { 500, 500 } } },
	{ BYTES("bytes=-500"), 10000, 1, { { 9500, 500 } } },
	{ BYTES("bytes=9500-"), 10000, 1, { { 9500, 500 } } },
	{ BYTES("bytes=0-0,-1"), 10000, 2, { { 0, 1 }, { 9999, 1 } } },
	{ BYTES("bytes= 0-999, 4500-5499, -1000"),
	  10000,
	  3,
	  { { 0, 1000 }, { 4500, 1000 }, { 9000, 1000 } } },
	{ BYTES("bytes=500-600,601-999"), 10000, 2, { { 500, 101 }, { 601, 399 } } },
	{ BYTES("bytes=500-700,601-999"), 10000, 2, { { 500, 201 }, { 601, 399 } } },
	/* The ends */
	{ BYTES("bytes=0-0"), 1, 1, { { 0, 1 } } },
	{ BYTES("bytes=9-"), 10, 1, { { 9, 1 } } },
	{ BYTES("bytes=9-9"), 10, 1, { { 9, 1 } } },
	{ BYTES("bytes=9-10"), 10, 1, { { 9, 1 } } },
	{ BYTES("bytes=0-99999999999999999999999999"), 10, 1, { { 0, 10 } } },
	{ BYTES("bytes=-99999999999999999999999999"), 10, 1, { { 0, 10 } } },
	{ BYTES("bytes=0-18446744073709551615"), 10, 1, { { 0, 10 } } },
	{ BYTES("bytes=0-"), UINT64_MAX, 1, { { 0, UINT64_MAX } } },
	{ BYTES("bytes=-18446744073709551615"), UINT64_MAX, 1, { { 0, UINT64_MAX } } },
	{ BYTES("bytes=10-"), 10, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=10-20"), 10, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=-0"), 10, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=10-,-0"), 10, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=99999999999999999999999999-"), 10, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=18446744073709551615-18446744073709551615"),
	  UINT64_MAX,
	  OUTSIDE,
	  { { 0 } } },
	{ BYTES("bytes=10-20,3-4,-0"), 10, 1, { { 3, 2 } } },
	/* Nothing to have a part of */
	{ BYTES("bytes=0-"), 0, OUTSIDE, { { 0 } } },
	{ BYTES("bytes=-1"), 0, IGNORED, { { 0 } } },
	{ BYTES("bytes=0-,-1"), 0, IGNORED, { { 0 } } },
	/* The list */
	{ BYTES("BYTES=1-2"), 10, 1, { { 1, 2 } } },
	{ BYTES("bytes=,1-2,,"), 10, 1, { { 1, 2 } } },
	{ BYTES("bytes=1-2\t,\t3-4"), 10, 2, { { 1, 2 }, { 3, 2 } } },
	{ BYTES("bytes=5-6,1-2"), 10, 2, { { 5, 2 }, { 1, 2 } } },
	{ BYTES("bytes=1-1,2-2,3-3,4-4"), 10, 4, { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 } } },
	{ BYTES("bytes=1-1,2-2,3-3,4-4,5-5"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=11-,12-,13-,14-,15-"), 10, IGNORED, { { 0 } } },
	/* No ranges-specifier */
	{ BYTES(""), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes="), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=,"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=-"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=--1"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1--2"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=2-1"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=0-1,2-1"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=30-20"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=99999999999999999999-1"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=+1-2"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1 - 2"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1-2-3"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=0x1-2"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1-2;3-4"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes =1-2"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1-2, bytes=3-4"), 10, IGNORED, { { 0 } } },
	{ BYTES("bytes=1-2\0"), 10, IGNORED, { { 0 } } },
	{ BYTES("items=0-1"), 10, IGNORED, { { 0 } } },
	{ BYTES("none=0-1"), 10, IGNORED, { { 0 } } },
	{ BYTES("=0-1"), 10, IGNORED, { { 0 } } },
};

static int decode(pl_http_range ranges[MAX], pl_slice value, uint64_t size)
{
	char *copy = bytes_copy(value.at, value.len);
	int result = pl_http_range_decode(ranges, MAX, pl_slice_make(copy, value.len), size);

	free(copy);
	return result;
}

static void test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_http_range ranges[MAX] = { { 0 } };
		int result = decode(ranges, rows[i].value, rows[i].size);

		if (result != rows[i].result)
			fail_msg("%.*s: %d", (int)rows[i].value.len, rows[i].value.at, result);
		for (int n = 0; n < result; n++) {
			assert_int_equal(ranges[n].first, rows[i].ranges[n].first);
			assert_int_equal(ranges[n].len, rows[i].ranges[n].len);
		}
	}
	assert_int_equal(pl_http_range_decode(NULL, MAX, pl_slice_make(NULL, 0), 10), IGNORED);
}

/* Whatever a value is cut to: what comes out lies within. */
static void test_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t len = 0; len < rows[i].value.len; len++) {
			pl_http_range ranges[MAX];
			int result =
				decode(ranges, pl_slice_make(rows[i].value.at, len), rows[i].size);

			for (int n = 0; n < result; n++) {
				assert_true(ranges[n].len > 0);
				assert_true(ranges[n].first < rows[i].size);
				assert_true(ranges[n].len <= rows[i].size - ranges[n].first);
			}
		}
}

static void test_encode(void **state)
{
	char out[PL_HTTP_CONTENT_RANGE_MAX];
	pl_http_range range = { 0, 5 };
	pl_http_range widest = { UINT64_MAX - 1, 1 };

	(void)state;
	assert_int_equal(pl_http_content_range_encode(out, &range, 10), 12);
	assert_memory_equal(out, "bytes 0-4/10", 12);
	assert_int_equal(pl_http_unsatisfied_range_encode(out, 10), 10);
	assert_memory_equal(out, "bytes */10", 10);
	assert_int_equal(pl_http_unsatisfied_range_encode(out, 0), 9);
	assert_int_equal(pl_http_content_range_encode(out, &widest, UINT64_MAX), 68);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
