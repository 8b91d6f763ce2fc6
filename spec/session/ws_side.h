/*
 * ws_side.h - one side of a WebSocket over memory, and frames as words.
 *
 * Frames are written the way a client sends them, with a mask of four zero bytes, so that their
 * payload can be read; ws_side_feed puts a real mask on them for a server and takes it away for a
 * client. What the owner is told and what was sent is kept in words: "text:hello pong:x
 * closed:1000 ". Long or unprintable payloads are words like "binary#65536".
 */
#ifndef SPEC_SESSION_WS_SIDE_H
#define SPEC_SESSION_WS_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/memory.h"
#include "ws/ws_internal.h"

enum { WS_SIDE_WORD_MAX = 64 };

typedef struct ws_side {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_ws_session *session; /* NULL after `closed` */
	pl_buffer journal;
	void (*on_message)(struct ws_side *side); /* what the owner does then, or NULL */
	size_t alive;
	uint16_t code; /* of `closed` */
	char reason[128];
	bool server;
} ws_side;

/* The words of a journal. */

static inline void ws_words_payload(pl_buffer *words, const char *name, const uint8_t *data,
				    size_t len)
{
	bool plain = len <= WS_SIDE_WORD_MAX;
	int status;

	for (size_t i = 0; plain && i < len; i++)
		plain = isgraph(data[i]) || data[i] >= 0x80;
	if (plain)
		status = pl_buffer_printf(words, "%s:%.*s ", name, (int)len, (const char *)data);
	else
		status = pl_buffer_printf(words, "%s#%zu ", name, len);
	assert_int_equal(status, PL_OK);
}

static inline void ws_words_code(pl_buffer *words, const char *name, unsigned code)
{
	assert_int_equal(pl_buffer_printf(words, "%s:%u ", name, code), PL_OK);
}

static inline const char *ws_words_take(pl_buffer *words)
{
	static char text[65536];

	assert_true(words->len < sizeof(text));
	if (words->len > 0)
		memcpy(text, words->data, words->len);
	text[words->len] = '\0';
	pl_buffer_deinit(words);
	return text;
}

/* The owner. */

static inline void ws_side_message(void *owner, uint8_t kind, const uint8_t *data, size_t len)
{
	ws_side *side = owner;

	ws_words_payload(&side->journal, kind == PL_WS_TEXT ? "text" : "binary", data, len);
	if (side->on_message)
		side->on_message(side);
}

static inline void ws_side_fragment(void *owner, uint8_t kind, const uint8_t *data, size_t len,
				    bool more)
{
	ws_side *side = owner;

	ws_words_payload(&side->journal,
			 kind == PL_WS_TEXT ? (more ? "some-text" : "last-text")
					    : (more ? "some-binary" : "last-binary"),
			 data, len);
	if (side->on_message)
		side->on_message(side);
}

static inline void ws_side_pong(void *owner, const uint8_t *payload, size_t len)
{
	ws_words_payload(&((ws_side *)owner)->journal, "pong", payload, len);
}

static inline void ws_side_alive(void *owner)
{
	((ws_side *)owner)->alive++;
}

static inline void ws_side_drain(void *owner)
{
	assert_int_equal(pl_buffer_printf(&((ws_side *)owner)->journal, "drain "), PL_OK);
}

static inline void ws_side_closing(void *owner)
{
	assert_int_equal(pl_buffer_printf(&((ws_side *)owner)->journal, "closing "), PL_OK);
}

static inline void ws_side_closed(void *owner, uint16_t code, pl_slice reason)
{
	ws_side *side = owner;

	side->code = code;
	assert_true(reason.len < sizeof(side->reason));
	if (reason.len > 0)
		memcpy(side->reason, reason.at, reason.len);
	side->reason[reason.len] = '\0';
	ws_words_code(&side->journal, "closed", code);
	pl_ws_session_free(side->session);
	side->session = NULL;
}

static const pl_ws_events ws_side_events = { .message = ws_side_message,
					     .fragment = ws_side_fragment,
					     .pong = ws_side_pong,
					     .alive = ws_side_alive,
					     .drain = ws_side_drain,
					     .closing = ws_side_closing,
					     .closed = ws_side_closed };

/* Life. Limits may be changed between the two. */

static inline void ws_side_init(ws_side *side, pl_loop *loop, bool server)
{
	memset(side, 0, sizeof(*side));
	side->loop = loop;
	side->server = server;
	pl_limits_init(&side->limits);
	pl_memory_init(&side->memory, loop);
}

static inline void ws_side_start(ws_side *side)
{
	assert_int_equal(pl_ws_session_new(&side->session, &side->memory.stream, side->server,
					   &side->limits, &ws_side_events, side),
			 PL_OK);
	pl_ws_session_start(side->session, NULL, 0);
}

static inline void ws_side_open(ws_side *side, pl_loop *loop, bool server)
{
	ws_side_init(side, loop, server);
	ws_side_start(side);
}

static inline void ws_side_turn(ws_side *side)
{
	pl_loop_turn(side->loop);
	pl_loop_turn(side->loop);
}

