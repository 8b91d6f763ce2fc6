/*
 * http1.h - the server's side of HTTP/1.1 (RFC 9112) over a stream.
 *
 * One request at a time; requests that are pipelined behind it wait in order, and the stream is
 * paused meanwhile. All answers to one read leave in one write. Enforces the limits of the head,
 * header_timeout for a whole head (the first counts from the connection's begin), body_timeout for
 * a body while it is awaited (500 bytes a second are enough), keep_alive between requests,
 * `pipelined` requests a turn. After a framing error the one answer is sent, logged once (one debug
 * line), and nothing more is read as a request.
 */
#ifndef PL_HTTP_HTTP1_H
#define PL_HTTP_HTTP1_H

#include "base/limits.h"
#include "http/exchange.h"

typedef struct pl_http1 pl_http1;

typedef struct pl_http1_settings {
	const pl_limits *limits;
	pl_slice software; /* Server header; empty: none */
	/* In every answer that has no field of that name; valid ones (pl_exchange_field_valid). */
	const pl_http_field *fields;
	size_t field_count;
	bool close;    /* every answer ends its connection */
	bool announce; /* answers say how long a connection is kept: Keep-Alive */
} pl_http1_settings;

typedef struct pl_http1_events {
	/* A request's head is there. The receiver calls pl_exchange_own, pl_exchange_answer
	 * or pl_http1_upgrade before it returns. */
	void (*request)(void *owner, pl_exchange *exchange);
	/* The session itself refused a request, or broke one off, for what the client did: the
	 * status that it answered, or would have. NULL: nobody wants to know. */
	void (*refused)(void *owner, int status, const char *reason);
	/* Output that was blocked is all sent; NULL: nobody wants to know. */
	void (*drain)(void *owner);
	/* Last; never within another call. Not after pl_http1_upgrade. */
	void (*closed)(void *owner, int status);
} pl_http1_events;

/* Takes the stream over (pl_stream_own) and begins reading. Settings must outlive the session. */
int pl_http1_start(pl_http1 **http1, pl_stream *stream, const pl_http1_settings *settings,
		   const pl_http1_events *events, void *owner);

/* While an exchange without a body is not answered: ends HTTP on this connection without an answer.
 * The stream is the caller's, who owns it anew before returning; *leftover is what came behind the
 * head. It is borrowed (and changeable in place) until `request` returns, or the turn ends; so long
 * the exchange's request stays readable. The session frees itself. */
void pl_http1_upgrade(pl_exchange *exchange, pl_stream **stream, uint8_t **leftover, size_t *len);

/* Stops: an idle connection closes now, a busy one after its answer ("Connection: close"). */
void pl_http1_stop(pl_http1 *http1);

/* Closes at once. */
void pl_http1_abort(pl_http1 *http1, int status);

/* Requests so far, for metrics and tests. */
uint64_t pl_http1_requests(const pl_http1 *http1);

#endif
