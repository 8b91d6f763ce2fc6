#include "codec/flash_policy.h"

#include <string.h>

int pl_flash_policy_begin(const uint8_t *bytes, size_t len)
{
	static const char request[PL_FLASH_POLICY_REQUEST] = "<policy-file-request/>";
	size_t n = len < sizeof(request) ? len : sizeof(request);

	if (memcmp(bytes, request, n) != 0)
		return -1;
	return len >= sizeof(request);
}
