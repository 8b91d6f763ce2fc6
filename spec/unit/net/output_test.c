#include "unit/net/turns.h"

#include "net/output.h"
#include "unit/base/prng.h"

static pl_chunk_pool pool;

static void put(pl_output *output, const void *data, size_t len)
{
	uint8_t *room = pl_output_reserve(output, &pool, len);

	assert_non_null(room);
	memcpy(room, data, len);
	pl_output_commit(output, len);
}

static size_t chunks(const pl_output *output)
{
	size_t count = 0;

	for (const pl_chunk *chunk = output->first; chunk; chunk = chunk->next)
		count++;
	return count;
}

static void small_writes_share_a_chunk(void **state)
{
	pl_output output = { 0 };
	pl_output_piece piece;

	(void)state;
	put(&output, "ab", 2);
	put(&output, "cd", 2);
	assert_int_equal(output.len, 4);
	assert_int_equal(pl_output_peek(&output, &piece, 1), 1);
	assert_int_equal(piece.len, 4);
	assert_memory_equal(piece.data, "abcd", 4);
	pl_output_consume(&output, &pool, 1);
	assert_int_equal(pl_output_peek(&output, &piece, 1), 1);
	assert_memory_equal(piece.data, "bcd", 3);
	pl_output_consume(&output, &pool, 3);
	assert_null(output.first);
	assert_null(output.last);
	assert_int_equal(pl_output_peek(&output, &piece, 1), 0);
}

static void less_than_reserved_may_be_committed(void **state)
{
	pl_output output = { 0 };
	pl_output_piece pieces[4];

	(void)state;
	assert_non_null(pl_output_reserve(&output, &pool, 1000));
	pl_output_commit(&output, 0);
	assert_int_equal(output.len, 0);
	assert_int_equal(pl_output_peek(&output, pieces, 4), 0);
	put(&output, "x", 1);
	assert_int_equal(pl_output_peek(&output, pieces, 4), 1);
	pl_output_clear(&output, &pool);
	assert_null(output.first);
}

static void blocks_go_by_reference(void **state)
{
	pl_block *block = pl_block_copy("block", 5);
	pl_block *empty = pl_block_copy("", 0);
	pl_output output = { 0 };
	pl_output_piece pieces[4];

	(void)state;
	put(&output, "a", 1);
	assert_int_equal(pl_output_append_block(&output, &pool, block, 0, block->len), PL_OK);
	assert_int_equal(pl_output_append_block(&output, &pool, empty, 0, 0), PL_OK);
	put(&output, "b", 1);
	assert_int_equal(block->refs, 2);
	assert_int_equal(empty->refs, 1);
	assert_int_equal(pl_output_peek(&output, pieces, 4), 3);
	assert_ptr_equal(pieces[1].data, block->data);
	assert_int_equal(pl_output_peek(&output, pieces, 2), 2);
	pl_output_consume(&output, &pool, 3);
	assert_int_equal(block->refs, 2);
	pl_output_consume(&output, &pool, 3);
	assert_int_equal(block->refs, 1);
	pl_output_clear(&output, &pool);
	assert_int_equal(pl_output_append_block(&output, &pool, block, 0, block->len), PL_OK);
	pl_output_clear(&output, &pool);
	assert_int_equal(block->refs, 1);
	pl_block_unref(block);
	pl_block_unref(empty);
}

static void chunks_are_used_again(void **state)
{
	static const size_t sizes[] = { 1, PL_CHUNK_SMALL, PL_CHUNK_SMALL + 1, PL_CHUNK_LARGE };
	static uint8_t data[PL_CHUNK_LARGE];

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint64_t calls = pl_alloc_calls();

		for (size_t i = 0; i < 4; i++) {
			pl_output output = { 0 };

			put(&output, data, sizes[i]);
			put(&output, data, sizes[i]);
			pl_output_clear(&output, &pool);
		}
		if (round > 0)
			assert_int_equal(pl_alloc_calls(), calls);
	}
	pl_chunk_pool_deinit(&pool);
}

