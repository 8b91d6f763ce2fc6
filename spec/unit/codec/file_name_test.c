#include "bytes.h"

#include "codec/file_name.h"
#include "codec/utf8.h"

static const struct {
	pl_slice given;
	pl_slice safe;
} names[] = {
	{ BYTES("photo.jpg"), BYTES("photo.jpg") },
	{ BYTES("ein Bild.tar.gz"), BYTES("ein Bild.tar.gz") },
	{ BYTES("\xC3\xA9t\xC3\xA9 \xF0\x9F\x8C\x99.png"),
	  BYTES("\xC3\xA9t\xC3\xA9 \xF0\x9F\x8C\x99.png") },
	{ BYTES(""), BYTES("upload") },
	{ BYTES("."), BYTES("upload") },
	{ BYTES(".."), BYTES("upload") },
	{ BYTES(" . . "), BYTES("upload") },
	{ BYTES("a/"), BYTES("upload") },
	{ BYTES("../../etc/passwd"), BYTES("passwd") },
	{ BYTES("..\\..\\boot.ini"), BYTES("boot.ini") },
	{ BYTES("C:\\fakepath\\a.txt"), BYTES("a.txt") },
	{ BYTES("/etc/shadow"), BYTES("shadow") },
	{ BYTES("C:a.txt"), BYTES("C_a.txt") },
	{ BYTES("a\0.php"), BYTES("a_.php") },
	{ BYTES("a\r\nb\x7F<>\"|?*:"), BYTES("a__b________") },
	{ BYTES(".htaccess"), BYTES("_htaccess") },
	{ BYTES("~root"), BYTES("_root") },
	{ BYTES("  a.txt . ."), BYTES("a.txt") },
	{ BYTES("NUL"), BYTES("_NUL") },
	{ BYTES("com1.txt"), BYTES("_com1.txt") },
	{ BYTES("CON .a.b"), BYTES("_CON .a.b") },
	{ BYTES("COM"), BYTES("COM") },
	{ BYTES("CONSOLE"), BYTES("CONSOLE") },
	{ BYTES("x.sgc_ps"), BYTES("x.sgc_ps_") },
	{ BYTES("x.SGC_PS"), BYTES("x.SGC_PS_") },
	{ BYTES("a\xC0\xAF"
		"b\xFF\xE2\x80"),
	  BYTES("a__b___") },
	{ BYTES("\xE2\x80\xAEgpj.exe"), BYTES("_gpj.exe") },
	{ BYTES("a\xC2\x85z\xE2\x81\xA6"), BYTES("a_z_") },
};

static void test_safe(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(names); row++) {
		char *given = bytes_copy(names[row].given.at, names[row].given.len);
		char out[PL_FILE_NAME_MAX];
		size_t len = pl_file_name_safe(out, pl_slice_make(given, names[row].given.len));

		if (!pl_slice_equal(pl_slice_make(out, len), names[row].safe))
			fail_msg("row %zu: %.*s", row, (int)len, out);
		free(given);
	}
}

/* Every name is good to be one, whatever it was made of. */
static void test_any_bytes(void **state)
{
	char given[512], out[PL_FILE_NAME_MAX];
	uint32_t seed = 1;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		static const char some[] = "./\\ ~\0\xE2\x80\xAE\xC3\xA9\xF0\x9F\x8C\x99"
					   "aCON.";
		size_t len, size = 0;

		while (size < (size_t)(run % 512))
			given[size++] = some[(seed = seed * 1664525 + 1013904223) / 65536 % 20];
		len = pl_file_name_safe(out, pl_slice_make(given, size));
		assert_true(len > 0 && len <= PL_FILE_NAME_MAX);
		assert_true(pl_file_name_valid(pl_slice_make(out, len)));
		assert_true(pl_utf8_valid((const uint8_t *)out, len));
		assert_true(out[0] != '.' && out[0] != '~' && out[0] != ' ');
		assert_true(out[len - 1] != '.' && out[len - 1] != ' ');
		assert_null(memchr(out, '\\', len));
	}
}

static void test_long_names_keep_their_ending(void **state)
{
	char given[1000], out[PL_FILE_NAME_MAX];
	size_t len;

	(void)state;
	for (size_t at = 0; at + 1 < sizeof(given); at += 2)
		memcpy(given + at, "\xC3\xA9", 2);
	memcpy(given + 995, ".jpeg", 5);
	given[994] = 'x';
	len = pl_file_name_safe(out, pl_slice_make(given, sizeof(given)));
	assert_in_range(len, PL_FILE_NAME_MAX - 5, PL_FILE_NAME_MAX);
	assert_memory_equal(out + len - 5, ".jpeg", 5);
	assert_true(pl_utf8_valid((const uint8_t *)out, len));
	len = pl_file_name_safe(out, pl_slice_make(given, 990));
	assert_in_range(len, PL_FILE_NAME_MAX - 5, PL_FILE_NAME_MAX);
}

static void test_valid(void **state)
{
	char longest[256];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(pl_file_name_valid(pl_slice_make(longest, 255)));
	assert_false(pl_file_name_valid(pl_slice_make(longest, 256)));
	assert_true(pl_file_name_valid(PL_SLICE(".hidden")));
	assert_false(pl_file_name_valid(PL_SLICE("")));
	assert_false(pl_file_name_valid(PL_SLICE(".")));
	assert_false(pl_file_name_valid(PL_SLICE("..")));
	assert_false(pl_file_name_valid(PL_SLICE("a/b")));
	assert_false(pl_file_name_valid(PL_SLICE("a\0b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_long_names_keep_their_ending),
		cmocka_unit_test(test_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
