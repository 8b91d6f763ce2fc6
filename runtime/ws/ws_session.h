/*
 * ws_session.h - a WebSocket connection (RFC 6455) after its handshake, server or client.
 *
 * Starts from a stream, the bytes that came behind the handshake, and what was agreed there. Checks
 * every rule of the RFC on what it reads; answers pings and the close handshake itself. Payloads
 * are given out in place: only a message that is not whole yet is collected, and of a large one
 * what still comes is received where it belongs. An idle session owns nothing but its struct.
 */
#ifndef PL_WS_WS_SESSION_H
#define PL_WS_WS_SESSION_H

#include "base/limits.h"
#include "codec/ws_frame.h"
#include "net/stream.h"
#include "ws/ws_deflate.h"

typedef struct pl_ws_session pl_ws_session;

enum {
	PL_WS_NORMAL = 1000,
	PL_WS_GOING_AWAY = 1001,
	PL_WS_PROTOCOL_ERROR = 1002,
	PL_WS_NO_STATUS = 1005,
	PL_WS_ABNORMAL = 1006,
	PL_WS_BAD_PAYLOAD = 1007,
	PL_WS_TOO_BIG = 1009,
	PL_WS_INTERNAL_ERROR = 1011
};

/* How messages are given out. */
enum pl_ws_delivery {
	PL_WS_WHOLE,	 /* `message`, when the last fragment is there */
	PL_WS_FRAGMENTS, /* `fragment` for each, as it comes: nothing is collected */
	PL_WS_ALL	 /* `fragment` with all bytes so far, for each; then `message` */
};

/* A frame that is larger is given out in pieces of this size, as if each was a fragment. */
enum { PL_WS_PIECE = 256 * 1024 };

typedef struct pl_ws_events {
	/* A whole message, PL_WS_TEXT or PL_WS_BINARY; borrowed. */
	void (*message)(void *owner, uint8_t kind, const uint8_t *data, size_t len);
	/* A fragment of one; `more` follow. Text may begin and end within a character. */
	void (*fragment)(void *owner, uint8_t kind, const uint8_t *data, size_t len, bool more);
	/* A ping, which has been answered. NULL: nobody wants to know. */
	void (*ping)(void *owner, const uint8_t *payload, size_t len);
	void (*pong)(void *owner, const uint8_t *payload, size_t len);
	/* Anything was read: the peer lives. */
	void (*alive)(void *owner);
	/* Output that was blocked is sent. */
	void (*drain)(void *owner);
	/* The peer broke a rule, or we cannot go on: the code of our Close. What ends the session
	 * follows. NULL: nobody wants to know. */
	void (*failed)(void *owner, uint16_t code, const char *reason);
	/* The peer's Close is there or the session failed: no message comes and none can be sent
	 * any more; what waited for blocked output is dropped. Not called when we closed first. The
	 * owner sets a deadline for `closed`, and then aborts. */
	void (*closing)(void *owner);
	/* Last; the owner frees the session. Code as OnDisconnect reports it: the peer's code, 1005
	 * when it sent none, ours when the peer broke the protocol, 1006 without a Close from the
	 * peer. The reason is borrowed. */
	void (*closed)(void *owner, uint16_t code, pl_slice reason);
} pl_ws_events;

/* Takes the stream over. Server or client decides who masks. PL_OK or PL_ENOMEM. */
int pl_ws_session_new(pl_ws_session **session, pl_stream *stream, bool server,
		      const pl_limits *limits, const pl_ws_events *events, void *owner);
void pl_ws_session_free(pl_ws_session *session);

/* Messages go through permessage-deflate from now on; the session owns it. Before the start. */
void pl_ws_session_deflate(pl_ws_session *session, pl_ws_deflate *deflate);

/* Instead of PL_WS_WHOLE. Before the start. */
void pl_ws_session_deliver(pl_ws_session *session, enum pl_ws_delivery delivery);

/* What the session was given; NULL when nothing was agreed. */
pl_ws_deflate *pl_ws_session_deflater(const pl_ws_session *session);

/* Begins reading; the leftover bytes first, which may be changed in place. */
void pl_ws_session_start(pl_ws_session *session, uint8_t *leftover, size_t len);

/* Sends a message (PL_WS_TEXT, PL_WS_BINARY), in fragments of `fragment` bytes when that is not 0.
 * Text must be UTF-8: PL_EUTF8. PL_ECLOSED after either side's Close; PL_ENOMEM. */
int pl_ws_session_send(pl_ws_session *session, uint8_t opcode, const void *data, size_t len,
		       size_t fragment);

/* A Ping or Pong; at most PL_WS_CONTROL_MAX bytes of payload, else PL_EINVAL. It does not wait for
 * messages: behind blocked output it leaves at the next border of two frames that a write of at
 * most PL_CHUNK_LARGE bytes has. */
int pl_ws_session_send_control(pl_ws_session *session, uint8_t opcode, const void *payload,
			       size_t len);

/* Sends frames that were encoded before (server only: they carry no mask), all of them or none. */
int pl_ws_session_send_block(pl_ws_session *session, pl_block *frames);

/* A message as unmasked frames in one block, deflated when `deflate` is given; to be shared by all
 * whose pl_ws_deflate_sharing is the same (without deflate: by all). NULL without memory. */
pl_block *pl_ws_encode(pl_ws_deflate *deflate, uint8_t opcode, const void *data, size_t len,
		       size_t fragment);

/* Bytes that such a message takes on the wire, without masks. */
size_t pl_ws_encoded_size(size_t len, size_t fragment);

/* Sends Close (once), behind what was sent before, and goes on reading for the peer's. Code 0:
 * Close without code. */
void pl_ws_session_close(pl_ws_session *session, uint16_t code, pl_slice reason);

/* Sends Close when the output is not blocked, and closes the stream without waiting. */
void pl_ws_session_disconnect(pl_ws_session *session, uint16_t code, pl_slice reason);

/* Closes at once, without a word: the peer is taken for dead. */
void pl_ws_session_abort(pl_ws_session *session, int status);

/* While paused no message comes (but that of which PL_WS_ALL has just given the last fragment) and
 * the stream is not read. Resuming takes effect at the end of
 * the turn. A Close ends a pause, and then there is no other. */
void pl_ws_session_pause(pl_ws_session *session);
void pl_ws_session_resume(pl_ws_session *session);

/* Whether messages can be sent. */
bool pl_ws_session_open(const pl_ws_session *session);

/* Bytes read and written so far, frame heads included. */
uint64_t pl_ws_session_received(const pl_ws_session *session);
uint64_t pl_ws_session_sent(const pl_ws_session *session);

#endif
