#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/origin.h"

static pl_slice slice(const char *text)
{
	return pl_slice_make(text, strlen(text));
}

static bool allowed(const char *rule, const char *origin)
{
	pl_slice rules[] = { slice("https://other.example"), slice(rule) };

	return pl_origin_allowed(rules, 2, slice(origin));
}

static void test_table(void **state)
{
	static const struct {
		const char *rule;
		const char *origin;
		bool allowed;
	} rows[] = {
		{ "http://127.0.0.1:5555", "http://127.0.0.1:5555", true },
		{ "http://127.0.0.1:5555", "http://127.0.0.1:5556", false },
		{ "http://127.0.0.1:5555", "http://127.0.0.1", false },
		{ "https://Example.org", "https://example.ORG", true },
		{ "https://example.org", "http://example.org", false },
		{ "https://example.org", "https://example.org.evil.example", false },
		{ "https://example.org", "https://evil-example.org", false },
		{ "https://example.org", "https://example.org:443", false },
		{ "http://127.0.0.1:*", "http://127.0.0.1", true },
		{ "http://127.0.0.1:*", "http://127.0.0.1:1", true },
		{ "http://127.0.0.1:*", "http://127.0.0.1:65535", true },
		{ "http://127.0.0.1:*", "http://127.0.0.1:65536", false },
		{ "http://127.0.0.1:*", "http://127.0.0.1:", false },
		{ "http://127.0.0.1:*", "http://127.0.0.1:80x", false },
		{ "http://127.0.0.1:*", "http://127.0.0.1.evil.example", false },
		{ "http://127.0.0.1:*", "http://127.0.0.10:80", false },
		{ "http://[::1]:*", "http://[::1]:8080", true },
		{ "https://example.org", "null", false },
		{ "null", "null", true },
		{ ":*", "", true },
		{ "*", "https://example.org", false },
		{ "https://example.org", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (allowed(rows[i].rule, rows[i].origin) != rows[i].allowed)
			fail_msg("rule %s, origin %s", rows[i].rule, rows[i].origin);
}

static void test_no_rules(void **state)
{
	(void)state;
	assert_false(pl_origin_allowed(NULL, 0, slice("https://example.org")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_no_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
