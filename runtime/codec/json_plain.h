/*
 * json_plain.h - where a string of JSON goes on without an escape.
 */
#ifndef PL_CODEC_JSON_PLAIN_H
#define PL_CODEC_JSON_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A byte of all ones in its highest bit where the byte of word is below `limit` (<= 0x80);
 * bytes above the lowest such one may be reported wrongly. */
static inline uint64_t pl_json_below(uint64_t word, uint64_t limit)
{
	return (word - limit * UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Length of the start of text without quotes, backslashes and control characters.
 * *seen receives bit 0x80 when a byte of it is not ASCII. */
static inline size_t pl_json_plain(const char *text, size_t len, uint8_t *seen)
{
	const uint64_t quotes = UINT64_C(0x2222222222222222);
	const uint64_t backslashes = UINT64_C(0x5C5C5C5C5C5C5C5C);
	uint64_t word, high = 0;
	size_t i = 0;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		if (pl_json_below(word, 0x20) | pl_json_below(word ^ quotes, 1) |
		    pl_json_below(word ^ backslashes, 1))
			break;
		high |= word;
	}
	if (high & UINT64_C(0x8080808080808080))
		*seen |= 0x80;
	for (; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c < 0x20 || c == '"' || c == '\\')
			break;
		*seen |= c;
	}
	return i;
}

#endif
