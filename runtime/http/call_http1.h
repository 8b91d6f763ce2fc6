/*
 * call_http1.h - the client's side of HTTP/1.1 (RFC 9112) over a stream: one call after the other.
 *
 * A connection is used again only when nothing is left in doubt (9.3): the response had a length
 * and came whole, the request was sent whole, both sides want to go on, and no byte came that was
 * not asked for. Otherwise it closes by itself. Between calls it holds nothing but its struct.
 */
#ifndef PL_HTTP_CALL_HTTP1_H
#define PL_HTTP_CALL_HTTP1_H

#include "http/call.h"

typedef struct pl_call_http1 pl_call_http1;

typedef struct pl_call_http1_events {
	/* A call has ended, and the connection can take another: before that call's `end`. */
	void (*idle)(void *owner);
	/* Last, never within another call. No call is in progress. */
	void (*closed)(void *owner);
} pl_call_http1_events;

/* Takes the stream over (pl_stream_own), from which nothing was read, and reads. PL_OK or
 * PL_ENOMEM: then the stream is closed. */
int pl_call_http1_start(pl_call_http1 **session, pl_stream *stream,
			const pl_call_http1_events *events, void *owner);

/* Whether a call can begin: none is in progress, and the connection is not closing. */
bool pl_call_http1_ready(const pl_call_http1 *session);

/* Begins a call on a session that is ready. PL_OK, or PL_ENOMEM: no call has begun, and the
 * connection closes. */
int pl_call_http1_begin(pl_call **call, pl_call_http1 *session, const pl_call_order *order);

/* How many calls have begun. */
uint64_t pl_call_http1_calls(const pl_call_http1 *session);

/* ms for which the server says that it keeps an idle connection (Keep-Alive: timeout=…); 0: it does
 * not say. */
uint32_t pl_call_http1_patience(const pl_call_http1 *session);

/* Closes: in order when no call is in progress, which otherwise fails with PL_ECANCELED. */
void pl_call_http1_close(pl_call_http1 *session);

/* Closes at once, also a session that is closing in order. */
void pl_call_http1_cut(pl_call_http1 *session);

#endif
