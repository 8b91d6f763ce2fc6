#include "bytes.h"

#include "base/status.h"
#include "codec/json_read.h"

/* A letter for each kind, in the order of enum pl_json_kind. */
static const char letters[] = "$NFT#S[]{}:,";

/* Writes the kinds of a text's tokens up to its end; '!' for an error, '8' for bad UTF-8. */
static void kinds_of(char *out, pl_json_reader *reader)
{
	pl_json_token token;
	int status;

	do {
		status = pl_json_next(reader, &token);
		if (status != PL_OK)
			*out++ = status == PL_EUTF8 ? '8' : '!';
		else
			*out++ = letters[token.kind];
	} while (status == PL_OK && token.kind != PL_JSON_END);
	*out = '\0';
}

static const struct kinds_row {
	pl_slice text;
	const char *kinds;
	size_t at; /* of the error, or the length */
} kinds_rows[] = {
	{ BYTES(""), "$", 0 },
	{ BYTES(" \t\r\n"), "$", 4 },
	{ BYTES("null true false"), "NTF$", 15 },
	{ BYTES("[ ] { } : ,"), "[]{}:,$", 11 },
	{ BYTES("{\"a\":[1,\"\"]}"), "{S:[#,S]}$", 12 },
	{ BYTES("nul"), "!", 0 },
	{ BYTES("nulll"), "N!", 4 },
	{ BYTES("fals"), "!", 0 },
	{ BYTES("tru\0"), "!", 0 },
	{ BYTES("\v"), "!", 0 },
	{ BYTES("\0"), "!", 0 },
	{ BYTES("\xEF\xBB\xBF"), "!", 0 },
	{ BYTES("\xC2\xA0"), "!", 0 },
	{ BYTES("/"), "!", 0 },
	{ BYTES("'"), "!", 0 },
	/* Numbers */
	{ BYTES("0 -0 1 -10 0.1 1e1 1E+1 1.5e-1"), "########$", 30 },
	{ BYTES("01"), "##$", 2 },
	{ BYTES("-01"), "##$", 3 },
	{ BYTES("1-2"), "##$", 3 },
	{ BYTES("-"), "!", 1 },
	{ BYTES("- 1"), "!", 1 },
	{ BYTES("-x"), "!", 1 },
	{ BYTES("+1"), "!", 0 },
	{ BYTES(".1"), "!", 0 },
	{ BYTES("1."), "!", 2 },
	{ BYTES("1.e1"), "!", 2 },
	{ BYTES("1e"), "!", 2 },
	{ BYTES("1e+"), "!", 3 },
	{ BYTES("1e-x"), "!", 3 },
	{ BYTES("1x"), "#!", 1 },
	{ BYTES("0x1"), "#!", 1 },
	/* Strings */
	{ BYTES("\"\""), "S$", 2 },
	{ BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "S$", 18 },
	{ BYTES("\"\\u00e9\\uD83D\\uDE00\""), "S$", 20 },
	{ BYTES("\"\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""), "S$", 12 },
	{ BYTES("\""), "!", 1 },
	{ BYTES("\"01234567"), "!", 9 },
	{ BYTES("\"\\"), "!", 1 },
	{ BYTES("\"\\\""), "!", 3 },
	{ BYTES("\"\n\""), "!", 1 },
	{ BYTES("\"01234567\x1F\""), "!", 9 },
	{ BYTES("\"\0\""), "!", 1 },
	{ BYTES("\"\\\0\""), "!", 1 },
	{ BYTES("\"\\x\""), "!", 1 },
	{ BYTES("\"\\u12\""), "!", 1 },
	{ BYTES("\"\\u12g4\""), "!", 1 },
	{ BYTES("\"\\ud800\""), "!", 1 },
	{ BYTES("\"\\udc00\""), "!", 1 },
	{ BYTES("\"\\udfff\""), "!", 1 },
	{ BYTES("\"\\ud800\\ud800\""), "!", 1 },
	{ BYTES("\"\\ud800\\udc0\""), "!", 1 },
	{ BYTES("\"\\ud800 \\udc00\""), "!", 1 },
	{ BYTES("\"\\ud800xudc00\""), "!", 1 },
	{ BYTES("\"\\ud800\\xdc00\""), "!", 1 },
	{ BYTES("\"\xFF\""), "8", 1 },
	{ BYTES("\"\xC0\x80\""), "8", 1 },
	{ BYTES("\"\xED\xA0\x80\""), "8", 1 },
	{ BYTES("\"0123456\x80\""), "8", 1 },
	{ BYTES("\"\xC3\\n\xA9\""), "8", 1 },
};

static void test_kinds(void **state)
{
	char kinds[64];

	(void)state;
	for (size_t i = 0; i < COUNT(kinds_rows); i++) {
		const struct kinds_row *row = &kinds_rows[i];
		char *text = bytes_copy(row->text.at, row->text.len);
		pl_json_reader reader = { .at = text, .end = text + row->text.len };

		kinds_of(kinds, &reader);
		if (strcmp(kinds, row->kinds) != 0 || reader.at != text + row->at)
			fail_msg("row %zu \"%s\": %s, at %td", i, row->text.at, kinds,
				 reader.at - text);
		free(text);
	}
}

/* Cut anywhere, the tokens in front of the cut are as they were; nothing is read behind it. */
static void test_cuts(void **state)
{
	static const char whole[] = "{\"a\\n\\u00e9\\ud83d\\ude00\":[1.5e-3,true,false,null,"
				    "\"\xE2\x82\xAC text\"],\"b\":-0}";
	pl_json_reader all = { .at = whole, .end = whole + sizeof(whole) - 1 };
	char expected[64], kinds[64];

	(void)state;
	kinds_of(expected, &all);
	assert_string_equal(expected, "{S:[#,T,F,N,S],S:#}$");
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *text = bytes_copy(whole, len);
		pl_json_reader reader = { .at = text, .end = text + len };

		kinds_of(kinds, &reader);
		assert_memory_equal(kinds, expected, strlen(kinds) - 1);
		assert_non_null(strchr("$!8", kinds[strlen(kinds) - 1]));
		free(text);
	}
}

/* The reader says the end as often as it is asked. */
static void test_end(void **state)
{
	pl_json_reader reader = { 0 };
	pl_json_token token;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pl_json_next(&reader, &token), PL_OK);
		assert_int_equal(token.kind, PL_JSON_END);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		pl_slice text;
		bool exact;
		double number;
	} rows[] = {
		{ BYTES("0"), true, 0 },
		{ BYTES("-0"), true, -0.0 },
		{ BYTES("-17"), true, -17 },
		{ BYTES("9007199254740992"), true, 9007199254740992.0 },
		{ BYTES("9007199254740993"), false, 0 },
		{ BYTES("18446744073709551616"), false, 0 },
		{ BYTES("99999999999999999999999999"), false, 0 },
		{ BYTES("0.1"), true, 0.1 },
		{ BYTES("64231.52"), true, 64231.52 },
		{ BYTES("1.5e3"), true, 1500 },
		{ BYTES("1e22"), true, 1e22 },
		{ BYTES("1e23"), false, 0 },
		{ BYTES("1e-22"), true, 1e-22 },
		{ BYTES("1e-23"), false, 0 },
		{ BYTES("0.000000000000000001"), true, 1e-18 },
		{ BYTES("1.0000000000000000000"), false, 0 },
		{ BYTES("1e999999999999"), false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = bytes_copy(rows[i].text.at, rows[i].text.len);
		pl_json_reader reader = { .at = text, .end = text + rows[i].text.len };
		pl_json_token token;

		assert_int_equal(pl_json_next(&reader, &token), PL_OK);
		assert_int_equal(token.kind, PL_JSON_NUMBER);
		assert_ptr_equal(token.at, text);
		assert_int_equal(token.len, rows[i].text.len);
		assert_int_equal(token.exact, rows[i].exact);
		if (token.exact)
			assert_memory_equal(&token.number, &rows[i].number, sizeof(token.number));
		free(text);
	}
}

