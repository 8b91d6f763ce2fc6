#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "crypto/certificate.h"

static const char *const names[] = { "localhost", "*.a.example", "127.0.0.1", "::1" };

static const pl_certificate_plan ca_plan = {
	.common_name = "Test authority", .authority = true, .from = -60, .until = 86400
};
static const pl_certificate_plan plan = {
	.common_name = "localhost", .names = names, .name_count = 4, .from = -60, .until = 86400
};

static X509 *parse(const pl_certificate *certificate)
{
	pl_buffer pem = { 0 };
	BIO *bio;
	X509 *x509;

	assert_int_equal(pl_certificate_pem(certificate, &pem), PL_OK);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	pl_buffer_deinit(&pem);
	assert_non_null(x509);
	return x509;
}

static int verify(X509 *ca, X509 *leaf, int purpose)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int error;

	X509_STORE_add_cert(store, ca);
	X509_STORE_set_purpose(store, purpose);
	X509_STORE_CTX_init(context, store, leaf, NULL);
	X509_verify_cert(context);
	error = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return error;
}

static void a_signed_certificate_verifies(void **state)
{
	pl_certificate *ca, *leaf;
	X509 *ca_x509, *x509;

	(void)state;
	assert_int_equal(pl_certificate_new(&ca, &ca_plan, NULL), PL_OK);
	assert_int_equal(pl_certificate_new(&leaf, &plan, ca), PL_OK);
	ca_x509 = parse(ca);
	x509 = parse(leaf);
	assert_int_equal(verify(ca_x509, x509, X509_PURPOSE_SSL_SERVER), X509_V_OK);
	assert_int_equal(verify(ca_x509, x509, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
	assert_int_equal(X509_check_host(x509, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x509, "b.a.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x509, "example", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x509, "::1", 0), 1);
	assert_int_equal(X509_check_ca(ca_x509), 1);
	assert_int_equal(X509_check_ca(x509), 0);
	X509_free(x509);
	X509_free(ca_x509);
	pl_certificate_free(leaf);
	pl_certificate_free(ca);
}

static void validity_is_as_asked(void **state)
{
	pl_certificate_plan old = plan;
	pl_certificate *ca, *leaf;
	X509 *ca_x509, *x509;

	(void)state;
	old.from = -200000;
	old.until = -100000;
	assert_int_equal(pl_certificate_new(&ca, &ca_plan, NULL), PL_OK);
	assert_int_equal(pl_certificate_new(&leaf, &old, ca), PL_OK);
	ca_x509 = parse(ca);
	x509 = parse(leaf);
	assert_int_equal(verify(ca_x509, x509, X509_PURPOSE_SSL_SERVER),
			 X509_V_ERR_CERT_HAS_EXPIRED);
	X509_free(x509);
	X509_free(ca_x509);
	pl_certificate_free(leaf);
	pl_certificate_free(ca);
}

static EVP_PKEY *parse_key(const pl_buffer *pem, const char *password)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)password);

	BIO_free(bio);
	return key;
}

static void keys_are_written(void **state)
{
	pl_certificate *leaf;
	pl_buffer plain = { 0 }, locked = { 0 };
	X509 *x509;
	EVP_PKEY *key;

	(void)state;
	assert_int_equal(pl_certificate_new(&leaf, &plan, NULL), PL_OK);
	assert_int_equal(pl_certificate_key_pem(leaf, NULL, &plain), PL_OK);
	assert_int_equal(pl_certificate_key_pem(leaf, "open sesame", &locked), PL_OK);
	assert_memory_equal(plain.data, "-----BEGIN PRIVATE KEY-----", 27);
	assert_memory_equal(locked.data, "-----BEGIN ENCRYPTED PRIVATE KEY-----", 37);
	assert_null(parse_key(&locked, "wrong"));
	x509 = parse(leaf);
	key = parse_key(&plain, "");
	assert_int_equal(X509_check_private_key(x509, key), 1);
	EVP_PKEY_free(key);
	key = parse_key(&locked, "open sesame");
	assert_int_equal(X509_check_private_key(x509, key), 1);
	EVP_PKEY_free(key);
	X509_free(x509);
	pl_buffer_deinit(&plain);
	pl_buffer_deinit(&locked);
	pl_certificate_free(leaf);
}

static void names_are_checked(void **state)
{
	static const char *const good[] = { "a",	   "localhost", "a.b-c.d_e",
					    "*.a.example", "192.0.2.1", "2001:db8::1" };
	static const char *const bad[] = { "",	   ".",	   "a..b", "a.",    "a,DNS:b",
					   "a b",  "*",	   "*a.b", "a.*.b", "http://a",
					   "a:80", "a\nb", "[::1]" };
	pl_certificate_plan wrong = plan;
	pl_certificate *leaf = NULL;
	int64_t live = pl_alloc_live();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(pl_certificate_name_valid(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(pl_certificate_name_valid(bad[i]));
		wrong.names = &bad[i];
		wrong.name_count = 1;
		assert_int_equal(pl_certificate_new(&leaf, &wrong, NULL), PL_EINVAL);
	}
	wrong = plan;
	wrong.common_name = "";
	assert_int_equal(pl_certificate_new(&leaf, &wrong, NULL), PL_EINVAL);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_certificate_verifies),
		cmocka_unit_test(validity_is_as_asked),
		cmocka_unit_test(keys_are_written),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
