#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/watchdog.h"

/* The next delay; -1: no more. */
static int64_t next(pl_watchdog *watchdog, const pl_watchdog_settings *settings, uint64_t up,
		    uint32_t random)
{
	uint32_t delay;

	return pl_watchdog_next(watchdog, settings, up, random, &delay) ? (int64_t)delay : -1;
}

static void it_may_be_off(void **state)
{
	const pl_watchdog_settings settings = { .interval = 10, .maximum = 10, .factor = 1 };
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	assert_int_equal(next(&watchdog, &settings, 0, 0), -1);
}

static void intervals_are_the_same_without_end(void **state)
{
	const pl_watchdog_settings settings = {
		.enabled = true, .interval = 10000, .maximum = 60000, .factor = 1
	};
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	for (uint32_t i = 1; i < 1000; i++) {
		assert_int_equal(next(&watchdog, &settings, 0, 7), 10000);
		assert_int_equal(watchdog.attempt, i);
	}
}

static void attempts_are_counted(void **state)
{
	const pl_watchdog_settings settings = { .enabled = true,
						.interval = 5,
						.maximum = 5,
						.factor = 1,
						.attempts = 3,
						.held = 100 };
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(&watchdog, &settings, 0, 0), 5);
	assert_int_equal(next(&watchdog, &settings, 0, 0), -1);
	assert_int_equal(next(&watchdog, &settings, 99, 0), -1); /* which did not hold */
	assert_int_equal(next(&watchdog, &settings, 100, 0), 5);
	assert_int_equal(watchdog.attempt, 1);
}

static void it_backs_off(void **state)
{
	static const int64_t expected[] = { 1000, 2000, 4000, 8000, 10000, 10000 };
	const pl_watchdog_settings settings = {
		.enabled = true, .interval = 1000, .maximum = 10000, .factor = 2, .held = 5000
	};
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
			assert_int_equal(next(&watchdog, &settings, i == 0 ? 5000 : 10, 0),
					 expected[i]);
	}
	for (int i = 0; i < 10000; i++) /* nothing overflows */
		assert_int_equal(next(&watchdog, &settings, 0, 0), 10000);
}

static void jitter_is_any_part_of_it(void **state)
{
	const pl_watchdog_settings settings = {
		.enabled = true, .interval = 1000, .maximum = 4000, .factor = 2, .jitter = true
	};
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	assert_int_equal(next(&watchdog, &settings, 0, 0), 0);
	assert_int_equal(next(&watchdog, &settings, 0, UINT32_MAX), 2000);
	assert_in_range(next(&watchdog, &settings, 0, UINT32_MAX / 2), 1999, 2000);
}

static void all_may_hold(void **state)
{
	const pl_watchdog_settings settings = {
		.enabled = true, .interval = 1, .maximum = 1, .factor = 1, .attempts = 1
	};
	pl_watchdog watchdog;

	(void)state;
	pl_watchdog_reset(&watchdog, &settings);
	assert_int_equal(next(&watchdog, &settings, 0, 0), 1);
	assert_int_equal(next(&watchdog, &settings, 0, 0), -1); /* an attempt that failed did not */
	assert_int_equal(next(&watchdog, &settings, 1, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_may_be_off),
		cmocka_unit_test(intervals_are_the_same_without_end),
		cmocka_unit_test(attempts_are_counted),
		cmocka_unit_test(it_backs_off),
		cmocka_unit_test(jitter_is_any_part_of_it),
		cmocka_unit_test(all_may_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
