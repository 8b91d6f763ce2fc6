#include "bytes.h"

#include <time.h>

#include "codec/http_text.h"

static void test_reason(void **state)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 505, "HTTP Version Not Supported" },
		{ 511, "Network Authentication Required" },
		/* Unused, unassigned, out of range */
		{ 306, "" },
		{ 418, "" },
		{ 99, "" },
		{ 299, "" },
		{ 600, "" },
		{ 0, "" },
		{ -200, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(pl_http_reason(rows[i].status), rows[i].reason);
}

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

static void test_media_type(void **state)
{
	static const struct {
		pl_slice name;
		const char *type;
	} rows[] = {
		{ BYTES("index.html"), "text/html; charset=utf-8" },
		{ BYTES("INDEX.HTM"), "text/html; charset=utf-8" },
		{ BYTES("a/b/c.css"), "text/css; charset=utf-8" },
		{ BYTES("a.min.js"), "text/javascript; charset=utf-8" },
		{ BYTES("a.mjs"), "text/javascript; charset=utf-8" },
		{ BYTES("a.txt"), "text/plain; charset=utf-8" },
		{ BYTES("a.json"), "application/json" },
		{ BYTES("a.svg"), "image/svg+xml" },
		{ BYTES("a.PNG"), "image/png" },
		{ BYTES("a.jpeg"), "image/jpeg" },
		{ BYTES("a.wasm"), "application/wasm" },
		{ BYTES("a.webmanifest"), "application/manifest+json" },
		{ BYTES("a.tar.gz"), "application/gzip" },
		{ BYTES("a.woff2"), "font/woff2" },
		{ BYTES("a.mp4"), "video/mp4" },
		{ BYTES(""), "application/octet-stream" },
		{ BYTES("html"), "application/octet-stream" },
		{ BYTES("a."), "application/octet-stream" },
		{ BYTES("a.unheard-of"), "application/octet-stream" },
		{ BYTES("a.html.bak"), "application/octet-stream" },
		{ BYTES("a.html/b"), "application/octet-stream" },
		{ BYTES("a.html/"), "application/octet-stream" },
		{ BYTES("a.htm\0"), "application/octet-stream" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = bytes_copy(rows[i].name.at, rows[i].name.len);

		assert_string_equal(pl_http_media_type(pl_slice_make(copy, rows[i].name.len)),
				    rows[i].type);
		free(copy);
	}
	assert_string_equal(pl_http_media_type(pl_slice_make(NULL, 0)), "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_all_days),
		cmocka_unit_test(test_media_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
