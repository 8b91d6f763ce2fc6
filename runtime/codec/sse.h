/*
 * sse.h - event streams (WHATWG HTML, 9.2.5 and 9.2.6): bytes to fields.
 *
 * Pure; works on any split of the input, never looks at a byte twice and keeps nothing of it. What
 * the fields come to is sse/sse_reader.h's.
 */
#ifndef PL_CODEC_SSE_H
#define PL_CODEC_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum pl_sse_kind {
	PL_SSE_NOTHING,	 /* a comment, or a field that means nothing: to be passed over */
	PL_SSE_DISPATCH, /* an empty line: the event is whole */
	PL_SSE_DATA,
	PL_SSE_EVENT,
	PL_SSE_ID,
	PL_SSE_RETRY
};

enum { PL_SSE_NAME_MAX = 5 }; /* bytes of the longest name that means something */

typedef struct pl_sse {
	uint8_t state;
	uint8_t kind;	  /* of the present line, once its name is read */
	uint8_t name_len; /* PL_SSE_NAME_MAX + 1: longer than any name */
	char name[PL_SSE_NAME_MAX];
	bool after_cr; /* a LF that comes next belongs to the end of the line before */
} pl_sse;

/* A part of a field's value, or all of it. */
typedef struct pl_sse_piece {
	enum pl_sse_kind kind;
	pl_slice value; /* inside buf; possibly empty */
	bool end;	/* of the line */
} pl_sse_piece;

/* All zero is the start. Decodes from buf[0..len), len > 0, up to the end of a line at most.
 * Returns the bytes used (> 0). Whatever the bytes are, they are an event stream. */
size_t pl_sse_decode(pl_sse *sse, const char *buf, size_t len, pl_sse_piece *piece);

#endif
