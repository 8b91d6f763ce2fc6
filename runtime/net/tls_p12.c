/* A certificate, its key and its authorities from a PKCS #12 file (RFC 7292). */
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <string.h>

#include "base/status.h"
#include "net/tls_internal.h"

static const char what[] = "P12 file";

typedef struct p12_content {
	EVP_PKEY *key;
	X509 *certificate;
	STACK_OF(X509) * authorities;
} p12_content;

static void content_free(p12_content *content)
{
	EVP_PKEY_free(content->key);
	X509_free(content->certificate);
	sk_X509_pop_free(content->authorities, X509_free);
	*content = (p12_content){ 0 };
}

/* Old ciphers live in a library context of their own, for as long as the file is read: nothing else
 * gets them. */
typedef struct old_ciphers {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *standard, *legacy;
} old_ciphers;

static void old_ciphers_deinit(old_ciphers *old)
{
	if (old->legacy)
		OSSL_PROVIDER_unload(old->legacy);
	if (old->standard)
		OSSL_PROVIDER_unload(old->standard);
	OSSL_LIB_CTX_free(old->library);
}

static bool old_ciphers_init(old_ciphers *old)
{
	old->library = OSSL_LIB_CTX_new();
	if (!old->library)
		return false;
	old->standard = OSSL_PROVIDER_load(old->library, "default");
	old->legacy = OSSL_PROVIDER_load(old->library, "legacy");
	return old->standard && old->legacy;
}

static PKCS12 *read_p12(const char *path)
{
	BIO *bio = BIO_new_file(path, "rb");
	PKCS12 *p12 = bio ? d2i_PKCS12_bio(bio, NULL) : NULL;

	BIO_free(bio);
	return p12;
}

static bool queue_has_unsupported(void)
{
	unsigned long code;
	bool found = false;

	while ((code = ERR_get_error()) != 0)
		found = found || (ERR_GET_LIB(code) == ERR_LIB_EVP &&
				  (ERR_GET_REASON(code) == ERR_R_UNSUPPORTED ||
				   ERR_GET_REASON(code) == EVP_R_UNSUPPORTED_ALGORITHM));
	return found;
}

/* OpenSSL tells no password from an empty one; files differ, so it tries both. */
static bool has_password(PKCS12 *p12, const char *password)
{
	if (password && *password)
		return PKCS12_verify_mac(p12, password, -1) == 1;
	return PKCS12_verify_mac(p12, NULL, 0) == 1 || PKCS12_verify_mac(p12, "", 0) == 1;
}

static bool open_p12(pl_tls_making *maker, const pl_tls_identity *identity, PKCS12 *p12,
		     p12_content *content)
{
	const char *path = identity->p12_file, *password = identity->password;

	if (PKCS12_mac_present(p12) != 1)
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': it has no MAC, or is broken", what,
				   path);
	if (!has_password(p12, password))
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path,
				   password ? "wrong password, or the file is broken"
					    : "it has a password, and none is given");
	if (PKCS12_parse(p12, password, &content->key, &content->certificate,
			 &content->authorities) == 1)
		return true;
	if (!queue_has_unsupported())
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': it is broken", what, path);
	return pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path,
			   identity->p12_legacy
				   ? "it is encrypted by an algorithm that is not there"
				   : "it is encrypted by an old algorithm, which is off");
}

/* Keys and certificates belong to the library context that read them; these go into the one of
 * everything else. */

static bool move_key(EVP_PKEY **key)
{
	unsigned char *bytes = NULL;
	int len = i2d_PrivateKey(*key, &bytes);
	const unsigned char *at = bytes;
	EVP_PKEY *moved = len > 0 ? d2i_AutoPrivateKey(NULL, &at, len) : NULL;

	if (len > 0)
		OPENSSL_clear_free(bytes, (size_t)len);
	EVP_PKEY_free(*key);
	*key = moved;
	return moved != NULL;
}

static X509 *moved_certificate(X509 *certificate)
{
	unsigned char *bytes = NULL;
	int len = i2d_X509(certificate, &bytes);
	const unsigned char *at = bytes;
	X509 *moved = len > 0 ? d2i_X509(NULL, &at, len) : NULL;

	OPENSSL_free(bytes);
	X509_free(certificate);
	return moved;
}

static bool move(p12_content *content)
{
	bool moved = !content->key || move_key(&content->key);

	if (content->certificate) {
		content->certificate = moved_certificate(content->certificate);
		moved = moved && content->certificate;
	}
	for (int i = 0; i < sk_X509_num(content->authorities); i++) {
		X509 *one = moved_certificate(sk_X509_value(content->authorities, i));

		sk_X509_set(content->authorities, i, one);
		moved = moved && one;
	}
	return moved;
}

static bool use(pl_tls_making *maker, SSL_CTX *ssl, const char *path, p12_content *content)
{
	if (!content->certificate || !content->key)
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': there is no %s in it", what, path,
				   content->key ? "certificate" : "private key");
	return SSL_CTX_use_cert_and_key(ssl, content->certificate, content->key,
					content->authorities, 1) == 1 ||
	       pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path, pl_tls_reason());
}

static bool read_content(pl_tls_making *maker, const pl_tls_identity *identity,
			 p12_content *content)
{
	const char *path = identity->p12_file;
	PKCS12 *p12 = read_p12(path);
	bool opened;

	if (!p12)
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': it is no PKCS #12 file", what, path);
	opened = open_p12(maker, identity, p12, content);
	PKCS12_free(p12);
	return opened;
}

static bool read_old_content(pl_tls_making *maker, const pl_tls_identity *identity,
			     p12_content *content)
{
	old_ciphers old = { 0 };
	bool taken = false;

	if (old_ciphers_init(&old)) {
		/* For this thread; PKCS #12 takes what is the standard. */
		OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(old.library);

		taken = read_content(maker, identity, content);
		OSSL_LIB_CTX_set0_default(before);
		if (taken && !move(content))
			taken = pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what,
					    identity->p12_file, pl_tls_reason());
	} else {
		pl_tls_fail(maker, PL_ENOTSUP,
			    "%s '%s': OpenSSL's old algorithms are not installed", what,
			    identity->p12_file);
	}
	if (!taken) /* before the library that it belongs to */
		content_free(content);
	old_ciphers_deinit(&old);
	return taken;
}

bool pl_tls_set_p12(pl_tls_making *maker, SSL_CTX *ssl, const pl_tls_identity *identity)
{
	p12_content content = { 0 };
	bool taken;

	if (!pl_tls_readable(maker, what, identity->p12_file))
		return false;
	taken = (identity->p12_legacy ? read_old_content : read_content)(maker, identity,
									 &content) &&
		use(maker, ssl, identity->p12_file, &content);
	content_free(&content);
	return taken;
}
