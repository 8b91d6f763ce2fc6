#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"
#include "crypto/random.h"
#include "ws/ws_internal.h"

/* Shorter messages are not worth the processor's time. */
enum { DEFLATE_MIN = 64 };

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

pl_block *pl_ws_encode(pl_ws_deflate *deflate, uint8_t opcode, const void *data, size_t len,
		       size_t fragment)
{
	outgoing message = { .opcode = opcode, .data = data, .len = len, .fragment = fragment };
	pl_block *block;

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

/* One message into the stream's output. Whole or not at all: half of one would spoil the messages
 * behind it. */
static int send_message(pl_ws_session *session, const outgoing *message)
{
	size_t len = message->len;
	size_t fragment = message->fragment;
	size_t frames = fragment > 0 && len > fragment ? (len - 1) / fragment + 1 : 1;
	size_t size = pl_ws_encoded_size(len, fragment) + (message->masked ? 4 * frames : 0);
	uint8_t *out = pl_stream_reserve(session->stream, size);

	if (!out)
		return session->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	put_message(out, message);
	pl_stream_commit(session->stream, size);
	session->sent += size;
	return PL_OK;
}

static int send_control(pl_ws_session *session, uint8_t opcode, const void *payload, size_t len)
{
	outgoing message = {
		.opcode = opcode, .masked = !session->server, .data = payload, .len = len
	};

	return send_message(session, &message);
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
	if (!session->deflate)
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
	return send_control(session, opcode, payload, len);
}

int pl_ws_session_send_block(pl_ws_session *session, pl_block *frames)
{
	int status;

	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	status = pl_stream_write_block(session->stream, frames);
	if (status == PL_OK)
		session->sent += frames->len;
	return status;
}

void pl_ws_send_close(pl_ws_session *session, uint16_t code, pl_slice reason)
{
	uint8_t payload[PL_WS_CONTROL_MAX];
	size_t len = pl_ws_close_encode(payload, code, reason);

	send_control(session, PL_WS_CLOSE, payload, len);
}

/* A peer that pings and does not read gets one answer, to its latest ping, when it reads
 * again (RFC 6455 section 5.5.3 allows that): its pings cannot fill our memory. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	ws_partial *partial;

	if (session->state != WS_OPEN)
		return;
	if (!session->stream->blocked) {
		send_control(session, PL_WS_PONG, payload, len);
		return;
	}
	partial = pl_ws_partial(session);
	if (!partial)
		return;
	if (len > 0)
		memmove(partial->pong, payload, len);
	partial->pong_len = (uint8_t)len;
	partial->pong_due = true;
}
