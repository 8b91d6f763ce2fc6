#include "conn/guid.h"

#include "crypto/random.h"

void pl_guid_new(pl_guid *guid, uint16_t worker)
{
	pl_random(guid->bytes, sizeof(guid->bytes));
	guid->bytes[0] = (uint8_t)(worker >> 8);
	guid->bytes[1] = (uint8_t)worker;
}

uint16_t pl_guid_worker(const pl_guid *guid)
{
	return (uint16_t)(guid->bytes[0] << 8 | guid->bytes[1]);
}

void pl_guid_encode(char out[PL_GUID_TEXT], const pl_guid *guid)
{
	static const char digits[] = "0123456789ABCDEF";
	int i;

	for (i = 0; i < PL_GUID_SIZE; i++) {
		out[2 * i] = digits[guid->bytes[i] >> 4];
		out[2 * i + 1] = digits[guid->bytes[i] & 15];
	}
}

bool pl_guid_decode(pl_guid *guid, pl_slice text)
{
	int i;

	if (text.len != PL_GUID_TEXT)
		return false;
	for (i = 0; i < PL_GUID_SIZE; i++) {
		int high = pl_hex_digit(text.at[2 * i]);
		int low = pl_hex_digit(text.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		guid->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
