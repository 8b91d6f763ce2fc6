#include "bytes.h"

#include "codec/utf8.h"

static const struct row {
	pl_slice text;
	size_t bad; /* index of the first byte that cannot be; the length when there is none */
	bool done;  /* may end there */
} rows[] = {
	{ BYTES(""), 0, true },
	{ BYTES("plain"), 5, true },
	{ BYTES("a\0b"), 3, true },
	{ BYTES("\x7F"), 1, true },
	/* The first and last of each length */
	{ BYTES("\xC2\x80"), 2, true },
	{ BYTES("\xDF\xBF"), 2, true },
	{ BYTES("\xE0\xA0\x80"), 3, true },
	{ BYTES("\xEF\xBF\xBF"), 3, true },
	{ BYTES("\xF0\x90\x80\x80"), 4, true },
	{ BYTES("\xF4\x8F\xBF\xBF"), 4, true },
	/* Around the surrogates */
	{ BYTES("\xED\x9F\xBF"), 3, true },
	{ BYTES("\xEE\x80\x80"), 3, true },
	{ BYTES("\xED\xA0\x80"), 1, false },
	{ BYTES("\xED\xBF\xBF"), 1, false },
	{ BYTES("\xED\xA0\x80\xED\xB0\x80"), 1, false },
	/* Overlong */
	{ BYTES("\xC0\x80"), 0, false },
	{ BYTES("\xC1\xBF"), 0, false },
	{ BYTES("\xE0\x80\x80"), 1, false },
	{ BYTES("\xE0\x9F\xBF"), 1, false },
	{ BYTES("\xF0\x80\x80\x80"), 1, false },
	{ BYTES("\xF0\x8F\xBF\xBF"), 1, false },
	/* Above U+10FFFF, and lead bytes of longer forms */
	{ BYTES("\xF4\x90\x80\x80"), 1, false },
	{ BYTES("\xF5\x80\x80\x80"), 0, false },
	{ BYTES("\xF8\x88\x80\x80\x80"), 0, false },
	{ BYTES("\xFC\x84\x80\x80\x80\x80"), 0, false },
	{ BYTES("\xFE"), 0, false },
	{ BYTES("\xFF"), 0, false },
	/* Continuation bytes alone, missing, too many */
	{ BYTES("\x80"), 0, false },
	{ BYTES("\xBF"), 0, false },
	{ BYTES("ab\x80"), 2, false },
	{ BYTES("\xC3"), 1, false },
	{ BYTES("\xE2\x82"), 2, false },
	{ BYTES("\xF0\x9F\x98"), 3, false },
	{ BYTES("\xC3("), 1, false },
	{ BYTES("\xE2\x82("), 2, false },
	{ BYTES("\xF0\x9F\x98("), 3, false },
	{ BYTES("\xC3\xA9\xA9"), 2, false },
	/* Where the fast path begins and ends */
	{ BYTES("0123456789abcdef"), 16, true },
	{ BYTES("0123456789abcde\xC3\xA9"), 17, true },
	{ BYTES("0123456789abcdef\x80"), 16, false },
	{ BYTES("0123456\x80"
		"9abcdef0123456789abcdef"),
	  7, false },
	{ BYTES("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 0123456789abcdef\xF0\x9F\x98\x80"
		"z"),
	  33, true },
	{ BYTES("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80\x65\x64\x69\x74"), 12,
	  false },
};

/* Feeds [from, to) and checks the answer against the row. */
static void feed(pl_utf8 *utf8, const struct row *row, size_t from, size_t to)
{
	uint8_t *piece = bytes_copy(row->text.at + from, to - from);
	bool answer = pl_utf8_feed(utf8, piece, to - from);

	free(piece);
	assert_int_equal(answer, to <= row->bad);
}

static void test_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		pl_utf8 utf8 = { 0 };

		feed(&utf8, row, 0, row->text.len);
		assert_int_equal(pl_utf8_done(&utf8), row->done);
		assert_int_equal(pl_utf8_valid((const uint8_t *)row->text.at, row->text.len),
				 row->done);
	}
}

static void test_split_in_three(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t one = 0; one <= rows[i].text.len; one++)
			for (size_t two = one; two <= rows[i].text.len; two++) {
				pl_utf8 utf8 = { 0 };

				feed(&utf8, &rows[i], 0, one);
				feed(&utf8, &rows[i], one, two);
				feed(&utf8, &rows[i], two, rows[i].text.len);
				assert_int_equal(pl_utf8_done(&utf8), rows[i].done);
			}
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_utf8 utf8 = { 0 };

		for (size_t at = 0; at < rows[i].text.len; at++)
			feed(&utf8, &rows[i], at, at + 1);
		assert_int_equal(pl_utf8_done(&utf8), rows[i].done);
	}
}

