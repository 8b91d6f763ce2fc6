/*
 * sse_write.h - messages as events of an event stream (WHATWG HTML, 9.2.5).
 *
 * Pure; what is written is an event whatever the message is: no byte of it can end a field or begin
 * another one. What an event stream cannot say is changed: a CR, or CR and LF, becomes the end of
 * a line, which a client gets as LF.
 */
#ifndef PL_CODEC_SSE_WRITE_H
#define PL_CODEC_SSE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What an event says besides its data. */
typedef struct pl_sse_fields {
	pl_slice id;	/* at NULL: none; empty: the client forgets the last one */
	pl_slice event; /* its type; empty: "message" */
	int64_t retry;	/* ms; -1: none */
} pl_sse_fields;

/* A comment, which keeps a connection in use; clients pass over it. */
#define PL_SSE_COMMENT ":\n\n"

/* The type of events that carry bytes: the mark, then base64. */
#define PL_SSE_BINARY_EVENT "sgc@binary"
#define PL_SSE_BINARY_MARK "sgc@b64:"

/* Whether it may be an id or a type: UTF-8 without CR, LF and NUL. */
bool pl_sse_field_valid(pl_slice value);

/* The bytes of a text as an event; out NULL: only their number. Fields NULL: none. */
size_t pl_sse_write_text(char *out, const pl_sse_fields *fields, pl_slice text);

/* Bytes as an event, of the type above unless the fields name one. */
size_t pl_sse_write_bytes(char *out, const pl_sse_fields *fields, pl_slice bytes);

/* Whether a text is made of fields itself: each of its lines begins, behind blanks, with `data:`,
 * `event:`, `id:` or `retry:`; empty lines may end it. */
bool pl_sse_is_fields(pl_slice text);

/* Such a text as an event. */
size_t pl_sse_write_fields(char *out, pl_slice text);

#endif
