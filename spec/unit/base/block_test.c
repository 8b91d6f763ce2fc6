#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/block.h"

enum { THREADS = 4, ROUNDS = 20000 };

static int fail_at_end(void **state)
{
	(void)state;
	pl_alloc_fail_at(0);
	return 0;
}

static void the_last_owner_frees(void **state)
{
	int64_t live = pl_alloc_live();
	pl_block *block = pl_block_copy("hello", 5);

	(void)state;
	assert_int_equal(block->len, 5);
	assert_memory_equal(block->data, "hello", 5);
	assert_ptr_equal(pl_block_ref(block), block);
	assert_ptr_equal(pl_block_ref(block), block);
	pl_block_unref(block);
	pl_block_unref(block);
	assert_int_equal(pl_alloc_live() - live, 1);
	assert_memory_equal(block->data, "hello", 5);
	pl_block_unref(block);
	assert_int_equal(pl_alloc_live(), live);
	pl_block_unref(NULL);
}

static void a_block_may_be_empty(void **state)
{
	pl_block *block = pl_block_copy(NULL, 0);

	(void)state;
	assert_non_null(block);
	assert_int_equal(block->len, 0);
	pl_block_unref(block);
}

static void sizes_that_overflow_are_refused(void **state)
{
	uint64_t calls = pl_alloc_calls();

	(void)state;
	assert_null(pl_block_new(SIZE_MAX));
	assert_null(pl_block_new(SIZE_MAX - 8));
	assert_null(pl_block_new(PTRDIFF_MAX));
	assert_int_equal(pl_alloc_calls(), calls);
}

static void without_memory_there_is_none(void **state)
{
	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_block_new(1));
	assert_null(pl_block_copy("x", 1));
}

static void *take_and_drop(void *context)
{
	pl_block *block = context;

	for (int i = 0; i < ROUNDS; i++) {
		pl_block *mine = pl_block_ref(block);

		if (mine->data[i % mine->len] != 'x')
			return NULL;
		pl_block_unref(mine);
	}
	pl_block_unref(block);
	return block;
}

static void owners_may_be_on_different_threads(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (int round = 0; round < 20; round++) {
		pl_block *block = pl_block_new(100);
		pthread_t threads[THREADS];

		memset(block->data, 'x', 100);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop,
							pl_block_ref(block)),
					 0);
		pl_block_unref(block);
		for (int i = 0; i < THREADS; i++) {
			void *result;

			pthread_join(threads[i], &result);
			assert_non_null(result);
		}
		assert_int_equal(pl_alloc_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_owner_frees),
		cmocka_unit_test(a_block_may_be_empty),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test_teardown(without_memory_there_is_none, fail_at_end),
		cmocka_unit_test(owners_may_be_on_different_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
