#include "base/network.h"

#include <string.h>

#include "base/slice.h"

enum { TEXT_MAX = PL_ADDRESS_TEXT + 4 };

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static pl_address unmapped(const pl_address *address)
{
	pl_address plain = { .family = 4 };

	if (address->family != 6 || memcmp(address->ip, mapped, sizeof(mapped)) != 0)
		return *address;
	memcpy(plain.ip, address->ip + sizeof(mapped), 4);
	return plain;
}

static uint8_t mask_of(unsigned byte, unsigned bits)
{
	if (bits >= 8 * (byte + 1))
		return 0xff;
	return bits <= 8 * byte ? 0 : (uint8_t)(0xff << (8 * (byte + 1) - bits));
}

static bool rest_is_zero(const pl_network *network)
{
	for (unsigned i = 0; i < sizeof(network->address.ip); i++)
		if (network->address.ip[i] & (uint8_t)~mask_of(i, network->bits))
			return false;
	return true;
}

bool pl_network_parse(pl_network *network, const char *text)
{
	size_t len = strlen(text);
	size_t end = pl_slice_find(pl_slice_make(text, len), '/');
	char ip[TEXT_MAX];
	uint64_t bits;
	unsigned most;

	if (end >= sizeof(ip))
		return false;
	memcpy(ip, text, end);
	ip[end] = '\0';
	if (!pl_address_parse(&network->address, ip) || network->address.scope)
		return false;
	most = network->address.family == 4 ? 32 : 128;
	bits = most;
	if (end < len &&
	    !pl_slice_to_u64(pl_slice_make(text + end + 1, len - end - 1), most, &bits))
		return false;
	network->bits = (uint8_t)bits;
	return rest_is_zero(network);
}

bool pl_network_has(const pl_network *network, const pl_address *address)
{
	pl_address asked = unmapped(address);

	if (asked.family != network->address.family)
		return false;
	for (unsigned i = 0; i < sizeof(asked.ip); i++)
		if ((asked.ip[i] ^ network->address.ip[i]) & mask_of(i, network->bits))
			return false;
	return true;
}
