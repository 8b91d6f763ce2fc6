#include "bytes.h"

#include <time.h>

#include "codec/http_date.h"

enum { NOW = 1767225600 }; /* 2026-01-01 */

static void check_date(int64_t seconds, const char *expected)
{
	char out[PL_HTTP_DATE_SIZE];

	pl_http_date_encode(out, seconds);
	if (memcmp(out, expected, sizeof(out)) != 0)
		fail_msg("%lld: %.29s, not %s", (long long)seconds, out, expected);
}

static void test_date(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" }, /* RFC 9110 5.6.7 */
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 951868800, "Wed, 01 Mar 2000 00:00:00 GMT" },
		{ 2147483648, "Tue, 19 Jan 2038 03:14:08 GMT" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
		{ 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_date(rows[i].seconds, rows[i].text);
}

/* Every day of the range, against the C library. */
static void test_all_days(void **state)
{
	(void)state;
	for (int64_t day = 0; day <= 253402300799 / 86400; day++) {
		time_t seconds = (time_t)(day * 86400 + day % 86400);
		char expected[64];
		struct tm parts;

		assert_non_null(gmtime_r(&seconds, &parts));
		strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		check_date(seconds, expected);
	}
}

static bool decode(pl_slice text, int64_t now, int64_t *seconds)
{
	char *copy = bytes_copy(text.at, text.len);
	bool valid = pl_http_date_decode(seconds, pl_slice_make(copy, text.len), now);

	free(copy);
	return valid;
}

static void test_three_forms(void **state)
{
	static const struct {
		pl_slice text;
		int64_t seconds;
	} rows[] = {
		{ BYTES("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777 },
		{ BYTES("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777 },
		{ BYTES("Sun Nov  6 08:49:37 1994"), 784111777 },
		{ BYTES("Wed Nov 16 08:49:37 1994"), 784975777 },
		{ BYTES("Thu, 01 Jan 1970 00:00:00 GMT"), 0 },
		{ BYTES("Wed, 31 Dec 1969 23:59:59 GMT"), -1 },
		{ BYTES("Mon, 01 Jan 0001 00:00:00 GMT"), -62135596800 },
		{ BYTES("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799 },
		{ BYTES("Tue, 29 Feb 2000 12:00:00 GMT"), 951825600 },
		{ BYTES("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800 }, /* a leap second */
		{ BYTES("Thursday, 01-Jan-76 00:00:00 GMT"), 189302400 },
		{ BYTES("Wednesday, 01-Jan-76 00:00:00 GMT"), 3345062400 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t seconds = 1;
		bool past = i == COUNT(rows) - 2; /* a year before, 2076 is too far away */

		if (!decode(rows[i].text, past ? NOW - 86400 : NOW, &seconds))
			fail_msg("%.*s is refused", (int)rows[i].text.len, rows[i].text.at);
		assert_int_equal(seconds, rows[i].seconds);
	}
}

static void test_what_is_no_date(void **state)
{
	static const pl_slice rows[] = {
		BYTES(""),
		BYTES("0"),
		BYTES("784111777"),
		BYTES("Sun, 6 Nov 1994 08:49:37 GMT"),
		BYTES("sun, 06 Nov 1994 08:49:37 GMT"),
		BYTES("Mon, 06 Nov 1994 08:49:37 GMT"),
		BYTES("Sun, 06 nov 1994 08:49:37 GMT"),
		BYTES("Sun, 06 Nov 1994 24:00:00 GMT"),
		BYTES("Sun, 06 Nov 1994 08:60:37 GMT"),
		BYTES("Sun, 06 Nov 1994 08:49:61 GMT"),
		BYTES("Sun, 06 Nov 1994 08:49:37 UTC"),
		BYTES("Sun, 06 Nov 1994 08:49:37 +0000"),
		BYTES("Sun, 06 Nov 1994 08:49:37 GMT "),
		BYTES(" Sun, 06 Nov 1994 08:49:37 GMT"),
		BYTES("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"),
		BYTES("Sun,  06 Nov 1994 08:49:37 GMT"),
		BYTES("Sun, 06 Nov 94 08:49:37 GMT"),
		BYTES("Sun, 00 Nov 1994 08:49:37 GMT"),
		BYTES("Tue, 29 Feb 1900 00:00:00 GMT"),
		BYTES("Thu, 31 Apr 2026 00:00:00 GMT"),
		BYTES("Sun, -6 Nov 1994 08:49:37 GMT"),
		BYTES("Sun, +6 Nov 1994 08:49:37 GMT"),
		BYTES("Sunday, 06-Nov-1994 08:49:37 GMT"),
		BYTES("Sonday, 06-Nov-94 08:49:37 GMT"),
		BYTES("Sunday 06-Nov-94 08:49:37 GMT"),
		BYTES("Sun Nov 06 08:49:37 1994"),
		BYTES("Sun Nov 6 08:49:37 1994"),
		BYTES("Sun Nov  6 08:49:37 94"),
		BYTES("Sun Nov  6 08:49:37 1994 "),
		BYTES("Thu, 01 Jan 0000 00:00:00 GMT\0"),
	};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (decode(rows[i], NOW, &seconds))
			fail_msg("%.*s is taken", (int)rows[i].len, rows[i].at);
	assert_false(pl_http_date_decode(&seconds, pl_slice_make(NULL, 0), NOW));
}

static void test_cut_short(void **state)
{
	static const pl_slice rows[] = {
		BYTES("Sun, 06 Nov 1994 08:49:37 GMT"),
		BYTES("Sunday, 06-Nov-94 08:49:37 GMT"),
		BYTES("Sun Nov  6 08:49:37 1994"),
	};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t len = 0; len < rows[i].len; len++)
			assert_false(decode(pl_slice_make(rows[i].at, len), NOW, &seconds));
}

static void test_there_and_back(void **state)
{
	char text[PL_HTTP_DATE_SIZE];
	int64_t seconds;

	(void)state;
	for (int64_t day = 0; day <= 253402300799 / 86400; day++) {
		pl_http_date_encode(text, day * 86400 + day % 86400);
		assert_true(pl_http_date_decode(&seconds, pl_slice_make(text, sizeof(text)), NOW));
		assert_int_equal(seconds, day * 86400 + day % 86400);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date),	    cmocka_unit_test(test_all_days),
		cmocka_unit_test(test_three_forms), cmocka_unit_test(test_what_is_no_date),
		cmocka_unit_test(test_cut_short),   cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
