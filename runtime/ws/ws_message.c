/*
 * Data frames become messages or fragments: payload is collected, inflated, checked for UTF-8 and
 * given out.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "ws/ws_internal.h"

enum {
	DIRECT_MIN = 64 * 1024, /* bytes yet to come that are worth an aimed read */
	READ_MAX = 256 * 1024,	/* bytes of one such read: what the processor's cache holds */
	GROWTH = 4,		/* times what has come is the memory for what is announced */
	INFLATED_FIRST = 4096	/* bytes of a buffer at first */
};

static const uint8_t nothing[1];

/* Giving out. */

static const uint8_t *bytes_of(const pl_buffer *buffer)
{
	return buffer->data ? buffer->data : nothing;
}

static void deliver(pl_ws_session *session, uint8_t opcode, const uint8_t *data, size_t len)
{
	/* After our Close what the peer still sends is read for its Close only. */
	if (session->state == WS_OPEN)
		session->events->message(session->owner, opcode, data, len);
}

static void give_fragment(pl_ws_session *session, uint8_t opcode, const uint8_t *data, size_t len,
			  bool more)
{
	if (session->state == WS_OPEN)
		session->events->fragment(session->owner, opcode, data, len, more);
}

static void refuse(pl_ws_session *session, int status)
{
	if (status == PL_ETOOBIG)
		pl_ws_fail(session, PL_WS_TOO_BIG, "message too big when inflated");
	else if (status == PL_ENOMEM)
		pl_ws_fail_memory(session);
	else
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "not deflate data");
}

static void refuse_text(pl_ws_session *session)
{
	pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text is not UTF-8");
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
	if (status)
		refuse(session, status);
	else if (opcode == PL_WS_TEXT && !pl_utf8_valid((const uint8_t *)message.at, message.len))
		refuse_text(session);
	else
		deliver(session, opcode, (const uint8_t *)message.at, message.len);
	pl_ws_deflate_release(session->deflate, message.at);
}

/* What is there of the message, as fragments are given out. False: there is no more to do. */
static bool show(pl_ws_session *session, bool more)
{
	ws_partial *partial = session->partial;
	pl_buffer *message = &partial->message;

	if (session->delivery == PL_WS_ALL) {
		partial->shown += message->len;
		if (partial->shown > (uint64_t)session->limits->fragmented_bytes) {
			pl_ws_fail(session, PL_WS_TOO_BIG, "too many bytes in too many fragments");
			return false;
		}
	}
	give_fragment(session, partial->opcode, bytes_of(message), message->len, more);
	if (session->delivery == PL_WS_FRAGMENTS)
		message->len = 0;
	return session->state == WS_OPEN;
}

/* The message is whole. Its buffer is taken out first: the callback may do anything to the
 * session. */
static void finish_message(pl_ws_session *session)
{
	ws_partial *partial = session->partial;
	pl_buffer message = partial->message;
	uint8_t opcode = partial->opcode;
	bool collected = partial->deflated && session->delivery == PL_WS_WHOLE;

	pl_ws_inflate_end(&partial->inflation, session->deflate);
	partial->message = (pl_buffer){ 0 };
	partial->opcode = 0;
	if (collected)
		deliver_inflated(session, opcode, message.data, message.len);
	else if (session->delivery != PL_WS_FRAGMENTS)
		deliver(session, opcode, bytes_of(&message), message.len);
	pl_buffer_deinit(&message);
}

/* Whether the message may end here. */
static bool ends_well(pl_ws_session *session)
{
	ws_partial *partial = session->partial;
	int status = PL_OK;

	if (partial->inflation.stream)
		status = pl_ws_inflate_tail(&partial->inflation);
	if (status)
		refuse(session, status);
	else if (partial->opcode == PL_WS_TEXT && !pl_utf8_done(&partial->utf8))
		pl_ws_fail(session, PL_WS_BAD_PAYLOAD, "text ends within a character");
	return session->state != WS_CLOSED;
}

/* A frame that was deflated by itself is whole. What it has become counts, not what it was. */
static bool frame_ends_well(pl_ws_session *session)
{
	ws_partial *partial = session->partial;
	int status;

	if (!partial->inflation.stream || !pl_ws_by_frame(session))
		return true;
	status = pl_ws_inflate_tail(&partial->inflation);
	partial->size += partial->inflation.given - partial->frame.length;
	pl_ws_inflate_end(&partial->inflation, session->deflate);
	if (status)
		refuse(session, status);
	return status == PL_OK;
}

