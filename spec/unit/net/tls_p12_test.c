#include "unit/net/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

static X509 *read_certificate(const char *name)
{
	char path[TLS_FILE_PATH];
	X509 *x509;
	FILE *file;

	tls_path(path, name);
	file = fopen(path, "r");
	assert_non_null(file);
	x509 = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	return x509;
}

static EVP_PKEY *read_key(const char *name)
{
	char path[TLS_FILE_PATH];
	EVP_PKEY *key;
	FILE *file;

	tls_path(path, name);
	file = fopen(path, "r");
	assert_non_null(file);
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	return key;
}

enum parts { CERTIFICATE = 1, KEY = 2, AUTHORITY = 4, ALL = 7, LEGACY = 8, NO_MAC = 16 };

/* The certificate "client" with its key and "ca", as asked for. */
static void make_p12(const char *name, const char *password, enum parts parts)
{
	OSSL_LIB_CTX *old = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *standard = OSSL_PROVIDER_load(old, "default");
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(old, "legacy");
	X509 *certificate = read_certificate("client.pem");
	EVP_PKEY *key = read_key("client-key.pem");
	STACK_OF(X509) *authorities = sk_X509_new_null();
	int cipher = parts & LEGACY ? NID_pbe_WithSHA1And40BitRC2_CBC : 0;
	char path[TLS_FILE_PATH];
	PKCS12 *p12;
	FILE *file;

	sk_X509_push(authorities, read_certificate("ca.pem"));
	p12 = PKCS12_create_ex(password, "name", parts & KEY ? key : NULL,
			       parts & CERTIFICATE ? certificate : NULL,
			       parts & AUTHORITY ? authorities : NULL, cipher, cipher, 100,
			       parts & NO_MAC ? -1 : 100, 0, parts & LEGACY ? old : NULL, NULL);
	assert_non_null(p12);
	tls_path(path, name);
	file = fopen(path, "wb");
	assert_int_equal(i2d_PKCS12_fp(file, p12), 1);
	fclose(file);
	PKCS12_free(p12);
	sk_X509_pop_free(authorities, X509_free);
	EVP_PKEY_free(key);
	X509_free(certificate);
	OSSL_PROVIDER_unload(legacy);
	OSSL_PROVIDER_unload(standard);
	OSSL_LIB_CTX_free(old);
}

static int make_files(void **state)
{
	tls_make_files(state);
	make_p12("all.p12", "sesame", ALL);
	make_p12("open.p12", NULL, ALL);
	make_p12("empty.p12", "", ALL);
	make_p12("old.p12", "sesame", ALL | LEGACY);
	make_p12("keyless.p12", "sesame", AUTHORITY);
	make_p12("unsealed.p12", "sesame", ALL | NO_MAC);
	return 0;
}

static int load(const char *name, const char *password, bool legacy, char error[PL_TLS_ERROR_MAX])
{
	pl_tls_client_settings settings = { .verify_depth = -1, .unverified = true };
	pl_tls_context *context = NULL;
	char path[TLS_FILE_PATH];
	int status;

	tls_path(path, name);
	settings.identity =
		(pl_tls_identity){ .p12_file = path, .p12_legacy = legacy, .password = password };
	status = pl_tls_client_context(&context, &settings, error);
	assert_int_equal(status == PL_OK, context != NULL);
	if (context) {
		SSL_CTX *ssl = context->sites[0].ssl;
		STACK_OF(X509) *chain = NULL;

		SSL_CTX_get0_chain_certs(ssl, &chain);
		assert_int_equal(sk_X509_num(chain), 1);
		assert_int_equal(SSL_CTX_check_private_key(ssl), 1);
	}
	pl_tls_context_unref(context);
	assert_int_equal(ERR_peek_error(), 0);
	return status;
}

static void taken(const char *name, const char *password, bool legacy)
{
	char error[PL_TLS_ERROR_MAX] = "";

	if (load(name, password, legacy, error))
		fail_msg("%s: %s", name, error);
}

/* The message ends in `text`. */
static void refused(const char *name, const char *password, bool legacy, int status,
		    const char *text)
{
	char error[PL_TLS_ERROR_MAX] = "";
	int64_t live = pl_alloc_live();

	assert_int_equal(load(name, password, legacy, error), status);
	if (strlen(error) < strlen(text) || strcmp(error + strlen(error) - strlen(text), text) != 0)
		fail_msg("'%s' does not end in '%s'", error, text);
	assert_null(strstr(error, "sesame"));
	assert_int_equal(pl_alloc_live(), live);
}

