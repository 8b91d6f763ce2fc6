#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/status.h"

static void names_are_those_of_the_list(void **state)
{
	(void)state;
	assert_string_equal(pl_status_name(PL_OK), "OK");
	assert_string_equal(pl_status_name(PL_ENOMEM), "ENOMEM");
	assert_string_equal(pl_status_name(PL_ECLOSED), "ECLOSED");
	assert_string_equal(pl_status_name(PL_EIO), "EIO");
	assert_string_equal(pl_status_name(1), "EUNKNOWN");
	assert_string_equal(pl_status_name(-1 - PL_STATUS_COUNT), "EUNKNOWN");
	assert_string_equal(pl_status_text(PL_ETIMEDOUT), "timed out");
	assert_string_equal(pl_status_text(-4711), "unknown error");
}

static void names_are_found(void **state)
{
	(void)state;
	for (int status = -1; status >= -PL_STATUS_COUNT; status--)
		assert_int_equal(pl_status_find(pl_status_name(status)), status);
	assert_int_equal(pl_status_find("OK"), PL_OK);
	assert_int_equal(pl_status_find("eclosed"), PL_OK);
	assert_int_equal(pl_status_find(""), PL_OK);
}

static void every_status_is_distinct_and_worded(void **state)
{
	(void)state;
	for (int a = 0; a >= -PL_STATUS_COUNT; a--) {
		const char *text = pl_status_text(a);

		assert_true(strlen(text) > 0 && !ispunct((unsigned char)text[strlen(text) - 1]));
		assert_string_not_equal(pl_status_name(a), "EUNKNOWN");
		for (int b = 0; b > a; b--) {
			assert_string_not_equal(pl_status_name(a), pl_status_name(b));
			assert_string_not_equal(text, pl_status_text(b));
		}
	}
}

static void errno_values_become_statuses(void **state)
{
	static const struct {
		int error;
		int status;
	} cases[] = {
		{ ENOMEM, PL_ENOMEM },	     { EADDRINUSE, PL_EADDRINUSE },
		{ EACCES, PL_EACCES },	     { EPERM, PL_EACCES },
		{ ENOENT, PL_ENOENT },	     { ENOTDIR, PL_ENOTDIR },
		{ ENFILE, PL_EMFILE },	     { ECONNRESET, PL_ECONNRESET },
		{ EPIPE, PL_EPIPE },	     { EMSGSIZE, PL_ETOOBIG },
		{ EOPNOTSUPP, PL_ENOTSUP },  { ECANCELED, PL_ECANCELED },
		{ ETIMEDOUT, PL_ETIMEDOUT }, { EXDEV, PL_EXDEV },
		{ ETXTBSY, PL_EBUSY },	     { EDQUOT, PL_ENOSPC },
		{ 99999, PL_EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pl_status_from_errno(cases[i].error), cases[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_list),
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(every_status_is_distinct_and_worded),
		cmocka_unit_test(errno_values_become_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
