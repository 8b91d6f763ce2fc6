/*
 * http1_internal.h - what the files of the HTTP/1.1 session share.
 *
 * http1.c is the session: input, timers, the way from one request to the next.
 * http1_request.c takes requests in, http1_response.c writes answers.
 *
 * Lifetimes: the session lives until the stream's `closed` (or an upgrade), an exchange until a
 * step of the session finds it ended. Neither is freed by a call that a receiver makes, so frames
 * below that receiver stay valid.
 */
#ifndef PL_HTTP_HTTP1_INTERNAL_H
#define PL_HTTP_HTTP1_INTERNAL_H

#include "base/buffer.h"
#include "codec/http_chunk.h"
#include "http/http1.h"

enum {
	PL_HTTP1_DISCARD = 65536, /* unread body that is taken off the wire to keep a connection */
	PL_HTTP1_BODY_BYTE = 2 /* ms that a byte of a body earns: 500 bytes a second are enough */
};

/* What the session does after a step. */
typedef enum pl_http1_step {
	PL_HTTP1_NEXT, /* the next step */
	PL_HTTP1_READ, /* wait for more input */
	PL_HTTP1_HOLD, /* wait for the receiver, the output or our next turn; input has to wait */
	PL_HTTP1_DONE  /* the session is closing or was handed on: no more input is looked at */
} pl_http1_step;

/* Input not yet used: the tail of a read, or of the session's buffer. */
typedef struct pl_http1_input {
	uint8_t *at;
	size_t len;
} pl_http1_input;

typedef struct pl_http1_exchange {
	pl_exchange base;
	pl_http1 *http1;
	pl_exchange_request request;

	uint64_t left; /* of a body with Content-Length */
	pl_http_chunk chunk;
	uint64_t patience; /* ms that the body may take from `since` on without another byte */
	uint64_t since;
	size_t discarded;

	int64_t unsent; /* of the answer's Content-Length; -1 when the end marks the length */
	bool keep_alive;
	bool expect_continue;	/* the client waits for 100 (Continue), which was not sent */
	bool paused;		/* by the receiver */
	bool ended;		/* the receiver is done with it or was told `aborted` */
	bool close;		/* the connection ends with this answer */
	bool chunked;		/* the answer is */
	bool no_body;		/* the answer has none: HEAD, 204, 304 */
	bool blocked;		/* the receiver waits for `drain` */
	pl_http_field fields[]; /* the head's bytes come behind them */
} pl_http1_exchange;

struct pl_http1 {
	pl_stream *stream;
	const pl_http1_settings *settings;
	const pl_http1_events *events;
	void *owner;
	pl_http1_exchange *exchange; /* NULL between requests */
	pl_buffer input;	     /* an unfinished head, or requests that have to wait */
	size_t used;		     /* bytes at the front of input that are done with */
	size_t scanned;		     /* of an unfinished head: see pl_http_request_decode */
	pl_http1_input *rest;	     /* what is behind the head, while `request` runs */
	pl_timer timer;
	pl_deferred again; /* the next run of steps */
	uint64_t requests;
	int64_t budget; /* requests that this run may still begin */
	uint8_t timing;
	bool running;  /* steps are on the stack; they see what a receiver changes */
	bool closing;  /* finish or abort was called on the stream */
	bool stopping; /* pl_http1_stop was called */
	bool upgraded;
	bool peer_ended;
};

/* http1.c */

/* Sends what is queued, then closes. */
void pl_http1_finish(pl_http1 *http1);

/* The receiver has changed something: takes steps at the end of the turn, unless they are being
 * taken. */
void pl_http1_wake(pl_http1 *http1);

/* Whether more output has to wait for `drain`. */
bool pl_http1_output_full(pl_http1 *http1);

/* Breaks off a body that is broken or too slow: the receiver gets `aborted` with status, the peer
 * the answer `code` if none has begun. Not within a call of the receiver. */
void pl_http1_fail_body(pl_http1 *http1, int status, int code, const char *reason);

/* http1_request.c */

/* A copy of the head that request was decoded from; NULL without memory. */
pl_http1_exchange *pl_http1_exchange_new(pl_http1 *http1, const pl_http_request *request,
					 const char *head, size_t len);

/* The request's last byte was seen. */
bool pl_http1_body_whole(const pl_http1_exchange *exchange);

/* Whether an answered request's unread rest is too much to be discarded. */
bool pl_http1_body_excess(const pl_http1_exchange *exchange);

/* Hands on or discards one piece of the body, or says that the request is whole. */
pl_http1_step pl_http1_read_body(pl_http1_exchange *exchange, pl_http1_input *input);

/* Milliseconds that the body may still take without another byte: body_timeout at first; bytes add
 * to it, up to that again. So neither silence nor a trickle lasts (attacks D-09). */
uint64_t pl_http1_body_patience(pl_http1_exchange *exchange);

/* From now on the body is awaited again. */
void pl_http1_body_resume(pl_http1_exchange *exchange);

/* http1_response.c */

extern const pl_exchange_ops pl_http1_exchange_ops;

/* Logs a refusal, and tells the owner. */
void pl_http1_tell_refused(pl_http1 *http1, int status, const char *reason);

/* Answers what is no request: status, reason as text, "Connection: close"; then finishes. */
void pl_http1_refuse(pl_http1 *http1, int status, const char *reason);

/* 100 (Continue), if the client waits for it. */
void pl_http1_continue(pl_http1_exchange *exchange);

#endif
