/*
 * base64.h - base64 of RFC 4648 section 4, padded, strict.
 */
#ifndef PL_CODEC_BASE64_H
#define PL_CODEC_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define PL_BASE64_LENGTH(len) (((len) + 2) / 3 * 4)

/* Writes PL_BASE64_LENGTH(len) characters, no NUL; returns that number. */
size_t pl_base64_encode(char *out, const uint8_t *data, size_t len);

/* Decodes into out (room for len / 4 * 3). Returns the number of bytes, or -1: wrong
 * length, a character outside the alphabet, misplaced padding, bits left over. */
ptrdiff_t pl_base64_decode(uint8_t *out, const char *text, size_t len);

#endif
