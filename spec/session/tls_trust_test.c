/*
 * Which clients are let in by their certificates.
 */
#include "session/tls_peer.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include "net/tls_internal.h"

struct client_case {
	enum pl_tls_verify verify;
	const char *certificate;
	bool accepted;
};

static void client_certificates(void **state)
{
	static const struct client_case cases[] = {
		{ PL_TLS_VERIFY_OFF, NULL, true },
		{ PL_TLS_VERIFY_OFF, "stranger-both.pem", true },
		{ PL_TLS_VERIFY_OPTIONAL, NULL, true },
		{ PL_TLS_VERIFY_OPTIONAL, "client-both.pem", true },
		{ PL_TLS_VERIFY_OPTIONAL, "expired-both.pem", false },
		{ PL_TLS_VERIFY_OPTIONAL, "stranger-both.pem", false },
		{ PL_TLS_VERIFY_REQUIRED, NULL, false },
		{ PL_TLS_VERIFY_REQUIRED, "client-both.pem", true },
		{ PL_TLS_VERIFY_REQUIRED, "expired-both.pem", false },
		{ PL_TLS_VERIFY_REQUIRED, "stranger-both.pem", false },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct client_case *one = &cases[i / 2];
		SSL_CTX *client = peer_client_of(peer_versions[i % 2]);
		pl_tls_settings settings = peer_settings();
		char path[TLS_FILE_PATH];

		settings.verify = one->verify;
		if (one->certificate) {
			tls_path(path, one->certificate);
			SSL_CTX_use_certificate_file(client, path, SSL_FILETYPE_PEM);
			SSL_CTX_use_PrivateKey_file(client, path, SSL_FILETYPE_PEM);
		}
		assert_int_equal(peer_greets(&settings, client, NULL), one->accepted);
		SSL_CTX_free(client);
	}
}

static void subject_of_the_client(void **state)
{
	pl_tls_settings settings = peer_settings();
	SSL_CTX *client = peer_client_context();
	pl_tls_context *server;
	char path[TLS_FILE_PATH], subject[PEER_SUBJECT];
	struct peer peer;

	(void)state;
	settings.verify = PL_TLS_VERIFY_OPTIONAL;
	server = peer_context(&settings);
	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	assert_true(peer_greet(&peer));
	assert_string_equal(peer_subject(peer.tls, subject), "");
	peer_close(&peer);
	tls_path(path, "client-both.pem");
	SSL_CTX_use_certificate_file(client, path, SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(client, path, SSL_FILETYPE_PEM);
	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	assert_string_equal(peer_subject(peer.tls, subject), "");
	assert_true(peer_greet(&peer));
	assert_string_equal(peer_subject(peer.tls, subject), "CN=client");
	peer_close(&peer);
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

static bool lets_in(const pl_tls_settings *settings, const char *certificate)
{
	SSL_CTX *client = peer_client_context();
	bool greeted;

	peer_client_use(client, certificate);
	greeted = peer_greets(settings, client, NULL);
	SSL_CTX_free(client);
	return greeted;
}

static void copy_file(const char *from, const char *to)
{
	char path[TLS_FILE_PATH], bytes[4096];
	pl_buffer all = { 0 };
	FILE *file;

	tls_path(path, from);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(pl_buffer_append(&all, bytes, fread(bytes, 1, sizeof(bytes), file)),
			 PL_OK);
	fclose(file);
	tls_write_file(to, &all);
	pl_buffer_deinit(&all);
}

static void refused(const pl_tls_settings *settings, int status, const char *words)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;

	assert_int_equal(pl_tls_context_new(&context, settings, error), status);
	if (!strstr(error, words))
		fail_msg("'%s' does not say '%s'", error, words);
}

static void a_folder_of_authorities(void **state)
{
	pl_tls_settings settings = peer_settings();
	pl_tls_context *context;
	char folder[TLS_FILE_PATH];
	pl_buffer text = { 0 };

	(void)state;
	tls_path(folder, "roots");
	assert_int_equal(mkdir(folder, 0700), 0);
	settings.verify = PL_TLS_VERIFY_REQUIRED;
	settings.root_cert_file = folder;
	pl_buffer_printf(&text, "what is here is for servers");
	tls_write_file("roots/README", &text);
	tls_write_file("roots/.hidden.pem", &text);
	refused(&settings, PL_EINVAL, "roots': there is no .pem, .crt or .cer file in it");
	copy_file("ca.pem", "roots/a.crt");
	assert_true(lets_in(&settings, "client-both.pem"));
	assert_false(lets_in(&settings, "stranger-both.pem"));
	copy_file("other-ca.pem", "roots/b.pem");
	assert_true(lets_in(&settings, "client-both.pem"));
	assert_true(lets_in(&settings, "stranger-both.pem"));
	copy_file("ca.pem", "roots/again.pem");
	context = peer_context(&settings);
	assert_int_equal(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(context->sites[0].ssl)), 2);
	pl_tls_context_unref(context);
	tls_write_file("roots/c.pem", &text);
	refused(&settings, PL_EINVAL, "roots/c.pem': there is no certificate in it");
	pl_buffer_deinit(&text);
}

