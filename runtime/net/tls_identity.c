/* Whose certificate we show: PEM files, or a PKCS #12 file. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "net/tls_internal.h"

/* OpenSSL's own words for a missing file are about BIOs. */
/* A pipe would hold the thread until somebody writes, a device for ever. */
static bool is_special(const char *path)
{
	struct stat seen;

	return stat(path, &seen) == 0 && !S_ISREG(seen.st_mode) && !S_ISDIR(seen.st_mode);
}

bool pl_tls_readable(pl_tls_making *maker, const char *what, const char *path)
{
	FILE *file;
	int error = 0;

	if (is_special(path))
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': it is no regular file", what, path);
	file = fopen(path, "rb");
	if (!file || (fgetc(file) == EOF && ferror(file)))
		error = errno;
	if (file)
		fclose(file);
	if (!error)
		return true;
	return pl_tls_fail(maker, pl_status_from_errno(error), "%s '%s': %s", what, path,
			   pl_status_text(pl_status_from_errno(error)));
}

static bool no_start(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static bool file_failed(pl_tls_making *maker, const char *what, const char *path,
			const char *missing)
{
	bool none = no_start(ERR_peek_error()) || no_start(ERR_peek_last_error());

	return pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path,
			   none ? missing : pl_tls_reason());
}

static bool use_certificate(pl_tls_making *maker, SSL_CTX *ssl, const char *path)
{
	static const char what[] = "certificate file";

	return pl_tls_readable(maker, what, path) &&
	       (SSL_CTX_use_certificate_chain_file(ssl, path) == 1 ||
		file_failed(maker, what, path, "there is no certificate in it"));
}

typedef struct key_password {
	const char *text;
	bool asked;
} key_password;

/* Never asks at the terminal, as OpenSSL would without this. */
static int give_password(char *buffer, int size, int writing, void *context)
{
	key_password *password = context;
	size_t len = password->text ? strlen(password->text) : 0;

	(void)writing;
	password->asked = true;
	if (len == 0 || len > (size_t)size)
		return -1;
	memcpy(buffer, password->text, len);
	return (int)len;
}

static EVP_PKEY *read_key(pl_tls_making *maker, const pl_tls_identity *identity, const char *path)
{
	static const char what[] = "key file";
	key_password password = { .text = identity->password };
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (!pl_tls_readable(maker, what, path))
		return NULL;
	bio = BIO_new_file(path, "rb");
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
	BIO_free(bio);
	if (key)
		return key;
	if (!password.asked)
		pl_tls_fail(maker, PL_EINVAL, "%s '%s': there is no private key in it", what, path);
	else
		pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path,
			    password.text ? "wrong password"
					  : "the key is encrypted, and no password is given");
	return NULL;
}

static bool use_key_file(pl_tls_making *maker, SSL_CTX *ssl, const pl_tls_identity *identity)
{
	const char *path = identity->key_file ? identity->key_file : identity->cert_file;
	EVP_PKEY *key = read_key(maker, identity, path);
	bool used = false;

	if (!key)
		return false;
	if (X509_check_private_key(SSL_CTX_get0_certificate(ssl), key) != 1)
		pl_tls_fail(maker, PL_EINVAL,
			    "key file '%s': the key does not belong to the certificate in '%s'",
			    path, identity->cert_file);
	else if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
		pl_tls_fail(maker, PL_EINVAL, "key file '%s': %s", path, pl_tls_reason());
	else
		used = true;
	EVP_PKEY_free(key);
	return used;
}

bool pl_tls_set_identity(pl_tls_making *maker, SSL_CTX *ssl, const pl_tls_identity *identity)
{
	if (identity->p12_file)
		return pl_tls_set_p12(maker, ssl, identity);
	return use_certificate(maker, ssl, identity->cert_file) &&
	       use_key_file(maker, ssl, identity);
}
