/*
 * http_char.h - the character classes of HTTP, one table for all its codecs.
 */
#ifndef PL_CODEC_HTTP_CHAR_H
#define PL_CODEC_HTTP_CHAR_H

#include <stdbool.h>
#include <stdint.h>

enum pl_http_class {
	PL_HTTP_TCHAR = 1,  /* of a token (RFC 9110 5.6.2) */
	PL_HTTP_VALUE = 2,  /* of a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
	PL_HTTP_TARGET = 4, /* of a request target: VCHAR without '#' */
	PL_HTTP_NAME = 8    /* of a reg-name: unreserved, sub-delims (RFC 3986 3.2.2) */
};

extern const uint8_t pl_http_char[256];

/* Whether c is in one of the classes. */
static inline bool pl_http_is(char c, unsigned classes)
{
	return (pl_http_char[(uint8_t)c] & classes) != 0;
}

#endif
