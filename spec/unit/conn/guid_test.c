#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conn/guid.h"

static void test_text_and_back(void **state)
{
	pl_guid guid;
	pl_guid back;
	char text[PL_GUID_TEXT];

	(void)state;
	pl_guid_new(&guid, 0xBEEF);
	assert_int_equal(pl_guid_worker(&guid), 0xBEEF);
	pl_guid_encode(text, &guid);
	assert_memory_equal(text, "BEEF", 4);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_non_null(strchr("0123456789ABCDEF", text[i]));
	assert_true(pl_guid_decode(&back, pl_slice_make(text, sizeof(text))));
	assert_memory_equal(&back, &guid, sizeof(guid));
}

static void test_lower_case(void **state)
{
	pl_guid upper;
	pl_guid lower;

	(void)state;
	assert_true(pl_guid_decode(&upper, PL_SLICE("0001ABCDEF0123456789ABCDEF012345")));
	assert_true(pl_guid_decode(&lower, PL_SLICE("0001abcdef0123456789abcdef012345")));
	assert_memory_equal(&upper, &lower, sizeof(upper));
}

static void test_refused(void **state)
{
	pl_guid guid;

	(void)state;
	assert_false(pl_guid_decode(&guid, PL_SLICE("")));
	assert_false(pl_guid_decode(&guid, PL_SLICE("0001ABCDEF0123456789ABCDEF01234")));
	assert_false(pl_guid_decode(&guid, PL_SLICE("0001ABCDEF0123456789ABCDEF0123456")));
	assert_false(pl_guid_decode(&guid, PL_SLICE("0001ABCDEF0123456789ABCDEF01234G")));
	assert_false(pl_guid_decode(&guid, PL_SLICE("0001-BCDEF0123456789ABCDEF012345")));
}

/* 112 random bits: none of a thousand is like another, in either half. */
static void test_unlike(void **state)
{
	static pl_guid guids[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		pl_guid_new(&guids[i], 1);
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(guids[i].bytes + 2, guids[j].bytes + 2, 7);
			assert_memory_not_equal(guids[i].bytes + 9, guids[j].bytes + 9, 7);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_and_back),
		cmocka_unit_test(test_lower_case),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unlike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
