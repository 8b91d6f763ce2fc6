#include "bytes.h"

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
		{ BYTES("a.log"), "text/plain; charset=utf-8" },
		{ BYTES("a.js.br"), "application/x-brotli" },
		{ BYTES("a.zst"), "application/zstd" },
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

static void test_compressible(void **state)
{
	static const struct {
		pl_slice type;
		bool compressible;
	} rows[] = {
		{ BYTES("text/html; charset=utf-8"), true },
		{ BYTES("TEXT/Plain"), true },
		{ BYTES("text/x ;a=b"), true },
		{ BYTES("application/json"), true },
		{ BYTES("Application/JSON;charset=utf-8"), true },
		{ BYTES("image/svg+xml"), true },
		{ BYTES("application/ld+json"), true },
		{ BYTES("application/wasm"), true },
		{ BYTES("text/event-stream"), false },
		{ BYTES("image/png"), false },
		{ BYTES("application/gzip"), false },
		{ BYTES("application/octet-stream"), false },
		{ BYTES("application/jsonx"), false },
		{ BYTES("application/octet-stream; x=text/html"), false },
		{ BYTES("text/"), false },
		{ BYTES("+json"), false },
		{ BYTES(""), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = bytes_copy(rows[i].type.at, rows[i].type.len);

		if (pl_http_media_compressible(pl_slice_make(copy, rows[i].type.len)) !=
		    rows[i].compressible)
			fail_msg("%.*s", (int)rows[i].type.len, rows[i].type.at);
		free(copy);
	}
	assert_false(pl_http_media_compressible(pl_slice_make(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_media_type),
		cmocka_unit_test(test_compressible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
