#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "ws/ws_internal.h"

static bool is_control(uint8_t opcode)
{
	return opcode >= PL_WS_CLOSE;
}

void pl_ws_settle(pl_ws_session *session)
{
	ws_partial *partial = session->partial;

	if (!partial || partial->opcode || partial->inside || partial->head_len ||
	    partial->leftover.len || session->paused)
		return;
	pl_ws_partial_clear(session);
}

void pl_ws_fail_memory(pl_ws_session *session)
{
	pl_ws_fail(session, PL_WS_INTERNAL_ERROR, "out of memory");
}

static void handle_close(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	uint16_t code;
	pl_slice reason;
	int status = pl_ws_close_decode(payload, len, &code, &reason);

	if (status == PL_EUTF8)
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "close reason is not UTF-8");
	else if (status)
		pl_ws_fail(session, PL_WS_PROTOCOL_ERROR, "bad close code");
	else
		pl_ws_peer_closed(session, code, reason);
}

static void handle_ping(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	pl_ws_answer_ping(session, payload, len);
	if (session->events->ping)
		session->events->ping(session->owner, payload, len);
}

static void handle_control(pl_ws_session *session, uint8_t opcode, const uint8_t *payload,
			   size_t len)
{
	if (opcode == PL_WS_CLOSE)
		handle_close(session, payload, len);
	else if (opcode == PL_WS_PING)
		handle_ping(session, payload, len);
	else
		session->events->pong(session->owner, payload, len);
}

/* Notes the frame as a part of its message. False: the session has failed. */
static bool begin_message(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = pl_ws_partial(session);

	if (!partial) {
		pl_ws_fail_memory(session);
		return false;
	}
	if (frame->opcode != PL_WS_CONTINUATION)
		pl_ws_message_begin(session, frame);
	partial->size += frame->length;
	return session->state != WS_CLOSED;
}

/* The rules on the order of data frames (5.4) and on the message as a whole. */
static bool begin_data(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = session->partial;
	bool continues = frame->opcode == PL_WS_CONTINUATION;
	bool open = partial && partial->opcode;
	uint64_t before = open ? partial->size : 0;

	if (continues != open) {
		pl_ws_fail(session, PL_WS_PROTOCOL_ERROR,
			   continues ? "continuation without a message"
				     : "new message within a fragmented one");
		return false;
	}
	/* "Per-message deflated" is a matter of the first frame (RFC 7692 6.1). */
	if (continues && frame->rsv != 0 && !pl_ws_by_frame(session)) {
		pl_ws_fail(session, PL_WS_PROTOCOL_ERROR, "reserved bit in a continuation");
		return false;
	}
	if (frame->length > (uint64_t)session->limits->message - before) {
		pl_ws_fail(session, PL_WS_TOO_BIG, "message too big");
		return false;
	}
	if (open && ++partial->fragments > (uint64_t)session->limits->fragments) {
		pl_ws_fail(session, PL_WS_TOO_BIG, "too many fragments");
		return false;
	}
	return true;
}

/* A data frame that was read whole. */
static void whole_data(pl_ws_session *session, const pl_ws_frame *frame, const uint8_t *payload)
{
	bool alone = frame->fin && frame->opcode != PL_WS_CONTINUATION;

	if (!alone && !begin_message(session, frame))
		return;
	pl_ws_message_whole(session, frame, payload);
}

/* A frame of which more is to come, or which cannot be given out as it is. */
static void begin_partial(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial;

	if (is_control(frame->opcode)) {
		if (!pl_ws_partial(session)) {
			pl_ws_fail_memory(session);
			return;
		}
	} else if (!begin_message(session, frame)) {
		return;
	}
	partial = session->partial;
	partial->frame = *frame;
	partial->inside = true;
	partial->more = false;
	partial->got = 0;
	partial->control_len = 0;
	if (!is_control(frame->opcode))
		pl_ws_message_frame_begin(session, frame);
}

static void end_partial(pl_ws_session *session)
{
	ws_partial *partial = session->partial;

	partial->inside = false;
	if (is_control(partial->frame.opcode))
		handle_control(session, partial->frame.opcode, partial->control,
			       partial->control_len);
	else
		pl_ws_message_frame_end(session);
}

