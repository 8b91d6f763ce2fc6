/*
 * http_response.h - the head of an HTTP/1.1 response (RFC 9112 4), strictly, for clients.
 *
 * Pure. All slices point into the bytes that were decoded.
 */
#ifndef PL_CODEC_HTTP_RESPONSE_H
#define PL_CODEC_HTTP_RESPONSE_H

#include "codec/http_head.h"

typedef struct pl_http_response {
	int status;	 /* 100 to 599 */
	pl_slice reason; /* may be empty */
	uint8_t minor;	 /* HTTP/1.0 or 1.1 */
	bool keep_alive; /* the connection may carry another request (9.3) */
	bool chunked;
	int64_t content_length; /* -1 when there is none */
	size_t field_count;
	pl_http_field fields[PL_HTTP_FIELDS_MAX];
	const char *error; /* after a failure: what was wrong, a constant phrase */
} pl_http_response;

/*
 * Decodes one head from buf[0..len). Returns bytes used (> 0), 0 when more are needed, or, with
 * error set, PL_EPROTO, or PL_ELIMIT for a status line over max_line and fields over max_block or
 * max_fields. `last` as in pl_http_request_decode.
 *
 * Refused (RFC 9112 sections 2.2, 4, 5.1, 5.2, 6.1, 6.3): bare LF or CR, NUL or other control
 * bytes, an empty line in front, white space before a colon or at the start of a line (folding), a
 * version other than HTTP/1.0 and 1.1, a status that is not three digits from 100 to 599 or has no
 * space behind it, Content-Length that is empty, not all digits, above 2^63-1 or repeated (even
 * with equal values), Content-Length with Transfer-Encoding, Transfer-Encoding in HTTP/1.0, on
 * several lines, or of anything but chunked.
 */
int pl_http_response_decode(pl_http_response *response, const pl_http_rules *rules, const char *buf,
			    size_t len, size_t last);

enum pl_http_body {
	PL_HTTP_BODY_NONE,
	PL_HTTP_BODY_LENGTH, /* content_length */
	PL_HTTP_BODY_CHUNKED,
	PL_HTTP_BODY_UNTIL_CLOSE
};

/* What follows the head (6.3), for the method of the request. After 1xx comes another head, but for
 * 101; after 2xx to CONNECT, and 101, comes another protocol. */
enum pl_http_body pl_http_response_body(const pl_http_response *response, pl_slice method);

#endif
