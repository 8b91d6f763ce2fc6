/*
 * call.h - one HTTP request and its response as the client has them, whatever version carries it.
 *
 * The seam between a version (HTTP/1.1 now, HTTP/2 later) and who asks. A call begins with its
 * head sent. Then the request's body is written, if it has one, while the response may come
 * already: `head`, `data`, `end`. The call is gone for its owner after `end`, `failed`, `changed`
 * or pl_call_abort: exactly one of these ends it. Every call is safe inside any event.
 */
#ifndef PL_HTTP_CALL_H
#define PL_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "codec/http_response.h"
#include "net/stream.h"

typedef struct pl_call pl_call;

enum {
	PL_CALL_INFORMATIONAL = 32
}; /* responses (1xx) before the one that answers; more: PL_ELIMIT */

/* Lengths that are none. */
enum {
	PL_CALL_NO_BODY = -1,
	PL_CALL_UNKNOWN = -2 /* the end of the body marks it: chunked, in HTTP/1.1 */
};

typedef struct pl_call_request {
	pl_slice method;
	pl_slice target;	     /* origin-form; absolute-form for a proxy; "*" for OPTIONS */
	pl_slice host;		     /* of Host, unless that is among the fields */
	const pl_http_field *fields; /* as they are to be on the wire */
	size_t count;
	int64_t length;	  /* of the body */
	pl_slice upgrade; /* a protocol that the server may change to (RFC 9110 7.8), for requests
			   * without a body; empty: none */
	bool trailers;	  /* says that trailers are wanted (RFC 9110 10.1.4) */
} pl_call_request;

/* Why it cannot be sent, as a constant sentence; NULL: it can. A method, target, name or value that
 * is none; CONNECT, which is no call; several Host, or one that is no authority; a field that
 * frames the message or speaks of the connection (RFC 9110 7.6.1, RFC 9112 6), which are ours. */
const char *pl_call_problem(const pl_call_request *request);

/* A copy in one piece of memory, for pl_free; NULL without memory. */
pl_call_request *pl_call_request_copy(const pl_call_request *request);

/* ms, 0: no limit. Each ends the call with PL_ETIMEDOUT. */
typedef struct pl_call_times {
	uint32_t first_byte; /* of the response, from the request's last byte */
	uint32_t idle;	     /* between bytes: of a request that the server does not take, of the
			      * response behind its first byte. Not while the owner pauses */
	uint32_t total;	     /* from the beginning of the call to its end */
} pl_call_times;

/* The server has changed to the protocol of `upgrade`. All of it is borrowed, but for the stream.
 */
typedef struct pl_call_changed {
	const pl_http_response *response; /* 101 */
	pl_slice raw;
	pl_stream
		*stream; /* the receiver's, who owns it before the event returns, and resumes it */
	uint8_t *rest;	 /* what came behind the head; may be changed in place */
	size_t len;
} pl_call_changed;

typedef struct pl_call_events {
	/* 1xx, but for 101; borrowed. NULL: they are passed over. */
	void (*informed)(void *owner, const pl_http_response *response);
	/* 101, and the call is over. NULL: nothing else than HTTP was asked for. */
	void (*changed)(void *owner, const pl_call_changed *changed);
	/* The final response. `raw` are the bytes of its head. Both are borrowed. */
	void (*head)(void *owner, const pl_http_response *response, pl_slice raw);
	void (*data)(void *owner, const uint8_t *data, size_t len);
	/* Writing that was blocked may go on, or tell that the server wants no more. Never from
	 * within pl_call_write. */
	void (*drain)(void *owner);
	/* The response is whole. `trailers`: lines of fields with an empty one at the end; empty
	 * when there are none. Borrowed. */
	void (*end)(void *owner, pl_slice trailers);
	/* What came is not the whole response. `why` is a sentence, borrowed. PL_ECONNRESET: the
	 * connection ended too early; PL_EPROTO, PL_ELIMIT, PL_ETIMEDOUT, PL_ENOMEM, and what
	 * streams end with. */
	void (*failed)(void *owner, int status, const char *why);
} pl_call_events;

typedef struct pl_call_order {
	const pl_call_request *request; /* no pl_call_problem; not kept */
	pl_call_times times;
	const pl_limits *limits; /* request_line, header_block, header_count, of the response;
				  * high_water, write_timeout; they stay with the call */
	const pl_call_events *events;
	void *owner;
} pl_call_order;

typedef struct pl_call_ops {
	int (*write)(pl_call *call, const void *data, size_t len);
	int (*finish)(pl_call *call);
	void (*pause)(pl_call *call, bool pause);
	void (*abort)(pl_call *call);
} pl_call_ops;

struct pl_call {
	const pl_call_ops *ops;
	const pl_call_events *events;
	void *owner;
	pl_stream *stream;   /* for its addresses */
	uint64_t sent;	     /* bytes of the request's body */
	uint64_t received;   /* bytes of the response's, as they came */
	uint32_t first_byte; /* ms from the beginning to the response's first byte */
	bool answered;	     /* a byte of a response has come */
};

enum { PL_CALL_BLOCKED = 1 }; /* > 0: taken, but wait for `drain` before more */

/* A piece of the body. PL_OK, PL_CALL_BLOCKED; PL_EANSWERED: the server has refused the request
 * already (3xx to 5xx) and is not sent the rest; PL_ETOOBIG: more than `length`, nothing of it was
 * sent; PL_ESTATE: there is no body, or it was finished; PL_ECLOSED, PL_ENOMEM: `failed` comes. */
int pl_call_write(pl_call *call, const void *data, size_t len);

/* The body is whole. Needed for each that has a length, also 0. The same results; PL_ESTATE also
 * for too few bytes: the call can only be aborted then. */
int pl_call_finish(pl_call *call);

/* While paused no `data` comes, and no `end` that has to be read first. */
void pl_call_pause(pl_call *call, bool pause);

/* Breaks off. No event comes any more. */
void pl_call_abort(pl_call *call);

#endif