static void test_nothing_mends_an_error(void **state)
{
	pl_utf8 utf8 = { 0 };

	(void)state;
	assert_false(pl_utf8_feed(&utf8, (const uint8_t *)"\xFF", 1));
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t next = (uint8_t)byte;

		assert_false(pl_utf8_feed(&utf8, &next, 1));
		assert_false(pl_utf8_done(&utf8));
	}
	assert_false(pl_utf8_feed(&utf8, NULL, 0));
}

/* The length of the character at the front, by arithmetic on its code point; 0: not valid. */
static size_t character(const uint8_t *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t lead = text[0];
	size_t size = lead < 0x80	    ? 1
		      : (lead >> 5) == 0x06 ? 2
		      : (lead >> 4) == 0x0E ? 3
		      : (lead >> 3) == 0x1E ? 4
					    : 0;
	uint32_t point = size == 1 ? lead : lead & (0x7Fu >> size);

	if (size == 0 || size > len)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3F);
	}
	if (point < least[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
		return 0;
	return size;
}

static bool reference(const uint8_t *text, size_t len)
{
	while (len > 0) {
		size_t size = character(text, len);

		if (size == 0)
			return false;
		text += size;
		len -= size;
	}
	return true;
}

static void test_all_pairs_of_bytes_before_border_values(void **state)
{
	static const uint8_t border[] = { 0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC2, 0xFF };

	(void)state;
	for (uint32_t first = 0; first < 0x10000; first++)
		for (size_t i = 0; i < COUNT(border) * COUNT(border); i++) {
			uint8_t text[] = { (uint8_t)(first >> 8), (uint8_t)first,
					   border[i / COUNT(border)], border[i % COUNT(border)] };

			if (pl_utf8_valid(text, 4) != reference(text, 4) ||
			    pl_utf8_valid(text, 3) != reference(text, 3))
				fail_msg("%02x %02x %02x %02x", text[0], text[1], text[2], text[3]);
		}
}

static const struct {
	pl_slice bytes;
	pl_slice mended; /* "?" is U+FFFD */
} broken_texts[] = {
	{ BYTES(""), BYTES("") },
	{ BYTES("a\0b\xC3\xA9"), BYTES("a\0b\xC3\xA9") },
	{ BYTES("\x80"), BYTES("?") },
	{ BYTES("\xFF\xFE"), BYTES("??") },
	{ BYTES("\xC3"), BYTES("?") },
	{ BYTES("\xC3"
		"a"),
	  BYTES("?a") },
	{ BYTES("\xC0\xAF"), BYTES("??") },
	{ BYTES("\xE2\x82"), BYTES("?") },
	{ BYTES("\xE2\x82"
		"a\xE2\x82\xAC"),
	  BYTES("?a\xE2\x82\xAC") },
	{ BYTES("\xE0\x80\x80"), BYTES("???") },
	{ BYTES("\xED\xA0\x80"), BYTES("???") },
	{ BYTES("\xF0\x9F\x98"), BYTES("?") },
	{ BYTES("\xF0\x9F\xF0\x9F\x98\x80"), BYTES("?\xF0\x9F\x98\x80") },
	{ BYTES("\xF4\x90\x80\x80"), BYTES("????") },
	{ BYTES("\xF5\x80\x80\x80"), BYTES("????") },
};

static void test_repair(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(broken_texts); row++) {
		pl_slice bytes = broken_texts[row].bytes, mended = broken_texts[row].mended;
		uint8_t *in = bytes_copy(bytes.at, bytes.len);
		uint8_t *out = malloc(3 * bytes.len + 1);
		size_t len, at = 0;

		assert_non_null(out);
		len = pl_utf8_repair(out, in, bytes.len);
		assert_true(len <= 3 * bytes.len && pl_utf8_valid(out, len));
		for (size_t i = 0; i < mended.len; i++) {
			bool mark = mended.at[i] == '?';

			assert_true(at + (mark ? 3 : 1) <= len);
			if (mark ? memcmp(out + at, "\xEF\xBF\xBD", 3) != 0
				 : out[at] != (uint8_t)mended.at[i])
				fail_msg("row %zu, byte %zu", row, at);
			at += mark ? 3 : 1;
		}
		assert_int_equal(at, len);
		free(in);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_split_in_three),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_nothing_mends_an_error),
		cmocka_unit_test(test_all_pairs_of_bytes_before_border_values),
		cmocka_unit_test(test_repair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