static void test_strings(void **state)
{
	static const struct {
		pl_slice text;
		bool escaped;
		pl_slice value;
	} rows[] = {
		{ BYTES("\"\""), false, BYTES("") },
		{ BYTES("\"a/b\""), false, BYTES("a/b") },
		{ BYTES("\"\xC3\xA9\""), false, BYTES("\xC3\xA9") },
		{ BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), true, BYTES("\"\\/\b\f\n\r\t") },
		{ BYTES("\"a\\u0000b\""), true, BYTES("a\0b") },
		{ BYTES("\"\\u007f\\u0080\""), true, BYTES("\x7F\xC2\x80") },
		{ BYTES("\"\\u07FF\\u0800\""), true, BYTES("\xDF\xBF\xE0\xA0\x80") },
		{ BYTES("\"\\ud7ff\\ue000\\uffff\""), true,
		  BYTES("\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF") },
		{ BYTES("\"\\ud800\\udc00\\uDBFF\\uDFFF\""), true,
		  BYTES("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF") },
		{ BYTES("\"plain text \\n plain text\""), true, BYTES("plain text \n plain text") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = bytes_copy(rows[i].text.at, rows[i].text.len);
		pl_json_reader reader = { .at = text, .end = text + rows[i].text.len };
		pl_json_token token;
		char *value;

		assert_int_equal(pl_json_next(&reader, &token), PL_OK);
		assert_int_equal(token.kind, PL_JSON_STRING);
		assert_int_equal(token.len, rows[i].text.len - 2);
		assert_int_equal(token.escaped, rows[i].escaped);
		value = bytes_copy(token.at, token.len);
		assert_int_equal(pl_json_unescape(value, &token), rows[i].value.len);
		assert_memory_equal(value, rows[i].value.at, rows[i].value.len);
		free(value);
		free(text);
	}
}

/* Every byte within a string, at every place of the eight-byte steps. */
static void test_each_byte(void **state)
{
	enum { LEN = 33 };

	(void)state;
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < LEN; at++) {
			char text[LEN + 3];
			pl_json_reader reader = { .at = text, .end = text + sizeof(text) };
			pl_json_token token;
			int wanted = c < 0x20 || c == '\\' ? PL_EPROTO
				     : c >= 0x80	   ? PL_EUTF8
							   : PL_OK;

			memset(text, '-', sizeof(text));
			text[0] = text[LEN + 1] = '"';
			text[1 + at] = (char)c;
			assert_int_equal(pl_json_next(&reader, &token), wanted);
			if (wanted == PL_OK)
				assert_int_equal(token.len, c == '"' ? at : LEN);
			else if (c >= 0x80)
				assert_ptr_equal(reader.at, text + 1);
			else if (c != '\\' || at < LEN - 1) /* that one escapes the quote */
				assert_ptr_equal(reader.at, text + 1 + at);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_end),	cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
