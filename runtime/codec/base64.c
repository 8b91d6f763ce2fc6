#include "codec/base64.h"

#include <stdbool.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t pl_base64_encode(char *out, const uint8_t *data, size_t len)
{
	char *at = out;

	for (; len >= 3; data += 3, len -= 3) {
		*at++ = alphabet[data[0] >> 2];
		*at++ = alphabet[(data[0] & 0x03) << 4 | data[1] >> 4];
		*at++ = alphabet[(data[1] & 0x0F) << 2 | data[2] >> 6];
		*at++ = alphabet[data[2] & 0x3F];
	}
	if (len > 0) {
		uint8_t second = len == 2 ? data[1] : 0;

		*at++ = alphabet[data[0] >> 2];
		*at++ = alphabet[(data[0] & 0x03) << 4 | second >> 4];
		*at++ = len == 2 ? alphabet[(second & 0x0F) << 2] : '=';
		*at++ = '=';
	}
	return (size_t)(at - out);
}

/* 0..63, or -1 when c is outside the alphabet. */
static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Puts `count` characters (2 to 4) into the upper sextets of a 24-bit word. */
static bool gather(uint32_t *word, const char *text, size_t count)
{
	*word = 0;
	for (size_t i = 0; i < count; i++) {
		int bits = sextet(text[i]);

		if (bits < 0)
			return false;
		*word |= (uint32_t)bits << (18 - 6 * i);
	}
	return true;
}

/* The last four characters, of which one or two may be padding. */
static int decode_last(uint8_t *out, const char *text)
{
	size_t count = text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
	int bytes = (int)count - 1;
	uint32_t word;

	/* RFC 4648 3.5: the bits that no byte takes must be zero, else two texts say the same. */
	if (!gather(&word, text, count) || (word & (0xFFFFFFu >> (8 * bytes))) != 0)
		return -1;
	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(word >> (16 - 8 * i));
	return bytes;
}

ptrdiff_t pl_base64_decode(uint8_t *out, const char *text, size_t len)
{
	uint8_t *at = out;
	uint32_t word;
	int last;

	if (len % 4 != 0)
		return -1;
	if (len == 0)
		return 0;
	for (; len > 4; text += 4, len -= 4) {
		if (!gather(&word, text, 4))
			return -1;
		*at++ = (uint8_t)(word >> 16);
		*at++ = (uint8_t)(word >> 8);
		*at++ = (uint8_t)word;
	}
	last = decode_last(at, text);
	return last < 0 ? -1 : at - out + last;
}
