/*
 * ws_frame_fuzz.c - a stream of frames: each head the same whole and in pieces, and again from its
 * values; Close payloads; masking whole and in pieces.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/ws_frame.h"

/* Decodes as bytes come: the first verdict. */
static int decode_slowly(pl_ws_frame *frame, const pl_ws_rules *rules, const uint8_t *data,
			 size_t size)
{
	int result = 0;

	for (size_t len = 0; len <= size && result == 0; len++) {
		uint8_t *piece = fuzz_copy(data, len);

		result = pl_ws_frame_decode(frame, rules, piece, len);
		FUZZ_CHECK(result <= (int)len);
		free(piece);
	}
	return result;
}

static int check_head(pl_ws_frame *frame, const pl_ws_rules *rules, const uint8_t *data,
		      size_t size)
{
	uint8_t head[PL_WS_HEAD_MAX];
	pl_ws_frame slow;
	int result = pl_ws_frame_decode(frame, rules, data, size);

	FUZZ_CHECK(decode_slowly(&slow, rules, data, size) == result);
	FUZZ_CHECK(result <= PL_WS_HEAD_MAX);
	if (result > 0) {
		FUZZ_CHECK(slow.length == frame->length && slow.opcode == frame->opcode);
		FUZZ_CHECK(pl_ws_frame_encode(head, frame) == (size_t)result);
		FUZZ_CHECK(memcmp(head, data, (size_t)result) == 0);
	}
	return result;
}

static void check_close(const uint8_t *payload, size_t len)
{
	uint8_t again[PL_WS_CONTROL_MAX];
	uint16_t code;
	pl_slice reason;
	int status = pl_ws_close_decode(payload, len, &code, &reason);

	FUZZ_CHECK(fuzz_within(reason, pl_slice_make((const char *)payload, len)));
	if (status == PL_OK && len <= PL_WS_CONTROL_MAX) {
		FUZZ_CHECK(pl_ws_close_encode(again, code, reason) == len);
		FUZZ_CHECK(len == 0 || memcmp(again, payload, len) == 0);
	} else if (status == PL_OK) {
		len = pl_ws_close_encode(again, code, reason);
		FUZZ_CHECK(len > PL_WS_CONTROL_MAX - 4 && len <= PL_WS_CONTROL_MAX);
		FUZZ_CHECK(pl_ws_close_decode(again, len, &code, &reason) == PL_OK);
	}
}

static void check_mask(const pl_ws_frame *frame, const uint8_t *payload, size_t len)
{
	fuzz_cuts cuts = fuzz_cuts_of(payload, len);
	uint8_t *copy = fuzz_copy(payload, len);

	pl_ws_mask(copy, len, frame->mask, 0);
	for (size_t at = 0, count; at < len; at += count) {
		count = fuzz_cut(&cuts, len - at);
		pl_ws_mask(copy + at, count, frame->mask, at);
	}
	FUZZ_CHECK(len == 0 || memcmp(copy, payload, len) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pl_ws_rules rules = { .masked = size > 1 && (data[1] & 0x80) != 0,
			      .rsv = size % 2 ? PL_WS_RSV1 : 0,
			      .max_length = size % 3 ? INT64_MAX : 1000 };
	pl_ws_frame frame;
	int head;

	for (size_t at = 0; at < size; at += (size_t)frame.length) {
		head = check_head(&frame, &rules, data + at, size - at);
		if (head <= 0)
			break;
		at += (size_t)head;
		if (frame.length > size - at)
			frame.length = size - at;
		if (frame.masked)
			check_mask(&frame, data + at, (size_t)frame.length);
		check_close(data + at, (size_t)frame.length);
	}
	check_close(data, size);
	return 0;
}
