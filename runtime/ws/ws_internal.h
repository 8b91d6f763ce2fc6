/*
 * ws_internal.h - the session's state, shared by its three files: life, receiving, sending.
 */
#ifndef PL_WS_WS_INTERNAL_H
#define PL_WS_WS_INTERNAL_H

#include "base/buffer.h"
#include "codec/utf8.h"
#include "ws/ws_session.h"

enum ws_state {
	WS_OPEN,
	WS_CLOSE_SENT, /* waiting for the peer's Close */
	WS_CLOSED      /* both sent, or failed: the stream is on its way out */
};

/* What a session needs only while something is unfinished. */
typedef struct ws_partial {
	pl_buffer message;  /* of the fragments and the present data frame, unmasked */
	uint8_t opcode;	    /* of the message; 0: none has begun */
	bool deflated;	    /* the message is, by its first frame */
	uint32_t fragments; /* frames of the message so far */
	pl_utf8 utf8;

	pl_ws_frame frame; /* the present frame, while `inside` */
	bool inside;
	uint64_t got; /* payload bytes of it so far */

	uint8_t head[PL_WS_HEAD_MAX]; /* of a head that is not whole */
	uint8_t head_len;
	uint8_t control_len;
	uint8_t control[PL_WS_CONTROL_MAX];

	pl_buffer leftover; /* read but not handled, while paused */
	pl_deferred again;
	pl_ws_session *session;
} ws_partial;

struct pl_ws_session {
	pl_stream *stream;
	const pl_ws_events *events;
	void *owner;
	const pl_limits *limits;
	ws_partial *partial;	/* NULL while idle */
	pl_ws_deflate *deflate; /* NULL: not agreed on */
	pl_block *reason;	/* for `closed` */
	uint64_t received;
	uint64_t sent;
	uint16_t code; /* for `closed`; 0: 1006 */
	uint8_t state;
	bool server;
	bool paused;
};

/* The partial state, made when it is needed. NULL without memory. */
ws_partial *pl_ws_partial(pl_ws_session *session);

/* Frees the partial state once nothing of it is in use. */
void pl_ws_settle(pl_ws_session *session);

/* The peer broke a rule, or we cannot go on: Close with this code, then the stream ends. */
void pl_ws_fail(pl_ws_session *session, uint16_t code, const char *reason);

/* The peer's Close was read. */
void pl_ws_peer_closed(pl_ws_session *session, uint16_t code, pl_slice reason);

/* Handles what was read. */
void pl_ws_receive(pl_ws_session *session, uint8_t *data, size_t len);

/* A Close frame, whatever the state, behind all that is queued. */
void pl_ws_send_close(pl_ws_session *session, uint16_t code, pl_slice reason);

/* Answers a ping. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len);

#endif