static void passwords(void **state)
{
	(void)state;
	taken("all.p12", "sesame", false);
	taken("open.p12", NULL, false);
	taken("empty.p12", NULL, false);
	taken("empty.p12", "", false);
	refused("all.p12", "sesam", false, PL_EINVAL,
		"all.p12': wrong password, or the file is broken");
	refused("all.p12", NULL, false, PL_EINVAL,
		"all.p12': it has a password, and none is given");
	refused("missing.p12", NULL, false, PL_ENOENT, "missing.p12': no such file or directory");
}

/* Old ciphers only when asked for, and nothing else gets them. */
static void old_ciphers(void **state)
{
	(void)state;
	refused("old.p12", "sesame", false, PL_EINVAL,
		"old.p12': it is encrypted by an old algorithm, which is off");
	taken("old.p12", "sesame", true);
	taken("all.p12", "sesame", true);
	refused("old.p12", "open", true, PL_EINVAL, "wrong password, or the file is broken");
	refused("old.p12", "sesame", false, PL_EINVAL,
		"old.p12': it is encrypted by an old algorithm, which is off");
}

static void contents(void **state)
{
	(void)state;
	refused("keyless.p12", "sesame", false, PL_EINVAL,
		"keyless.p12': there is no private key in it");
	refused("unsealed.p12", "sesame", false, PL_EINVAL,
		"unsealed.p12': it has no MAC, or is broken");
	refused("client.pem", NULL, false, PL_EINVAL, "client.pem': it is no PKCS #12 file");
}

static void write_bytes(const uint8_t *bytes, size_t len)
{
	pl_buffer buffer = { (uint8_t *)bytes, len, len };

	tls_write_file("broken.p12", &buffer);
}

/* Files whose content is left out, which OpenSSL once read through NULL (CVE-2024-0727). */
static void without_content(void **state)
{
	static const uint8_t bare[] = { 0x30, 0x10, 2,	  1,	3,    0x30, 0x0B, 6, 9,
					0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1,	  7, 1 };
	static const uint8_t encrypted[] = { 0x30, 0x10, 2,    1,    3,	   0x30, 0x0B, 6, 9,
					     0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1,    7, 6 };
	static const uint8_t sealed[] = { 0x30, 0x2F, 2,    1,	  3,	0x30, 0x0B, 6, 9,
					  0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1,    7, 1,
					  0x30, 0x1D, 0x30, 0x09, 0x30, 0x07, 6,    5, 0x2B,
					  0x0E, 3,    2,    0x1A, 4,	0x08, 1,    2, 3,
					  4,	5,    6,    7,	  8,	4,    0x02, 1, 2,
					  2,	1,    1,    0 };

	(void)state;
	write_bytes(bare, sizeof(bare));
	refused("broken.p12", "sesame", false, PL_EINVAL, "it has no MAC, or is broken");
	write_bytes(encrypted, sizeof(encrypted));
	refused("broken.p12", "sesame", false, PL_EINVAL, "it has no MAC, or is broken");
	for (size_t cut = 0; cut < sizeof(sealed); cut++) {
		char error[PL_TLS_ERROR_MAX];

		write_bytes(sealed, sizeof(sealed) - cut);
		assert_int_equal(load("broken.p12", "sesame", false, error), PL_EINVAL);
	}
}

static size_t read_p12(uint8_t *bytes, size_t size)
{
	char path[TLS_FILE_PATH];
	size_t len;
	FILE *file;

	tls_path(path, "all.p12");
	file = fopen(path, "rb");
	len = fread(bytes, 1, size, file);
	fclose(file);
	return len;
}

/* Cut anywhere, and with any byte of the end changed, where the MAC stands: no crash, no key. */
static void broken_files(void **state)
{
	uint8_t bytes[8192];
	size_t len = read_p12(bytes, sizeof(bytes));
	char error[PL_TLS_ERROR_MAX];

	(void)state;
	assert_true(len > 500 && len < sizeof(bytes));
	for (size_t cut = 0; cut < len; cut += 3) {
		write_bytes(bytes, cut);
		assert_int_equal(load("broken.p12", "sesame", false, error), PL_EINVAL);
	}
	for (size_t at = 30; at < len - 4; at += 5) {
		bytes[at] ^= 0x10;
		write_bytes(bytes, len);
		assert_int_equal(load("broken.p12", "sesame", false, error), PL_EINVAL);
		bytes[at] ^= 0x10;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords),	cmocka_unit_test(old_ciphers),
		cmocka_unit_test(contents),	cmocka_unit_test(without_content),
		cmocka_unit_test(broken_files),
	};

	return cmocka_run_group_tests(tests, make_files, tls_remove_files);
}
