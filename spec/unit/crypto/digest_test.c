#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/status.h"
#include "crypto/digest.h"

/* RFC 3174 7.3, FIPS 180-4 examples and the empty message. */
static const struct {
	const char *text;
	size_t times;
	const char *sha1;
	const char *sha256;
} vectors[] = {
	{ "", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
	  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
	  1, "a49b2446a02c645bf419f995b67091253a04a259",
	  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	{ "a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
	  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	{ "0123456701234567012345670123456701234567012345670123456701234567", 10,
	  "dea356a2cddd90c7a7ecedc5ebb563934f460452",
	  "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5" },
};

enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]), THREADS = 4 };

static bool memory_is_out;

static void *limited_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_is_out ? NULL : malloc(size);
}

static void *limited_realloc(void *ptr, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_is_out ? NULL : realloc(ptr, size);
}

static void any_free(void *ptr, const char *file, int line)
{
	(void)file;
	(void)line;
	free(ptr);
}

static int differs(const uint8_t *digest, size_t len, const char *hex)
{
	char text[2 * PL_SHA256_SIZE + 1];

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return strcmp(text, hex) != 0;
}

static int check_vector(int i)
{
	size_t len = strlen(vectors[i].text);
	size_t total = len * vectors[i].times;
	char *message = malloc(total + 1);
	uint8_t digest[PL_SHA256_SIZE];
	int wrong;

	for (size_t n = 0; n < vectors[i].times; n++)
		memcpy(message + n * len, vectors[i].text, len);
	wrong = pl_sha1(message, total, digest) != PL_OK ||
		differs(digest, PL_SHA1_SIZE, vectors[i].sha1);
	wrong |= pl_sha256(message, total, digest) != PL_OK ||
		 differs(digest, PL_SHA256_SIZE, vectors[i].sha256);
	free(message);
	return wrong;
}

static void *check_all(void *context)
{
	intptr_t wrong = 0;

	(void)context;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < VECTORS; i++)
			wrong += check_vector(i);
	return (void *)wrong;
}

static void threads_may_digest_at_once(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, check_all, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

static void digests_are_those_of_the_standards(void **state)
{
	(void)state;
	for (int i = 0; i < VECTORS; i++)
		assert_int_equal(check_vector(i), 0);
}

static void no_bytes_need_no_pointer(void **state)
{
	uint8_t digest[PL_SHA256_SIZE];

	(void)state;
	assert_int_equal(pl_sha1(NULL, 0, digest), PL_OK);
	assert_false(differs(digest, PL_SHA1_SIZE, vectors[0].sha1));
	assert_int_equal(pl_sha256(NULL, 0, digest), PL_OK);
	assert_false(differs(digest, PL_SHA256_SIZE, vectors[0].sha256));
}

/* The example of RFC 6455 1.3. */
static void a_handshake_key_is_accepted(void **state)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[PL_SHA1_SIZE];

	(void)state;
	assert_int_equal(pl_sha1(key, sizeof(key) - 1, digest), PL_OK);
	assert_false(differs(digest, PL_SHA1_SIZE, "b37a4f2cc0624f1690f64606cf385945b2bec4ea"));
}

static void assert_out_of_memory(void)
{
	uint8_t digest[PL_SHA256_SIZE];

	memory_is_out = true;
	assert_int_equal(pl_sha1("abc", 3, digest), PL_ENOMEM);
	assert_int_equal(pl_sha256("abc", 3, digest), PL_ENOMEM);
	assert_int_equal(pl_md5("abc", 3, digest), PL_ENOMEM);
	memory_is_out = false;
}

/* RFC 1321 A.5. */
static void md5_is_that_of_its_rfc(void **state)
{
	static const struct {
		const char *text;
		const char *md5;
	} rows[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
		  "0",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t digest[PL_MD5_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(pl_md5(rows[i].text, strlen(rows[i].text), digest), PL_OK);
		assert_false(differs(digest, PL_MD5_SIZE, rows[i].md5));
	}
}

/* Before the first digest. That the algorithms are fetched after all is left to the
 * threads of the next test, so that they meet there. */
static void a_fetch_without_memory_is_refused(void **state)
{
	(void)state;
	assert_out_of_memory();
}

static void a_digest_without_memory_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check_vector(1), 0);
	assert_out_of_memory();
	assert_int_equal(check_vector(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fetch_without_memory_is_refused),
		cmocka_unit_test(threads_may_digest_at_once),
		cmocka_unit_test(digests_are_those_of_the_standards),
		cmocka_unit_test(no_bytes_need_no_pointer),
		cmocka_unit_test(a_handshake_key_is_accepted),
		cmocka_unit_test(md5_is_that_of_its_rfc),
		cmocka_unit_test(a_digest_without_memory_is_refused),
	};

	if (!CRYPTO_set_mem_functions(limited_malloc, limited_realloc, any_free) ||
	    !OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL))
		return 1;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
