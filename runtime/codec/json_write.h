/*
 * json_write.h - JSON (RFC 8259): strings and numbers to text.
 *
 * The text goes to the end of the caller's buffer. No I/O, no statics.
 */
#ifndef PL_CODEC_JSON_WRITE_H
#define PL_CODEC_JSON_WRITE_H

#include <stddef.h>

#include "base/buffer.h"

/* A string with its quotes. What has to be escaped is; all else stays as it is.
 * PL_OK, PL_ENOMEM, or PL_EUTF8 (then nothing is written). */
int pl_json_write_string(pl_buffer *out, const char *text, size_t len);

/* A finite number, so that it reads back to the same double: integers up to 2^53 in full,
 * others with as few digits as do, at most 17. PL_OK or PL_ENOMEM. */
int pl_json_write_number(pl_buffer *out, double number);

#endif
