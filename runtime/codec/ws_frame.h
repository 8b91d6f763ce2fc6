/*
 * ws_frame.h - RFC 6455 section 5: frame heads, masking, Close payloads.
 *
 * Pure: no I/O, no clock, no allocation. The payload is not touched by decode;
 * the caller slices `length` bytes after the head and unmasks them.
 */
#ifndef PL_CODEC_WS_FRAME_H
#define PL_CODEC_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum pl_ws_opcode {
	PL_WS_CONTINUATION = 0x0,
	PL_WS_TEXT = 0x1,
	PL_WS_BINARY = 0x2,
	PL_WS_CLOSE = 0x8,
	PL_WS_PING = 0x9,
	PL_WS_PONG = 0xA
};

enum {
	PL_WS_HEAD_MAX = 14,	 /* bytes of the longest frame head */
	PL_WS_CONTROL_MAX = 125, /* bytes of a control frame's payload (5.5) */
	PL_WS_RSV1 = 4,
	PL_WS_RSV2 = 2,
	PL_WS_RSV3 = 1
};

typedef struct pl_ws_rules {
	bool masked;	     /* frames must be masked (we are the server); else they must not be */
	uint8_t rsv;	     /* reserved bits that extensions allow on data frames */
	uint64_t max_length; /* largest payload of a data frame */
} pl_ws_rules;

typedef struct pl_ws_frame {
	uint64_t length; /* payload bytes that follow the head */
	uint8_t opcode;
	uint8_t rsv; /* RSV1 << 2 | RSV2 << 1 | RSV3 */
	bool fin;
	bool masked;
	uint8_t mask[4];
	const char *error; /* after a failure: what was wrong, a constant phrase */
} pl_ws_frame;

/* Decodes one head from buf[0..len). Returns bytes used (> 0), 0 when more are needed,
 * PL_EPROTO (close with 1002) or PL_ETOOBIG (1009: over max_length). Errors that the first
 * two bytes show are reported as soon as these are there. Refused as PL_EPROTO: reserved bits
 * not allowed, reserved opcodes, wrong masking, a control frame that is fragmented or longer
 * than 125 bytes, a length not in its shortest form, bit 63 of the length set. */
int pl_ws_frame_decode(pl_ws_frame *frame, const pl_ws_rules *rules, const uint8_t *buf,
		       size_t len);

/* Writes the head, at most PL_WS_HEAD_MAX bytes; returns its length. */
size_t pl_ws_frame_encode(uint8_t *out, const pl_ws_frame *frame);

/* XORs data with the mask, where data[0] is byte `offset` of the payload. */
void pl_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset);

/* Decodes a Close payload. PL_OK with *code (1005 when the payload is empty) and *reason;
 * PL_EPROTO: one byte, or a code that must not be on the wire (7.4);
 * PL_EUTF8: the reason is not UTF-8. */
int pl_ws_close_decode(const uint8_t *payload, size_t len, uint16_t *code, pl_slice *reason);

/* Writes code and reason, which must be UTF-8, the reason cut at a character border so that all
 * fits into PL_WS_CONTROL_MAX bytes; returns the length. Code 0 or 1005 writes nothing. */
size_t pl_ws_close_encode(uint8_t out[PL_WS_CONTROL_MAX], uint16_t code, pl_slice reason);

/* Whether an endpoint may send this code: 1000-1003, 1007-1014, 3000-4999. */
bool pl_ws_close_code_valid(uint16_t code);

#endif
