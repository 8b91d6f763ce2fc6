/*
 * http_head.h - the head of an HTTP/1.1 request (RFC 9112), strictly.
 *
 * Pure. All slices point into the bytes that were decoded.
 */
#ifndef PL_CODEC_HTTP_HEAD_H
#define PL_CODEC_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "codec/http_authority.h"

enum { PL_HTTP_FIELDS_MAX = 100 };

typedef struct pl_http_field {
	pl_slice name;
	pl_slice value; /* without the white space around it */
} pl_http_field;

/* max_line and max_block are together below INT_MAX. */
typedef struct pl_http_rules {
	size_t max_line;   /* the request line without its CRLF: more is 414 */
	size_t max_block;  /* the fields, all bytes from behind the request line up to and with the
			      empty line: more is 431 */
	size_t max_fields; /* at most PL_HTTP_FIELDS_MAX: more is 431 */
} pl_http_rules;

typedef struct pl_http_request {
	pl_slice method;
	pl_slice target; /* as sent */
	pl_slice path;	 /* of the target, still percent-encoded; "*" for asterisk-form, "" for
			    CONNECT, "/" where an absolute target has none */
	pl_slice query;	 /* behind '?', without it; at == NULL when there is no '?' */
	pl_slice host;	 /* authority: of an absolute target or CONNECT, else of Host (3.2.2);
			    at == NULL without any, which HTTP/1.0 allows */
	uint8_t minor;	 /* HTTP/1.0 or 1.1 */
	bool keep_alive; /* the connection may carry another request (9.3) */
	bool chunked;
	bool expect_continue;	/* Expect: 100-continue on a 1.1 request */
	int64_t content_length; /* -1 when there is none */
	size_t field_count;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	int error_status;  /* after a failure: 400, 414, 417, 431, 501 or 505 */
	const char *error; /* after a failure: what was wrong, a constant phrase */
} pl_http_request;

/*
 * Decodes one head from buf[0..len). Returns bytes used (> 0), 0 when more are needed, or
 * PL_EPROTO with error_status and error set. `last` is the length at the previous call for
 * the same head (0 at first): bytes before it are not scanned again for the end of the head,
 * so that a head sent a byte at a time costs linear, not square, time. max_line and
 * max_block are enforced before the head is complete. One empty line before the request line is
 * passed over (2.2).
 *
 * Refused (attacks D-01 to D-08, RFC 9112 sections 2.2, 3.2, 5.1, 5.2, 6.1, 6.3):
 *   400  bare LF or CR, NUL or other control bytes, white space before a colon or at the start of
 *        a line (folding), empty or illegal field name, malformed request line or target, method
 *        that is no token, no Host in 1.1, several, a Host that is no authority, Content-Length
 *        that is empty, not all digits, above 2^63-1 or repeated (even with equal values, in one
 *        line or in several), Content-Length with Transfer-Encoding, Transfer-Encoding in
 *        HTTP/1.0 or on several lines, chunked not last or given twice
 *   414  request line over max_line            431  fields over max_block or max_fields
 *   417  Expect other than 100-continue        501  a transfer coding before chunked
 *   505  a version other than HTTP/1.0 and 1.1 (a version that is no "HTTP/d.d" is 400)
 *
 * Targets: origin-form; absolute-form of http, https, ws or wss; asterisk-form for OPTIONS only;
 * authority-form, which must have a port, for CONNECT only. The path's escapes are not looked at.
 */
int pl_http_request_decode(pl_http_request *request, const pl_http_rules *rules, const char *buf,
			   size_t len, size_t last);

/* The value of the first field with this name (ASCII case ignored), or { NULL, 0 }. */
pl_slice pl_http_field_find(const pl_http_field *fields, size_t count, pl_slice name);

/* Whether a list-valued field, over all its lines, has this element (case ignored). */
bool pl_http_field_has(const pl_http_field *fields, size_t count, pl_slice name, pl_slice element);

/* A token (RFC 9110 5.6.2), at least one character. */
bool pl_http_token_valid(pl_slice text);

/* Whether text may stand as a field value: no CR, LF, NUL or other control byte but HTAB. */
bool pl_http_value_valid(pl_slice text);

#endif
