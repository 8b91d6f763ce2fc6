#include "bytes.h"

#include <stdio.h>

#include "codec/http_path.h"

typedef struct pair {
	pl_slice text;
	pl_slice value;
} pair;

static const pair escapes[] = {
	{ BYTES(""), BYTES("") },
	{ BYTES("a"), BYTES("a") },
	{ BYTES("a%20b"), BYTES("a b") },
	{ BYTES("%41%6a%6A"), BYTES("Ajj") },
	{ BYTES("%00%ff%FF"), BYTES("\0\xFF\xFF") },
	{ BYTES("%25"), BYTES("%") },
	{ BYTES("%2541"), BYTES("%41") },
	{ BYTES("a+b"), BYTES("a+b") },
	{ BYTES("\xC3\xA9\0"), BYTES("\xC3\xA9\0") },
};

static const pl_slice bad_escapes[] = {
	BYTES("%"),   BYTES("a%"),  BYTES("%4"),    BYTES("a%4"),  BYTES("%zz"),
	BYTES("%4z"), BYTES("%z4"), BYTES("%%41"),  BYTES("%4%1"), BYTES("% 41"),
	BYTES("%+4"), BYTES("%-1"), BYTES("%41%4"), BYTES("%0x"),  BYTES("%u0041"),
};

static const pair paths[] = {
	{ BYTES("/"), BYTES("") },
	{ BYTES("/a"), BYTES("a") },
	{ BYTES("/a/"), BYTES("a/") },
	{ BYTES("/a/b.html"), BYTES("a/b.html") },
	{ BYTES("/a%20b/%C3%A9"), BYTES("a b/\xC3\xA9") },
	{ BYTES("/%61"), BYTES("a") },
	{ BYTES("/a."), BYTES("a.") },
	{ BYTES("/a..b"), BYTES("a..b") },
	{ BYTES("/a../b"), BYTES("a../b") },
	{ BYTES("/.well-known/acme-challenge/x"), BYTES(".well-known/acme-challenge/x") },
	{ BYTES("/.well-known"), BYTES(".well-known") },
	{ BYTES("/%2ewell-known/"), BYTES(".well-known/") },
	/* Decoded once: these are names with a percent sign */
	{ BYTES("/%252e%252e/a"), BYTES("%2e%2e/a") },
	{ BYTES("/a%252fb"), BYTES("a%2fb") },
	{ BYTES("/a%2500"), BYTES("a%00") },
	{ BYTES("/a?b"), BYTES("a?b") },
	{ BYTES("/a;v=1:2@3"), BYTES("a;v=1:2@3") },
	{ BYTES("/~user"), BYTES("~user") },
};

static const pl_slice bad_paths[] = {
	BYTES(""),
	BYTES("a"),
	BYTES("a/b"),
	BYTES("*"),
	BYTES("\\a"),
	BYTES("%2Fa"),
	/* Out of the root */
	BYTES("/.."),
	BYTES("/../a"),
	BYTES("/a/.."),
	BYTES("/a/../b"),
	BYTES("/%2e%2e/a"),
	BYTES("/.%2e/a"),
	BYTES("/%2e./a"),
	BYTES("/%2E%2E"),
	BYTES("/..%2fa"),
	BYTES("/..%5ca"),
	BYTES("/a%2f..%2f..%2fb"),
	BYTES("/a%2fb"),
	BYTES("/%2f"),
	BYTES("/%2fetc"),
	BYTES("/..\\a"),
	BYTES("/a\\..\\b"),
	BYTES("/a%5Cb"),
	BYTES("/..;/a"),
	BYTES("/.../a"),
	/* Nothing, twice, hidden */
	BYTES("/."),
	BYTES("/./a"),
	BYTES("/a/."),
	BYTES("/a/./b"),
	BYTES("/%2e"),
	BYTES("//"),
	BYTES("//a"),
	BYTES("/a//b"),
	BYTES("/a//"),
	BYTES("/.htaccess"),
	BYTES("/a/.git/config"),
	BYTES("/%2egit/config"),
	BYTES("/a/.well-known/x"),
	BYTES("/.well-known/.hidden"),
	BYTES("/.well-known."),
	BYTES("/.well-knowN"),
	BYTES("/.well-known%2fx"),
	/* Bytes */
	BYTES("/a\0"),
	BYTES("/a%00.html"),
	BYTES("/a%0a"),
	BYTES("/a%0d%0aX: y"),
	BYTES("/a%09"),
	BYTES("/a%1f"),
	BYTES("/a%7f"),
	BYTES("/a\x7F"),
	BYTES("/a\tb"),
	/* Escapes */
	BYTES("/%"),
	BYTES("/a%2"),
	BYTES("/a%2/e"),
	BYTES("/a%zz"),
	BYTES("/%c0%ae%"),
};

static const pair forms[] = {
	{ BYTES(""), BYTES("") },	    { BYTES("a+b%2Bc"), BYTES("a b+c") },
	{ BYTES("%41"), BYTES("A") },	    { BYTES("%"), BYTES("%") },
	{ BYTES("a%"), BYTES("a%") },	    { BYTES("%4"), BYTES("%4") },
	{ BYTES("%zz%41"), BYTES("%zzA") }, { BYTES("%%41"), BYTES("%A") },
	{ BYTES("%+4"), BYTES("% 4") },	    { BYTES("%00"), BYTES("\0") },
	{ BYTES("%2541"), BYTES("%41") },
};

