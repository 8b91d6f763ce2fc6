#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static pl_slice slice(const char *text)
{
	return pl_slice_make(text, strlen(text));
}

static const pl_slice nothing = { NULL, 0 };

static void equality_is_of_bytes_and_length(void **state)
{
	(void)state;
	assert_true(pl_slice_equal(PL_SLICE("abc"), slice("abc")));
	assert_false(pl_slice_equal(PL_SLICE("abc"), PL_SLICE("abd")));
	assert_false(pl_slice_equal(PL_SLICE("abc"), PL_SLICE("ab")));
	assert_false(pl_slice_equal(PL_SLICE("abc"), PL_SLICE("ABC")));
	assert_false(pl_slice_equal(PL_SLICE("a\0b"), PL_SLICE("a\0c")));
	assert_true(pl_slice_equal(nothing, PL_SLICE("")));
	assert_true(pl_slice_equal(nothing, nothing));
}

static void case_is_ignored_for_ascii_letters_only(void **state)
{
	char a, b;

	(void)state;
	assert_true(pl_slice_equal_nocase(PL_SLICE("WebSocket"), PL_SLICE("wEBsOCKET")));
	assert_true(pl_slice_equal_nocase(nothing, PL_SLICE("")));
	assert_false(pl_slice_equal_nocase(PL_SLICE("a"), PL_SLICE("ab")));
	for (int i = 0; i < 256; i++) {
		for (int j = 0; j < 256; j++) {
			bool letters = (i | 32) == (j | 32) && (i | 32) >= 'a' && (i | 32) <= 'z';

			a = (char)i;
			b = (char)j;
			assert_int_equal(
				pl_slice_equal_nocase(pl_slice_make(&a, 1), pl_slice_make(&b, 1)),
				i == j || letters);
		}
	}
}

static void find_gives_the_first_or_the_length(void **state)
{
	(void)state;
	assert_int_equal(pl_slice_find(PL_SLICE("a:b:c"), ':'), 1);
	assert_int_equal(pl_slice_find(PL_SLICE("abc"), ':'), 3);
	assert_int_equal(pl_slice_find(PL_SLICE("ab\0c"), '\0'), 2);
	assert_int_equal(pl_slice_find(PL_SLICE("\xff"), '\xff'), 0);
	assert_int_equal(pl_slice_find(nothing, 'x'), 0);
	assert_int_equal(pl_slice_find(pl_slice_make("abc", 2), 'c'), 2);
}

static void trim_takes_blanks_and_nothing_else(void **state)
{
	(void)state;
	assert_true(pl_slice_equal(pl_slice_trim(PL_SLICE(" \t a b\t ")), PL_SLICE("a b")));
	assert_true(pl_slice_equal(pl_slice_trim(PL_SLICE("\r\n\v")), PL_SLICE("\r\n\v")));
	assert_int_equal(pl_slice_trim(PL_SLICE(" \t ")).len, 0);
	assert_int_equal(pl_slice_trim(nothing).len, 0);
}

static void lists_skip_empty_elements(void **state)
{
	static const struct {
		const char *list;
		const char *elements; /* joined with '|' */
	} cases[] = {
		{ "", "" },
		{ ",", "" },
		{ " , ,\t, ", "" },
		{ "a", "a" },
		{ "a,b", "a|b" },
		{ ",a,,b,", "a|b" },
		{ " a , b\t,\tc d ", "a|b|c d" },
		{ ", ,a;q=1, ,b", "a;q=1|b" },
		{ "foo ,bar,", "foo|bar" },
		{ "foo , ,bar,charlie", "foo|bar|charlie" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pl_slice rest = slice(cases[i].list);
		pl_slice element;
		char joined[64] = "";

		while (pl_slice_next_element(&rest, &element)) {
			assert_true(element.len > 0);
			if (joined[0])
				strcat(joined, "|");
			strncat(joined, element.at, element.len);
		}
		assert_string_equal(joined, cases[i].elements);
		assert_int_equal(rest.len, 0);
		assert_false(pl_slice_next_element(&rest, &element));
	}
}

static void no_list_has_no_elements(void **state)
{
	pl_slice rest = nothing;
	pl_slice element;

	(void)state;
	assert_false(pl_slice_next_element(&rest, &element));
	assert_false(pl_slice_has_element(nothing, PL_SLICE("a")));
}

static void elements_are_found_whole(void **state)
{
	(void)state;
	assert_true(pl_slice_has_element(PL_SLICE("keep-alive, Upgrade"), PL_SLICE("upgrade")));
	assert_true(pl_slice_has_element(PL_SLICE("UPGRADE"), PL_SLICE("upgrade")));
	assert_true(pl_slice_has_element(PL_SLICE(",,upgrade,,"), PL_SLICE("Upgrade")));
	assert_false(pl_slice_has_element(PL_SLICE("upgraded"), PL_SLICE("upgrade")));
	assert_false(pl_slice_has_element(PL_SLICE("not upgrade"), PL_SLICE("upgrade")));
	assert_false(pl_slice_has_element(PL_SLICE("a,,b"), PL_SLICE("")));
}

static void decimal_numbers_up_to_a_maximum(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool fits;
		uint64_t value;
	} cases[] = {
		{ "0", 0, true, 0 },
		{ "00000000000000000000000000000007", 7, true, 7 },
		{ "8", 7, false, 0 },
		{ "65535", 65535, true, 65535 },
		{ "65536", 65535, false, 0 },
		{ "100", 99, false, 0 },
		{ "99", 99, true, 99 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "18446744073709551620", UINT64_MAX, false, 0 },
		{ "99999999999999999999", UINT64_MAX, false, 0 },
		{ "", 9, false, 0 },
		{ "+1", 9, false, 0 },
		{ "-1", 9, false, 0 },
		{ " 1", 9, false, 0 },
		{ "1 ", 9, false, 0 },
		{ "0x1", 9, false, 0 },
		{ "1:", 99, false, 0 },
		{ "1/", 99, false, 0 },
		{ "\xb2", 9, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 4711;

		assert_int_equal(pl_slice_to_u64(slice(cases[i].text), cases[i].max, &value),
				 cases[i].fits);
		assert_true(value == (cases[i].fits ? cases[i].value : 4711));
	}
	assert_false(pl_slice_to_u64(nothing, 9, &(uint64_t){ 0 }));
}

static void numbers_as_digits(void **state)
{
	char room[PL_SLICE_DIGITS];

	(void)state;
	assert_true(pl_slice_equal(pl_slice_from_u64(room, 0), slice("0")));
	assert_true(pl_slice_equal(pl_slice_from_u64(room, 10), slice("10")));
	assert_true(
		pl_slice_equal(pl_slice_from_u64(room, UINT64_MAX), slice("18446744073709551615")));
}

static void hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *found = c ? strchr(digits, c) : NULL;
		int value = found ? (int)(found - digits) : -1;

		assert_int_equal(pl_hex_digit((char)c), value > 15 ? value - 6 : value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_is_of_bytes_and_length),
		cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
		cmocka_unit_test(find_gives_the_first_or_the_length),
		cmocka_unit_test(trim_takes_blanks_and_nothing_else),
		cmocka_unit_test(lists_skip_empty_elements),
		cmocka_unit_test(no_list_has_no_elements),
		cmocka_unit_test(elements_are_found_whole),
		cmocka_unit_test(decimal_numbers_up_to_a_maximum),
		cmocka_unit_test(numbers_as_digits),
		cmocka_unit_test(hex_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