static void the_pool_is_bounded(void **state)
{
	static uint8_t data[PL_CHUNK_LARGE];
	pl_output output = { 0 };

	(void)state;
	for (int i = 0; i < PL_CHUNK_POOLED + 100; i++)
		put(&output, data, sizeof(data));
	assert_true(chunks(&output) >= PL_CHUNK_POOLED + 100);
	pl_output_clear(&output, &pool);
	assert_int_equal(pool.large_count, PL_CHUNK_POOLED);
	put(&output, data, sizeof(data));
	pl_output_clear(&output, &pool);
	pl_chunk_pool_deinit(&pool);
	assert_int_equal(pool.large_count, 0);
}

static void what_is_larger_has_a_chunk_of_its_own(void **state)
{
	static uint8_t data[5 * PL_CHUNK_LARGE];
	int64_t live = pl_alloc_live();
	pl_output output = { 0 };

	(void)state;
	put(&output, data, sizeof(data));
	assert_int_equal(chunks(&output), 1);
	pl_output_clear(&output, &pool);
	assert_int_equal(pl_alloc_live(), live);
	assert_null(pl_output_reserve(&output, &pool, SIZE_MAX));
	assert_null(pl_output_reserve(&output, &pool, SIZE_MAX - sizeof(pl_chunk) + 1));
}

static void without_memory_nothing_changes(void **state)
{
	pl_block *block = pl_block_copy("x", 1);
	pl_output output = { 0 };

	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_output_reserve(&output, &pool, 1));
	assert_int_equal(pl_output_append_block(&output, &pool, block, 0, block->len), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_null(output.first);
	assert_int_equal(output.len, 0);
	assert_int_equal(block->refs, 1);
	pl_block_unref(block);
}

/* A byte of the endless text that goes in and must come out. */
static uint8_t text_at(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 3);
}

static void put_text(pl_output *output, uint64_t *in, size_t len, bool shared)
{
	pl_block *block = pl_block_new(len);

	for (size_t i = 0; i < len; i++)
		block->data[i] = text_at((*in)++);
	if (shared)
		assert_int_equal(pl_output_append_block(output, &pool, block, 0, block->len),
				 PL_OK);
	else
		put(output, block->data, len);
	pl_block_unref(block);
}

static void take_text(pl_output *output, uint64_t *out, size_t max)
{
	pl_output_piece pieces[5];
	size_t count = pl_output_peek(output, pieces, 5);
	size_t taken = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < pieces[i].len && taken < max; k++, taken++)
			assert_int_equal(pieces[i].data[k], text_at(*out + taken));
	pl_output_consume(output, &pool, taken);
	*out += taken;
}

static void what_goes_in_comes_out(void **state)
{
	pl_output output = { 0 };
	uint64_t in = 0, out = 0, seed = 1;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		if (prng_below(&seed, 3))
			put_text(&output, &in, (size_t)prng_magnitude(&seed, 12),
				 prng_below(&seed, 4) == 0);
		else
			take_text(&output, &out, (size_t)prng_magnitude(&seed, 14));
		assert_int_equal(output.len, in - out);
	}
	while (output.len > 0)
		take_text(&output, &out, SIZE_MAX);
	assert_int_equal(in, out);
	pl_output_clear(&output, &pool);
	pl_chunk_pool_deinit(&pool);
}

/* Ahead of others. */

static const char *text_of(const pl_output *output)
{
	static char text[256];
	pl_output_piece pieces[16];
	size_t count = pl_output_peek(output, pieces, 16);
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(text + at, pieces[i].data, pieces[i].len);
		at += pieces[i].len;
		text[at++] = ' ';
	}
	text[at] = '\0';
	return text;
}

static void link_text(pl_output *output, const char *text)
{
	pl_block *block = pl_block_copy(text, strlen(text));

	assert_int_equal(pl_output_append_block(output, &pool, block, 0, block->len), PL_OK);
	pl_block_unref(block);
}

