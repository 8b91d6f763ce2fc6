#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/ws_frame.h"

enum { SERVER, CLIENT, DEFLATE };

static const pl_ws_rules rules[] = {
	[SERVER] = { .masked = true, .max_length = 1 << 20 },
	[CLIENT] = { .masked = false, .max_length = INT64_MAX },
	[DEFLATE] = { .masked = true, .rsv = PL_WS_RSV1, .max_length = 100 },
};

static const struct {
	int role;
	pl_slice bytes;
	pl_ws_frame frame;
} taken[] = {
	/* RFC 6455 5.7 */
	{ CLIENT, BYTES("\x81\x05"), { .fin = true, .opcode = PL_WS_TEXT, .length = 5 } },
	{ SERVER,
	  BYTES("\x81\x85\x37\xfa\x21\x3d"),
	  { .fin = true,
	    .opcode = PL_WS_TEXT,
	    .length = 5,
	    .masked = true,
	    .mask = { 0x37, 0xfa, 0x21, 0x3d } } },
	{ CLIENT, BYTES("\x01\x03"), { .opcode = PL_WS_TEXT, .length = 3 } },
	{ CLIENT, BYTES("\x80\x02"), { .fin = true, .opcode = PL_WS_CONTINUATION, .length = 2 } },
	{ CLIENT, BYTES("\x89\x05"), { .fin = true, .opcode = PL_WS_PING, .length = 5 } },
	{ SERVER,
	  BYTES("\x8a\x85\x37\xfa\x21\x3d"),
	  { .fin = true,
	    .opcode = PL_WS_PONG,
	    .length = 5,
	    .masked = true,
	    .mask = { 0x37, 0xfa, 0x21, 0x3d } } },
	{ CLIENT,
	  BYTES("\x82\x7E\x01\x00"),
	  { .fin = true, .opcode = PL_WS_BINARY, .length = 256 } },
	{ CLIENT,
	  BYTES("\x82\x7F\0\0\0\0\0\x01\0\0"),
	  { .fin = true, .opcode = PL_WS_BINARY, .length = 65536 } },
	/* The borders of the three forms of the length */
	{ CLIENT, BYTES("\x82\x00"), { .fin = true, .opcode = PL_WS_BINARY, .length = 0 } },
	{ CLIENT, BYTES("\x82\x7D"), { .fin = true, .opcode = PL_WS_BINARY, .length = 125 } },
	{ CLIENT,
	  BYTES("\x82\x7E\x00\x7E"),
	  { .fin = true, .opcode = PL_WS_BINARY, .length = 126 } },
	{ CLIENT,
	  BYTES("\x82\x7E\xFF\xFF"),
	  { .fin = true, .opcode = PL_WS_BINARY, .length = 65535 } },
	{ CLIENT,
	  BYTES("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
	  { .fin = true, .opcode = PL_WS_BINARY, .length = INT64_MAX } },
	{ SERVER,
	  BYTES("\x02\xFF\0\0\0\0\0\x10\0\0\1\2\3\4"),
	  { .opcode = PL_WS_BINARY, .length = 1 << 20, .masked = true, .mask = { 1, 2, 3, 4 } } },
	/* Control frames: empty and full; max_length is not for them */
	{ CLIENT, BYTES("\x88\x00"), { .fin = true, .opcode = PL_WS_CLOSE } },
	{ DEFLATE,
	  BYTES("\x88\xFD\0\0\0\0"),
	  { .fin = true, .opcode = PL_WS_CLOSE, .length = 125, .masked = true } },
	/* RSV1 where an extension has it */
	{ DEFLATE,
	  BYTES("\xC1\xE4\0\0\0\0"),
	  { .fin = true, .rsv = PL_WS_RSV1, .opcode = PL_WS_TEXT, .length = 100, .masked = true } },
};

static const struct {
	int role;
	pl_slice bytes;
	size_t seen; /* bytes that show it */
	int status;
} refused[] = {
	/* Reserved bits */
	{ CLIENT, BYTES("\xC1\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\xA1\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x91\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\xF1\x00"), 2, PL_EPROTO },
	{ DEFLATE, BYTES("\xD1\x80"), 2, PL_EPROTO },
	{ DEFLATE, BYTES("\xC8\x80"), 2, PL_EPROTO },
	{ DEFLATE, BYTES("\xC9\x80"), 2, PL_EPROTO },
	/* Masking */
	{ SERVER, BYTES("\x81\x05"), 2, PL_EPROTO },
	{ SERVER, BYTES("\x88\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x81\x85\0\0\0\0"), 2, PL_EPROTO },
	/* Control frames in pieces or too long */
	{ CLIENT, BYTES("\x08\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x09\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x0A\x00"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x89\x7E\x00\x7E"), 2, PL_EPROTO },
	{ CLIENT, BYTES("\x89\x7F\0\0\0\0\0\0\0\x7E"), 2, PL_EPROTO },
	/* Lengths not in their shortest form */
	{ CLIENT, BYTES("\x82\x7E\x00\x00"), 4, PL_EPROTO },
	{ CLIENT, BYTES("\x82\x7E\x00\x7D"), 4, PL_EPROTO },
	{ CLIENT, BYTES("\x82\x7F\0\0\0\0\0\0\0\0"), 10, PL_EPROTO },
	{ CLIENT, BYTES("\x82\x7F\0\0\0\0\0\0\xFF\xFF"), 10, PL_EPROTO },
	{ SERVER, BYTES("\x82\xFF\0\0\0\0\0\0\0\x7E\0\0\0\0"), 10, PL_EPROTO },
	/* Lengths near 2^63 and 2^64, and over the limit */
	{ CLIENT, BYTES("\x82\x7F\x80\0\0\0\0\0\0\0"), 10, PL_EPROTO },
	{ CLIENT, BYTES("\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 10, PL_EPROTO },
	{ SERVER, BYTES("\x82\xFF\x80\0\0\0\0\0\0\0"), 10, PL_EPROTO },
	{ SERVER, BYTES("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 10, PL_ETOOBIG },
	{ SERVER, BYTES("\x82\xFF\0\0\0\0\0\x10\0\x01"), 10, PL_ETOOBIG },
	{ DEFLATE, BYTES("\x82\xE5"), 2, PL_ETOOBIG },
	{ DEFLATE, BYTES("\x80\xFE\x00\x7E"), 4, PL_ETOOBIG },
};

static int decode(pl_ws_frame *frame, int role, pl_slice bytes, size_t len)
{
	uint8_t *copy = bytes_copy(bytes.at, len);
	int result = pl_ws_frame_decode(frame, &rules[role], copy, len);

	free(copy);
	return result;
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(taken); i++) {
		pl_slice bytes = taken[i].bytes;
		pl_ws_frame frame = { 0 };

		for (size_t len = 0; len < bytes.len; len++)
			assert_int_equal(decode(&frame, taken[i].role, bytes, len), 0);
		if (decode(&frame, taken[i].role, bytes, bytes.len) != (int)bytes.len)
			fail_msg("row %zu: %s", i, frame.error);
		assert_true(frame.length == taken[i].frame.length);
		assert_int_equal(frame.opcode, taken[i].frame.opcode);
		assert_int_equal(frame.rsv, taken[i].frame.rsv);
		assert_int_equal(frame.fin, taken[i].frame.fin);
		assert_int_equal(frame.masked, taken[i].frame.masked);
		if (frame.masked)
			assert_memory_equal(frame.mask, taken[i].frame.mask, 4);
	}
}

static void test_bytes_behind_the_head_are_left(void **state)
{
	pl_ws_frame frame;

	(void)state;
	assert_int_equal(decode(&frame, CLIENT, PL_SLICE("\x81\x05Hello\xFF\xFF"), 9), 2);
	assert_int_equal(decode(&frame, SERVER, PL_SLICE("\x81\x85\1\2\3\4Hello\xFF\xFF"), 13), 6);
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		for (size_t len = 0; len <= refused[i].bytes.len; len++) {
			pl_ws_frame frame = { 0 };
			int result = decode(&frame, refused[i].role, refused[i].bytes, len);

			if (result != (len < refused[i].seen ? 0 : refused[i].status))
				fail_msg("row %zu, %zu bytes: %d", i, len, result);
			if (result < 0)
				assert_non_null(frame.error);
		}
}

/* Each first byte is taken just when RFC 6455 5.2 and 5.5 give it a meaning. */
static void test_every_first_byte(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		char bytes[] = { (char)first, 0 };
		unsigned opcode = first & 0xF;
		bool data = opcode <= 2, control = opcode >= 8 && opcode <= 10;
		bool fits = (first & 0x70) == 0 && (data || (control && (first & 0x80)));
		pl_ws_frame frame;

		assert_int_equal(decode(&frame, CLIENT, pl_slice_make(bytes, 2), 2),
				 fits ? 2 : PL_EPROTO);
	}
}

static void test_encode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(taken); i++) {
		uint8_t out[PL_WS_HEAD_MAX];
		size_t len = pl_ws_frame_encode(out, &taken[i].frame);

		assert_int_equal(len, taken[i].bytes.len);
		assert_memory_equal(out, taken[i].bytes.at, len);
	}
}

/* Every length up to 200, from each place in memory, at each offset. */
static void test_mask(void **state)
{
	static const uint8_t mask[4] = { 0x37, 0xFA, 0x21, 0x3D };
	static const uint64_t far = UINT64_C(0xFFFFFFFF00000000);

	(void)state;
	for (size_t len = 0; len <= 200; len++)
		for (size_t start = 0; start < 8; start++)
			for (uint64_t offset = far; offset < far + 8; offset++) {
				uint8_t *data = malloc(start + len);

				for (size_t i = 0; i < start + len; i++)
					data[i] = (uint8_t)(i * 7);
				pl_ws_mask(data + start, len, mask, offset);
				for (size_t i = 0; i < start; i++)
					assert_int_equal(data[i], (uint8_t)(i * 7));
				for (size_t i = 0; i < len; i++)
					assert_int_equal(data[start + i] ^ mask[(offset + i) % 4],
							 (uint8_t)((start + i) * 7));
				free(data);
			}
}

static void test_mask_in_pieces(void **state)
{
	static const uint8_t mask[4] = { 0x37, 0xFA, 0x21, 0x3D };
	uint8_t data[] = "\x7f\x9f\x4d\x51\x58"; /* RFC 6455 5.7 */

	(void)state;
	for (size_t cut = 0; cut <= 5; cut++) {
		uint8_t copy[5];

		memcpy(copy, data, 5);
		pl_ws_mask(copy, cut, mask, 0);
		pl_ws_mask(copy + cut, 5 - cut, mask, cut);
		assert_memory_equal(copy, "Hello", 5);
	}
}

static bool code_valid(unsigned code)
{
	static const unsigned valid[] = { 1000, 1001, 1002, 1003, 1007, 1008,
					  1009, 1010, 1011, 1012, 1013, 1014 };

	for (size_t i = 0; i < COUNT(valid); i++)
		if (code == valid[i])
			return true;
	return code >= 3000 && code <= 4999;
}

static void test_every_close_code(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 0x10000; code++) {
		uint8_t payload[] = { (uint8_t)(code >> 8), (uint8_t)code };
		uint16_t found;
		pl_slice reason;

		assert_int_equal(pl_ws_close_code_valid((uint16_t)code), code_valid(code));
		assert_int_equal(pl_ws_close_decode(payload, 2, &found, &reason),
				 code_valid(code) ? PL_OK : PL_EPROTO);
		assert_int_equal(found, code);
		assert_int_equal(reason.len, 0);
	}
}

static void test_close_decode(void **state)
{
	static const struct {
		pl_slice payload;
		int status;
		uint16_t code;
		pl_slice reason;
	} rows[] = {
		{ BYTES(""), PL_OK, 1005, BYTES("") },
		{ BYTES("\x03"), PL_EPROTO, 1005, BYTES("") },
		{ BYTES("\x03\xE8"), PL_OK, 1000, BYTES("") },
		{ BYTES("\x03\xE9going"), PL_OK, 1001, BYTES("going") },
		{ BYTES("\x0F\xA0\xC3\xA9\0"), PL_OK, 4000, BYTES("\xC3\xA9\0") },
		{ BYTES("\x03\xED"), PL_EPROTO, 1005, BYTES("") },
		{ BYTES("\x03\xEEx"), PL_EPROTO, 1006, BYTES("x") },
		{ BYTES("\x03\xF7"), PL_EPROTO, 1015, BYTES("") },
		{ BYTES("\x00\x00"), PL_EPROTO, 0, BYTES("") },
		{ BYTES("\x03\xE8\xFF"), PL_EUTF8, 1000, BYTES("\xFF") },
		{ BYTES("\x03\xE8"
			"a\xC3"),
		  PL_EUTF8, 1000, BYTES("a\xC3") },
		{ BYTES("\x03\xE8\xED\xA0\x80"), PL_EUTF8, 1000, BYTES("\xED\xA0\x80") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *payload = bytes_copy(rows[i].payload.at, rows[i].payload.len);
		uint16_t code;
		pl_slice reason;

		assert_int_equal(pl_ws_close_decode(payload, rows[i].payload.len, &code, &reason),
				 rows[i].status);
		assert_int_equal(code, rows[i].code);
		assert_true(pl_slice_equal(reason, rows[i].reason));
		free(payload);
	}
}

static void test_close_encode(void **state)
{
	static const struct {
		uint16_t code;
		pl_slice reason;
		pl_slice payload;
	} rows[] = {
		{ 0, BYTES("ignored"), BYTES("") },
		{ 1005, BYTES("ignored"), BYTES("") },
		{ 1000, BYTES(""), BYTES("\x03\xE8") },
		{ 1000, { NULL, 0 }, BYTES("\x03\xE8") },
		{ 4999, BYTES("bye"),
		  BYTES("\x13\x87"
			"bye") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[PL_WS_CONTROL_MAX];
		size_t len = pl_ws_close_encode(out, rows[i].code, rows[i].reason);

		assert_int_equal(len, rows[i].payload.len);
		assert_memory_equal(out, rows[i].payload.at, len);
	}
}

/* Not UTF-8: there is no border to cut at. */
static void test_close_encode_without_border(void **state)
{
	uint8_t out[PL_WS_CONTROL_MAX];
	char reason[200];

	(void)state;
	memset(reason, '\x80', sizeof(reason));
	assert_int_equal(pl_ws_close_encode(out, 1000, pl_slice_make(reason, sizeof(reason))), 2);
}

/* A reason of any length, made of characters of each size, comes out whole or cut at a border. */
static void test_close_encode_cuts(void **state)
{
	static const pl_slice characters[] = { BYTES("a"), BYTES("\xC3\xA9"), BYTES("\xE2\x82\xAC"),
					       BYTES("\xF0\x9F\x98\x80") };

	(void)state;
	for (size_t i = 0; i < COUNT(characters); i++)
		for (size_t start = 0; start < 4; start++) {
			size_t size = characters[i].len;
			char reason[256] = "xxxx";
			uint8_t out[PL_WS_CONTROL_MAX];
			uint16_t code;
			pl_slice found;
			size_t len;

			for (size_t at = start; at + size <= sizeof(reason); at += size)
				memcpy(reason + at, characters[i].at, size);
			for (size_t want = start; want < 250; want += size) {
				char *copy = bytes_copy(reason, want);

				len = pl_ws_close_encode(out, 1000, pl_slice_make(copy, want));
				free(copy);
				assert_true(len <= PL_WS_CONTROL_MAX);
				assert_true(len == want + 2 || len + size > PL_WS_CONTROL_MAX);
				assert_int_equal(pl_ws_close_decode(out, len, &code, &found),
						 PL_OK);
				assert_memory_equal(found.at, reason, found.len);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_bytes_behind_the_head_are_left),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_first_byte),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_mask_in_pieces),
		cmocka_unit_test(test_every_close_code),
		cmocka_unit_test(test_close_decode),
		cmocka_unit_test(test_close_encode),
		cmocka_unit_test(test_close_encode_without_border),
		cmocka_unit_test(test_close_encode_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
