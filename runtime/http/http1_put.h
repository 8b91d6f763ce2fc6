/*
 * http1_put.h - what both sides of HTTP/1.1 write: text into room that is there, chunks into a
 * stream (RFC 9112 5, 7.1).
 */
#ifndef PL_HTTP_HTTP1_PUT_H
#define PL_HTTP_HTTP1_PUT_H

#include <string.h>

#include "base/slice.h"
#include "net/stream.h"

/* Both return the place behind. */
static inline char *pl_http1_put(char *at, pl_slice text)
{
	if (text.len)
		memcpy(at, text.at, text.len);
	return at + text.len;
}

static inline char *pl_http1_put_field(char *at, pl_slice name, pl_slice value)
{
	at = pl_http1_put(at, name);
	at = pl_http1_put(at, PL_SLICE(": "));
	at = pl_http1_put(at, value);
	return pl_http1_put(at, PL_SLICE("\r\n"));
}

/* One chunk of len (> 0) bytes. As pl_stream_write, but it may be written in part when memory
 * fails: the stream is of no use then. */
int pl_http1_write_chunk(pl_stream *stream, const void *data, size_t len);

#endif
