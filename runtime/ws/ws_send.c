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

/* Writes one frame, unmasked; returns what is behind it. */
static uint8_t *put_frame(uint8_t *out, uint8_t opcode, bool fin, const void *data, size_t len)
{
	pl_ws_frame frame = { .length = len, .opcode = opcode, .fin = fin };

	out += pl_ws_frame_encode(out, &frame);
	if (len > 0)
		memcpy(out, data, len);
	return out + len;
}

static uint8_t *put_message(uint8_t *out, uint8_t opcode, const uint8_t *data, size_t len,
			    size_t fragment)
{
	while (fragment > 0 && len > fragment) {
		out = put_frame(out, opcode, false, data, fragment);
		opcode = PL_WS_CONTINUATION;
		data += fragment;
		len -= fragment;
	}
	return put_frame(out, opcode, true, data, len);
}

pl_block *pl_ws_encode(uint8_t opcode, const void *data, size_t len, size_t fragment)
{
	pl_block *block = pl_block_new(pl_ws_encoded_size(len, fragment));

	if (block)
		put_message(block->data, opcode, data, len, fragment);
	return block;
}

/* One frame into the stream's output, masked when we are the client. */
static int send_frame(pl_ws_session *session, uint8_t opcode, bool fin, const void *data,
		      size_t len)
{
	pl_ws_frame frame = {
		.length = len, .opcode = opcode, .fin = fin, .masked = !session->server
	};
	uint8_t *out = pl_stream_reserve(session->stream, PL_WS_HEAD_MAX + len);
	size_t head;

	if (!out)
		return session->stream->closing ? PL_ECLOSED : PL_ENOMEM;
	if (frame.masked)
		pl_random(frame.mask, sizeof(frame.mask));
	head = pl_ws_frame_encode(out, &frame);
	if (len > 0)
		memcpy(out + head, data, len);
	if (frame.masked)
		pl_ws_mask(out + head, len, frame.mask, 0);
	pl_stream_commit(session->stream, head + len);
	session->sent += head + len;
	return PL_OK;
}

int pl_ws_session_send(pl_ws_session *session, uint8_t opcode, const void *data, size_t len,
		       size_t fragment)
{
	const uint8_t *at = data;
	int status;

	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (opcode == PL_WS_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	while (fragment > 0 && len > fragment) {
		status = send_frame(session, opcode, false, at, fragment);
		if (status)
			return status;
		opcode = PL_WS_CONTINUATION;
		at += fragment;
		len -= fragment;
	}
	return send_frame(session, opcode, true, at, len);
}

int pl_ws_session_send_control(pl_ws_session *session, uint8_t opcode, const void *payload,
			       size_t len)
{
	if (session->state != WS_OPEN)
		return PL_ECLOSED;
	if (len > PL_WS_CONTROL_MAX)
		return PL_EINVAL;
	return send_frame(session, opcode, true, payload, len);
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

	send_frame(session, PL_WS_CLOSE, true, payload, len);
}

/* A peer that pings and does not read gets one answer, to its latest ping, when it reads
 * again (RFC 6455 section 5.5.3 allows that): its pings cannot fill our memory. */
void pl_ws_answer_ping(pl_ws_session *session, const uint8_t *payload, size_t len)
{
	ws_partial *partial;

	if (session->state != WS_OPEN)
		return;
	if (!session->stream->blocked) {
		send_frame(session, PL_WS_PONG, true, payload, len);
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
