/* What a forwarded request asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/status.h"
#include "forward/forward_target.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static pl_slice slice(const char *text)
{
	return text ? pl_slice_make(text, strlen(text)) : pl_slice_make(NULL, 0);
}

static void paths_that_say_what_they_mean(void **state)
{
	static const char *const safe[] = { "/",
					    "/a",
					    "//a",
					    "/a/",
					    "/a%2Fb",
					    "/...",
					    "/a..",
					    "/..a",
					    "/.well-known/x",
					    "/a.b/c",
					    "/%41",
					    "/a;b/c",
					    "/a/.b",
					    "/%C3%A4",
					    "/a%20b",
					    "/~a/@:!$&'()*+,=" };
	static const char *const unsafe[] = {
		"",	   "*",		  "a",	     "/..",	  "/.",	       "/a/..",
		"/a/../b", "/./a",	  "/a/.",    "/%2e%2e/a", "/%2E./a",   "/.%2e",
		"/%2e",	   "/a%2f..%2fb", "/a%2F..", "/..%2Fa",	  "/a\\..\\b", "/a%5c..%5Cb",
		"/..;/a",  "/..;x=y/a",	  "/.;/a",   "/%2e%2e;/", "/a%00b",    "/a%0d%0ab",
		"/a%7f",   "/a%",	  "/a%4",    "/a%zz",	  "/a%1",      "/a b\x01",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(safe); i++)
		assert_true(pl_forward_path_safe(slice(safe[i])));
	for (size_t i = 0; i < COUNT(unsafe); i++)
		assert_false(pl_forward_path_safe(slice(unsafe[i])));
}

static void targets(void **state)
{
	static const struct {
		const char *path, *query, *strip, *base, *document, *query_params, *made;
	} rows[] = {
		{ "/a", NULL, NULL, "", NULL, NULL, "/a" },
		{ "/a", "", NULL, "", NULL, NULL, "/a?" },
		{ "/a%20b", "c=d%20e", NULL, "", NULL, NULL, "/a%20b?c=d%20e" },
		{ "/a", "b", NULL, "/v1", NULL, NULL, "/v1/a?b" },
		{ "/a/b", NULL, "/a", "", NULL, NULL, "/b" },
		{ "/a/b", NULL, "/a/", "", NULL, NULL, "/b" },
		{ "/a/b", NULL, "/a", "/v1", NULL, NULL, "/v1/b" },
		{ "/a", "q", "/a", "/v1", NULL, NULL, "/v1/?q" },
		{ "/ab", NULL, "/a", "", NULL, NULL, "/ab" },
		{ "/a/b", NULL, "/", "", NULL, NULL, "/a/b" },
		{ "/%61/b%20", NULL, "/a", "/v1", NULL, NULL, "/v1/b%20" },
		{ "/a%20%C3%A9/b", "q", "/a \xC3\xA9", "", NULL, NULL, "/b?q" },
		{ "/%61%62/b", NULL, "/a", "", NULL, NULL, "/%61%62/b" },
		{ "/a%2fb", NULL, "/a", "/v1", NULL, NULL, NULL },
		{ "/a%2Fb", NULL, "/a/", "/v1", NULL, NULL, NULL },
		{ "/a%2fb", NULL, "/a/b", "/v1", NULL, NULL, "/v1/" },
		{ "/a", "b", NULL, "", "/c d?e#f%2", NULL, "/c%20d%3Fe%23f%252?b" },
		{ "/a", "b", NULL, "", NULL, "c=d", "/a?c=d" },
		{ "/a", "b", NULL, "", NULL, "", "/a" },
		{ "/a", NULL, NULL, "", NULL, "c", "/a?c" },
		{ "/../a", NULL, NULL, "", "/b", NULL, "/b" },
		{ "/../a", NULL, NULL, "", NULL, NULL, NULL },
		{ "/a/..", NULL, "/a", "", NULL, NULL, NULL },
		{ "/a", NULL, NULL, "", "/b/../c", NULL, NULL },
		{ "/a", NULL, NULL, "", "b", NULL, NULL },
		{ "/a", NULL, NULL, "", "/b\r\nc", NULL, NULL },
		{ "/a", NULL, NULL, "", NULL, "a b", NULL },
		{ "/a", NULL, NULL, "", NULL, "a\r\nX: y", NULL },
		{ "/a", NULL, NULL, "", NULL, "a#b", NULL },
		{ "*", NULL, NULL, "", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const pl_forward_target target = { .path = slice(rows[i].path),
						   .query = slice(rows[i].query),
						   .strip = slice(rows[i].strip),
						   .base = slice(rows[i].base),
						   .document = slice(rows[i].document),
						   .query_params = slice(rows[i].query_params) };
		pl_buffer out = { 0 };
		int status = pl_forward_target_put(&out, &target);

		assert_int_equal(status, rows[i].made ? PL_OK : PL_EINVAL);
		if (rows[i].made) {
			assert_int_equal(out.len, strlen(rows[i].made));
			assert_memory_equal(out.data, rows[i].made, out.len);
		}
		pl_buffer_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(paths_that_say_what_they_mean),
					    cmocka_unit_test(targets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
