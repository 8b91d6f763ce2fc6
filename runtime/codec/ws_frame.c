#include "codec/ws_frame.h"

#include <string.h>

#include "base/status.h"
#include "codec/utf8.h"

enum { FIN = 0x80, MASKED = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

static int fail(pl_ws_frame *frame, int status, const char *error)
{
	frame->error = error;
	return status;
}

static bool is_control(uint8_t opcode)
{
	return (opcode & 0x8) != 0;
}

static uint64_t read_be(const uint8_t *at, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = value << 8 | at[i];
	return value;
}

static void write_be(uint8_t *at, uint64_t value, size_t count)
{
	for (size_t i = count; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

/* Bytes behind the first two that hold the length. */
static size_t length_size(uint8_t length7)
{
	return length7 == LENGTH_64 ? 8 : length7 == LENGTH_16 ? 2 : 0;
}

/* What the first two bytes show to be wrong (5.2, 5.5), or NULL. */
static const char *check_start(const pl_ws_frame *frame, const pl_ws_rules *rules, uint8_t length7)
{
	bool control = is_control(frame->opcode);

	if ((frame->rsv & ~(control ? 0 : rules->rsv)) != 0)
		return "reserved bit set";
	if ((frame->opcode & 0x7) > (control ? PL_WS_PONG & 0x7 : PL_WS_BINARY))
		return "reserved opcode";
	if (frame->masked != rules->masked)
		return rules->masked ? "frame is not masked" : "frame is masked";
	if (control && !frame->fin)
		return "control frame is fragmented";
	if (control && length7 > PL_WS_CONTROL_MAX)
		return "control frame is too long";
	return NULL;
}

/* What is wrong with an extended length of `size` bytes (5.2), or NULL. */
static const char *check_length(uint64_t length, size_t size)
{
	if ((size == 2 && length < LENGTH_16) || (size == 8 && length <= UINT16_MAX))
		return "length is not in its shortest form";
	if (length > INT64_MAX)
		return "length has bit 63 set";
	return NULL;
}

int pl_ws_frame_decode(pl_ws_frame *frame, const pl_ws_rules *rules, const uint8_t *buf, size_t len)
{
	const char *error;
	uint8_t length7;
	size_t size, used;

	if (len < 2)
		return 0;
	frame->fin = (buf[0] & FIN) != 0;
	frame->rsv = buf[0] >> 4 & 0x7;
	frame->opcode = buf[0] & 0xF;
	frame->masked = (buf[1] & MASKED) != 0;
	length7 = buf[1] & 0x7F;
	error = check_start(frame, rules, length7);
	if (error)
		return fail(frame, PL_EPROTO, error);

	size = length_size(length7);
	used = 2 + size;
	if (len < used)
		return 0;
	frame->length = size > 0 ? read_be(buf + 2, size) : length7;
	error = check_length(frame->length, size);
	if (error)
		return fail(frame, PL_EPROTO, error);
	if (!is_control(frame->opcode) && frame->length > rules->max_length)
		return fail(frame, PL_ETOOBIG, "frame is over the size limit");

	if (!frame->masked)
		return (int)used;
	if (len < used + sizeof(frame->mask))
		return 0;
	memcpy(frame->mask, buf + used, sizeof(frame->mask));
	return (int)(used + sizeof(frame->mask));
}

size_t pl_ws_frame_encode(uint8_t *out, const pl_ws_frame *frame)
{
	uint8_t length7 = frame->length > UINT16_MAX   ? LENGTH_64
			  : frame->length >= LENGTH_16 ? LENGTH_16
						       : (uint8_t)frame->length;
	size_t size = length_size(length7);

	out[0] = (uint8_t)((frame->fin ? FIN : 0) | frame->rsv << 4 | frame->opcode);
	out[1] = (uint8_t)((frame->masked ? MASKED : 0) | length7);
	write_be(out + 2, frame->length, size);
	if (!frame->masked)
		return 2 + size;
	memcpy(out + 2 + size, frame->mask, sizeof(frame->mask));
	return 2 + size + sizeof(frame->mask);
}

void pl_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
	uint8_t key[8];
	uint64_t word, here, block[4];
	size_t i = 0;

	for (size_t k = 0; k < sizeof(key); k++)
		key[k] = mask[(offset + k) & 3];
	memcpy(&word, key, sizeof(word));
	for (; len - i >= sizeof(block); i += sizeof(block)) {
		memcpy(block, data + i, sizeof(block));
		for (size_t k = 0; k < 4; k++)
			block[k] ^= word;
		memcpy(data + i, block, sizeof(block));
	}
	for (; len - i >= sizeof(here); i += sizeof(here)) {
		memcpy(&here, data + i, sizeof(here));
		here ^= word;
		memcpy(data + i, &here, sizeof(here));
	}
	for (; i < len; i++)
		data[i] ^= key[i & 7];
}

bool pl_ws_close_code_valid(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

int pl_ws_close_decode(const uint8_t *payload, size_t len, uint16_t *code, pl_slice *reason)
{
	*code = 1005;
	*reason = pl_slice_make(NULL, 0);
	if (len == 0)
		return PL_OK;
	if (len == 1)
		return PL_EPROTO;
	*code = (uint16_t)read_be(payload, 2);
	*reason = pl_slice_make((const char *)payload + 2, len - 2);
	if (!pl_ws_close_code_valid(*code))
		return PL_EPROTO;
	return pl_utf8_valid(payload + 2, len - 2) ? PL_OK : PL_EUTF8;
}

size_t pl_ws_close_encode(uint8_t out[PL_WS_CONTROL_MAX], uint16_t code, pl_slice reason)
{
	size_t cut = reason.len;

	if (code == 0 || code == 1005)
		return 0;
	if (cut > PL_WS_CONTROL_MAX - 2) {
		cut = PL_WS_CONTROL_MAX - 2;
		while (cut > 0 && (reason.at[cut] & 0xC0) == 0x80)
			cut--;
	}
	write_be(out, code, 2);
	if (cut > 0)
		memcpy(out + 2, reason.at, cut);
	return 2 + cut;
}
