#include "unit/net/tls_files.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

/* The settings of a test; paths are made from names when they are needed. */
static pl_tls_settings settings_of(const char *cert, const char *key)
{
	static char paths[2][TLS_FILE_PATH];
	pl_tls_settings settings = { .verify_depth = -1 };

	tls_path(paths[0], cert);
	settings.identity.cert_file = paths[0];
	if (key) {
		tls_path(paths[1], key);
		settings.identity.key_file = paths[1];
	}
	return settings;
}

static pl_tls_context *make(const pl_tls_settings *settings)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;

	if (pl_tls_context_new(&context, settings, error))
		fail_msg("%s", error);
	return context;
}

/* It cannot be made; the reason ends in `text`. */
static void refused(const pl_tls_settings *settings, int status, const char *text)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;
	int64_t live = pl_alloc_live();

	assert_int_equal(pl_tls_context_new(&context, settings, error), status);
	if (strlen(error) < strlen(text) || strcmp(error + strlen(error) - strlen(text), text) != 0)
		fail_msg("'%s' does not end in '%s'", error, text);
	assert_null(strstr(error, "sesame"));
	assert_null(context);
	assert_int_equal(pl_alloc_live(), live);
}

static void files_and_passwords(void **state)
{
	pl_tls_settings settings = settings_of("server.pem", "server-key.pem");

	(void)state;
	pl_tls_context_unref(make(&settings));
	settings = settings_of("server-both.pem", NULL);
	pl_tls_context_unref(make(&settings));
	settings = settings_of("locked.pem", "locked-key.pem");
	settings.identity.password = "sesame";
	pl_tls_context_unref(make(&settings));
	settings = settings_of("locked-both.pem", NULL);
	settings.identity.password = "sesame";
	pl_tls_context_unref(make(&settings));
}

static void errors_name_the_file(void **state)
{
	pl_tls_settings settings = settings_of("none.pem", "server-key.pem");

	(void)state;
	refused(&settings, PL_ENOENT, "none.pem': no such file or directory");
	settings = settings_of("server.pem", "none.pem");
	refused(&settings, PL_ENOENT, "none.pem': no such file or directory");
	settings = settings_of("", NULL);
	refused(&settings, PL_EISDIR, "/': is a directory");
	settings = settings_of("server-key.pem", NULL);
	refused(&settings, PL_EINVAL, "server-key.pem': there is no certificate in it");
	settings = settings_of("server.pem", NULL);
	refused(&settings, PL_EINVAL, "server.pem': there is no private key in it");
	settings = settings_of("server.pem", "client-key.pem");
	refused(&settings, PL_EINVAL, "server.pem'");
	settings = settings_of("locked.pem", "locked-key.pem");
	refused(&settings, PL_EINVAL,
		"locked-key.pem': the key is encrypted, and no password is given");
	settings.identity.password = "sesame-not";
	refused(&settings, PL_EINVAL, "locked-key.pem': wrong password");
}

/* They would be read for ever, or not before somebody writes. */
static void special_files(void **state)
{
	pl_tls_settings settings = settings_of("pipe", NULL);
	char path[TLS_FILE_PATH];

	(void)state;
	tls_path(path, "pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(&settings, PL_EINVAL, "pipe': it is no regular file");
	settings = settings_of("server.pem", "pipe");
	refused(&settings, PL_EINVAL, "pipe': it is no regular file");
	settings = settings_of("server-both.pem", NULL);
	settings.verify = PL_TLS_VERIFY_OPTIONAL;
	settings.root_cert_file = "/dev/zero";
	refused(&settings, PL_EINVAL, "/dev/zero': it is no regular file");
}

static void broken_files(void **state)
{
	static uint8_t broken[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	const pl_buffer bytes = { .data = broken, .len = sizeof(broken) - 1 };
	pl_tls_settings settings = settings_of("broken.pem", NULL);
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_context *context = NULL;

	(void)state;
	tls_write_file("broken.pem", &bytes);
	assert_int_equal(pl_tls_context_new(&context, &settings, error), PL_EINVAL);
	assert_non_null(strstr(error, "broken.pem': "));
	assert_null(strstr(error, "no reason"));
}

static void versions(void **state)
{
	pl_tls_settings settings = settings_of("server-both.pem", NULL);
	pl_tls_context *context = make(&settings);

	(void)state;
	assert_int_equal(SSL_CTX_get_min_proto_version(context->sites[0].ssl), TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_get_max_proto_version(context->sites[0].ssl), 0);
	pl_tls_context_unref(context);
	settings.min_version = settings.max_version = PL_TLS_1_3;
	context = make(&settings);
	assert_int_equal(SSL_CTX_get_min_proto_version(context->sites[0].ssl), TLS1_3_VERSION);
	pl_tls_context_unref(context);
	settings.max_version = PL_TLS_1_2;
	refused(&settings, PL_EINVAL, "max_version is below min_version");
}

/* The names of all ciphers, ':' between them. */
static const char *ciphers_of(const pl_tls_context *context)
{
	static char text[1024];
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(context->sites[0].ssl);

	text[0] = '\0';
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		strcat(text, i ? ":" : "");
		strcat(text, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)));
	}
	return text;
}