static void test_percent_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++) {
		char *out = bytes_copy(escapes[i].text.at, escapes[i].text.len);
		ptrdiff_t len = pl_percent_decode(out, escapes[i].text);

		assert_int_equal(len, escapes[i].value.len);
		assert_memory_equal(out, escapes[i].value.at, escapes[i].value.len);
		free(out);
	}
}

static void test_bad_escapes(void **state)
{
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(bad_escapes); i++) {
		char *text = bytes_copy(bad_escapes[i].at, bad_escapes[i].len);

		assert_int_equal(pl_percent_decode(out, pl_slice_make(text, bad_escapes[i].len)),
				 -1);
		free(text);
	}
}

static void test_path_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		char *out = bytes_copy(paths[i].text.at, paths[i].text.len);
		ptrdiff_t len = pl_http_path_decode(out, paths[i].text);

		if (len != (ptrdiff_t)paths[i].value.len)
			fail_msg("row %zu: \"%s\" gave %td bytes", i, paths[i].text.at, len);
		assert_memory_equal(out, paths[i].value.at, paths[i].value.len);
		free(out);
	}
}

static void test_bad_paths(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(bad_paths); i++) {
		char *text = bytes_copy(bad_paths[i].at, bad_paths[i].len);

		if (pl_http_path_decode(out, pl_slice_make(text, bad_paths[i].len)) != -1)
			fail_msg("row %zu: \"%s\" was taken", i, bad_paths[i].at);
		free(text);
	}
	assert_int_equal(pl_http_path_decode(out, pl_slice_make(NULL, 0)), -1);
}

/* A byte is the same escaped or not, save for those that only an escape can bring. */
static void test_every_byte_of_a_path(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char raw[] = { '/', 'a', (char)byte, 'b' };
		char escaped[8], out[8];
		bool fits = byte >= 0x20 && byte != 0x7F && byte != '\\';

		snprintf(escaped, sizeof(escaped), "/a%%%02xb", byte);
		assert_int_equal(pl_http_path_decode(out, pl_slice_make(raw, 4)),
				 fits && byte != '%' ? 3 : -1);
		assert_int_equal(pl_http_path_decode(out, pl_slice_make(escaped, 6)),
				 fits && byte != '/' ? 3 : -1);
	}
}

static void test_form_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		char *out = bytes_copy(forms[i].text.at, forms[i].text.len);
		size_t len = pl_form_decode(out, forms[i].text);

		assert_int_equal(len, forms[i].value.len);
		assert_memory_equal(out, forms[i].value.at, len);
		free(out);
	}
}

static const struct {
	pl_slice text;
	pair found[4];
} queries[] = {
	{ BYTES(""), { { { NULL, 0 }, { NULL, 0 } } } },
	{ BYTES("&"), { { { NULL, 0 }, { NULL, 0 } } } },
	{ BYTES("&&&"), { { { NULL, 0 }, { NULL, 0 } } } },
	{ BYTES("a=b"), { { BYTES("a"), BYTES("b") } } },
	{ BYTES("a"), { { BYTES("a"), BYTES("") } } },
	{ BYTES("a="), { { BYTES("a"), BYTES("") } } },
	{ BYTES("=b"), { { BYTES(""), BYTES("b") } } },
	{ BYTES("="), { { BYTES(""), BYTES("") } } },
	{ BYTES("a=b=c"), { { BYTES("a"), BYTES("b=c") } } },
	{ BYTES("a=1&b=2&a=3"),
	  { { BYTES("a"), BYTES("1") }, { BYTES("b"), BYTES("2") }, { BYTES("a"), BYTES("3") } } },
	{ BYTES("&&a=1&&b&"), { { BYTES("a"), BYTES("1") }, { BYTES("b"), BYTES("") } } },
	{ BYTES("a=1;b=2"), { { BYTES("a"), BYTES("1;b=2") } } },
	{ BYTES("a%3D=%26&x"), { { BYTES("a%3D"), BYTES("%26") }, { BYTES("x"), BYTES("") } } },
};

static void test_form_next(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		char *text = bytes_copy(queries[i].text.at, queries[i].text.len);
		pl_slice whole = pl_slice_make(text, queries[i].text.len), rest = whole;
		pl_slice name, value;

		for (const pair *found = queries[i].found; found->text.at; found++) {
			assert_true(pl_form_next(&rest, &name, &value));
			assert_true(pl_slice_equal(name, found->text));
			assert_true(pl_slice_equal(value, found->value));
			assert_true(bytes_within(name, whole) && bytes_within(value, whole));
		}
		assert_false(pl_form_next(&rest, &name, &value));
		free(text);
	}
}

static void test_form_of_nothing(void **state)
{
	pl_slice rest = { NULL, 0 }, name, value;

	(void)state;
	assert_false(pl_form_next(&rest, &name, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent_decode),
		cmocka_unit_test(test_bad_escapes),
		cmocka_unit_test(test_path_decode),
		cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_every_byte_of_a_path),
		cmocka_unit_test(test_form_decode),
		cmocka_unit_test(test_form_next),
		cmocka_unit_test(test_form_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
