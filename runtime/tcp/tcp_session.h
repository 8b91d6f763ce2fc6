/*
 * tcp_session.h - messages over a stream that has nothing but bytes: frames with an end that is
 * agreed upon, or whatever arrives together.
 *
 * Frames are given out in place; only one that has not ended yet is collected, up to
 * limits.message. What is sent goes out as it is. An idle session owns nothing but its struct.
 */
#ifndef PL_TCP_TCP_SESSION_H
#define PL_TCP_TCP_SESSION_H

#include "base/limits.h"
#include "codec/frame_end.h"
#include "net/stream.h"

typedef struct pl_tcp_session pl_tcp_session;

typedef struct pl_tcp_session_events {
	/* A frame; borrowed. */
	void (*message)(void *owner, const uint8_t *data, size_t len);
	/* Anything was read. */
	void (*alive)(void *owner);
	/* Output that was blocked is sent. */
	void (*drain)(void *owner);
	/* The peer has gone beyond a limit or has ended within a frame, or we cannot go on. What
	 * ends the session follows. */
	void (*failed)(void *owner, int status, const char *message);
	/* The peer has sent its last byte; the owner closes. Not after `failed`. */
	void (*ended)(void *owner);
	/* Last; the owner frees the session. PL_OK: both sides have ended in order. */
	void (*closed)(void *owner, int status);
} pl_tcp_session_events;

/* Takes the stream over, and `end` as it is now. PL_OK or PL_ENOMEM. */
int pl_tcp_session_new(pl_tcp_session **session, pl_stream *stream, const pl_frame_end *end,
		       const pl_limits *limits, const pl_tcp_session_events *events, void *owner);
void pl_tcp_session_free(pl_tcp_session *session);

/* Where frames end from now on; may be changed in place. */
pl_frame_end *pl_tcp_session_end(pl_tcp_session *session);

/* Begins reading; the leftover bytes first. */
void pl_tcp_session_start(pl_tcp_session *session, const uint8_t *leftover, size_t len);

/* PL_OK, PL_ECLOSED or PL_ENOMEM; never partly. The block is referred to, not copied. */
int pl_tcp_session_send(pl_tcp_session *session, const void *data, size_t len);
int pl_tcp_session_send_block(pl_tcp_session *session, pl_block *block);

/* Our last byte is behind what was sent before. No message comes any more. */
void pl_tcp_session_close(pl_tcp_session *session);

/* The same, but what is blocked is dropped. */
void pl_tcp_session_disconnect(pl_tcp_session *session);

/* Closes at once. */
void pl_tcp_session_abort(pl_tcp_session *session, int status);

/* While paused no message comes and the stream is not read. Resuming takes effect at the end of
 * the turn. */
void pl_tcp_session_pause(pl_tcp_session *session);
void pl_tcp_session_resume(pl_tcp_session *session);

/* Whether messages can be sent. */
bool pl_tcp_session_open(const pl_tcp_session *session);

/* What `failed` was told; NULL when it was not called. */
const char *pl_tcp_session_failure(const pl_tcp_session *session);

uint64_t pl_tcp_session_received(const pl_tcp_session *session);
uint64_t pl_tcp_session_sent(const pl_tcp_session *session);

#endif