void pl_ws_message_frame_end(pl_ws_session *session)
{
	const pl_ws_frame *frame = &session->partial->frame;

	if (session->state == WS_OPEN && !frame_ends_well(session))
		return;
	if (session->state == WS_OPEN && frame->fin && !ends_well(session))
		return;
	if (session->state == WS_OPEN && session->delivery != PL_WS_WHOLE &&
	    !show(session, !frame->fin) && session->state == WS_CLOSED)
		return;
	if (frame->fin)
		finish_message(session);
}

/* Collecting. */

void pl_ws_message_begin(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = session->partial;
	int status;

	partial->opcode = frame->opcode;
	partial->deflated = frame->rsv != 0 && !pl_ws_by_frame(session);
	partial->fragments = 1;
	partial->size = 0;
	partial->shown = 0;
	partial->utf8 = (pl_utf8){ 0 };
	if (!partial->deflated || session->delivery == PL_WS_WHOLE || session->state != WS_OPEN)
		return;
	status = pl_ws_inflate_begin(&partial->inflation, session->deflate,
				     (size_t)session->limits->message);
	if (status)
		refuse(session, status);
}

bool pl_ws_by_frame(const pl_ws_session *session)
{
	return session->deflate && pl_ws_deflate_by_frame(session->deflate);
}

void pl_ws_message_frame_begin(pl_ws_session *session, const pl_ws_frame *frame)
{
	ws_partial *partial = session->partial;
	uint64_t others = partial->size - frame->length;
	int status;

	if (frame->rsv == 0 || !pl_ws_by_frame(session) || session->state != WS_OPEN)
		return;
	status = pl_ws_inflate_begin(&partial->inflation, session->deflate,
				     (size_t)session->limits->message - (size_t)others);
	if (status)
		refuse(session, status);
}

bool pl_ws_message_direct(const pl_ws_session *session, const pl_ws_frame *frame)
{
	bool first = frame->opcode != PL_WS_CONTINUATION;

	if (frame->rsv != 0 && pl_ws_by_frame(session))
		return false;
	switch (session->delivery) {
	case PL_WS_FRAGMENTS:
		return frame->length <= PL_WS_PIECE &&
		       !(first ? frame->rsv != 0 : session->partial->deflated);
	case PL_WS_ALL:
		return first && frame->fin && frame->rsv == 0 &&
		       frame->length <= (uint64_t)session->limits->fragmented_bytes;
	default:
		return first && frame->fin;
	}
}

/* A frame of a message that is given out in fragments. */
static void direct_fragment(pl_ws_session *session, const pl_ws_frame *frame,
			    const uint8_t *payload)
{
	ws_partial *partial = session->partial;

	if (partial->opcode == PL_WS_TEXT &&
	    !pl_utf8_feed(&partial->utf8, payload, frame->length)) {
		refuse_text(session);
		return;
	}
	if (frame->fin && !ends_well(session))
		return;
	give_fragment(session, partial->opcode, payload, frame->length, !frame->fin);
	if (frame->fin)
		partial->opcode = 0;
}

void pl_ws_message_whole(pl_ws_session *session, const pl_ws_frame *frame, const uint8_t *payload)
{
	bool alone = frame->fin && frame->opcode != PL_WS_CONTINUATION;

	if (session->state != WS_OPEN) {
		if (frame->fin && session->partial)
			session->partial->opcode = 0;
	} else if (!alone) {
		direct_fragment(session, frame, payload);
	} else if (frame->rsv != 0) {
		deliver_inflated(session, frame->opcode, payload, frame->length);
	} else if (frame->opcode == PL_WS_TEXT && !pl_utf8_valid(payload, frame->length)) {
		refuse_text(session);
	} else {
		if (session->delivery != PL_WS_WHOLE)
			give_fragment(session, frame->opcode, payload, frame->length, false);
		if (session->delivery != PL_WS_FRAGMENTS)
			deliver(session, frame->opcode, payload, frame->length);
	}
}

/* Bytes of the frame that belong behind what is collected now. */
static size_t wanted(const pl_ws_session *session)
{
	const ws_partial *partial = session->partial;
	uint64_t left = partial->frame.length - partial->got;

	if (session->delivery == PL_WS_FRAGMENTS && left > PL_WS_PIECE - partial->message.len)
		left = PL_WS_PIECE - partial->message.len;
	return (size_t)left;
}

/* Makes room for n bytes more. The rest of a frame is announced, but a peer that announces much and
 * sends little must not hold memory for it: the room grows with what has come. */
static bool make_room(pl_ws_session *session, size_t n)
{
	ws_partial *partial = session->partial;
	pl_buffer *message = &partial->message;
	uint64_t announced = (uint64_t)message->len + wanted(session);
	uint64_t need = (uint64_t)message->len + n;
	uint64_t cap = GROWTH * need < announced ? GROWTH * need : announced;

	if (need <= message->cap)
		return true;
	if (partial->fragments > 1 || cap > SIZE_MAX)
		return pl_buffer_reserve(message, n) == PL_OK;
	return pl_buffer_grow(message, (size_t)cap) == PL_OK;
}

