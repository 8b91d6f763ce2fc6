#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/guard.h"

static void each_address_has_its_kind(void **state)
{
	static const struct {
		const char *address;
		const char *kind;
	} rows[] = {
		{ "1.1.1.1", "public" },
		{ "11.0.0.0", "public" },
		{ "9.255.255.255", "public" },
		{ "126.255.255.255", "public" },
		{ "127.0.0.1", "loopback" },
		{ "127.255.255.255", "loopback" },
		{ "10.0.0.0", "private" },
		{ "10.255.255.255", "private" },
		{ "172.15.255.255", "public" },
		{ "172.16.0.0", "private" },
		{ "172.31.255.255", "private" },
		{ "172.32.0.0", "public" },
		{ "192.167.255.255", "public" },
		{ "192.168.1.1", "private" },
		{ "192.169.0.0", "public" },
		{ "100.63.255.255", "public" },
		{ "100.64.0.0", "private" },
		{ "100.127.255.255", "private" },
		{ "100.128.0.0", "public" },
		{ "169.254.169.254", "link-local" },
		{ "169.253.0.1", "public" },
		{ "0.0.0.0", "unspecified" },
		{ "0.1.2.3", "unspecified" },
		{ "224.0.0.1", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "240.0.0.1", "reserved" },
		{ "255.255.255.255", "reserved" },
		{ "192.0.0.8", "reserved" },
		{ "192.0.1.0", "public" },
		{ "192.0.2.1", "reserved" },
		{ "198.51.100.7", "reserved" },
		{ "203.0.113.7", "reserved" },
		{ "192.88.99.1", "reserved" },
		{ "198.17.255.255", "public" },
		{ "198.18.0.0", "reserved" },
		{ "198.19.255.255", "reserved" },
		{ "198.20.0.0", "public" },

		{ "::", "unspecified" },
		{ "::1", "loopback" },
		{ "2600::1", "public" },
		{ "2a00:1450::1", "public" },
		{ "fe80::1", "link-local" },
		{ "febf::1", "link-local" },
		{ "fec0::1", "private" },
		{ "fc00::1", "private" },
		{ "fdff::1", "private" },
		{ "ff02::1", "multicast" },
		{ "100::1", "reserved" },
		{ "2001:db8::1", "reserved" },
		{ "3fff::1", "reserved" },
		{ "3fff:1000::1", "public" },
		{ "5f00::1", "reserved" },
		{ "2001:2::1", "reserved" },
		{ "2001:1ff::1", "reserved" },
		{ "2001:200::1", "public" },
		{ "4000::1", "reserved" },
		{ "::2:0:0:1", "reserved" },

		/* IPv4 within IPv6. */
		{ "::ffff:127.0.0.1", "loopback" },
		{ "::ffff:10.1.2.3", "private" },
		{ "::ffff:169.254.169.254", "link-local" },
		{ "::ffff:1.1.1.1", "public" },
		{ "::ffff:0:127.0.0.1", "loopback" },
		{ "::ffff:0:1.1.1.1", "public" },
		{ "::127.0.0.1", "loopback" },
		{ "::10.0.0.1", "private" },
		{ "::2", "unspecified" },
		{ "64:ff9b::127.0.0.1", "loopback" },
		{ "64:ff9b::8.8.8.8", "public" },
		{ "64:ff9b:1::8.8.8.8", "private" },
		{ "2002:7f00:1::1", "loopback" },
		{ "2002:a01:203::1", "private" },
		{ "2002:808:808::1", "public" },
		/* Teredo: server 127.0.0.1; server 65.54.227.120 with client 192.168.1.1. */
		{ "2001:0:7f00:1::1", "loopback" },
		{ "2001:0:4136:e378:8000:63bf:3f57:fefe", "private" },
		{ "2001:0:4136:e378:8000:63bf:f7f7:f7f7", "public" },
		{ "2600::5efe:127.0.0.1", "loopback" },
		{ "2600::200:5efe:10.0.0.1", "private" },
		{ "2600::5efe:8.8.8.8", "public" },
		{ "fe80::5efe:8.8.8.8", "link-local" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pl_address address;

		assert_true(pl_address_parse(&address, rows[i].address));
		if (strcmp(pl_address_kind_name(pl_address_kind(&address)), rows[i].kind) != 0)
			fail_msg("%s is %s", rows[i].address,
				 pl_address_kind_name(pl_address_kind(&address)));
	}
}

static void no_address_is_reserved(void **state)
{
	const pl_address none = { .family = 0 };

	(void)state;
	assert_int_equal(pl_address_kind(&none), PL_ADDRESS_RESERVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_has_its_kind),
		cmocka_unit_test(no_address_is_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
