/*
 * utf8.h - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, up to U+10FFFF.
 *
 * Pure; keeps its place between pieces, so that the first bad byte is seen at once
 * wherever the text is split.
 */
#ifndef PL_CODEC_UTF8_H
#define PL_CODEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pl_utf8 {
	uint8_t need; /* continuation bytes still to come; 0: at a border */
	uint8_t low;  /* range of the next one */
	uint8_t high;
} pl_utf8;

/* All zero is the start. False as soon as the text so far cannot be valid. */
bool pl_utf8_feed(pl_utf8 *utf8, const uint8_t *data, size_t len);

/* Whether the text may end here. */
static inline bool pl_utf8_done(const pl_utf8 *utf8)
{
	return utf8->need == 0;
}

/* A whole text at once. */
bool pl_utf8_valid(const uint8_t *data, size_t len);

/* Copies a text to out, which has room for 3 * len bytes, with U+FFFD in place of what is not
 * UTF-8: one for the longest beginning of a character, one for any other byte (WHATWG
 * Encoding, 8.1.1). Returns the bytes written. */
size_t pl_utf8_repair(uint8_t *out, const uint8_t *data, size_t len);

#endif
