/*
 * binary_header.h - a short text in front of a binary message (docs/protocols.md): ten bytes with
 * the text's length in decimal ASCII, the text in UTF-8, the payload.
 *
 * Pure: no I/O, no clock, no allocation; nothing is copied.
 */
#ifndef PL_CODEC_BINARY_HEADER_H
#define PL_CODEC_BINARY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Bytes of the length; the longest text that there is a length for. */
enum { PL_BINARY_HEADER_DIGITS = 10 };
#define PL_BINARY_HEADER_TEXT_MAX UINT64_C(9999999999)

/* The header of a whole message. Returns the bytes before the payload (> 0), or PL_EPROTO: there is
 * none, and *error is a phrase about it. Before the digits there may be white space, behind them
 * anything. */
int64_t pl_binary_header_decode(pl_slice *text, const uint8_t *message, size_t len,
				const char **error);

/* The length, to be followed by the text, which is not longer than PL_BINARY_HEADER_TEXT_MAX. */
void pl_binary_header_encode(uint8_t out[PL_BINARY_HEADER_DIGITS], size_t text_len);

#endif
