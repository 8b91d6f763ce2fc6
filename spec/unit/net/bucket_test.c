/* The token bucket of throttles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/bucket.h"

static void passes_everything_without_a_rate(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 0, 7);
	assert_true(pl_bucket_level(&bucket, 7) == SIZE_MAX);
	pl_bucket_spend(&bucket, INT64_MAX / 8000);
	assert_true(pl_bucket_level(&bucket, 8) == SIZE_MAX);
	assert_int_equal(pl_bucket_delay(&bucket, 8, SIZE_MAX), 0);
}

static void holds_a_tenth_of_a_second(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 800000, 0); /* 100 bytes in a ms */
	assert_int_equal(pl_bucket_level(&bucket, 0), 10000);
	assert_int_equal(pl_bucket_level(&bucket, 1000000), 10000);
	pl_bucket_spend(&bucket, 10000);
	assert_int_equal(pl_bucket_level(&bucket, 1000000), 0);
	assert_int_equal(pl_bucket_level(&bucket, 1000001), 100);
	assert_int_equal(pl_bucket_level(&bucket, 1000011), 1100);
}

static void holds_no_less_than_a_packet(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 1000, 0);
	assert_int_equal(pl_bucket_level(&bucket, 0), PL_BUCKET_LEAST);
	pl_bucket_spend(&bucket, PL_BUCKET_LEAST);
	/* 125 bytes a second: nothing is lost to rounding, however often it is looked at. */
	for (uint64_t now = 1; now <= 4000; now++)
		pl_bucket_level(&bucket, now);
	assert_int_equal(pl_bucket_level(&bucket, 4000), 500);
}

static void can_be_overdrawn(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 800000, 0);
	pl_bucket_spend(&bucket, 110000);
	assert_int_equal(pl_bucket_level(&bucket, 999), 0);
	assert_int_equal(pl_bucket_level(&bucket, 1000), 0);
	assert_int_equal(pl_bucket_level(&bucket, 1001), 100);
}

static void takes_back_what_did_not_pass(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 800000, 0);
	pl_bucket_spend(&bucket, 4000);
	pl_bucket_spend(&bucket, -1000);
	assert_int_equal(pl_bucket_level(&bucket, 0), 7000);
	pl_bucket_spend(&bucket, -9000);
	assert_int_equal(pl_bucket_level(&bucket, 0), 10000);
}

static void says_how_long_it_takes(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, 800000, 0);
	assert_int_equal(pl_bucket_delay(&bucket, 0, 10000), 0);
	pl_bucket_spend(&bucket, 10000);
	assert_int_equal(pl_bucket_delay(&bucket, 0, 1), 1);
	assert_int_equal(pl_bucket_delay(&bucket, 0, 101), 2);
	assert_int_equal(pl_bucket_delay(&bucket, 0, SIZE_MAX), 50);
	assert_int_equal(pl_bucket_delay(&bucket, 49, SIZE_MAX), 1);
	assert_int_equal(pl_bucket_delay(&bucket, 50, SIZE_MAX), 0);
	pl_bucket_spend(&bucket, 5000 + 10000);
	assert_int_equal(pl_bucket_delay(&bucket, 50, SIZE_MAX), 150);
}

static void is_exact_at_its_bounds(void **state)
{
	pl_bucket bucket;

	(void)state;
	pl_bucket_init(&bucket, PL_BUCKET_RATE_MAX, 0);
	assert_int_equal(pl_bucket_level(&bucket, UINT64_MAX / 2), 12500000000);
	pl_bucket_init(&bucket, 1, 0);
	pl_bucket_spend(&bucket, PL_BUCKET_LEAST);
	assert_int_equal(pl_bucket_level(&bucket, 8000), 1);
	pl_bucket_spend(&bucket, INT64_C(1) << 40);
	assert_int_equal(pl_bucket_level(&bucket, 16000), 0);
	assert_int_equal(pl_bucket_level(&bucket, UINT64_MAX / 2), PL_BUCKET_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_everything_without_a_rate),
		cmocka_unit_test(holds_a_tenth_of_a_second),
		cmocka_unit_test(holds_no_less_than_a_packet),
		cmocka_unit_test(can_be_overdrawn),
		cmocka_unit_test(takes_back_what_did_not_pass),
		cmocka_unit_test(says_how_long_it_takes),
		cmocka_unit_test(is_exact_at_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
