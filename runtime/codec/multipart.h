/*
 * multipart.h - multipart/form-data as it comes: RFC 7578, in the grammar of RFC 2046 5.1,
 * strictly.
 *
 * Pure; nothing is copied. All slices point into the bytes that were decoded.
 */
#ifndef PL_CODEC_MULTIPART_H
#define PL_CODEC_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	PL_MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
	PL_MULTIPART_PADDING_MAX = 64	/* blanks behind a boundary, which nobody should send */
};

enum pl_multipart_kind {
	PL_MULTIPART_NOTHING,  /* bytes that say nothing: before the first part, behind the last */
	PL_MULTIPART_PART,     /* a part begins: `part` */
	PL_MULTIPART_DATA,     /* a piece of it: `data` */
	PL_MULTIPART_PART_ENDS /* it is whole */
};

/* Texts are as they were sent: pl_multipart_text makes them readable. */
typedef struct pl_multipart_part {
	pl_slice name;
	pl_slice filename;     /* at == NULL: it is no file */
	pl_slice content_type; /* at == NULL: none was said, which is text/plain (4.4) */
} pl_multipart_part;

typedef struct pl_multipart_piece {
	enum pl_multipart_kind kind;
	pl_slice data;
	pl_multipart_part part;
} pl_multipart_piece;

typedef struct pl_multipart {
	/* Set by the owner behind pl_multipart_init. */
	size_t max_head;  /* bytes of a part's fields, with the empty line: more is 431 */
	size_t max_parts; /* more is 413 */

	size_t parts; /* that have begun */
	uint8_t state;
	uint8_t length;				       /* of the delimiter: */
	char delimiter[4 + PL_MULTIPART_BOUNDARY_MAX]; /* CRLF "--" boundary */
	int error_status;			       /* after a failure: 400, 413 or 431 */
	const char *error;			       /* after a failure: a constant phrase */
} pl_multipart;

/* Begins with the boundary of a request's Content-Type. PL_OK; PL_ENOTSUP: it is no
 * multipart/form-data; PL_EPROTO, with error: its parameters are malformed, or there is not one
 * boundary of 1 to 70 of the characters that it may have. */
int pl_multipart_init(pl_multipart *self, pl_slice content_type);

/* Decodes from buf[0..len). Returns the bytes used (> 0), 0 when more are needed, or PL_EPROTO with
 * error_status and error. What was not used comes again in front of what follows; that is never
 * more than max_head and 256 bytes.
 *
 * Refused with 400: a boundary that is followed by anything but its line's end, or "--"; fields
 * against the grammar, folded ones too; none or several of Content-Disposition; one that is no
 * form-data, has no name, or a parameter twice; a `filename*` without `filename`, for it must not
 * be used (RFC 7578 4.2); a Content-Transfer-Encoding that changes bytes (4.7). */
ptrdiff_t pl_multipart_decode(pl_multipart *self, const char *buf, size_t len,
			      pl_multipart_piece *piece);

/* Whether the body may end here: the last boundary has come. */
bool pl_multipart_done(const pl_multipart *self);

/* Name or filename without what was put in for the quotes: \" and \\, and %22, %0D, %0A, which
 * browsers write. `out` has room for text.len bytes. Returns the bytes written. */
size_t pl_multipart_text(char *out, pl_slice text);

#endif
