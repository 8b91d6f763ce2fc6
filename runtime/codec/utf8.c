#include "codec/utf8.h"

#include <string.h>

/* No byte is in this range: what comes behind an error is refused too. */
static const pl_utf8 broken = { .need = 1, .low = 0xFF, .high = 0x00 };

/* The bytes that may follow a lead byte, after the table in RFC 3629 section 4. */
static pl_utf8 expect(uint8_t lead)
{
	if (lead < 0xC2 || lead > 0xF4)
		return broken;
	if (lead < 0xE0)
		return (pl_utf8){ 1, 0x80, 0xBF };
	if (lead < 0xF0)
		return (pl_utf8){ 2, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF };
	return (pl_utf8){ 3, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF };
}

/* The index of the first byte from i on that is not ASCII, or len; 16 bytes a step. */
static size_t skip_ascii(const uint8_t *data, size_t len, size_t i)
{
	const uint64_t high_bits = UINT64_C(0x8080808080808080);
	uint64_t words[2];

	for (; len - i >= sizeof(words); i += sizeof(words)) {
		memcpy(words, data + i, sizeof(words));
		if ((words[0] | words[1]) & high_bits)
			break;
	}
	while (i < len && data[i] < 0x80)
		i++;
	return i;
}

bool pl_utf8_feed(pl_utf8 *utf8, const uint8_t *data, size_t len)
{
	pl_utf8 state = *utf8;
	size_t i = 0;

	for (;;) {
		while (state.need > 0 && i < len && data[i] >= state.low && data[i] <= state.high) {
			state = (pl_utf8){ state.need - 1, 0x80, 0xBF };
			i++;
		}
		if (state.need > 0 || i == len)
			break;
		i = skip_ascii(data, len, i);
		if (i < len)
			state = expect(data[i++]);
	}
	*utf8 = i < len ? broken : state;
	return utf8->low <= utf8->high;
}

bool pl_utf8_valid(const uint8_t *data, size_t len)
{
	pl_utf8 utf8 = { 0 };

	return pl_utf8_feed(&utf8, data, len) && pl_utf8_done(&utf8);
}

/* The length of what data[0..len), len > 0, begins with: a character, or what is none. */
static size_t measure(const uint8_t *data, size_t len, bool *good)
{
	pl_utf8 state = { 0 };
	size_t used;

	if (data[0] >= 0x80)
		state = expect(data[0]);
	for (used = 1; state.need > 0 && used < len; used++) {
		if (data[used] < state.low || data[used] > state.high)
			break;
		state = (pl_utf8){ state.need - 1, 0x80, 0xBF };
	}
	*good = state.need == 0;
	return used;
}

size_t pl_utf8_repair(uint8_t *out, const uint8_t *data, size_t len)
{
	size_t written = 0;
	bool good;

	for (size_t i = 0, used; i < len; i += used) {
		used = measure(data + i, len - i, &good);
		memcpy(out + written, good ? data + i : (const uint8_t *)"\xEF\xBF\xBD",
		       good ? used : 3);
		written += good ? used : 3;
	}
	return written;
}
