/*
 * call_http1_internal.h - what the files of the client's HTTP/1.1 session share.
 *
 * call_http1.c is the session: the stream's events, timers, how calls begin and end.
 * call_http1_send.c writes requests, call_http1_receive.c takes responses.
 *
 * Lifetimes: the session, and the call within it, are there until the stream's `closed`, which
 * never comes from within another call.
 */
#ifndef PL_HTTP_CALL_HTTP1_INTERNAL_H
#define PL_HTTP_CALL_HTTP1_INTERNAL_H

#include "base/buffer.h"
#include "codec/http_chunk.h"
#include "http/call_http1.h"

typedef enum pl_call_phase {
	PL_CALL_IDLE,
	PL_CALL_HEAD,	     /* of the response is awaited */
	PL_CALL_LENGTH,	     /* of the body is known */
	PL_CALL_CHUNKS,	     /* of the body */
	PL_CALL_UNTIL_CLOSE, /* the body's end is that of the connection */
	PL_CALL_CLOSING
} pl_call_phase;

/* What the session does after a step. */
typedef enum pl_call_step {
	PL_CALL_NEXT, /* the next step */
	PL_CALL_READ, /* wait for more input */
	PL_CALL_HOLD, /* wait for the owner; input has to wait */
	PL_CALL_DONE  /* no more input is looked at */
} pl_call_step;

/* Input not yet used. */
typedef struct pl_call_input {
	uint8_t *at;
	size_t len;
} pl_call_input;

struct pl_call_http1 {
	pl_call call; /* the present one */
	pl_stream *stream;
	const pl_call_http1_events *events;
	void *owner;
	const pl_limits *limits; /* the present call's */
	pl_buffer input;	 /* an unfinished head, or what has to wait for the owner */
	size_t used;		 /* bytes at the front of input that are done with */
	size_t scanned;		 /* of an unfinished head: see pl_http_response_decode */
	pl_buffer trailers;
	pl_http_chunk chunk;
	uint64_t left;	/* of a body with a length */
	int64_t unsent; /* of the request's body; PL_CALL_UNKNOWN: chunked */
	pl_timer timer;
	pl_deferred again; /* the next run of steps */
	pl_call_times times;
	uint64_t begun; /* when the call began, */
	uint64_t asked; /* when the request was whole, */
	uint64_t since; /* when the last byte came, or was wanted again */
	uint64_t calls;
	uint32_t patience;
	int informational; /* responses that were passed over */
	uint8_t phase;
	bool is_head;	 /* the method is HEAD */
	bool sent;	 /* the request is whole */
	bool stopped;	 /* the server wants no more of it */
	bool blocked;	 /* the owner waits for `drain` */
	bool paused;	 /* by the owner */
	bool keep_alive; /* the server wants to go on */
	bool peer_ended;
	bool upgrade; /* another protocol was offered */
	bool given;   /* the stream is somebody else's: the session goes when the steps end */
	bool running; /* steps are on the stack */
};

/* call_http1.c */

/* The response is whole. */
void pl_call_http1_end(pl_call_http1 *session, const pl_call_input *rest);

/* The call in progress fails, the connection closes. */
void pl_call_http1_fail(pl_call_http1 *session, int status, const char *why);

/* Gives the stream away: nothing of the session is told to the call's owner any more. */
void pl_call_http1_leave(pl_call_http1 *session);

/* Sets the timer to what is due next. */
void pl_call_http1_time(pl_call_http1 *session);

/* For pl_call_http1_ops. */
void pl_call_http1_pause(pl_call *call, bool pause);
void pl_call_http1_abort(pl_call *call);

/* call_http1_send.c */

extern const pl_call_ops pl_call_http1_ops;

/* The head of a request. PL_OK, PL_ECLOSED, PL_ENOMEM. */
int pl_call_http1_write_head(pl_call_http1 *session, const pl_call_request *request);

/* No more of the request is sent. */
void pl_call_http1_stop(pl_call_http1 *session);

/* call_http1_receive.c */

/* One step, in any phase with a call. */
pl_call_step pl_call_http1_receive(pl_call_http1 *session, pl_call_input *input);

#endif
