#include "base/guard.h"

#include <string.h>

typedef struct range {
	uint8_t prefix[16];
	uint8_t bits;
	uint8_t kind;
} range;

/* The first that matches counts. */
static const range four[] = {
	{ { 127 }, 8, PL_ADDRESS_LOOPBACK },	       { { 10 }, 8, PL_ADDRESS_PRIVATE },
	{ { 172, 16 }, 12, PL_ADDRESS_PRIVATE },       { { 192, 168 }, 16, PL_ADDRESS_PRIVATE },
	{ { 100, 64 }, 10, PL_ADDRESS_PRIVATE },       { { 169, 254 }, 16, PL_ADDRESS_LINK_LOCAL },
	{ { 0 }, 8, PL_ADDRESS_UNSPECIFIED },	       { { 224 }, 4, PL_ADDRESS_MULTICAST },
	{ { 240 }, 4, PL_ADDRESS_RESERVED },	    /* and broadcast */
	{ { 192, 0, 0 }, 24, PL_ADDRESS_RESERVED }, /* RFC 6890 */
	{ { 192, 0, 2 }, 24, PL_ADDRESS_RESERVED }, /* documentation, RFC 5737 */
	{ { 198, 51, 100 }, 24, PL_ADDRESS_RESERVED }, { { 203, 0, 113 }, 24, PL_ADDRESS_RESERVED },
	{ { 192, 88, 99 }, 24, PL_ADDRESS_RESERVED }, /* 6to4 relays, RFC 7526 */
	{ { 198, 18 }, 15, PL_ADDRESS_RESERVED },     /* measurements, RFC 2544 */
};

static const range six[] = {
	{ { 0xfe, 0x80 }, 10, PL_ADDRESS_LINK_LOCAL },
	{ { 0xfc }, 7, PL_ADDRESS_PRIVATE },
	{ { 0xfe, 0xc0 }, 10, PL_ADDRESS_PRIVATE }, /* site-local, RFC 3879 */
	{ { 0xff }, 8, PL_ADDRESS_MULTICAST },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, PL_ADDRESS_PRIVATE }, /* RFC 8215 */
	{ { 1 }, 64, PL_ADDRESS_RESERVED },			   /* discard, RFC 6666 */
	{ { 0x20, 1, 0x0d, 0xb8 }, 32, PL_ADDRESS_RESERVED },	   /* documentation, RFC 3849 */
	{ { 0x3f, 0xff }, 20, PL_ADDRESS_RESERVED },		   /* RFC 9637 */
	{ { 0x5f, 0 }, 16, PL_ADDRESS_RESERVED },		   /* SRv6, RFC 9602 */
};

/* The rest of 2001::/23 is the protocols' own (RFC 2928), and what is not of 2000::/3 nobody's. */
static const range six_rest[] = {
	{ { 0x20, 1, 0 }, 23, PL_ADDRESS_RESERVED },
	{ { 0x20 }, 3, PL_ADDRESS_PUBLIC },
};

/* Where IPv6 carries an IPv4 address; of Teredo's client it is inverted (RFC 4380 4). */
typedef struct carrier {
	uint8_t prefix[16];
	uint8_t bits;
	uint8_t at;
	uint8_t mask;
} carrier;

static const carrier carriers[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, 12, 0 }, /* mapped, RFC 4291 2.5.5.2 */
	{ { [8] = 0xff, [9] = 0xff }, 96, 12, 0 },   /* translated, RFC 2765 */
	{ { 0 }, 96, 12, 0 },			     /* compatible, RFC 4291 2.5.5.1 */
	{ { 0, 0x64, 0xff, 0x9b }, 96, 12, 0 },	     /* NAT64, RFC 6052 */
	{ { 0x20, 2 }, 16, 2, 0 },		     /* 6to4, RFC 3056 */
	{ { 0x20, 1 }, 32, 4, 0 },		     /* Teredo: its server */
	{ { 0x20, 1 }, 32, 12, 0xff },		     /* and its client */
};

static bool starts_with(const uint8_t *ip, const uint8_t *prefix, unsigned bits)
{
	unsigned bytes = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(ip, prefix, bytes) != 0)
		return false;
	return rest == 0 || ((ip[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0;
}

static enum pl_address_kind look_up(const range *ranges, size_t count, const uint8_t *ip,
				    enum pl_address_kind otherwise)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (starts_with(ip, ranges[i].prefix, ranges[i].bits))
			return (enum pl_address_kind)ranges[i].kind;
	return otherwise;
}

static enum pl_address_kind kind_of_four(const uint8_t *ip)
{
	return look_up(four, sizeof(four) / sizeof(four[0]), ip, PL_ADDRESS_PUBLIC);
}

/* The interface identifier of ISATAP (RFC 5214 6.1). */
static bool is_isatap(const uint8_t *ip)
{
	return (ip[8] & 0xfd) == 0 && ip[9] == 0 && ip[10] == 0x5e && ip[11] == 0xfe;
}

/* What the IPv4 addresses within are; false when there is none. */
static bool carried(const uint8_t *ip, enum pl_address_kind *kind)
{
	bool any = is_isatap(ip);
	size_t i;

	*kind = any ? kind_of_four(ip + 12) : PL_ADDRESS_PUBLIC;
	for (i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		const carrier *one = &carriers[i];
		uint8_t inner[4];
		int j;

		if (!starts_with(ip, one->prefix, one->bits))
			continue;
		any = true;
		for (j = 0; j < 4; j++)
			inner[j] = ip[one->at + j] ^ one->mask;
		if (*kind == PL_ADDRESS_PUBLIC)
			*kind = kind_of_four(inner);
	}
	return any;
}

static enum pl_address_kind kind_of_six(const uint8_t *ip)
{
	static const uint8_t unspecified[16] = { 0 };
	static const uint8_t loopback[16] = { [15] = 1 };
	enum pl_address_kind kind;

	if (memcmp(ip, unspecified, 16) == 0)
		return PL_ADDRESS_UNSPECIFIED;
	if (memcmp(ip, loopback, 16) == 0)
		return PL_ADDRESS_LOOPBACK;
	kind = look_up(six, sizeof(six) / sizeof(six[0]), ip, PL_ADDRESS_PUBLIC);
	if (kind != PL_ADDRESS_PUBLIC)
		return kind;
	if (carried(ip, &kind) && (kind != PL_ADDRESS_PUBLIC || ip[0] != 0x20))
		return kind;
	if (starts_with(ip, (const uint8_t[]){ 0x20, 1, 0, 0 }, 32))
		return PL_ADDRESS_PUBLIC;
	return look_up(six_rest, sizeof(six_rest) / sizeof(six_rest[0]), ip, PL_ADDRESS_RESERVED);
}

enum pl_address_kind pl_address_kind(const pl_address *address)
{
	if (address->family == 4)
		return kind_of_four(address->ip);
	return address->family == 6 ? kind_of_six(address->ip) : PL_ADDRESS_RESERVED;
}

const char *pl_address_kind_name(enum pl_address_kind kind)
{
	static const char *const names[] = { "public",	    "loopback",	 "private", "link-local",
					     "unspecified", "multicast", "reserved" };

	return names[kind];
}
