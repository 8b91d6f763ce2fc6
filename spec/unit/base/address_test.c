#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text in, text out; NULL: refused. */
static const struct {
	const char *text;
	const char *ip;
	uint8_t family;
	uint32_t scope;
} rows[] = {
	{ "127.0.0.1", "127.0.0.1", 4, 0 },
	{ "0.0.0.0", "0.0.0.0", 4, 0 },
	{ "255.255.255.255", "255.255.255.255", 4, 0 },
	{ "::", "::", 6, 0 },
	{ "::1", "::1", 6, 0 },
	{ "2001:DB8::1", "2001:db8::1", 6, 0 },
	{ "fe80::1%2", "fe80::1", 6, 2 },
	{ "fe80::1%4294967295", "fe80::1", 6, UINT32_MAX },
	{ "::ffff:1.2.3.4", "1.2.3.4", 6, 0 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, 0 },
	{ "", NULL, 0, 0 },
	{ "localhost", NULL, 0, 0 },
	{ "1.2.3", NULL, 0, 0 },
	{ "1.2.3.4.5", NULL, 0, 0 },
	{ "1.2.3.256", NULL, 0, 0 },
	{ "01.2.3.4", NULL, 0, 0 },
	{ "0x7f.0.0.1", NULL, 0, 0 },
	{ " 127.0.0.1", NULL, 0, 0 },
	{ "127.0.0.1 ", NULL, 0, 0 },
	{ "127.0.0.1:80", NULL, 0, 0 },
	{ "127.0.0.1%1", NULL, 0, 0 },
	{ "[::1]", NULL, 0, 0 },
	{ ":::", NULL, 0, 0 },
	{ "1::2::3", NULL, 0, 0 },
	{ "fe80::1%", NULL, 0, 0 },
	{ "fe80::1%eth0", NULL, 0, 0 },
	{ "fe80::1%-1", NULL, 0, 0 },
	{ "fe80::1% 1", NULL, 0, 0 },
	{ "fe80::1%1x", NULL, 0, 0 },
	{ "fe80::1%4294967296", NULL, 0, 0 },
	{ "fe80::1%99999999999999999999", NULL, 0, 0 },
	{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL, 0, 0 },
};

static void text_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_address address;
		char text[PL_ADDRESS_TEXT];

		memset(&address, 0xAA, sizeof(address));
		print_message("%s\n", rows[i].text);
		assert_int_equal(pl_address_parse(&address, rows[i].text), rows[i].ip != NULL);
		if (!rows[i].ip)
			continue;
		assert_int_equal(address.family, rows[i].family);
		assert_int_equal(address.scope, rows[i].scope);
		assert_int_equal(address.port, 0);
		assert_int_equal(pl_address_ip(&address, text), strlen(rows[i].ip));
		assert_string_equal(text, rows[i].ip);
	}
}

static void bytes_are_in_network_order(void **state)
{
	static const uint8_t rest[12] = { 0 };
	pl_address address;

	(void)state;
	memset(&address, 0xAA, sizeof(address));
	assert_true(pl_address_parse(&address, "1.2.3.4"));
	assert_memory_equal(address.ip, "\1\2\3\4", 4);
	assert_memory_equal(address.ip + 4, rest, sizeof(rest));
}

static void no_family_has_no_text(void **state)
{
	pl_address address = { .port = 80 };
	char text[PL_ADDRESS_TEXT] = "x";

	(void)state;
	assert_int_equal(pl_address_ip(&address, text), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(bytes_are_in_network_order),
		cmocka_unit_test(no_family_has_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
