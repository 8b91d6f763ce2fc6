#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "crypto/certificate_folder.h"

static const char *const names[] = { "localhost", "127.0.0.1", "::1" };
static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make_folder_name(void)
{
	strcpy(folder, "/tmp/perilune-cert-XXXXXX");
	assert_non_null(mkdtemp(folder));
	strcat(folder, "/tls");
}

static void remove_folder(void)
{
	static const char *const files[] = { "ca.pem", "ca-key.pem", "cert.pem", "key.pem" };

	for (size_t i = 0; i < 4; i++)
		unlink(path_of(files[i]));
	rmdir(folder);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(rmdir(folder), 0);
}

static X509 *read_x509(const char *name)
{
	FILE *file = fopen(path_of(name), "r");
	X509 *x509;

	assert_non_null(file);
	x509 = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	assert_non_null(x509);
	return x509;
}

static int mode_of(const char *name)
{
	struct stat info;

	assert_int_equal(stat(path_of(name), &info), 0);
	return (int)(info.st_mode & 0777);
}

static void a_folder_is_written_once(void **state)
{
	char error[PL_CERTIFICATE_FOLDER_ERROR] = "";
	X509 *ca, *cert;
	EVP_PKEY *key;

	(void)state;
	make_folder_name();
	umask(022);
	assert_int_equal(pl_certificate_folder(folder, names, 3, false, error), PL_OK);
	assert_int_equal(mode_of("ca.pem"), 0644);
	assert_int_equal(mode_of("ca-key.pem"), 0600);
	assert_int_equal(mode_of("cert.pem"), 0644);
	assert_int_equal(mode_of("key.pem"), 0600);
	ca = read_x509("ca.pem");
	cert = read_x509("cert.pem");
	key = X509_get_pubkey(ca);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
	EVP_PKEY_free(key);
	X509_free(ca);
	X509_free(cert);
	assert_int_equal(pl_certificate_folder(folder, names, 3, false, error), PL_EINVAL);
	assert_non_null(strstr(error, "/ca.pem: is there already"));
	unlink(path_of("ca.pem"));
	assert_int_equal(pl_certificate_folder(folder, names, 3, false, error), PL_EINVAL);
	assert_non_null(strstr(error, "/ca-key.pem: is there already"));
	remove_folder();
}

static void self_signed(void **state)
{
	char error[PL_CERTIFICATE_FOLDER_ERROR] = "";
	EVP_PKEY *key;
	X509 *cert;

	(void)state;
	make_folder_name();
	assert_int_equal(pl_certificate_folder(folder, names, 3, true, error), PL_OK);
	assert_int_equal(access(path_of("ca.pem"), F_OK), -1);
	assert_int_equal(mode_of("key.pem"), 0600);
	cert = read_x509("cert.pem");
	key = X509_get_pubkey(cert);
	assert_int_equal(X509_self_signed(cert, 1), 1);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
	EVP_PKEY_free(key);
	X509_free(cert);
	assert_int_equal(pl_certificate_folder(folder, names, 3, true, error), PL_EINVAL);
	assert_non_null(strstr(error, "/cert.pem: is there already"));
	remove_folder();
}

static void what_cannot_be(void **state)
{
	static const char *const wrong[] = { "localhost", "not a name" };
	char error[PL_CERTIFICATE_FOLDER_ERROR] = "";

	(void)state;
	make_folder_name();
	assert_int_equal(pl_certificate_folder(folder, wrong, 2, false, error), PL_EINVAL);
	assert_string_equal(error, "'not a name': is no host name and no IP address");
	assert_int_equal(pl_certificate_folder(folder, NULL, 0, false, error), PL_EINVAL);
	assert_int_equal(access(folder, F_OK), -1);
	strcat(folder, "/no/such");
	assert_int_equal(pl_certificate_folder(folder, names, 1, false, error), PL_ENOENT);
	assert_non_null(strstr(error, "/no/such: no such file or directory"));
	folder[strlen(folder) - strlen("/tls/no/such")] = '\0';
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_written_once),
		cmocka_unit_test(self_signed),
		cmocka_unit_test(what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
