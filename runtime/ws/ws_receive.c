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
	pl_deferred_cancel(&partial->again);
	pl_buffer_deinit(&partial->message);
	pl_buffer_deinit(&partial->leftover);
	pl_free(partial);
	session->partial = NULL;
}

static void fail_memory(pl_ws_session *session)
{
	pl_ws_fail(session, PL_WS_INTERNAL_ERROR, "out of memory");
}

static void deliver(pl_ws_session *session, uint8_t opcode, const uint8_t *data, size_t len)
{
	/* After our Close what the peer still sends is read for its Close only. */
	if (session->state == WS_OPEN)
		session->events->message(session->owner, opcode, data, len);
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

static void handle_control(pl_ws_session *session, uint8_t opcode, const uint8_t *payload,
			   size_t len)
{
	if (opcode == PL_WS_CLOSE)
		handle_close(session, payload, len);
	else if (opcode == PL_WS_PING)
		pl_ws_answer_ping(session, payload, len);
	else
		session->events->pong(session->owner, payload, len);
}

/* A whole deflated message. What it was before is known only now, so that its UTF-8 and its size
 * are checked here. */
static void deliver_inflated(pl_ws_session *session, uint8_t opcode, const uint8_t *data,
			     size_t len)
{
	pl_slice message;
	int status;

	/* After our Close nobody would see it. */
	if (session->state != WS_OPEN)
		return;
	status = pl_ws_deflate_decode(session->deflate, data, len, (size_t)session->limits->message,
				      &message);
	if (status == PL_ETOOBIG)
		pl_ws_fail(session, PL_WS_TOO_BIG, "message too big when inflated");
	else if (status == PL_ENOMEM)
		fail_memory(session);
	else if (status)
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "not deflate data");
	else if (opcode == PL_WS_TEXT && !pl_utf8_valid((const uint8_t *)message.at, message.len))
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text is not UTF-8");
	else
		deliver(session, opcode, (const uint8_t *)message.at, message.len);
	pl_ws_deflate_release(session->deflate, message.at);
}

/* The message in the partial state is whole. Its buffer is taken out first: the callback may
 * do anything to the session. */
static void finish_message(pl_ws_session *session)
{
	ws_partial *partial = session->partial;
	pl_buffer message = partial->message;
	uint8_t opcode = partial->opcode;
	bool deflated = partial->deflated;

	if (opcode == PL_WS_TEXT && !pl_utf8_done(&partial->utf8)) {
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text ends within a character");
		return;
	}
	partial->message = (pl_buffer){ 0 };
	partial->opcode = 0;
	partial->fragments = 0;
	partial->utf8 = (pl_utf8){ 0 };
	if (deflated)
		deliver_inflated(session, opcode, message.data, message.len);
	else
		deliver(session, opcode, message.data ? message.data : (const uint8_t *)"",
			message.len);
	pl_buffer_deinit(&message);
}

static void append(pl_ws_session *session, const uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;

	if (partial->opcode == PL_WS_TEXT && !partial->deflated &&
	    !pl_utf8_feed(&partial->utf8, data, len))
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text is not UTF-8");
	else if (pl_buffer_append(&partial->message, data, len))
		fail_memory(session);
}

/* The rules on the order of data frames (5.4) and on the message as a whole. */
static bool begin_data(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = session->partial;
	bool continues = frame->opcode == PL_WS_CONTINUATION;
	bool open = partial && partial->opcode;
	uint64_t before = open ? partial->message.len : 0;

	if (continues != open) {
		pl_ws_fail(session, PL_WS_PROTOCOL_ERROR,
			   continues ? "continuation without a message"
				     : "new message within a fragmented one");
		return false;
	}
	/* "Per-message deflated" is a matter of the first frame (RFC 7692 6.1). */
	if (continues && frame->rsv != 0) {
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

static void begin_message(ws_partial *partial, const pl_ws_frame *frame)
{
	partial->opcode = frame->opcode;
	partial->deflated = frame->rsv != 0;
	partial->fragments = 1;
}

/* A data frame that is whole, in the read buffer. */
static void whole_data(pl_ws_session *session, const pl_ws_frame *frame, const uint8_t *payload)
{
	ws_partial *partial;

	if (frame->fin && frame->opcode != PL_WS_CONTINUATION) {
		if (frame->rsv != 0)
			deliver_inflated(session, frame->opcode, payload, frame->length);
		else if (frame->opcode == PL_WS_TEXT && !pl_utf8_valid(payload, frame->length))
			pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text is not UTF-8");
		else
			deliver(session, frame->opcode, payload, frame->length);
		return;
	}
	partial = pl_ws_partial(session);
	if (!partial) {
		fail_memory(session);
		return;
	}
	if (frame->opcode != PL_WS_CONTINUATION)
		begin_message(partial, frame);
	append(session, payload, frame->length);
	if (frame->fin && session->state != WS_CLOSED)
		finish_message(session);
}

/* A frame of which more is to come: its payload is collected from now on. */
static void begin_partial(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = pl_ws_partial(session);

	if (!partial) {
		fail_memory(session);
		return;
	}
	partial->frame = *frame;
	partial->inside = true;
	partial->got = 0;
	partial->control_len = 0;
	if (!is_control(frame->opcode) && frame->opcode != PL_WS_CONTINUATION)
		begin_message(partial, frame);
}

static void end_partial(pl_ws_session *session)
{
	ws_partial *partial = session->partial;

	partial->inside = false;
	if (is_control(partial->frame.opcode))
		handle_control(session, partial->frame.opcode, partial->control,
			       partial->control_len);
	else if (partial->frame.fin)
		finish_message(session);
}

/* Takes payload of the unfinished frame; returns the bytes used. */
static size_t continue_partial(pl_ws_session *session, uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;
	uint64_t left = partial->frame.length - partial->got;
	size_t n = len < left ? len : (size_t)left;

	if (partial->frame.masked)
		pl_ws_mask(data, n, partial->frame.mask, partial->got);
	partial->got += n;
	if (is_control(partial->frame.opcode)) {
		memcpy(partial->control + partial->control_len, data, n);
		partial->control_len = (uint8_t)(partial->control_len + n);
	} else {
		append(session, data, n);
	}
	if (partial->got == partial->frame.length && session->state != WS_CLOSED)
		end_partial(session);
	return n;
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
		fail_memory(session);
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
	if (frame.length > len - used) {
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
		fail_memory(session);
}

void pl_ws_receive(pl_ws_session *session, uint8_t *data, size_t len)
{
	while (len > 0 && session->state != WS_CLOSED) {
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