static void some_writes_go_ahead(void **state)
{
	pl_output output = { 0 };

	(void)state;
	assert_int_equal(pl_output_insert(&output, &pool, 0, "1", 1), PL_OK);
	put(&output, "aaa", 3);
	link_text(&output, "bbb");
	assert_string_equal(text_of(&output), "1 aaa bbb ");
	pl_output_consume(&output, &pool, 2);
	assert_int_equal(pl_output_insert(&output, &pool, 0, "2", 1), PL_OK);
	assert_int_equal(pl_output_insert(&output, &pool, 3, "three", 5), PL_OK);
	assert_int_equal(pl_output_insert(&output, &pool, 4, "4", 1), PL_OK);
	assert_int_equal(pl_output_insert(&output, &pool, 3, "3", 1), PL_OK);
	assert_int_equal(pl_output_insert(&output, &pool, 0, "5", 1), PL_OK);
	put(&output, "ccc", 3);
	assert_string_equal(text_of(&output), "aa 2 3 4 5 bbb ccc ");
	assert_int_equal(output.len, 12);
	pl_output_clear(&output, &pool);
	assert_null(output.first);
}

static void nothing_is_packed_into_what_may_change(void **state)
{
	pl_output output = { 0 };

	(void)state;
	assert_int_equal(pl_output_insert(&output, &pool, 1, "1", 1), PL_OK);
	put(&output, "a", 1);
	assert_int_equal(pl_output_insert(&output, &pool, 1, "222", 3), PL_OK);
	assert_string_equal(text_of(&output), "222 a ");
	assert_int_equal(output.len, 4);
	pl_output_clear(&output, &pool);
}

static void what_has_not_begun_can_be_dropped(void **state)
{
	pl_output output = { 0 };

	(void)state;
	pl_output_cut(&output, &pool);
	link_text(&output, "aaa");
	link_text(&output, "bbb");
	link_text(&output, "ccc");
	pl_output_consume(&output, &pool, 1);
	pl_output_cut(&output, &pool);
	assert_string_equal(text_of(&output), "aa ");
	assert_int_equal(output.len, 2);
	put(&output, "d", 1);
	assert_string_equal(text_of(&output), "aa d ");
	pl_output_cut(&output, &pool);
	assert_string_equal(text_of(&output), "aa ");
	pl_output_clear(&output, &pool);
	put(&output, "e", 1);
	pl_output_cut(&output, &pool);
	assert_null(output.first);
	assert_null(output.last);
	assert_int_equal(output.len, 0);
}

static void writes_can_be_taken_back(void **state)
{
	static const char *const left[] = { "! ",	    "a ! ",	   "ab ! ",
					    "ab c ! ",	    "ab cd ! ",	   "ab cde ! ",
					    "ab cdef ! ",   "ab cdefg ! ", "ab cdefg h! ",
					    "ab cdefg hi! " };

	(void)state;
	for (size_t len = 0; len <= 9; len++) {
		pl_output output = { 0 };

		put(&output, "+ab", 3);
		pl_output_consume(&output, &pool, 1);
		link_text(&output, "cdefg");
		put(&output, "h", 1);
		put(&output, "i", 1);
		pl_output_rewind(&output, &pool, len);
		assert_int_equal(output.len, len);
		put(&output, "!", 1);
		assert_string_equal(text_of(&output), left[len]);
		pl_output_clear(&output, &pool);
		assert_null(output.first);
	}
}

static int64_t live_before;

static int remember(void **state)
{
	(void)state;
	live_before = pl_alloc_live();
	return 0;
}

static int nothing_is_left(void **state)
{
	(void)state;
	pl_chunk_pool_deinit(&pool);
	return pl_alloc_live() == live_before ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_writes_share_a_chunk, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(less_than_reserved_may_be_committed, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(blocks_go_by_reference, remember, nothing_is_left),
		cmocka_unit_test_setup_teardown(chunks_are_used_again, remember, nothing_is_left),
		cmocka_unit_test_setup_teardown(the_pool_is_bounded, remember, nothing_is_left),
		cmocka_unit_test_setup_teardown(what_is_larger_has_a_chunk_of_its_own, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(without_memory_nothing_changes, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, remember, nothing_is_left),
		cmocka_unit_test_setup_teardown(some_writes_go_ahead, remember, nothing_is_left),
		cmocka_unit_test_setup_teardown(nothing_is_packed_into_what_may_change, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(what_has_not_begun_can_be_dropped, remember,
						nothing_is_left),
		cmocka_unit_test_setup_teardown(writes_can_be_taken_back, remember,
						nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
