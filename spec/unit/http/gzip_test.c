#include "unit/codec/bytes.h"

#include <zlib.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/gzip.h"

enum { LARGE = 300000 };

static char text[LARGE];

static void inflates_to(const pl_block *block, const void *data, size_t len)
{
	z_stream stream = { .next_in = (uint8_t *)(uintptr_t)block->data,
			    .avail_in = (unsigned)block->len };
	uint8_t *out = malloc(len + 1);

	assert_non_null(out);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK); /* gzip and nothing else */
	stream.next_out = out;
	stream.avail_out = (unsigned)len + 1;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, len);
	assert_memory_equal(out, data, len);
	inflateEnd(&stream);
	free(out);
}

static void fill(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "words of a few letters "[(i * 7 + i / 1000) % 23];
}

static void test_text(void **state)
{
	static const size_t sizes[] = { 200, 1024, 65536, LARGE };
	int64_t live = pl_alloc_live();

	(void)state;
	fill();
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (int level = 1; level <= 9; level += 4) {
			pl_block *block = NULL;

			assert_int_equal(pl_gzip(&block, text, sizes[i], level), PL_OK);
			assert_true(block->len <= sizes[i] - sizes[i] / 8);
			inflates_to(block, text, sizes[i]);
			pl_block_unref(block);
		}
	assert_int_equal(pl_alloc_live(), live);
}

/* The same bytes give the same bytes: their ETag says so. */
static void test_the_same_again(void **state)
{
	pl_block *one, *two;

	(void)state;
	fill();
	assert_int_equal(pl_gzip(&one, text, LARGE, 6), PL_OK);
	assert_int_equal(pl_gzip(&two, text, LARGE, 6), PL_OK);
	assert_int_equal(one->len, two->len);
	assert_memory_equal(one->data, two->data, one->len);
	pl_block_unref(one);
	pl_block_unref(two);
}

static void test_what_gets_no_smaller(void **state)
{
	int64_t live = pl_alloc_live();
	uint64_t seed = 1;
	pl_block *block;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		text[i] = (char)(seed >> 56);
	}
	assert_int_equal(pl_gzip(&block, text, LARGE, 6), PL_ETOOBIG);
	assert_int_equal(pl_gzip(&block, "a", 1, 6), PL_ETOOBIG);
	assert_int_equal(pl_gzip(&block, "abcdefgh", 8, 9), PL_ETOOBIG);
	assert_int_equal(pl_alloc_live(), live);
}

static void test_without_memory(void **state)
{
	int64_t live = pl_alloc_live();
	uint64_t nth = 1;
	pl_block *block;
	int status;

	(void)state;
	fill();
	do {
		pl_alloc_fail_at(nth++);
		status = pl_gzip(&block, text, 5000, 6);
		pl_alloc_fail_at(0);
		if (status != PL_OK)
			assert_int_equal(status, PL_ENOMEM);
		else
			pl_block_unref(block);
		assert_int_equal(pl_alloc_live(), live);
	} while (status != PL_OK);
	assert_true(nth > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_the_same_again),
		cmocka_unit_test(test_what_gets_no_smaller),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
