/* Whose clients are let in: authorities from a file or a folder, and lists of what they have
 * revoked (RFC 5280). All is read at once: a handshake reads no file. */
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "net/tls_internal.h"

/* Takes one entry of a file; 1 taken, 0 of another kind, -1 no memory. */
typedef int (*taker)(SSL_CTX *ssl, const X509_INFO *info);

/* Folders have the same certificate under several names; clients are told of it once. */
static bool tell_clients(SSL_CTX *ssl, X509 *x509)
{
	const STACK_OF(X509_NAME) *told = SSL_CTX_get_client_CA_list(ssl);
	const X509_NAME *name = X509_get_subject_name(x509);

	for (int i = 0; i < sk_X509_NAME_num(told); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(told, i), name) == 0)
			return true;
	return SSL_CTX_add_client_CA(ssl, x509) == 1;
}

static int take_authority(SSL_CTX *ssl, const X509_INFO *info)
{
	if (!info->x509)
		return 0;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), info->x509) == 1 &&
			       tell_clients(ssl, info->x509)
		       ? 1
		       : -1;
}

static int take_revocations(SSL_CTX *ssl, const X509_INFO *info)
{
	if (!info->crl)
		return 0;
	return X509_STORE_add_crl(SSL_CTX_get_cert_store(ssl), info->crl) == 1 ? 1 : -1;
}

static bool take_all(SSL_CTX *ssl, STACK_OF(X509_INFO) * infos, taker take, bool *any)
{
	bool taken = true;

	*any = false;
	for (int i = 0; taken && i < sk_X509_INFO_num(infos); i++) {
		int one = take(ssl, sk_X509_INFO_value(infos, i));

		taken = one >= 0;
		*any = *any || one > 0;
	}
	return taken;
}

static bool read_file(pl_tls_making *maker, SSL_CTX *ssl, const char *what, const char *path,
		      taker take)
{
	STACK_OF(X509_INFO) *infos = NULL;
	bool any = false, taken;
	BIO *bio;

	if (!pl_tls_readable(maker, what, path))
		return false;
	bio = BIO_new_file(path, "rb");
	if (bio)
		infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	BIO_free(bio);
	taken = infos && take_all(ssl, infos, take, &any);
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (!taken)
		return pl_tls_fail(maker, PL_EINVAL, "%s '%s': %s", what, path, pl_tls_reason());
	return any || pl_tls_fail(maker, PL_EINVAL, "%s '%s': there is no %s in it", what, path,
				  take == take_authority ? "certificate" : "revocation list");
}

static int is_pem(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && entry->d_name[0] != '.' &&
	       (strcmp(end, ".pem") == 0 || strcmp(end, ".crt") == 0 || strcmp(end, ".cer") == 0);
}

static bool read_entry(pl_tls_making *maker, SSL_CTX *ssl, const char *folder, const char *name)
{
	pl_buffer path = { 0 };
	bool taken;

	if (pl_buffer_printf(&path, "%s/%s", folder, name))
		return pl_tls_fail(maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
	taken = read_file(maker, ssl, "root certificate file", (const char *)path.data,
			  take_authority);
	pl_buffer_deinit(&path);
	return taken;
}

/* In the order of the names, so that workers give their clients the same list. */
static bool read_folder(pl_tls_making *maker, SSL_CTX *ssl, const char *folder)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_pem, alphasort);
	bool taken = count > 0;

	for (int i = 0; i < count; i++) {
		taken = taken && read_entry(maker, ssl, folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (taken || maker->status)
		return taken;
	return pl_tls_fail(
		maker, PL_EINVAL,
		"root certificate folder '%s': there is no .pem, .crt or .cer file in it", folder);
}

bool pl_tls_set_authorities(pl_tls_making *maker, SSL_CTX *ssl)
{
	const char *path = maker->settings->root_cert_file;
	struct stat seen;

	if (stat(path, &seen) == 0 && S_ISDIR(seen.st_mode))
		return read_folder(maker, ssl, path);
	return read_file(maker, ssl, "root certificate file", path, take_authority);
}

bool pl_tls_set_revocations(pl_tls_making *maker, SSL_CTX *ssl)
{
	const char *path = maker->settings->crl_file;

	if (!path)
		return true;
	X509_STORE_set_flags(SSL_CTX_get_cert_store(ssl),
			     X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return read_file(maker, ssl, "revocation list file", path, take_revocations);
}