static inline void ws_side_close(ws_side *side)
{
	if (side->session)
		pl_ws_session_abort(side->session, PL_ECANCELED);
	ws_side_turn(side);
	assert_null(side->session);
	pl_memory_deinit(&side->memory);
	pl_buffer_deinit(&side->journal);
}

static inline const char *ws_side_journal(ws_side *side)
{
	return ws_words_take(&side->journal);
}

/* Frames. */

/* Bytes of the head that begins at `at`, its mask not counted; *length is the payload's, as far as
 * the `len` bytes show it. */
static inline size_t ws_head(const uint8_t *at, size_t len, uint64_t *length)
{
	uint8_t length7 = len < 2 ? 0 : at[1] & 127;
	size_t size = length7 == 127 ? 8 : length7 == 126 ? 2 : 0;

	*length = size ? 0 : length7;
	for (size_t i = 2; i < 2 + size && i < len; i++)
		*length = *length << 8 | at[i];
	return 2 + size;
}

/* Writes the frames `in`, masked with zeros and perhaps cut off, as a server or a client has to get
 * them. Returns the length. */
static inline size_t ws_frames_for(bool server, uint8_t *out, const void *frames, size_t len)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	const uint8_t *in = frames;
	size_t used = 0;
	size_t at = 0;

	while (used < len) {
		uint64_t length;
		size_t head = ws_head(in + used, len - used, &length);
		bool masked = len - used >= 2 && (in[used + 1] & 128);
		size_t i;

		for (i = 0; i < head && used < len; i++)
			out[at++] = in[used++];
		if (!server && i > 1)
			out[at - i + 1] &= 127;
		for (i = 0; masked && i < 4 && used < len; i++, used++)
			if (server)
				out[at++] = mask[i];
		for (i = 0; i < length && used < len; i++)
			out[at++] = in[used++] ^ (server && masked ? mask[i & 3] : 0);
	}
	return at;
}

/* Takes the frames that were sent and says them in words; checks that they are masked or not. */
static inline const char *ws_words_sent(pl_buffer *sent, bool masked)
{
	static const char *const names[] = {
		[PL_WS_CONTINUATION] = "continued",
		[PL_WS_TEXT] = "text",
		[PL_WS_BINARY] = "binary",
		[PL_WS_CLOSE] = "close",
		[PL_WS_PING] = "ping",
		[PL_WS_PONG] = "pong",
	};
	pl_ws_rules rules = { .masked = masked, .max_length = UINT32_MAX };
	pl_buffer words = { 0 };
	size_t used = 0;

	while (used < sent->len) {
		pl_ws_frame frame;
		int head = pl_ws_frame_decode(&frame, &rules, sent->data + used, sent->len - used);
		uint8_t *payload = sent->data + used + head;

		assert_true(head > 0);
		assert_true(frame.length <= sent->len - used - (size_t)head);
		if (frame.masked)
			pl_ws_mask(payload, frame.length, frame.mask, 0);
		if (!frame.fin)
			assert_int_equal(pl_buffer_printf(&words, "more-"), PL_OK);
		if (frame.opcode == PL_WS_CLOSE && frame.length >= 2)
			ws_words_code(&words, "close", (unsigned)(payload[0] << 8 | payload[1]));
		else
			ws_words_payload(&words, names[frame.opcode], payload, frame.length);
		used += (size_t)head + frame.length;
	}
	pl_buffer_deinit(sent);
	return ws_words_take(&words);
}

static inline const char *ws_side_sent(ws_side *side)
{
	return ws_words_sent(&side->memory.sent, !side->server);
}

/* Gives the bytes as they are, unless the stream is closing. */
static inline void ws_side_raw(ws_side *side, const void *data, size_t len)
{
	if (!side->memory.stream.closing)
		assert_true(pl_memory_feed(&side->memory, data, len));
}

/* The peer ends its direction, unless the stream is closing. */
static inline void ws_side_end(ws_side *side)
{
	if (side->session)
		pl_memory_end(&side->memory);
}

/* In two pieces, the first of `cut` bytes. */
static inline void ws_side_feed_cut(ws_side *side, const void *frames, size_t len, size_t cut)
{
	uint8_t *bytes = pl_alloc(len + 1);
	size_t size = ws_frames_for(side->server, bytes, frames, len);

	ws_side_raw(side, bytes, cut);
	if (size > cut)
		ws_side_raw(side, bytes + cut, size - cut);
	pl_free(bytes);
}

static inline void ws_side_feed(ws_side *side, const void *frames, size_t len)
{
	uint8_t *bytes = pl_alloc(len + 1);

	ws_side_raw(side, bytes, ws_frames_for(side->server, bytes, frames, len));
	pl_free(bytes);
}

#define WS_FEED(side, literal) ws_side_feed(side, literal, sizeof(literal) - 1)
#define WS_FEED_CUT(side, literal, cut) ws_side_feed_cut(side, literal, sizeof(literal) - 1, cut)

#endif
