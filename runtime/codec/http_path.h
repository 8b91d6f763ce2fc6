/*
 * http_path.h - percent-encoding (RFC 3986), paths made safe, query parameters.
 */
#ifndef PL_CODEC_HTTP_PATH_H
#define PL_CODEC_HTTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Decodes %XX into out (room for text.len). Returns the length, or -1 on a bad escape. */
ptrdiff_t pl_percent_decode(char *out, pl_slice text);

/* A path as a file below a root: decoded once, made of plain segments. Writes a relative path
 * without leading slash ("" for "/"; a trailing slash is kept) into out (room for path.len).
 * Returns its length, or -1: no leading '/', a bad escape, NUL, other control byte, backslash, an
 * escaped slash, a "." or ".." segment, an empty segment, or a segment that starts with a dot
 * (hidden files) (attacks D-11). A first segment ".well-known" is the one exception (RFC 8615). */
ptrdiff_t pl_http_path_decode(char *out, pl_slice path);

/* Takes the next name=value from the front of *rest, of a query or a form body
 * (application/x-www-form-urlencoded, URL Standard 5.1); both are still encoded. False at the end.
 * Empty pieces ("&&") are passed over; a piece without '=' has an empty value. */
bool pl_form_next(pl_slice *rest, pl_slice *name, pl_slice *value);

/* Decodes '+' and %XX into out (room for text.len); an escape that is none stays as it is,
 * as the URL Standard has it. Returns the length. */
size_t pl_form_decode(char *out, pl_slice text);

#endif
