/*
 * ws_internal.h - the session's state, shared by its files: life, frames, messages, sending.
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
	pl_buffer message;  /* payload that was not given out yet, unmasked */
	uint8_t opcode;	    /* of the message; 0: none has begun */
	bool deflated;	    /* the message is, by its first frame */
	uint32_t fragments; /* frames of the message so far */
	uint64_t size;	    /* payload bytes of the message so far, before inflating */
	uint64_t shown;	    /* bytes of it that PL_WS_ALL has given out as fragments */
	pl_utf8 utf8;
	pl_ws_inflation inflation; /* of a message that is inflated as it comes */

	pl_ws_frame frame; /* the present frame, while `inside` */
	bool inside;
	bool more;    /* the inflation has more to give, without new data */
	uint64_t got; /* payload bytes of the frame so far */

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
	uint8_t delivery; /* enum pl_ws_delivery */
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

/* Frees what belongs to a partial state. */
void pl_ws_partial_clear(pl_ws_session *session);

/* ws_message.c: the payload of data frames. All of them may end the session. */

/* Whether every frame says for itself whether it is deflated. */
bool pl_ws_by_frame(const pl_ws_session *session);

/* A message begins with the frame, whose head is partial->frame. */
void pl_ws_message_begin(pl_ws_session *session, const pl_ws_frame *frame);

/* A frame begins of which more is to come, or which cannot be given out as it is. */
void pl_ws_message_frame_begin(pl_ws_session *session, const pl_ws_frame *frame);

/* Whether a frame can be given out from where it was read. */
bool pl_ws_message_direct(const pl_ws_session *session, const pl_ws_frame *frame);

/* Does that. */
void pl_ws_message_whole(pl_ws_session *session, const pl_ws_frame *frame, const uint8_t *payload);

/* Takes the next payload of the present frame; returns how much, which may be less. The bytes are
 * masked as they came, and those that are not taken stay so. */
size_t pl_ws_message_take(pl_ws_session *session, uint8_t *data, size_t len);

/* All payload of the present frame was taken. */
void pl_ws_message_frame_end(pl_ws_session *session);

/* Where what comes next belongs, when that is much; else NULL. */
uint8_t *pl_ws_message_room(pl_ws_session *session, size_t *len);

/* No memory: Close 1011. */
void pl_ws_fail_memory(pl_ws_session *session);

/* A Close frame, whatever the state, behind all that is queued. */
void pl_ws_send_close(pl_ws_session *session, uint16_t code, pl_slice reason);

/* Answers a ping. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len);

#endif
