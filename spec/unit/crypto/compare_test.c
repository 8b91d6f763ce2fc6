#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/compare.h"

static void equal_secrets_are_equal(void **state)
{
	(void)state;
	assert_true(pl_secret_equal("secret", 6, "secret", 6));
	assert_true(pl_secret_equal("a\0b", 3, "a\0b", 3));
	assert_true(pl_secret_equal("", 0, "", 0));
	assert_true(pl_secret_equal(NULL, 0, NULL, 0));
}

static void one_bit_anywhere_makes_a_difference(void **state)
{
	unsigned char a[64], b[64];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	for (size_t i = 0; i < 8 * sizeof(a); i++) {
		memcpy(b, a, sizeof(a));
		b[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_false(pl_secret_equal(a, sizeof(a), b, sizeof(b)));
	}
}

static void a_prefix_is_not_equal(void **state)
{
	(void)state;
	assert_false(pl_secret_equal("secret", 6, "secre", 5));
	assert_false(pl_secret_equal("secre", 5, "secret", 6));
	assert_false(pl_secret_equal("secret", 6, "", 0));
	assert_false(pl_secret_equal(NULL, 0, "x", 1));
}

static void what_is_wiped_is_gone(void **state)
{
	char secret[] = "secret!";

	(void)state;
	pl_secret_wipe(secret, 6);
	assert_memory_equal(secret, "\0\0\0\0\0\0!", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_secrets_are_equal),
		cmocka_unit_test(one_bit_anywhere_makes_a_difference),
		cmocka_unit_test(a_prefix_is_not_equal),
		cmocka_unit_test(what_is_wiped_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
