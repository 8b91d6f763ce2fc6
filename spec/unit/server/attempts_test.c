#include "unit/codec/bytes.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "server/attempts.h"

static pl_limits limits;
static pl_attempts attempts;
static uint64_t now;

static int set_up(void **state)
{
	(void)state;
	pl_limits_init(&limits);
	limits.failed_logins = 3;
	limits.failed_login_time = 10000;
	now = 1000;
	pl_attempts_init(&attempts);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pl_attempts_deinit(&attempts);
	return 0;
}

static int begin(const char *ip)
{
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	return pl_attempts_begin(&attempts, &limits, now, &address);
}

static bool end(const char *ip, bool failed)
{
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	return pl_attempts_end(&attempts, &limits, now, &address, failed);
}

static void failures_make_an_address_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin("10.0.0.1"), 0);
		assert_int_equal(end("10.0.0.1", true), i == 2);
	}
	assert_int_equal(begin("10.0.0.1"), 10);
	now += 9001;
	assert_int_equal(begin("10.0.0.1"), 1);
	assert_int_equal(begin("10.0.0.2"), 0);
	assert_false(end("10.0.0.2", false));
	now += 999;
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_false(end("10.0.0.1", true));
}

static void what_is_right_leaves_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(begin("10.0.0.1"), 0);
		assert_false(end("10.0.0.1", false));
	}
	assert_int_equal(attempts.by_address.count, 0);
}

static void what_is_being_decided_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(begin("10.0.0.1"), 0);
	assert_int_equal(begin("10.0.0.1"), 1);
	assert_false(end("10.0.0.1", true));
	assert_int_equal(begin("10.0.0.1"), 1);
	assert_false(end("10.0.0.1", false));
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_false(end("10.0.0.1", true));
	assert_true(end("10.0.0.1", true));
	assert_int_equal(begin("10.0.0.1"), 10);
}

/* The time passes while one is being decided. */
static void an_old_one_that_is_pending_stays(void **state)
{
	(void)state;
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_false(end("10.0.0.1", true));
	now += 20000;
	assert_int_equal(begin("10.0.0.2"), 0);
	assert_false(end("10.0.0.2", false));
	assert_false(end("10.0.0.1", true));
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_false(end("10.0.0.1", true));
}

static void an_end_without_a_begin_does_nothing(void **state)
{
	(void)state;
	assert_false(end("10.0.0.1", true));
	assert_int_equal(begin("10.0.0.1"), 0);
	assert_false(end("10.0.0.1", true));
	assert_false(end("10.0.0.1", true));
	assert_int_equal(attempts.by_address.count, 1);
}

static void ipv6_counts_by_its_network(void **state)
{
	(void)state;
	assert_int_equal(begin("2001:db8::1"), 0);
	assert_int_equal(begin("2001:db8::2"), 0);
	assert_int_equal(begin("2001:db8::3"), 0);
	assert_int_equal(begin("2001:db8::4"), 1);
	assert_int_equal(begin("2001:db8:0:1::1"), 0);
	for (int i = 1; i < 4; i++)
		end("2001:db8::1", false);
	end("2001:db8:0:1::9", false);
	assert_int_equal(attempts.by_address.count, 0);
}

static void the_oldest_is_forgotten_when_there_are_too_many(void **state)
{
	char ip[32];

	(void)state;
	limits.failed_logins = 1;
	for (int i = 0; i <= PL_ATTEMPTS_MAX; i++) {
		snprintf(ip, sizeof(ip), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(begin(ip), 0);
		assert_true(end(ip, true));
	}
	assert_int_equal(attempts.by_address.count, PL_ATTEMPTS_MAX);
	assert_int_equal(begin("10.0.0.1"), 10);
	assert_int_equal(begin("10.0.0.0"), 0);
	end("10.0.0.0", false);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	for (long n = 1; n <= 2; n++) {
		pl_alloc_fail_at(n);
		assert_int_equal(begin("10.0.0.1"), PL_ENOMEM);
		pl_alloc_fail_at(0);
		assert_int_equal(attempts.by_address.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failures_make_an_address_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_right_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_being_decided_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_old_one_that_is_pending_stays, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_end_without_a_begin_does_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(ipv6_counts_by_its_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_is_forgotten_when_there_are_too_many,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory_it_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
