#include "bytes.h"

#include "codec/base64.h"

static const struct {
	pl_slice data;
	pl_slice text;
} pairs[] = {
	/* RFC 4648 10 */
	{ BYTES(""), BYTES("") },
	{ BYTES("f"), BYTES("Zg==") },
	{ BYTES("fo"), BYTES("Zm8=") },
	{ BYTES("foo"), BYTES("Zm9v") },
	{ BYTES("foob"), BYTES("Zm9vYg==") },
	{ BYTES("fooba"), BYTES("Zm9vYmE=") },
	{ BYTES("foobar"), BYTES("Zm9vYmFy") },
	/* Every character of the alphabet */
	{ BYTES("\x00\x10\x83\x10\x51\x87\x20\x92\x8B\x30\xD3\x8F\x41\x14\x93\x51\x55\x97\x61\x96"
		"\x9B\x71\xD7\x9F\x82\x18\xA3\x92\x59\xA7\xA2\x9A\xAB\xB2\xDB\xAF\xC3\x1C\xB3\xD3"
		"\x5D\xB7\xE3\x9E\xBB\xF3\xDF\xBF"),
	  BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") },
	{ BYTES("\0"), BYTES("AA==") },
	{ BYTES("\xFF\xFF\xFF\xFF"), BYTES("/////w==") },
};

static const pl_slice refused[] = {
	/* Length */
	BYTES("A"),
	BYTES("AA"),
	BYTES("AAA"),
	BYTES("Zm9vY"),
	BYTES("Zg"),
	BYTES("Zg="),
	/* Padding */
	BYTES("===="),
	BYTES("A==="),
	BYTES("=AAA"),
	BYTES("A=AA"),
	BYTES("AA=A"),
	BYTES("Zg==Zg=="),
	BYTES("Zm8=Zm9v"),
	BYTES("Zm9v===="),
	/* Bits left over */
	BYTES("Zh=="),
	BYTES("Zv=="),
	BYTES("Zm9="),
	BYTES("Zm9vYmF="),
	/* Characters of other alphabets, white space, NUL, above ASCII */
	BYTES("Zm9-"),
	BYTES("Zm_v"),
	BYTES("Zm 9"),
	BYTES("Zm9v\r\n  "),
	BYTES("Zm\0v"),
	BYTES("Zm\xC3\xA9"),
	BYTES("*g=="),
};

static void test_encode(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t len =
			pl_base64_encode(out, (const uint8_t *)pairs[i].data.at, pairs[i].data.len);

		assert_int_equal(len, pairs[i].text.len);
		assert_int_equal(len, PL_BASE64_LENGTH(pairs[i].data.len));
		assert_memory_equal(out, pairs[i].text.at, len);
	}
}

static void test_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		char *text = bytes_copy(pairs[i].text.at, pairs[i].text.len);
		uint8_t *out = bytes_copy(text, pairs[i].text.len / 4 * 3);

		assert_int_equal(pl_base64_decode(out, text, pairs[i].text.len), pairs[i].data.len);
		assert_memory_equal(out, pairs[i].data.at, pairs[i].data.len);
		free(out);
		free(text);
	}
}

static void test_refused(void **state)
{
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		char *text = bytes_copy(refused[i].at, refused[i].len);

		if (pl_base64_decode(out, text, refused[i].len) != -1)
			fail_msg("row %zu: \"%s\" was taken", i, refused[i].at);
		free(text);
	}
}

/* Of all texts of one group, just those that encode gives are taken. */
static void test_one_text_for_one_value(void **state)
{
	static const char tail[] = "AQgw/=-";
	size_t taken = 0;

	(void)state;
	for (unsigned first = 0; first < 0x10000; first++)
		for (size_t i = 0; i < 49; i++) {
			char text[] = { (char)(first >> 8), (char)first, tail[i / 7], tail[i % 7] };
			uint8_t data[3];
			ptrdiff_t len = pl_base64_decode(data, text, 4);
			char again[4];

			if (len < 0)
				continue;
			taken++;
			assert_int_equal(pl_base64_encode(again, data, (size_t)len), 4);
			assert_memory_equal(again, text, 4);
		}
	/* Without padding, with one '=' behind A, Q, g or w, with two behind one of these */
	assert_int_equal(taken, 64 * 64 * 25 + 64 * 64 * 4 + 64 * 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_one_text_for_one_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
