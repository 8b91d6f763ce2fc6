#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"

static int64_t at_offset(const pl_limits *limits, size_t offset)
{
	int64_t value;

	memcpy(&value, (const char *)limits + offset, sizeof(value));
	return value;
}

static void the_table_describes_the_struct(void **state)
{
	pl_limits limits;
	size_t count;
	const pl_limit_info *table = pl_limits_table(&count);

	(void)state;
	memset(&limits, 0xff, sizeof(limits));
	pl_limits_init(&limits);
	assert_int_equal(count * sizeof(int64_t), sizeof(limits));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(table[i].offset, i * sizeof(int64_t));
		assert_int_equal(at_offset(&limits, table[i].offset), table[i].standard);
	}
}

static void rows_are_whole_and_within_their_bounds(void **state)
{
	size_t count;
	const pl_limit_info *table = pl_limits_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(table[i].smallest >= 0);
		assert_true(table[i].smallest <= table[i].standard);
		assert_true(table[i].standard <= table[i].largest);
		assert_true(strlen(table[i].text) > 0);
		assert_int_equal(strspn(table[i].name, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(table[i].name));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(table[i].name, table[j].name);
	}
}

static void defaults_are_the_documented_ones(void **state)
{
	pl_limits limits;

	(void)state;
	pl_limits_init(&limits);
	assert_int_equal(limits.request_line, 8 << 10);
	assert_int_equal(limits.header_block, 32 << 10);
	assert_int_equal(limits.header_count, 100);
	assert_int_equal(limits.body, 1 << 20);
	assert_int_equal(limits.message, 16 << 20);
	assert_int_equal(limits.fragments, 65536);
	assert_int_equal(limits.pipelined, 32);
	assert_int_equal(limits.pending_events, 64);
	assert_int_equal(limits.connections_per_address, 1024);
	assert_int_equal(limits.header_timeout, 10000);
	assert_int_equal(limits.keep_alive, 60000);
	assert_int_equal(limits.write_timeout, 30000);
}

static void water_marks_are_in_order(void **state)
{
	pl_limits limits;

	(void)state;
	pl_limits_init(&limits);
	assert_true(limits.low_water < limits.high_water);
	assert_true(limits.high_water < limits.send_queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_describes_the_struct),
		cmocka_unit_test(rows_are_whole_and_within_their_bounds),
		cmocka_unit_test(defaults_are_the_documented_ones),
		cmocka_unit_test(water_marks_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
