/*
 * bytes.h - what the codecs' tests share: literals with NULs in them, pieces of exact size.
 */
#ifndef SPEC_UNIT_CODEC_BYTES_H
#define SPEC_UNIT_CODEC_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Initialises a pl_slice in a table. */
#define BYTES(literal)                                                                             \
	{                                                                                          \
		"" literal, sizeof(literal) - 1                                                    \
	}

/* A copy that ends where its memory ends: the address sanitizer sees a read beyond it. */
static inline void *bytes_copy(const void *data, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* Whether inner lies within outer; one without memory lies everywhere. */
static inline bool bytes_within(pl_slice inner, pl_slice outer)
{
	return !inner.at || (inner.at >= outer.at && inner.len <= outer.len &&
			     (size_t)(inner.at - outer.at) <= outer.len - inner.len);
}

#endif
