/*
 * exchange.h - one HTTP request and its response, whatever version carries it.
 *
 * The seam between a version (HTTP/1.1 now, HTTP/2 later) and what answers: scripts, files,
 * event streams, forwarding. Both sides hold the same struct: the version fills in `ops` and
 * `request`, the receiver calls pl_exchange_own. Every call is safe inside any callback. The
 * exchange is gone for the receiver after it has called pl_exchange_end or pl_exchange_abort, or
 * has got `aborted`: exactly one of these three ends it, and the receiver must not touch it
 * afterwards. (What is left of the request is then read and discarded by the version.)
 */
#ifndef PL_HTTP_EXCHANGE_H
#define PL_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/http_head.h"
#include "net/stream.h"

typedef struct pl_exchange pl_exchange;

/* A request's head, in one allocation of its own: lives as long as the exchange. */
typedef struct pl_exchange_request {
	pl_slice method;
	pl_slice target;
	pl_slice path;
	pl_slice query;
	pl_slice host;
	pl_slice raw; /* all the bytes of the head, request line to empty line */
	uint8_t minor;
	bool chunked;
	int64_t content_length; /* -1 when there is none */
	size_t field_count;
	const pl_http_field *fields;
} pl_exchange_request;

typedef struct pl_exchange_events {
	/* A piece of the request's body, at most PL_EXCHANGE_PIECE bytes; borrowed. */
	void (*data)(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len);
	/* All that has come of the body was handed on, and more is awaited; may be NULL. Who does
	 * not want more yet pauses here: only then is the client neither told to go on (100) nor
	 * timed. */
	void (*starved)(void *owner, pl_exchange *exchange);
	/* The request is whole. Comes for every request, also without a body, after
	 * pl_exchange_own; not when the response has ended before. */
	void (*end)(void *owner, pl_exchange *exchange);
	/* Output that was blocked (pl_exchange_write said PL_EXCHANGE_BLOCKED) is sent. Never
	 * comes from within pl_exchange_write. */
	void (*drain)(void *owner, pl_exchange *exchange);
	/* The peer is gone, broke the protocol or was too slow; last. */
	void (*aborted)(void *owner, pl_exchange *exchange, int status);
} pl_exchange_events;

typedef struct pl_exchange_ops {
	int (*inform)(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count);
	int (*respond)(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		       int64_t content_length);
	int (*write)(pl_exchange *exchange, const void *data, size_t len);
	int (*write_part)(pl_exchange *exchange, pl_block *block, size_t offset, size_t len);
	int (*write_file)(pl_exchange *exchange, pl_file *file, size_t offset, size_t len);
	int (*trailers)(pl_exchange *exchange, const pl_http_field *fields, size_t count);
	void (*end)(pl_exchange *exchange);
	void (*abort)(pl_exchange *exchange, int status);
	void (*pause)(pl_exchange *exchange, bool pause);
} pl_exchange_ops;

struct pl_exchange {
	const pl_exchange_ops *ops;
	const pl_exchange_events *events;
	void *owner;
	pl_loop *loop;
	const pl_exchange_request *request;
	bool responded; /* the response's head is out */
	bool received;	/* the request is whole */
	bool relayed;	/* the response is another server's: see pl_exchange_relay */
};

enum { PL_EXCHANGE_BLOCKED = 1 }; /* > 0: taken, but wait for `drain` before more */
enum { PL_EXCHANGE_PIECE = 65536 };

void pl_exchange_own(pl_exchange *exchange, const pl_exchange_events *events, void *owner);

/* Whether a receiver may set it: name and value are such, and it is none that is added for it. */
bool pl_exchange_field_valid(const pl_http_field *field);

/* Takes `skip` bytes from the front of the request's path, as if they had never been sent: target
 * and raw are without them too, and have "/" where nothing is left. For who has used up a prefix,
 * before anybody else looks at the request; what was there is wiped. False: the path is not that
 * long, or has no '/' there, and nothing has changed. */
bool pl_exchange_skip_path(pl_exchange *exchange, size_t skip);

/* Sends the response's head, once: status 200 to 599; content_length -1 when it is not known yet.
 * Date, Server, Content-Length or Transfer-Encoding, and Connection are added (also the option that
 * goes with an Upgrade field) and must not be among the fields. PL_OK; PL_EINVAL for a bad status
 * (2xx to CONNECT among them, as no tunnel begins), name or value (nothing was sent, attacks D-13)
 * or one of those fields; PL_ESTATE when a head was sent already; PL_ECLOSED or PL_ENOMEM: the
 * connection is closing, `aborted` comes unless the receiver ends the exchange before. */
int pl_exchange_respond(pl_exchange *exchange, int status, const pl_http_field *fields,
			size_t count, int64_t content_length);

/* The same with what another server has answered: its Date and Server may be among the fields, and
 * no Server is added. */
int pl_exchange_relay(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		      int64_t content_length);

/* An informational response (RFC 9110 15.2) before that head: 100, which is sent only to a client
 * that waits for it, or 102 to 199. A client of HTTP/1.0 gets none. PL_OK, PL_EINVAL, PL_ESTATE,
 * PL_ECLOSED or PL_ENOMEM, as above. */
int pl_exchange_inform(pl_exchange *exchange, int status, const pl_http_field *fields,
		       size_t count);

/* A piece of the body. PL_OK, PL_EXCHANGE_BLOCKED, PL_ESTATE (no head yet), PL_ETOOBIG (more than
 * content_length: nothing of this piece was sent), PL_ECLOSED or PL_ENOMEM (as above). Dropped
 * silently for HEAD, 204, 205 and 304. */
int pl_exchange_write(pl_exchange *exchange, const void *data, size_t len);

/* The same for a part of a shared block, and of a file: by reference where that is possible. Such
 * an answer may be ended at once, without waiting for `drain`. A file can also give PL_ENOTSUP:
 * this connection has to be given bytes. */
int pl_exchange_write_part(pl_exchange *exchange, pl_block *block, size_t offset, size_t len);
int pl_exchange_write_file(pl_exchange *exchange, pl_file *file, size_t offset, size_t len);

/* Fields behind the body (RFC 9110 6.5), which is whole: pl_exchange_end is next. They are dropped
 * where they cannot be sent, or the client has not said that it wants them (TE), and so are those
 * that frame a message, route it or control its content. PL_OK, PL_ESTATE, PL_ECLOSED or
 * PL_ENOMEM. */
int pl_exchange_trailers(pl_exchange *exchange, const pl_http_field *fields, size_t count);

/* Whether the client wants trailers. */
bool pl_exchange_wants_trailers(const pl_exchange *exchange);

/* The response is whole; fewer bytes than content_length said closes the connection. Without a head
 * it answers 500. The exchange may be gone when this returns. */
void pl_exchange_end(pl_exchange *exchange);

/* Breaks off: the peer sees that the response is not whole. No `aborted` comes. */
void pl_exchange_abort(pl_exchange *exchange, int status);

/* While paused no `data`, `starved` or `end` comes (back-pressure), and the body's time stands
 * still. */
void pl_exchange_pause(pl_exchange *exchange, bool pause);

/* A whole short answer as text/plain: respond, write, end. Text NULL: the reason phrase. When a
 * head is out already, the exchange is aborted. */
void pl_exchange_answer(pl_exchange *exchange, int status, const char *text);

#endif
