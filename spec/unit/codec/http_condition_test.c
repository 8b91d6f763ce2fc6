#include "bytes.h"

#include "codec/http_condition.h"

#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define NEWER "Sun, 06 Nov 1994 08:49:38 GMT"

enum {
	MODIFIED = 784111777,
	NOW = MODIFIED + 100,
	ALL = PL_HTTP_PERFORM,
	PART = PL_HTTP_PERFORM_PART,
	UNMODIFIED = PL_HTTP_NOT_MODIFIED,
	FAILED = PL_HTTP_FAILED,
	FIELDS = 5
};

typedef struct row {
	const char *fields[FIELDS]; /* "Name: value" */
	int get;
	int head;
} row;

static const row rows[] = {
	{ { "Host: a", "Accept: */*" }, ALL, ALL },
	/* If-Match: strong */
	{ { "If-Match: \"a\"" }, ALL, ALL },
	{ { "If-Match: \"b\"" }, FAILED, FAILED },
	{ { "If-Match: \"b\", \"a\"" }, ALL, ALL },
	{ { "If-Match: \"b\"", "If-Match: \"a\"" }, ALL, ALL },
	{ { "If-Match: W/\"a\"" }, FAILED, FAILED },
	{ { "If-Match: *" }, ALL, ALL },
	{ { "If-Match: *, \"b\"" }, FAILED, FAILED },
	{ { "If-Match: a" }, FAILED, FAILED },
	{ { "If-Match: \"a" }, FAILED, FAILED },
	{ { "If-Match: " }, FAILED, FAILED },
	{ { "if-match: \"a\"" }, ALL, ALL },
	/* If-Unmodified-Since, unless there is If-Match */
	{ { "If-Unmodified-Since: " SAME }, ALL, ALL },
	{ { "If-Unmodified-Since: " NEWER }, ALL, ALL },
	{ { "If-Unmodified-Since: " OLDER }, FAILED, FAILED },
	{ { "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT" }, FAILED, FAILED },
	{ { "If-Unmodified-Since: nonsense" }, ALL, ALL },
	{ { "If-Unmodified-Since: " OLDER, "If-Unmodified-Since: " OLDER }, ALL, ALL },
	{ { "If-Match: \"a\"", "If-Unmodified-Since: " OLDER }, ALL, ALL },
	{ { "If-Unmodified-Since: " NEWER, "If-Match: \"b\"" }, FAILED, FAILED },
	/* If-None-Match: weak */
	{ { "If-None-Match: \"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "If-None-Match: W/\"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "If-None-Match: w/\"a\"" }, ALL, ALL },
	{ { "If-None-Match: \"b\"" }, ALL, ALL },
	{ { "If-None-Match: \"b\" , W/\"c\",,\"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "If-None-Match: \"b,\\\"\", \"a\"" }, ALL, ALL }, /* no backslash escapes in tags */
	{ { "If-None-Match: \"b,c\", \"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "If-None-Match: \"b\" \"a\"" }, ALL, ALL },
	{ { "If-None-Match: \"a\" x" }, ALL, ALL },
	{ { "If-None-Match: a" }, ALL, ALL },
	{ { "If-None-Match: *" }, UNMODIFIED, UNMODIFIED },
	{ { "If-None-Match: \"*\"" }, ALL, ALL },
	/* If-Modified-Since, unless there is If-None-Match */
	{ { "If-Modified-Since: " SAME }, UNMODIFIED, UNMODIFIED },
	{ { "If-Modified-Since: " NEWER }, UNMODIFIED, UNMODIFIED },
	{ { "If-Modified-Since: " OLDER }, ALL, ALL },
	{ { "If-Modified-Since: nonsense" }, ALL, ALL },
	{ { "If-Modified-Since: " SAME, "If-Modified-Since: " SAME }, ALL, ALL },
	{ { "If-None-Match: \"b\"", "If-Modified-Since: " SAME }, ALL, ALL },
	{ { "If-Modified-Since: " OLDER, "If-None-Match: \"a\"" }, UNMODIFIED, UNMODIFIED },
	/* The first pair before the second */
	{ { "If-None-Match: \"a\"", "If-Match: \"b\"" }, FAILED, FAILED },
	{ { "If-None-Match: \"a\"", "If-Match: \"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "If-Modified-Since: " SAME, "If-Unmodified-Since: " OLDER }, FAILED, FAILED },
	/* Range and If-Range */
	{ { "Range: bytes=0-1" }, PART, ALL },
	{ { "Range: bytes=0-1", "Range: bytes=2-3" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: \"a\"" }, PART, ALL },
	{ { "Range: bytes=0-1", "If-Range: W/\"a\"" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: \"b\"" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: \"a\", \"a\"" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: *" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: " SAME }, PART, ALL },
	{ { "Range: bytes=0-1", "If-Range: " NEWER }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: " OLDER }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-Range: \"a\"", "If-Range: \"a\"" }, ALL, ALL },
	{ { "If-Range: \"a\"" }, ALL, ALL },
	{ { "Range: bytes=0-1", "If-None-Match: \"a\"" }, UNMODIFIED, UNMODIFIED },
	{ { "Range: bytes=0-1", "If-Match: \"b\"" }, FAILED, FAILED },
	{ { "Range: bytes=0-1", "If-None-Match: \"b\"", "If-Range: \"a\"" }, PART, ALL },
};

static size_t fields_of(const row *from, pl_http_field fields[FIELDS], char *copies[FIELDS])
{
	size_t count = 0;

	while (count < FIELDS && from->fields[count]) {
		size_t len = strlen(from->fields[count]);
		size_t colon = (size_t)(strchr(from->fields[count], ':') - from->fields[count]);
		char *copy = bytes_copy(from->fields[count], len);

		fields[count].name = pl_slice_make(copy, colon);
		fields[count].value = pl_slice_make(copy + colon + 2, len - colon - 2);
		copies[count++] = copy;
	}
	return count;
}

static int evaluate(const row *from, const pl_http_validators *validators, int64_t now, bool part)
{
	pl_http_field fields[FIELDS];
	char *copies[FIELDS];
	size_t count = fields_of(from, fields, copies);
	pl_slice range = PL_SLICE("");
	int verdict = pl_http_evaluate(fields, count, validators, now, part, &range);

	if (verdict == PART)
		assert_true(pl_slice_equal(range, PL_SLICE("bytes=0-1")));
	while (count-- > 0)
		free(copies[count]);
	return verdict;
}

static void test_order(void **state)
{
	const pl_http_validators validators = { PL_SLICE("\"a\""), MODIFIED };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (evaluate(&rows[i], &validators, NOW, true) != rows[i].get)
			fail_msg("GET, row %zu: %s", i, rows[i].fields[0]);
		if (evaluate(&rows[i], &validators, NOW, false) != rows[i].head)
			fail_msg("HEAD, row %zu: %s", i, rows[i].fields[0]);
	}
}

