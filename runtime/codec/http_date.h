/*
 * http_date.h - the dates of HTTP (RFC 9110 5.6.7): seconds since 1970 to text and back.
 */
#ifndef PL_CODEC_HTTP_DATE_H
#define PL_CODEC_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { PL_HTTP_DATE_SIZE = 29 };

/* IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT", from seconds since 1970, 0 to 253402300799; no
 * NUL. */
void pl_http_date_encode(char out[PL_HTTP_DATE_SIZE], int64_t seconds);

/* Any of the three forms, to the letter: IMF-fixdate, "Sunday, 06-Nov-94 08:49:37 GMT" (rfc850,
 * whose year is at most 50 years after that of `now`), "Sun Nov  6 08:49:37 1994" (asctime). The
 * day of the week has to be that of the date; second 60 is the next minute's first. False when it
 * is no date; dates before 1970 have negative seconds. */
bool pl_http_date_decode(int64_t *seconds, pl_slice text, int64_t now);

#endif
