#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "crypto/scrypt.h"

/* RFC 7914 12, the third vector: "pleaseletmein", "SodiumChloride". */
#define THIRD                                                                                      \
	"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"                                               \
	"cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"

static int decode(const char *text)
{
	pl_scrypt hash;

	return pl_scrypt_decode(&hash, text, strlen(text));
}

static bool is_right(const char *text, const char *password)
{
	pl_scrypt hash;
	bool same;

	assert_int_equal(pl_scrypt_decode(&hash, text, strlen(text)), PL_OK);
	assert_int_equal(pl_scrypt_check(&hash, password, strlen(password), &same), PL_OK);
	return same;
}

static void the_rfcs_vector_is_right(void **state)
{
	(void)state;
	assert_true(is_right(THIRD, "pleaseletmein"));
	assert_false(is_right(THIRD, "pleaseletmeIn"));
	assert_false(is_right(THIRD, "pleaseletmei"));
	assert_false(is_right(THIRD, ""));
}

static void what_is_made_can_be_checked(void **state)
{
	static const char *const passwords[] = { "", "a", "p\xc3\xa4sswort", "$scrypt$" };
	char text[PL_SCRYPT_TEXT_MAX];
	char other[PL_SCRYPT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		assert_int_equal(pl_scrypt_make(text, passwords[i], strlen(passwords[i])), PL_OK);
		assert_memory_equal(text, "$scrypt$ln=15,r=8,p=3$", 22);
		assert_true(is_right(text, passwords[i]));
		assert_false(is_right(text, "b"));
	}
	assert_int_equal(pl_scrypt_make(other, "$scrypt$", 8), PL_OK);
	assert_string_not_equal(text, other);
}

static void what_is_malformed_is_none(void **state)
{
#define SALT "AAAAAAAAAAAAAAAAAAAAAA"
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	static const char *const bad[] = {
		"",
		"plain",
		"$scrypt$",
		"$scrypt$ln=15,r=8,p=3",
		"$scrypt$ln=15,r=8,p=3$" SALT,
		"$scrypt$ln=15,r=8,p=3$" SALT "$",
		"$scrypt$ln=15,r=8,p=3$$" KEY,
		"$scrypt$ln=15,r=8$" SALT "$" KEY,
		"$scrypt$r=8,ln=15,p=3$" SALT "$" KEY,
		"$scrypt$ln=0,r=8,p=3$" SALT "$" KEY,
		"$scrypt$ln=,r=8,p=3$" SALT "$" KEY,
		"$scrypt$ln=-1,r=8,p=3$" SALT "$" KEY,
		"$scrypt$ln=15,r=0,p=3$" SALT "$" KEY,
		"$scrypt$ln=15,r=33,p=3$" SALT "$" KEY,
		"$scrypt$ln=15,r=8,p=17$" SALT "$" KEY,
		"$scrypt$ln=1555,r=8,p=3$" SALT "$" KEY,
		"$scrypt$ln=25,r=1,p=1$" SALT "$" KEY,
		"$scrypt$ln=19,r=8,p=1$" SALT "$" KEY, /* 512 MiB */
		"$scrypt$ln=15,r=8,p=3$AAAA$" KEY,     /* three bytes of salt */
		"$scrypt$ln=15,r=8,p=3$" SALT "$AAAA",
		"$scrypt$ln=15,r=8,p=3$" SALT "==$" KEY,
		"$scrypt$ln=15,r=8,p=3$" SALT "$" KEY "=",
		"$scrypt$ln=15,r=8,p=3$" SALT "$" KEY "AA", /* 4 n + 1 characters */
		"$scrypt$ln=15,r=8,p=3$" SALT "$ " KEY,
		"$scrypt$ln=15,r=8,p=3$" SALT "$" KEY "$",
		"$scrypt$ln=15,r=8,p=3$AAAAAAAAAAAAAAAAAAAAA!$" KEY,
		"$scrypt$ln=15,r=8,p=3$AAAAAAAAAAAAAAAAAAAAAB$" KEY, /* bits left over */
		"$scrypt$ln=15,r=8,p=3$" SALT "$" KEY KEY KEY KEY KEY,
	};

	(void)state;
	assert_int_equal(decode("$scrypt$ln=15,r=8,p=3$" SALT "$" KEY), PL_OK);
	assert_int_equal(decode("$scrypt$ln=18,r=8,p=1$" SALT "$" KEY), PL_OK);
	/* Base64 that needs no padding. */
	assert_int_equal(decode("$scrypt$ln=15,r=8,p=3$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$"
				"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
			 PL_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (decode(bad[i]) != PL_EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void it_ends_where_its_bytes_end(void **state)
{
	(void)state;
	for (size_t len = 1; len < sizeof(THIRD) - 1; len++) {
		char *exact = memcpy(malloc(len), THIRD, len);
		pl_scrypt hash;

		/* A part of the key can be base64 too; then it is a shorter one. */
		if (pl_scrypt_decode(&hash, exact, len) == PL_OK)
			assert_in_range(hash.key_len, PL_SCRYPT_KEY_MIN, 63);
		free(exact);
	}
	assert_true(pl_scrypt_looks_like("$scrypt$", 8));
	assert_false(pl_scrypt_looks_like("$scrypt", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_vector_is_right),
		cmocka_unit_test(what_is_made_can_be_checked),
		cmocka_unit_test(what_is_malformed_is_none),
		cmocka_unit_test(it_ends_where_its_bytes_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
