/*
 * hixie_session.h - a server's WebSocket of draft-hixie-thewebsocketprotocol-76 over a stream,
 * behind the head of its handshake.
 *
 * First come the eight bytes that end the client's handshake (section 5.1); the session is open
 * when the owner has answered them. Then texts, given out in place; only one that has not ended yet
 * is collected, up to limits.message. They have to be UTF-8: where the draft would repair, this
 * refuses. What the draft says to pass over is passed over, up to that limit as well. There are no
 * pings and no codes. An idle session owns nothing but its struct.
 */
#ifndef PL_WS_HIXIE_SESSION_H
#define PL_WS_HIXIE_SESSION_H

#include "base/limits.h"
#include "codec/hixie_frame.h"
#include "codec/hixie_handshake.h"
#include "net/stream.h"

typedef struct pl_hixie_session pl_hixie_session;

typedef struct pl_hixie_events {
	/* The handshake is whole, once: the owner calls pl_hixie_session_open_with, or ends it. */
	void (*key)(void *owner, const uint8_t key3[PL_HIXIE_KEY3_SIZE]);
	/* A text; borrowed. */
	void (*message)(void *owner, const uint8_t *data, size_t len);
	/* Anything was read. */
	void (*alive)(void *owner);
	/* Output that was blocked is sent. */
	void (*drain)(void *owner);
	/* The peer has gone beyond a limit or broken a rule, or we cannot go on: PL_ETOOBIG,
	 * PL_EUTF8, PL_EPROTO or PL_ENOMEM. What ends the session follows. */
	void (*failed)(void *owner, int status, const char *message);
	/* The peer's closing frame has come, which is answered, or its end without one. Not when
	 * we closed. */
	void (*closing)(void *owner);
	/* Last; the owner frees the session. PL_OK: with closing frames, or by disconnect;
	 * PL_ECLOSED: the peer has ended without a closing frame. */
	void (*closed)(void *owner, int status);
} pl_hixie_events;

/* Takes the stream over. PL_OK or PL_ENOMEM. */
int pl_hixie_session_new(pl_hixie_session **session, pl_stream *stream, const pl_limits *limits,
			 const pl_hixie_events *events, void *owner);
void pl_hixie_session_free(pl_hixie_session *session);

/* Begins reading; the leftover bytes first. */
void pl_hixie_session_start(pl_hixie_session *session, const uint8_t *leftover, size_t len);

/* Sends the end of our handshake, from within `key`. PL_OK, PL_ECLOSED or PL_ENOMEM. */
int pl_hixie_session_open_with(pl_hixie_session *session, const uint8_t proof[PL_HIXIE_PROOF_SIZE]);

/* A text, which is UTF-8. PL_OK, PL_ECLOSED or PL_ENOMEM; never partly. The frames of a block,
 * which pl_hixie_block made, are referred to, not copied. */
int pl_hixie_session_send(pl_hixie_session *session, const void *text, size_t len);
int pl_hixie_session_send_block(pl_hixie_session *session, pl_block *frames);

/* A text as a frame, for many receivers. NULL: no memory. */
pl_block *pl_hixie_block(const void *text, size_t len);

/* The closing frame behind what was sent; then the peer's is waited for, and no message comes. */
void pl_hixie_session_close(pl_hixie_session *session);

/* The closing frame if it can leave at once, and the end; what is blocked is dropped. */
void pl_hixie_session_disconnect(pl_hixie_session *session);

/* Closes at once. */
void pl_hixie_session_abort(pl_hixie_session *session, int status);

/* While paused nothing comes and the stream is not read. Resuming takes effect at the end of the
 * turn. */
void pl_hixie_session_pause(pl_hixie_session *session);
void pl_hixie_session_resume(pl_hixie_session *session);

/* Whether messages can be sent. */
bool pl_hixie_session_open(const pl_hixie_session *session);

/* What `failed` was told; NULL when it was not called. */
const char *pl_hixie_session_failure(const pl_hixie_session *session);

/* Bytes of frames. */
uint64_t pl_hixie_session_received(const pl_hixie_session *session);
uint64_t pl_hixie_session_sent(const pl_hixie_session *session);

#endif
