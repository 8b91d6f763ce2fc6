#include "bytes.h"

#include <float.h>
#include <math.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/json_read.h"
#include "codec/json_write.h"

static void check_number(double number, const char *expected)
{
	pl_buffer out = { 0 };

	assert_int_equal(pl_json_write_number(&out, number), PL_OK);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
	pl_buffer_deinit(&out);
}

static const struct number_row {
	double number;
	const char *text;
} number_rows[] = {
	{ 0, "0" },
	{ -0.0, "-0" },
	{ 1, "1" },
	{ -1, "-1" },
	{ 10, "10" },
	{ 123456789012345, "123456789012345" },
	{ 9007199254740991, "9007199254740991" },
	{ 9007199254740992, "9007199254740992" },
	{ -9007199254740992, "-9007199254740992" },
	{ 9007199254740994, "9007199254740994" },
	{ 1e17, "1e+17" },
	{ 1e300, "1e+300" },
	{ DBL_MAX, "1.7976931348623157e+308" },
	{ -DBL_MAX, "-1.7976931348623157e+308" },
	{ DBL_MIN, "2.2250738585072014e-308" },
	{ 5e-324, "4.94065645841247e-324" },
	{ 0.5, "0.5" },
	{ -0.1, "-0.1" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ 1 / 3.0, "0.3333333333333333" },
	{ 100.25, "100.25" },
	{ 64231.52, "64231.52" },
	{ 0.00012345, "0.00012345" },
	{ 0.00001, "1e-05" },
	{ 12.12345678, "12.12345678" },
	{ 12.123456789, "12.123456789" },
	{ 2251799813685248.5, "2251799813685248.5" },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(number_rows); i++)
		check_number(number_rows[i].number, number_rows[i].text);
}

/* xorshift64*: the same numbers in each run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* What is written is a JSON number that reads back to the same bits. */
static void test_numbers_come_back(void **state)
{
	uint64_t seed = 8259;
	pl_buffer out = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = next_random(&seed);
		double number, again;
		pl_json_reader reader;
		pl_json_token token;

		memcpy(&number, &bits, sizeof(number));
		if (i % 4 == 0)
			number = (double)(int64_t)(bits >> 20) / 1e4;
		if (!isfinite(number))
			continue;
		out.len = 0;
		assert_int_equal(pl_json_write_number(&out, number), PL_OK);
		reader = (pl_json_reader){ .at = (const char *)out.data,
					   .end = (const char *)out.data + out.len };
		assert_int_equal(pl_json_next(&reader, &token), PL_OK);
		assert_int_equal(token.kind, PL_JSON_NUMBER);
		assert_int_equal(token.len, out.len);
		assert_int_equal(pl_buffer_append(&out, "", 1), PL_OK);
		again = strtod((const char *)out.data, NULL);
		assert_memory_equal(&again, &number, sizeof(number));
		if (token.exact)
			assert_memory_equal(&token.number, &number, sizeof(number));
	}
	pl_buffer_deinit(&out);
}

static const struct string_row {
	pl_slice value;
	pl_slice text;
	int status;
} string_rows[] = {
	{ BYTES(""), BYTES("\"\""), PL_OK },
	{ BYTES("plain"), BYTES("\"plain\""), PL_OK },
	{ BYTES("/\x7F\xC3\xA9\xF0\x9F\x98\x80"), BYTES("\"/\x7F\xC3\xA9\xF0\x9F\x98\x80\""),
	  PL_OK },
	{ BYTES("\"\\\b\f\n\r\t"), BYTES("\"\\\"\\\\\\b\\f\\n\\r\\t\""), PL_OK },
	{ BYTES("\0\x01\x0B\x1F"), BYTES("\"\\u0000\\u0001\\u000b\\u001f\""), PL_OK },
	{ BYTES("0123456789\n0123456789"), BYTES("\"0123456789\\n0123456789\""), PL_OK },
	{ BYTES("\n\n"), BYTES("\"\\n\\n\""), PL_OK },
	{ BYTES("\xFF"), BYTES(""), PL_EUTF8 },
	{ BYTES("\x80"), BYTES(""), PL_EUTF8 },
	{ BYTES("\xC3\n\xA9"), BYTES(""), PL_EUTF8 },
	{ BYTES("\xED\xA0\x80"), BYTES(""), PL_EUTF8 },
	{ BYTES("0123456789\xC3"), BYTES(""), PL_EUTF8 },
};

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(string_rows); i++) {
		const struct string_row *row = &string_rows[i];
		char *value = bytes_copy(row->value.at, row->value.len);
		pl_buffer out = { 0 };

		assert_int_equal(pl_buffer_append(&out, "[", 1), PL_OK);
		assert_int_equal(pl_json_write_string(&out, value, row->value.len), row->status);
		assert_int_equal(out.len, 1 + row->text.len);
		assert_memory_equal(out.data + 1, row->text.at, row->text.len);
		pl_buffer_deinit(&out);
		free(value);
	}
}

/* Every ASCII byte at every place of the eight-byte steps comes back. */
static void test_each_byte(void **state)
{
	enum { LEN = 33 };

	(void)state;
	for (int c = 0; c < 0x80; c++)
		for (size_t at = 0; at < LEN; at++) {
			char value[LEN], again[6 * LEN];
			pl_buffer out = { 0 };
			pl_json_reader reader;
			pl_json_token token;

			memset(value, '-', LEN);
			value[at] = (char)c;
			assert_int_equal(pl_json_write_string(&out, value, LEN), PL_OK);
			reader = (pl_json_reader){ .at = (const char *)out.data,
						   .end = (const char *)out.data + out.len };
			assert_int_equal(pl_json_next(&reader, &token), PL_OK);
			assert_ptr_equal(reader.at, reader.end);
			assert_int_equal(token.escaped, c < 0x20 || c == '"' || c == '\\');
			assert_int_equal(pl_json_unescape(again, &token), LEN);
			assert_memory_equal(again, value, LEN);
			pl_buffer_deinit(&out);
		}
}

/* A thousand control characters take six times their length. */
static void test_growth(void **state)
{
	char value[1000];
	pl_buffer out = { 0 };

	(void)state;
	memset(value, 1, sizeof(value));
	assert_int_equal(pl_json_write_string(&out, value, sizeof(value)), PL_OK);
	assert_int_equal(out.len, 6 * sizeof(value) + 2);
	for (size_t i = 1; i < out.len - 1; i += 6)
		assert_memory_equal(out.data + i, "\\u0001", 6);
	pl_buffer_deinit(&out);
}

/* When memory ends, nothing is written and nothing lost. */
static void test_no_memory(void **state)
{
	char value[1000];
	int64_t live = pl_alloc_live();
	int status;

	(void)state;
	memset(value, 1, sizeof(value));
	for (uint64_t nth = 1;; nth++) {
		pl_buffer out = { 0 };

		pl_alloc_fail_at(nth);
		status = pl_json_write_string(&out, value, sizeof(value));
		if (status == PL_OK)
			status = pl_json_write_number(&out, 1);
		pl_alloc_fail_at(0);
		if (status != PL_OK)
			assert_int_equal(status, PL_ENOMEM);
		if (status != PL_OK && out.len > 0)
			assert_int_equal(out.len, 6 * sizeof(value) + 2);
		pl_buffer_deinit(&out);
		assert_int_equal(pl_alloc_live(), live);
		if (status == PL_OK)
			break;
		assert_true(nth < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_numbers_come_back),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_growth),	cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
