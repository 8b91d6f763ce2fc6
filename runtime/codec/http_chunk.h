/*
 * http_chunk.h - the chunked transfer coding (RFC 9112 section 7.1), strictly.
 *
 * Pure; works on any split of the input and never looks at a byte twice.
 */
#ifndef PL_CODEC_HTTP_CHUNK_H
#define PL_CODEC_HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	/* Bytes that are not data (sizes, extensions, trailers): at most this plus 1/8 of the
	 * data so far (attacks D-05). */
	PL_HTTP_CHUNK_OVERHEAD = 16384,
	PL_HTTP_CHUNK_FORGIVEN = 16, /* bytes of each chunk that are none, for who is patient */
	PL_HTTP_CHUNK_HEAD_MAX = 24  /* bytes pl_http_chunk_encode writes at most */
};

typedef struct pl_http_chunk {
	uint8_t state;
	bool patient;  /* set by the owner: small chunks without end are no attack, for a stream of
			* events lasts as long as the server likes */
	uint64_t left; /* of the present chunk's data */
	uint64_t data; /* bytes of data so far */
	uint64_t overhead; /* bytes of everything else so far */
	bool last; /* the last chunk's line is read: what is used from now on are trailers */
	bool done; /* the last chunk and the trailers are read */
	const char *error; /* after a failure: a constant phrase */
} pl_http_chunk;

/* All zero is the start. Decodes from buf[0..len), len > 0, not after done. Returns the bytes used
 * (> 0) with *data a piece of body inside buf (possibly empty: call again while bytes are
 * left), or PL_EPROTO (400): size not hex or above 2^63-1, data not followed by CRLF, bare LF,
 * an extension or trailer against the grammar (7.1.1, 5), too much overhead. Trailer fields are
 * checked for their form and passed over; the call that finds the last chunk stops in front of
 * them, so that who wants them keeps the bytes of the calls behind it, the empty line among them.
 */
ptrdiff_t pl_http_chunk_decode(pl_http_chunk *chunk, const char *buf, size_t len, pl_slice *data);

/* Writes the line in front of `len` bytes of data ("1a\r\n"), len > 0; returns its length. The
 * caller writes data, then CRLF; the body ends with "0\r\n\r\n". */
size_t pl_http_chunk_encode(char out[PL_HTTP_CHUNK_HEAD_MAX], uint64_t len);

#endif
