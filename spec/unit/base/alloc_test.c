#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

enum { THREADS = 100, ROUNDS = 500 };

static int fail_at_end(void **state)
{
	(void)state;
	pl_alloc_fail_at(0);
	return 0;
}

static void blocks_are_counted(void **state)
{
	uint64_t calls = pl_alloc_calls();
	int64_t live = pl_alloc_live();
	char *a = pl_alloc(10);
	char *b = pl_calloc(3, 5);
	char *c = pl_realloc(NULL, 7);

	(void)state;
	assert_true(a && b && c);
	assert_int_equal(pl_alloc_calls() - calls, 3);
	assert_int_equal(pl_alloc_live() - live, 3);
	for (int i = 0; i < 15; i++)
		assert_int_equal(b[i], 0);
	memcpy(a, "0123456789", 10);
	a = pl_realloc(a, 10000);
	assert_memory_equal(a, "0123456789", 10);
	assert_int_equal(pl_alloc_calls() - calls, 4);
	assert_int_equal(pl_alloc_live() - live, 3);
	pl_free(a);
	pl_free(b);
	pl_free(c);
	pl_free(NULL);
	assert_int_equal(pl_alloc_live(), live);
}

static void nothing_is_still_a_block(void **state)
{
	void *a = pl_alloc(0);
	void *b = pl_calloc(0, 8);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	pl_free(a);
	pl_free(b);
}

static void a_product_that_overflows_is_refused(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	assert_null(pl_calloc(SIZE_MAX, 2));
	assert_null(pl_calloc(2, SIZE_MAX));
	assert_null(pl_calloc(SIZE_MAX / 2 + 1, 2));
	assert_null(pl_calloc((size_t)1 << 32, (size_t)1 << 32));
	assert_int_equal(pl_alloc_live(), live);
}

static void the_nth_call_and_all_after_it_fail(void **state)
{
	int64_t live = pl_alloc_live();
	void *a, *b, *c;

	(void)state;
	pl_alloc_fail_at(3);
	a = pl_alloc(1);
	b = pl_calloc(1, 1);
	assert_true(a && b);
	memcpy(b, "x", 1);
	assert_null(pl_realloc(b, 100));
	assert_memory_equal(b, "x", 1);
	assert_null(pl_alloc(1));
	assert_null(pl_calloc(1, 1));
	assert_null(pl_realloc(NULL, 1));
	assert_int_equal(pl_alloc_live() - live, 2);
	pl_alloc_fail_at(0);
	c = pl_alloc(1);
	assert_non_null(c);
	pl_free(a);
	pl_free(b);
	pl_free(c);
	assert_int_equal(pl_alloc_live(), live);
}

static void the_very_next_call_can_fail(void **state)
{
	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_alloc(1));
	assert_null(pl_alloc(1));
}

static void *allocate_a_lot(void *context)
{
	uint64_t *made = context;

	for (int i = 0; i < ROUNDS; i++) {
		void *block = pl_alloc(16);

		*made += block != NULL;
		pl_free(block);
	}
	return NULL;
}

/* More threads than there are cells of their own. */
static uint64_t run_threads(void)
{
	pthread_t threads[THREADS];
	uint64_t made[THREADS] = { 0 };
	uint64_t sum = 0;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, allocate_a_lot, &made[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += made[i];
	}
	return sum;
}

static void no_count_is_lost_between_threads(void **state)
{
	uint64_t calls = pl_alloc_calls();
	int64_t live = pl_alloc_live();

	(void)state;
	assert_int_equal(run_threads(), THREADS * ROUNDS);
	assert_int_equal(pl_alloc_calls() - calls, THREADS * ROUNDS);
	assert_int_equal(pl_alloc_live(), live);
}

static atomic_bool stop_hammering;

static void *hammer(void *context)
{
	uint64_t *rounds = context;

	while (!atomic_load(&stop_hammering)) {
		pl_free(pl_alloc(16));
		++*rounds;
	}
	return NULL;
}

static void *allocate_nothing(void *context)
{
	pl_free(pl_alloc(16));
	return context;
}

/* One thread works while 63 come and go, then another beside it: if cells were dealt
 * round and round, these two would share one that is for one only. */
static void late_threads_do_not_spoil_the_counts(void **state)
{
	uint64_t calls = pl_alloc_calls();
	uint64_t first_rounds = 0, last_rounds = 0;
	pthread_t first, last;

	(void)state;
	assert_int_equal(pthread_create(&first, NULL, hammer, &first_rounds), 0);
	for (int i = 0; i < 63; i++) {
		assert_int_equal(pthread_create(&last, NULL, allocate_nothing, NULL), 0);
		pthread_join(last, NULL);
	}
	assert_int_equal(pthread_create(&last, NULL, hammer, &last_rounds), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	atomic_store(&stop_hammering, true);
	pthread_join(first, NULL);
	pthread_join(last, NULL);
	assert_int_equal(pl_alloc_calls() - calls, 63 + first_rounds + last_rounds);
}

static void threads_share_the_countdown(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	pl_alloc_fail_at(1001);
	assert_int_equal(run_threads(), 1000);
	assert_int_equal(pl_alloc_live(), live);
}

static void *free_elsewhere(void *block)
{
	pl_free(block);
	return NULL;
}

static void a_block_may_be_freed_by_another_thread(void **state)
{
	int64_t live = pl_alloc_live();
	void *block = pl_alloc(1);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, block), 0);
	pthread_join(thread, NULL);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_counted),
		cmocka_unit_test(nothing_is_still_a_block),
		cmocka_unit_test(a_product_that_overflows_is_refused),
		cmocka_unit_test_teardown(the_nth_call_and_all_after_it_fail, fail_at_end),
		cmocka_unit_test_teardown(the_very_next_call_can_fail, fail_at_end),
		cmocka_unit_test(late_threads_do_not_spoil_the_counts),
		cmocka_unit_test(no_count_is_lost_between_threads),
		cmocka_unit_test_teardown(threads_share_the_countdown, fail_at_end),
		cmocka_unit_test(a_block_may_be_freed_by_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
