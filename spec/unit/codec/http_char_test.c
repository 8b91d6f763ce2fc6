#include "bytes.h"

#include "codec/http_char.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool among(unsigned byte, const char *set)
{
	return byte != 0 && strchr(set, (int)byte) != NULL;
}

/* The classes, after the words of the RFCs. */
static unsigned expected(unsigned byte)
{
	bool visible = byte > 0x20 && byte < 0x7F;
	unsigned classes = 0;

	if (among(byte, "!#$%&'*+-.^_`|~" DIGITS LETTERS))
		classes |= PL_HTTP_TCHAR;
	if (visible || byte == ' ' || byte == '\t' || byte >= 0x80)
		classes |= PL_HTTP_VALUE;
	if (visible && byte != '#')
		classes |= PL_HTTP_TARGET;
	if (among(byte, LETTERS DIGITS "-._~"
				       "!$&'()*+,;="))
		classes |= PL_HTTP_NAME;
	return classes;
}

static void test_table(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		if (pl_http_char[byte] != expected(byte))
			fail_msg("%02x: %x, not %x", byte, pl_http_char[byte], expected(byte));
}

static void test_is(void **state)
{
	(void)state;
	assert_true(pl_http_is('a', PL_HTTP_TCHAR));
	assert_true(pl_http_is('\xFF', PL_HTTP_VALUE));
	assert_false(pl_http_is(':', PL_HTTP_TCHAR | PL_HTTP_NAME));
	assert_true(pl_http_is(':', PL_HTTP_TCHAR | PL_HTTP_TARGET));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