/* What has no known date is not compared with one. */
static void test_without_a_date(void **state)
{
	const pl_http_validators validators = { PL_SLICE("\"a\""), -1 };
	static const row dates[] = {
		{ { "If-Modified-Since: " NEWER }, ALL, ALL },
		{ { "If-Unmodified-Since: " OLDER }, ALL, ALL },
		{ { "Range: bytes=0-1", "If-Range: " SAME }, ALL, ALL },
		{ { "If-None-Match: \"a\"" }, UNMODIFIED, UNMODIFIED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(dates); i++)
		assert_int_equal(evaluate(&dates[i], &validators, NOW, true), dates[i].get);
}

/* Within the second of a change there may be another one: the date is a weak validator then. */
static void test_a_fresh_change(void **state)
{
	const pl_http_validators validators = { PL_SLICE("\"a\""), MODIFIED };
	static const row dated = { { "Range: bytes=0-1", "If-Range: " SAME }, 0, 0 };

	(void)state;
	assert_int_equal(evaluate(&dated, &validators, MODIFIED, true), ALL);
	assert_int_equal(evaluate(&dated, &validators, MODIFIED + 1, true), PART);
}

static void test_cut_short(void **state)
{
	const pl_http_validators validators = { PL_SLICE("\"a\""), MODIFIED };
	static const char *const names[] = { "If-Match", "If-None-Match", "If-Range" };
	static const pl_slice value = BYTES("W/\"b\" , \"a\",W/\"a\"");

	(void)state;
	for (size_t n = 0; n < COUNT(names); n++)
		for (size_t len = 0; len <= value.len; len++) {
			char *copy = bytes_copy(value.at, len);
			pl_http_field fields[] = {
				{ pl_slice_make(names[n], strlen(names[n])),
				  pl_slice_make(copy, len) },
				{ PL_SLICE("Range"), PL_SLICE("bytes=0-1") },
			};
			pl_slice range;
			bool whole = len >= 11 && (len < 13 || len == value.len);
			int verdict = pl_http_evaluate(fields, 2, &validators, NOW, true, &range);

			if (n == 0)
				assert_int_equal(verdict, whole ? PART : FAILED);
			else if (n == 1)
				assert_int_equal(verdict, whole ? UNMODIFIED : PART);
			else
				assert_int_equal(verdict, ALL);
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_without_a_date),
		cmocka_unit_test(test_a_fresh_change),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