static void collect(pl_ws_session *session, const uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;
	pl_buffer *message = &partial->message;
	uint8_t *at;

	if (len == 0)
		return;
	if (!make_room(session, len)) {
		pl_ws_fail_memory(session);
		return;
	}
	at = message->data + message->len;
	if (data != at)
		memcpy(at, data, len);
	if (partial->opcode == PL_WS_TEXT && !partial->deflated &&
	    !pl_utf8_feed(&partial->utf8, at, len)) {
		refuse_text(session);
		return;
	}
	message->len += len;
	partial->got += len;
	if (session->delivery == PL_WS_FRAGMENTS && message->len == PL_WS_PIECE &&
	    partial->got < partial->frame.length)
		show(session, true);
}

/* Room to inflate into; 0 without memory. */
static size_t inflated_room(const pl_ws_session *session)
{
	pl_buffer *message = &session->partial->message;
	size_t cap = message->cap ? 2 * message->cap : INFLATED_FIRST;

	if (message->len == message->cap && pl_buffer_grow(message, cap))
		return 0;
	if (session->delivery == PL_WS_FRAGMENTS && message->cap > PL_WS_PIECE)
		return PL_WS_PIECE - message->len;
	return message->cap - message->len;
}

/* What came before a fault is looked at first: the code of our Close does not depend on how the
 * bytes arrived. */
static int inflate_some(pl_ws_session *session, const uint8_t **data, size_t *len)
{
	ws_partial *partial = session->partial;
	pl_buffer *message = &partial->message;
	size_t room = inflated_room(session);
	size_t allowed = partial->inflation.limit - partial->inflation.given;
	size_t given;
	int status;

	if (room == 0)
		return PL_ENOMEM;
	status = pl_ws_inflate(&partial->inflation, data, len, message->data + message->len, room,
			       &given);
	if (partial->opcode == PL_WS_TEXT &&
	    !pl_utf8_feed(&partial->utf8, message->data + message->len,
			  given < allowed ? given : allowed))
		return PL_EUTF8;
	if (status)
		return status;
	partial->more = given == room;
	message->len += given;
	return PL_OK;
}

/* Goes on until the data is used up, or a pause comes between two pieces. */
static size_t inflate(pl_ws_session *session, const uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;
	size_t left = len;

	do {
		int status = inflate_some(session, &data, &left);

		if (status == PL_EUTF8)
			refuse_text(session);
		else if (status)
			refuse(session, status);
		else if (session->delivery == PL_WS_FRAGMENTS &&
			 partial->message.len == PL_WS_PIECE)
			show(session, true);
	} while (session->state == WS_OPEN && !session->paused && (left > 0 || partial->more));
	return len - left;
}

size_t pl_ws_message_take(pl_ws_session *session, uint8_t *data, size_t len)
{
	ws_partial *partial = session->partial;
	const pl_ws_frame *frame = &partial->frame;
	uint64_t left = frame->length - partial->got;
	uint64_t at = partial->got;
	size_t taken;

	if (len > left)
		len = (size_t)left;
	/* Nobody would see it. */
	if (session->state != WS_OPEN) {
		partial->more = false;
		partial->got += len;
		return len;
	}
	if (!partial->inflation.stream && len > wanted(session))
		len = wanted(session);
	if (frame->masked)
		pl_ws_mask(data, len, frame->mask, at);
	if (!partial->inflation.stream) {
		collect(session, data, len);
		return len;
	}
	taken = inflate(session, data, len);
	partial->got += taken;
	if (frame->masked)
		pl_ws_mask(data + taken, len - taken, frame->mask, at + taken);
	return taken;
}

uint8_t *pl_ws_message_room(pl_ws_session *session, size_t *len)
{
	ws_partial *partial = session->partial;
	pl_buffer *message = &partial->message;
	size_t room;

	if (!partial->inside || partial->frame.opcode >= PL_WS_CLOSE || partial->inflation.stream ||
	    wanted(session) < DIRECT_MIN || session->state != WS_OPEN)
		return NULL;
	if (message->cap - message->len < DIRECT_MIN &&
	    (message->len < DIRECT_MIN || !make_room(session, DIRECT_MIN)))
		return NULL;
	room = message->cap - message->len;
	if (room > wanted(session))
		room = wanted(session);
	*len = room < READ_MAX ? room : READ_MAX;
	return message->data + message->len;
}
