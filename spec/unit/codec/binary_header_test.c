#include "bytes.h"

#include "base/status.h"
#include "codec/binary_header.h"

static const struct {
	pl_slice message, text;
	int64_t used; /* 0: refused */
} rows[] = {
	{ BYTES("0000000002id\1\2"), BYTES("id"), 12 },
	{ BYTES("0000000000"), BYTES(""), 10 },
	{ BYTES("0000000000\xFF"), BYTES(""), 10 },
	{ BYTES("2         id"), BYTES("id"), 12 },
	{ BYTES("         2id"), BYTES("id"), 12 },
	{ BYTES(" \t\n\v\f\r2\0xyid"), BYTES("id"), 12 },
	{ BYTES("2abcdefghiidrest"), BYTES("id"), 12 },
	{ BYTES("0000000004\xF0\x9F\x8C\x99!"), BYTES("\xF0\x9F\x8C\x99"), 14 },
	{ BYTES(""), BYTES(""), 0 },
	{ BYTES("000000002"), BYTES(""), 0 },
	{ BYTES("0000000003id"), BYTES(""), 0 },
	{ BYTES("9999999999id"), BYTES(""), 0 },
	{ BYTES("          id"), BYTES(""), 0 },
	{ BYTES("-000000002id"), BYTES(""), 0 },
	{ BYTES("+000000002id"), BYTES(""), 0 },
	{ BYTES("\0\0\0\0\0\0\0\0\0\2id"), BYTES(""), 0 },
	{ BYTES("x         id"), BYTES(""), 0 },
	{ BYTES("0000000003\xF0\x9F\x8C\x99"), BYTES(""), 0 },
	{ BYTES("0000000002\xC0\x80"), BYTES(""), 0 },
};

static void decoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *message = bytes_copy(rows[i].message.at, rows[i].message.len);
		const char *error = NULL;
		pl_slice text;
		int64_t used = pl_binary_header_decode(&text, message, rows[i].message.len, &error);

		assert_int_equal(used, rows[i].used ? rows[i].used : PL_EPROTO);
		assert_int_equal(used < 0, error != NULL);
		if (used > 0)
			assert_true(pl_slice_equal(text, rows[i].text));
		free(message);
	}
}

/* What is cut off has no header. */
static void cut(void **state)
{
	static const char whole[] = "0000000004name";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		uint8_t *message = bytes_copy(whole, len);
		const char *error = NULL;
		pl_slice text;

		assert_int_equal(pl_binary_header_decode(&text, message, len, &error), PL_EPROTO);
		free(message);
	}
}

static void encoded(void **state)
{
	uint8_t out[PL_BINARY_HEADER_DIGITS];

	(void)state;
	pl_binary_header_encode(out, 2);
	assert_memory_equal(out, "0000000002", sizeof(out));
	pl_binary_header_encode(out, 0);
	assert_memory_equal(out, "0000000000", sizeof(out));
	pl_binary_header_encode(out, PL_BINARY_HEADER_TEXT_MAX);
	assert_memory_equal(out, "9999999999", sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded),
		cmocka_unit_test(cut),
		cmocka_unit_test(encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
