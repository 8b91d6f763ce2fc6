#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"
#include "crypto/random.h"
#include "ws/ws_internal.h"

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

/* Writes one frame; returns what is behind it. */
static uint8_t *put_frame(uint8_t *out, uint8_t opcode, bool fin, bool masked, const void *data,
			  size_t len)
{
	pl_ws_frame frame = { .length = len, .opcode = opcode, .fin = fin, .masked = masked };

	if (masked)
		pl_random(frame.mask, sizeof(frame.mask));
	out += pl_ws_frame_encode(out, &frame);
	if (len > 0)
		memcpy(out, data, len);
	if (masked)
		pl_ws_mask(out, len, frame.mask, 0);
	return out + len;
}

static uint8_t *put_message(uint8_t *out, uint8_t opcode, bool masked, const uint8_t *data,
			    size_t len, size_t fragment)
{
	while (fragment > 0 && len > fragment) {
		out = put_frame(out, opcode, false, masked, data, fragment);
		opcode = PL_WS_CONTINUATION;
		data += fragment;
		len -= fragment;
	}
	return put_frame(out, opcode, true, masked, data, len);
}

pl_block *pl_ws_encode(uint8_t opcode, const void *data, size_t len, size_t fragment)
{
	pl_block *block = pl_block_new(pl_ws_encoded_size(len, fragment));

	if (block)
		put_message(block->data, opcode, false, data, len, fragment);
	return block;
}

/* One message into the stream's output, masked when we are the client. Whole or not at all: half of
 * one would spoil the messages behind it. */
static int send_message(pl_ws_session *session, uint8_t opcode, const void *data, size_t len,
			size_t fragment)
{
	bool masked = !session->server;
	size_t frames = fragment > 0 && len > fragment ? (len - 1) / fragment + 1 : 1;
	size_t size = pl_ws_encoded_size(len, fragment) + (masked ? 4 * frames : 0);
	uint8_t *out = pl_stream_reserve(session->stream, size);

	if (!out)
		return session->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	put_message(out, opcode, masked, data, len, fragment);
	pl_stream_commit(session->stream, size);
	session->sent += size;
	return PL_OK;
}

int pl_ws_session_send(pl_ws_session *session, uint8_t opcode, const void *data, size_t len,
		       size_t fragment)
{
	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (opcode == PL_WS_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	return send_message(session, opcode, data, len, fragment);
}

int pl_ws_session_send_control(pl_ws_session *session, uint8_t opcode, const void *payload,
			       size_t len)
{
	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (len > PL_WS_CONTROL_MAX)
		return PL_EINVAL;
	return send_message(session, opcode, payload, len, 0);
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

	send_message(session, PL_WS_CLOSE, payload, len, 0);
}

/* A peer that pings and does not read gets one answer, to its latest ping, when it reads
 * again (RFC 6455 section 5.5.3 allows that): its pings cannot fill our memory. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	ws_partial *partial;

	if (session->state != WS_OPEN)
		return;
	if (!session->stream->blocked) {
		send_message(session, PL_WS_PONG, payload, len, 0);
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