static void expect_ciphers(const char *list, const char *expected)
{
	pl_tls_settings settings = settings_of("server-both.pem", NULL);
	pl_tls_context *context;

	settings.cipher_list = list;
	context = make(&settings);
	assert_string_equal(ciphers_of(context), expected);
	pl_tls_context_unref(context);
}

static void one_list_for_both_versions(void **state)
{
	static const char *const wrong[] = { "AEAD-AES128-GCM", "TLS_AES_1",
					     "ECDHE-RSA-AES128-GCM-SHA256:NONSENSE" };
	pl_tls_settings settings = settings_of("server-both.pem", NULL);

	(void)state;
	expect_ciphers("TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
		       "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256");
	expect_ciphers("ECDHE-RSA-AES256-GCM-SHA384, AEAD-CHACHA20-POLY1305-SHA256 "
		       "AEAD-AES256-GCM-SHA384",
		       "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:"
		       "ECDHE-RSA-AES256-GCM-SHA384");
	expect_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256",
		       "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
		       "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char error[PL_TLS_ERROR_MAX];
		pl_tls_context *context = NULL;

		settings.cipher_list = wrong[i];
		assert_int_equal(pl_tls_context_new(&context, &settings, error), PL_EINVAL);
		assert_memory_equal(error, "cipher_list: there is no '", 26);
	}
	settings.cipher_list = " : ";
	refused(&settings, PL_EINVAL, "cipher_list: it names none");
}

static void curves(void **state)
{
	pl_tls_settings settings = settings_of("server-both.pem", NULL);

	(void)state;
	settings.curves = "P-256, X25519:P-521";
	pl_tls_context_unref(make(&settings));
	settings.curves = "P-256:X25518";
	refused(&settings, PL_EINVAL, "curves: there is no 'X25518'");
	settings.curves = " ";
	refused(&settings, PL_EINVAL, "curves: it names none");
}

static void verification(void **state)
{
	pl_tls_settings settings = settings_of("server-both.pem", NULL);
	char path[TLS_FILE_PATH];
	pl_tls_context *context;

	(void)state;
	settings.verify = PL_TLS_VERIFY_REQUIRED;
	settings.root_cert_file = path;
	tls_path(path, "none.pem");
	refused(&settings, PL_ENOENT, "none.pem': no such file or directory");
	tls_path(path, "server-key.pem");
	refused(&settings, PL_EINVAL, "server-key.pem': there is no certificate in it");
	tls_path(path, "ca.pem");
	settings.verify_depth = 1;
	context = make(&settings);
	assert_int_equal(SSL_CTX_get_verify_mode(context->sites[0].ssl),
			 SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	assert_int_equal(SSL_CTX_get_verify_depth(context->sites[0].ssl), 1);
	pl_tls_context_unref(context);
}

static void other_names(void **state)
{
	pl_tls_settings settings = settings_of("server-both.pem", NULL);
	char path[TLS_FILE_PATH];
	pl_tls_identity other = { .name = "second.example", .cert_file = path };
	pl_tls_context *context;

	(void)state;
	settings.others = &other;
	settings.other_count = 1;
	tls_path(path, "second-both.pem");
	context = make(&settings);
	assert_int_equal(context->site_count, 2);
	pl_tls_context_unref(pl_tls_context_ref(context));
	pl_tls_context_unref(context);
	tls_path(path, "none.pem");
	refused(&settings, PL_ENOENT, "none.pem': no such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_passwords),
		cmocka_unit_test(errors_name_the_file),
		cmocka_unit_test(special_files),
		cmocka_unit_test(broken_files),
		cmocka_unit_test(versions),
		cmocka_unit_test(one_list_for_both_versions),
		cmocka_unit_test(curves),
		cmocka_unit_test(verification),
		cmocka_unit_test(other_names),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
