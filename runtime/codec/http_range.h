/*
 * http_range.h - parts of a representation (RFC 9110 14): the Range field in, Content-Range out.
 *
 * Pure: no allocation. Only the unit "bytes" is known.
 */
#ifndef PL_CODEC_HTTP_RANGE_H
#define PL_CODEC_HTTP_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Both lie within the representation; len > 0. */
typedef struct pl_http_range {
	uint64_t first;
	uint64_t len;
} pl_http_range;

enum {
	PL_HTTP_RANGE_IGNORED = 0,  /* the whole representation is the answer */
	PL_HTTP_RANGE_OUTSIDE = -1, /* 416: all of them are behind its end, or empty */
	PL_HTTP_CONTENT_RANGE_MAX = 72
};

/*
 * Decodes a Range field's value for a representation of `size` bytes. Returns how many of the
 * ranges asked for can be had (> 0, in the order asked for), PL_HTTP_RANGE_OUTSIDE, or
 * PL_HTTP_RANGE_IGNORED: another unit, a last position before the first, anything that is no
 * ranges-specifier, more than `max` ranges. Positions of any size are taken; those behind the end
 * mean the end.
 */
int pl_http_range_decode(pl_http_range *ranges, size_t max, pl_slice value, uint64_t size);

/* "bytes 0-4/10"; returns its length. No NUL. */
size_t pl_http_content_range_encode(char out[PL_HTTP_CONTENT_RANGE_MAX], const pl_http_range *range,
				    uint64_t size);

/* What goes with 416: the size, and an asterisk for the range. */
size_t pl_http_unsatisfied_range_encode(char out[PL_HTTP_CONTENT_RANGE_MAX], uint64_t size);

#endif
