#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/random.h"

enum { DRAWS = 100000, THREADS = 4, MARGIN = 16 };

/* Every byte is set sooner or later, and none beside them ever. */
static void exactly_the_asked_bytes_are_filled(void **state)
{
	uint8_t space[3000 + 2 * MARGIN];

	(void)state;
	for (size_t len = 0; len <= 3000; len += 1 + len / 20) {
		uint8_t seen[3000] = { 0 };

		for (int round = 0; round < 8; round++) {
			memset(space, 0, sizeof(space));
			pl_random(space + MARGIN, len);
			for (size_t i = 0; i < len; i++)
				seen[i] |= space[MARGIN + i];
			for (size_t i = 0; i < MARGIN; i++)
				assert_int_equal(space[i] | space[MARGIN + len + i], 0);
		}
		for (size_t i = 0; i < len; i++)
			assert_int_not_equal(seen[i], 0);
	}
	pl_random(NULL, 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return left < right ? -1 : left > right;
}

static void assert_distinct(uint64_t *draws, size_t count)
{
	qsort(draws, count, sizeof(*draws), compare);
	for (size_t i = 1; i < count; i++)
		assert_true(draws[i] != draws[i - 1]);
}

/* A pool that was handed out twice would show: 2^64 values, 10^5 draws. */
static void nothing_is_handed_out_twice(void **state)
{
	static uint64_t draws[DRAWS];

	(void)state;
	for (size_t i = 0; i < DRAWS; i++) {
		uint8_t between[128];

		pl_random(&draws[i], sizeof(draws[i]));
		if (i % 16 == 0)
			pl_random(between, i / 16 % sizeof(between));
	}
	assert_distinct(draws, DRAWS);
}

/* Chi-squared with 255 degrees of freedom: 400 is beyond 1 in 10^7. */
static void bytes_are_evenly_spread(void **state)
{
	enum { PIECES = 65536, PIECE = 16, EXPECTED = PIECES * PIECE / 256 };
	int counts[256] = { 0 };
	double sum = 0;

	(void)state;
	for (int i = 0; i < PIECES; i++) {
		uint8_t piece[PIECE];

		pl_random(piece, PIECE);
		for (int j = 0; j < PIECE; j++)
			counts[piece[j]]++;
	}
	for (int i = 0; i < 256; i++)
		sum += (double)(counts[i] - EXPECTED) * (counts[i] - EXPECTED) / EXPECTED;
	assert_true(sum < 400);
}

static void *draw(void *context)
{
	uint64_t *draws = context;

	for (int i = 0; i < 1000; i++)
		pl_random(&draws[i], sizeof(draws[i]));
	return NULL;
}

static void threads_draw_apart(void **state)
{
	static uint64_t draws[THREADS * 1000];
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, draw, &draws[i * 1000]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_distinct(draws, THREADS * 1000);
}

static void draw_in_child(int to)
{
	uint64_t draws[8];

	pl_random(draws, 64);
	_exit(write(to, draws, 64) == 64 ? 0 : 1);
}

static void a_fork_does_not_share_the_pool(void **state)
{
	uint64_t draws[24];
	int ends[2];

	(void)state;
	pl_random(draws, 8); /* the pool is filled and partly used */
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0)
			draw_in_child(ends[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(read(ends[0], &draws[i * 8], 64), 64);
	}
	pl_random(&draws[16], 64);
	assert_distinct(draws, 24);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_asked_bytes_are_filled),
		cmocka_unit_test(nothing_is_handed_out_twice),
		cmocka_unit_test(bytes_are_evenly_spread),
		cmocka_unit_test(threads_draw_apart),
		cmocka_unit_test(a_fork_does_not_share_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
