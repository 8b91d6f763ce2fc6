/* Ranges of addresses: what is one, what lies within. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/network.h"

static void what_lies_within(void **state)
{
	static const struct {
		const char *network, *address;
		bool has;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "192.168.1.128/25", "192.168.1.128", true },
		{ "192.168.1.128/25", "192.168.1.255", true },
		{ "192.168.1.128/25", "192.168.1.127", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.1", "::ffff:127.0.0.1", true },
		{ "127.0.0.1", "::1", false },
		{ "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "fd00::1", false },
		{ "::/0", "fd00::1", true },
		{ "::/0", "1.2.3.4", false },
		{ "fd00::/8", "fdff::1", true },
		{ "fd00::/8", "fe00::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::1", "::1", true },
		{ "::1/128", "::2", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pl_network network;
		pl_address address;

		assert_true(pl_network_parse(&network, rows[i].network));
		assert_true(pl_address_parse(&address, rows[i].address));
		assert_int_equal(pl_network_has(&network, &address), rows[i].has);
	}
}

static void what_is_none(void **state)
{
	static const char *const rows[] = {
		"",
		"/",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		"10.0.0.1/8",
		"fd00::/129",
		"fd00::1/8",
		"a/8",
		"10.0.0/8",
		"10.0.0.0/8/8",
		"fe80::1%1/128",
		"192.168.1.64/25",
		"10.0.0.0/0x8",
		"1111111111111111111111111111111111111111111111111111111111111111/8",
	};
	pl_network network;
	pl_address none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(pl_network_parse(&network, rows[i]));
	assert_true(pl_network_parse(&network, "0.0.0.0/0"));
	assert_false(pl_network_has(&network, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_lies_within),
					    cmocka_unit_test(what_is_none) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
