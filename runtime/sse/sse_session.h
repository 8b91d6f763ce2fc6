/*
 * sse_session.h - the server's side of an event stream (WHATWG HTML, 9.2) over a stream, behind the
 * head of its answer.
 *
 * Messages go out as events; nothing comes in: what a client still sends is no request any more and
 * is passed over. An idle session owns nothing but its struct.
 */
#ifndef PL_SSE_SSE_SESSION_H
#define PL_SSE_SSE_SESSION_H

#include "codec/sse_write.h"
#include "net/stream.h"

typedef struct pl_sse_session pl_sse_session;

typedef struct pl_sse_session_events {
	/* Output that was blocked is sent. */
	void (*drain)(void *owner);
	/* The client has sent its last byte: it is leaving. The owner closes. */
	void (*ended)(void *owner);
	/* Last; the owner frees the session. PL_OK: in order. */
	void (*closed)(void *owner, int status);
} pl_sse_session_events;

/* Takes the stream over. `fields`: texts that are fields (pl_sse_is_fields) go out as them. PL_OK
 * or PL_ENOMEM. */
int pl_sse_session_new(pl_sse_session **session, pl_stream *stream, bool fields,
		       const pl_sse_session_events *events, void *owner);
void pl_sse_session_free(pl_sse_session *session);

/* Begins reading, which is how the client's end is noticed. */
void pl_sse_session_start(pl_sse_session *session);

/* Text is known to be UTF-8. PL_OK, PL_ECLOSED or PL_ENOMEM; never partly. */
int pl_sse_session_send_text(pl_sse_session *session, pl_slice text);
int pl_sse_session_send_bytes(pl_sse_session *session, pl_slice bytes);

/* Events that were encoded before: pl_sse_session_encode. */
int pl_sse_session_send_block(pl_sse_session *session, pl_block *block);

/* A message as an event, with these fields, or none. NULL: no memory. */
pl_block *pl_sse_session_encode(const pl_sse_session *session, const pl_sse_fields *fields,
				pl_slice payload, bool text);

/* A comment; none when output waits already. As send. */
int pl_sse_session_comment(pl_sse_session *session);

/* Our last byte is behind what was sent before. */
void pl_sse_session_close(pl_sse_session *session);

/* The same, but what is blocked is dropped. */
void pl_sse_session_disconnect(pl_sse_session *session);

/* Closes at once. */
void pl_sse_session_abort(pl_sse_session *session, int status);

/* Whether messages can be sent. */
bool pl_sse_session_open(const pl_sse_session *session);

uint64_t pl_sse_session_sent(const pl_sse_session *session);

#endif
