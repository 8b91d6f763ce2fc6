#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"
#include "crypto/random.h"
#include "ws/ws_internal.h"

enum {
	DEFLATE_MIN = 64,	/* shorter messages are not worth the processor's time */
	FLUSH_EARLY = 64 * 1024 /* answers to pings beyond this leave before the turn ends */
};

/* Under which slot a control frame waits for blocked output. Of pongs the latest is enough (5.5.3),
 * and one empty ping says as much as two. */
enum { SLOT_EACH, SLOT_PONG, SLOT_PING };

static size_t head_size(size_t len)
{
	return len < 126 ? 2 : len < 65536 ? 4 : 10;
}

size_t pl_ws_encoded_size(size_t len, size_t fragment)
{
	size_t whole;
	size_t rest;

	if (fragment == 0 || len <= fragment)
		return head_size(len) + len;
	whole = (len - 1) / fragment;
	rest = len - whole * fragment;
	return len + whole * head_size(fragment) + head_size(rest);
}

/* What the frames of one message have in common. */
typedef struct outgoing {
	uint8_t opcode;
	uint8_t rsv; /* of the first frame */
	bool masked;
	const uint8_t *data;
	size_t len;
	size_t fragment;
} outgoing;

/* Writes one frame; returns what is behind it. */
static uint8_t *put_frame(uint8_t *out, const outgoing *message, bool first, bool fin, size_t at,
			  size_t len)
{
	pl_ws_frame frame = { .length = len,
			      .opcode = first ? message->opcode : PL_WS_CONTINUATION,
			      .rsv = first ? message->rsv : 0,
			      .fin = fin,
			      .masked = message->masked };

	if (frame.masked)
		pl_random(frame.mask, sizeof(frame.mask));
	out += pl_ws_frame_encode(out, &frame);
	if (len > 0)
		memcpy(out, message->data + at, len);
	if (frame.masked)
		pl_ws_mask(out, len, frame.mask, 0);
	return out + len;
}

static void put_message(uint8_t *out, const outgoing *message)
{
	size_t at = 0;

	while (message->fragment > 0 && message->len - at > message->fragment) {
		out = put_frame(out, message, at == 0, false, at, message->fragment);
		at += message->fragment;
	}
	put_frame(out, message, at == 0, true, at, message->len - at);
}

/* Replaces the payload by its deflated form. One that starts anew need not be sent deflated: a
 * short one, and one that grows, is not. With takeover the next message builds on this one, so
 * that it has to be sent as it is, or forgotten. */
static int deflate_message(pl_ws_deflate *deflate, outgoing *message)
{
	bool choice = pl_ws_deflate_sharing(deflate) != 0;
	pl_slice out;
	int status;

	if (choice && message->len < DEFLATE_MIN)
		return PL_OK;
	status = pl_ws_deflate_encode(deflate, message->data, message->len, &out);
	if (status)
		return status;
	if (choice && out.len >= message->len) {
		pl_ws_deflate_release(deflate, out.at);
		return PL_OK;
	}
	message->data = (const uint8_t *)out.at;
	message->len = out.len;
	message->rsv = PL_WS_RSV1;
	return PL_OK;
}

/* Frames of which each would have to be deflated by itself go as they are. */
static bool deflates(const pl_ws_deflate *deflate, const outgoing *message)
{
	bool parts = message->fragment > 0 && message->len > message->fragment;

	return deflate && !(parts && pl_ws_deflate_by_frame(deflate));
}

pl_block *pl_ws_encode(pl_ws_deflate *deflate, uint8_t opcode, const void *data, size_t len,
		       size_t fragment)
{
	outgoing message = { .opcode = opcode, .data = data, .len = len, .fragment = fragment };
	pl_block *block;

	if (!deflates(deflate, &message))
		deflate = NULL;
	if (deflate && deflate_message(deflate, &message))
		return NULL;
	block = pl_block_new(pl_ws_encoded_size(message.len, fragment));
	if (block)
		put_message(block->data, &message);
	else if (deflate)
		pl_ws_deflate_forget(deflate);
	if (deflate)
		pl_ws_deflate_release(deflate, message.data);
	return block;
}

static bool send_frame(pl_stream *stream, const outgoing *message, size_t at, size_t len)
{
	size_t size = head_size(len) + (message->masked ? 4 : 0) + len;
	uint8_t *out = pl_stream_reserve(stream, size);

	if (!out)
		return false;
	put_frame(out, message, at == 0, at + len == message->len, at, len);
	pl_stream_commit(stream, size);
	return true;
}

/* One message into the stream's output, each frame a write of its own, between which a control
 * frame may get. Whole or not at all: half of a message would spoil those behind it. */
