#include "base/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool pl_address_parse(pl_address *address, const char *text)
{
	char ip[PL_ADDRESS_TEXT];
	const char *percent = strchr(text, '%');
	size_t len = percent ? (size_t)(percent - text) : strlen(text);

	memset(address, 0, sizeof(*address));
	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (!percent && inet_pton(AF_INET, ip, address->ip) == 1) {
		address->family = 4;
		return true;
	}
	if (inet_pton(AF_INET6, ip, address->ip) != 1)
		return false;
	address->family = 6;
	if (percent) {
		char *end;
		unsigned long scope = strtoul(percent + 1, &end, 10);

		if (percent[1] < '0' || percent[1] > '9' || *end || scope > UINT32_MAX)
			return false;
		address->scope = (uint32_t)scope;
	}
	return true;
}

size_t pl_address_ip(const pl_address *address, char out[PL_ADDRESS_TEXT])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	out[0] = '\0';
	if (address->family == 4)
		inet_ntop(AF_INET, address->ip, out, PL_ADDRESS_TEXT);
	else if (address->family == 6 && memcmp(address->ip, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, address->ip + 12, out, PL_ADDRESS_TEXT);
	else if (address->family == 6)
		inet_ntop(AF_INET6, address->ip, out, PL_ADDRESS_TEXT);
	return strlen(out);
}