static size_t continue_control(ws_partial *partial, uint8_t *data, size_t len)
{
	uint64_t left = partial->frame.length - partial->got;
	size_t n = len < left ? len : (size_t)left;

	if (partial->frame.masked)
		pl_ws_mask(data, n, partial->frame.mask, partial->got);
	memcpy(partial->control + partial->control_len, data, n);
	partial->control_len = (uint8_t)(partial->control_len + n);
	partial->got += n;
	return n;
}

/* Takes payload of the unfinished frame; returns the bytes used. */
static size_t continue_partial(pl_ws_session *session, uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;
	size_t n = is_control(partial->frame.opcode) ? continue_control(partial, data, len)
						     : pl_ws_message_take(session, data, len);

	if (session->state != WS_CLOSED && partial->got == partial->frame.length && !partial->more)
		end_partial(session);
	return n;
}

/* Whether the frame can go on without new bytes. */
static bool goes_on(const pl_ws_session *session)
{
	const ws_partial *partial = session->partial;

	return partial && partial->inside &&
	       (partial->more || partial->got == partial->frame.length);
}

/* Decodes a head from the bytes kept before and the new ones. Returns how many of the new
 * ones belong to it; *complete tells whether it is whole. */
static size_t take_head(pl_ws_session *session, pl_ws_frame *frame, const uint8_t *data, size_t len,
			bool *complete)
{
	pl_ws_rules rules = { .masked = session->server,
			      .rsv = session->deflate ? PL_WS_RSV1 : 0,
			      .max_length = (uint64_t)session->limits->message };
	ws_partial *partial = session->partial;
	size_t kept = partial ? partial->head_len : 0;
	size_t n = PL_WS_HEAD_MAX - kept;
	int used;

	*complete = false;
	if (kept > 0) {
		if (n > len)
			n = len;
		memcpy(partial->head + kept, data, n);
		used = pl_ws_frame_decode(frame, &rules, partial->head, kept + n);
	} else {
		used = pl_ws_frame_decode(frame, &rules, data, len);
	}
	if (used < 0) {
		pl_ws_fail(session, used == PL_ETOOBIG ? PL_WS_TOO_BIG : PL_WS_PROTOCOL_ERROR,
			   frame->error);
		return len;
	}
	if (used > 0) {
		if (partial)
			partial->head_len = 0;
		*complete = true;
		return (size_t)used - kept;
	}
	partial = pl_ws_partial(session);
	if (!partial) {
		pl_ws_fail_memory(session);
		return len;
	}
	if (kept == 0) {
		memcpy(partial->head, data, len);
		n = len;
	}
	partial->head_len = (uint8_t)(kept + n);
	return n;
}

/* One frame, or as much of it as there is; returns the bytes used. */
static size_t take_frame(pl_ws_session *session, uint8_t *data, size_t len)
{
	pl_ws_frame frame;
	bool complete;
	size_t used = take_head(session, &frame, data, len, &complete);

	if (!complete)
		return used;
	if (!is_control(frame.opcode) && !begin_data(session, &frame))
		return len;
	if (frame.length > len - used ||
	    !(is_control(frame.opcode) || pl_ws_message_direct(session, &frame))) {
		begin_partial(session, &frame);
		return used;
	}
	if (frame.masked)
		pl_ws_mask(data + used, frame.length, frame.mask, 0);
	if (is_control(frame.opcode))
		handle_control(session, frame.opcode, data + used, frame.length);
	else
		whole_data(session, &frame, data + used);
	return used + frame.length;
}

static void keep(pl_ws_session *session, const uint8_t *data, size_t len)
{
	ws_partial *partial = pl_ws_partial(session);

	if (!partial || pl_buffer_append(&partial->leftover, data, len))
		pl_ws_fail_memory(session);
}

void pl_ws_receive(pl_ws_session *session, uint8_t *data, size_t len)
{
	while ((len > 0 || goes_on(session)) && session->state != WS_CLOSED) {
		size_t used;

		if (session->paused) {
			keep(session, data, len);
			return;
		}
		if (session->partial && session->partial->inside)
			used = continue_partial(session, data, len);
		else
			used = take_frame(session, data, len);
		data += used;
		len -= used;
	}
	pl_ws_settle(session);
}
