/*
 * http_text.h - small vocabularies of HTTP: reason phrases, dates, media types.
 */
#ifndef PL_CODEC_HTTP_TEXT_H
#define PL_CODEC_HTTP_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { PL_HTTP_DATE_SIZE = 29 };

/* "Not Found" for 404 (RFC 9110 15 and the IANA registry); "" for a code that has none. */
const char *pl_http_reason(int status);

/* IMF-fixdate (RFC 9110 5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT", from seconds since 1970,
 * 0 to 253402300799; no NUL. */
void pl_http_date_encode(char out[PL_HTTP_DATE_SIZE], int64_t seconds);

/* The media type for a file name's ending, with charset=utf-8 for text;
 * "application/octet-stream" for what is not known. */
const char *pl_http_media_type(pl_slice file_name);

#endif
