#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		uint8_t family; /* 0: refused */
		uint32_t scope;
		const char *ip;
	} rows[] = {
		{ "127.0.0.1", 4, 0, "127.0.0.1" },
		{ "0.0.0.0", 4, 0, "0.0.0.0" },
		{ "255.255.255.255", 4, 0, "255.255.255.255" },
		{ "::", 6, 0, "::" },
		{ "::1", 6, 0, "::1" },
		{ "2001:DB8::ff", 6, 0, "2001:db8::ff" },
		{ "fe80::1%2", 6, 2, "fe80::1" },
		{ "fe80::1%4294967295", 6, UINT32_MAX, "fe80::1" },
		{ "::ffff:192.0.2.1", 6, 0, "192.0.2.1" },
		{ "", 0, 0, NULL },
		{ "127.0.0", 0, 0, NULL },
		{ "127.0.0.256", 0, 0, NULL },
		{ "127.0.0.1 ", 0, 0, NULL },
		{ "127.0.0.1%1", 0, 0, NULL },
		{ "localhost", 0, 0, NULL },
		{ "[::1]", 0, 0, NULL },
		{ "::1::", 0, 0, NULL },
		{ "fe80::1%", 0, 0, NULL },
		{ "fe80::1%-1", 0, 0, NULL },
		{ "fe80::1% 1", 0, 0, NULL },
		{ "fe80::1%2x", 0, 0, NULL },
		{ "fe80::1%4294967296", 0, 0, NULL },
		{ "0000:0000:0000:0000:0000:ffff:255.255.255.255:0000:0000", 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char ip[PL_ADDRESS_TEXT];
		pl_address address;
		bool good = pl_address_parse(&address, rows[i].text);

		if (good != (rows[i].family != 0))
			fail_msg("%s", rows[i].text);
		if (!good)
			continue;
		assert_int_equal(address.family, rows[i].family);
		assert_int_equal(address.scope, rows[i].scope);
		assert_int_equal(address.port, 0);
		assert_int_equal(pl_address_ip(&address, ip), strlen(rows[i].ip));
		assert_string_equal(ip, rows[i].ip);
	}
}

static void test_none(void **state)
{
	const pl_address none = { .family = 0 };
	char ip[PL_ADDRESS_TEXT] = "x";

	(void)state;
	assert_int_equal(pl_address_ip(&none, ip), 0);
	assert_string_equal(ip, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
