/*
 * conn_sse.h - a server's connection that becomes an event stream: the answer to a GET with Accept:
 * text/event-stream, and the session as pl_conn_ops. `transport` is "sse".
 *
 * - A text goes out as an event, bytes as one of the type "sgc@binary" with base64 behind a mark
 *   (codec/sse_write.h); `fragment` means nothing.
 * - What the client says comes as requests of its own: pl_conn_sse_receive.
 * - There are no pings. The heartbeat sends a comment; a client that has vanished is noticed by
 *   output that makes no progress.
 * - The answer ends with its connection (RFC 9112 6.3): it has no Content-Length and no chunks, so
 *   that the encoding of an event is the same for everybody.
 * - `closed` has the code that we closed with, 1000 when the client has left in order, 1006 else.
 */
#ifndef PL_CONN_CONN_SSE_H
#define PL_CONN_CONN_SSE_H

#include "conn/conn.h"

typedef struct pl_conn_sse_terms {
	pl_slice protocol; /* empty: none */
	pl_slice software;
	const pl_http_field *fields; /* of every answer, as in pl_http1_settings */
	size_t field_count;
	pl_slice origin;   /* of a page that may read the answer though it is of another one's; or
			    * empty */
	uint32_t retry;	   /* ms after which the client is to come back */
	pl_slice greeting; /* the first message; empty: none */
	bool tells_close;  /* a last event, of the type "sgc@close", has code and reason */
	bool raw_fields;   /* texts that are fields go out as them */
} pl_conn_sse_terms;

/* The fields of the answer that are the stream's own. */
enum { PL_CONN_SSE_FIELDS = 5 };
size_t pl_conn_sse_fields(pl_http_field fields[PL_CONN_SSE_FIELDS], const pl_conn_sse_terms *terms);

/* An exchange of HTTP/1.1 that is not answered and has no body: answers 200 and takes the stream.
 * Afterwards the conn is open (PL_CONN_OPEN); the caller tells the application and then calls
 * pl_conn_sse_begin, within this turn. PL_OK or PL_ENOMEM (the connection is then aborted). */
int pl_conn_sse_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_sse_terms *terms);

/* Begins reading, which is how the client's end is noticed. */
void pl_conn_sse_begin(pl_conn *conn);

/* Whether it is one whose client can send (it has got a greeting). */
bool pl_conn_sse_receives(const pl_conn *conn);

/* A message of its client that came another way. Text is known to be UTF-8. */
void pl_conn_sse_receive(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len);

#endif