static void sign(X509_CRL *crl, const char *authority)
{
	char path[TLS_FILE_PATH];
	EVP_PKEY *key;
	X509 *x509;
	FILE *file;

	tls_path(path, authority);
	file = fopen(path, "rb");
	assert_non_null(file);
	x509 = PEM_read_X509(file, NULL, NULL, NULL);
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(x509)), 1);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static void add_revoked(X509_CRL *crl, const char *certificate)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	char path[TLS_FILE_PATH];
	X509 *x509;
	FILE *file;

	tls_path(path, certificate);
	file = fopen(path, "rb");
	assert_non_null(file);
	x509 = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	assert_int_equal(X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(x509)), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(revoked, X509_getm_notBefore(x509)), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, revoked), 1);
	X509_free(x509);
}

/* A list of the authority that is good until then; revoked may be NULL. */
static void write_list(const char *name, const char *authority, const char *revoked, long until)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * TLS_DAY), *to = X509_gmtime_adj(NULL, until);
	char path[TLS_FILE_PATH];
	FILE *file;

	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, to), 1);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	if (revoked)
		add_revoked(crl, revoked);
	sign(crl, authority);
	tls_path(path, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
	fclose(file);
	X509_CRL_free(crl);
}

static void revoked_certificates(void **state)
{
	pl_tls_settings settings = peer_settings();
	char list[TLS_FILE_PATH];

	(void)state;
	settings.verify = PL_TLS_VERIFY_OPTIONAL;
	settings.crl_file = list;
	tls_path(list, "crl.pem");
	refused(&settings, PL_ENOENT, "revocation list file");
	write_list("crl.pem", "ca-both.pem", NULL, TLS_DAY);
	assert_true(lets_in(&settings, "client-both.pem"));
	write_list("crl.pem", "ca-both.pem", "client.pem", TLS_DAY);
	assert_false(lets_in(&settings, "client-both.pem"));
	assert_true(lets_in(&settings, "friend-both.pem"));
	write_list("crl.pem", "ca-both.pem", NULL, -TLS_DAY); /* out of date */
	assert_false(lets_in(&settings, "client-both.pem"));
	write_list("crl.pem", "other-ca-both.pem", NULL, TLS_DAY); /* of somebody else */
	assert_false(lets_in(&settings, "client-both.pem"));
	copy_file("ca.pem", "crl.pem");
	refused(&settings, PL_EINVAL, "crl.pem': there is no revocation list in it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_certificates),
		cmocka_unit_test(subject_of_the_client),
		cmocka_unit_test(a_folder_of_authorities),
		cmocka_unit_test(revoked_certificates),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