static int send_message(pl_ws_session *session, const outgoing *message)
{
	pl_stream *stream = session->stream;
	size_t before = pl_stream_queued(stream);
	size_t at = 0;
	bool sent;

	while (message->fragment > 0 && message->len - at > message->fragment &&
	       send_frame(stream, message, at, message->fragment))
		at += message->fragment;
	sent = (message->fragment == 0 || message->len - at <= message->fragment) &&
	       send_frame(stream, message, at, message->len - at);
	if (!sent)
		pl_stream_rewind(stream, before);
	session->sent += pl_stream_queued(stream) - before;
	if (!sent)
		return stream->closing ? PL_ECLOSED : PL_ENOMEM;
	return PL_OK;
}

static size_t put_control(uint8_t *out, const pl_ws_session *session, uint8_t opcode,
			  const void *payload, size_t len)
{
	outgoing message = {
		.opcode = opcode, .masked = !session->server, .data = payload, .len = len
	};

	return (size_t)(put_frame(out, &message, true, true, 0, len) - out);
}

/* Never behind data that waits. */
static int send_control(pl_ws_session *session, uint8_t slot, uint8_t opcode, const void *payload,
			size_t len)
{
	uint8_t frame[PL_WS_HEAD_MAX + PL_WS_CONTROL_MAX];
	size_t size = put_control(frame, session, opcode, payload, len);
	size_t before = pl_stream_queued(session->stream);
	int status = pl_stream_overtake(session->stream, slot, frame, size);

	session->sent += pl_stream_queued(session->stream) - before;
	return status;
}

int pl_ws_session_send(pl_ws_session *session, uint8_t opcode, const void *data, size_t len,
		       size_t fragment)
{
	outgoing message = { .opcode = opcode,
			     .masked = !session->server,
			     .data = data,
			     .len = len,
			     .fragment = fragment };
	int status;

	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (opcode == PL_WS_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	if (!deflates(session->deflate, &message))
		return send_message(session, &message);
	status = deflate_message(session->deflate, &message);
	if (!status)
		status = send_message(session, &message);
	if (status)
		pl_ws_deflate_forget(session->deflate);
	pl_ws_deflate_release(session->deflate, message.data);
	return status;
}

int pl_ws_session_send_control(pl_ws_session *session, uint8_t opcode, const void *payload,
			       size_t len)
{
	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (len > PL_WS_CONTROL_MAX)
		return PL_EINVAL;
	return send_control(session, opcode == PL_WS_PING && len == 0 ? SLOT_PING : SLOT_EACH,
			    opcode, payload, len);
}

/* The frames from `at` on that make a write: one, or as many as a chunk holds. */
static size_t frames_of_a_write(const pl_block *frames, size_t at)
{
	static const pl_ws_rules rules = { .rsv = PL_WS_RSV1, .max_length = INT64_MAX };
	size_t end = at;

	while (end < frames->len) {
		pl_ws_frame frame;
		int head =
			pl_ws_frame_decode(&frame, &rules, frames->data + end, frames->len - end);
		size_t size = (size_t)head + (size_t)frame.length;

		if (end > at && end - at + size > PL_CHUNK_LARGE)
			break;
		end += size;
	}
	return end - at;
}

int pl_ws_session_send_block(pl_ws_session *session, pl_block *frames)
{
	pl_stream *stream = session->stream;
	size_t before;
	size_t at = 0;
	int status = PL_OK;

	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	before = pl_stream_queued(stream);
	while (at < frames->len && status == PL_OK) {
		size_t len = frames->len - at;

		if (len > PL_CHUNK_LARGE)
			len = frames_of_a_write(frames, at);
		status = pl_stream_write_block(stream, frames, at, len);
		at += len;
	}
	if (status)
		pl_stream_rewind(stream, before);
	session->sent += pl_stream_queued(stream) - before;
	return status;
}

void pl_ws_send_close(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	uint8_t payload[PL_WS_CONTROL_MAX];
	uint8_t frame[PL_WS_HEAD_MAX + PL_WS_CONTROL_MAX];
	size_t len = pl_ws_close_encode(payload, code, reason);

	len = put_control(frame, session, PL_WS_CLOSE, payload, len);
	if (pl_stream_write(session->stream, frame, len) == PL_OK)
		session->sent += len;
}

/* Due until the peer's Close is read (5.5.2), also after our own: only data may not follow that. A
 * peer that pings and does not read has one answer waiting, to its latest ping: its pings cannot
 * fill our memory. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	if (session->state == WS_CLOSED)
		return;
	send_control(session, SLOT_PONG, PL_WS_PONG, payload, len);
	if (pl_stream_queued(session->stream) >= FLUSH_EARLY)
		pl_stream_flush_now(session->stream);
}
