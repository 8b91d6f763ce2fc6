/* The authorities that the system trusts, which all clients share: to read them takes 20 ms. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls_internal.h"
#include "net/tls_stamp.h"

/* Where OpenSSL finds them; when one of these changes they are read anew. */
typedef struct origin {
	char path[256];
	uint64_t stamp;
} origin;

static struct {
	pthread_mutex_t lock;
	X509_STORE *store; /* NULL: not read yet */
	origin file, folder;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static origin look(const char *variable, const char *standard)
{
	const char *path = getenv(variable);
	origin found = { .path = "" };

	if (!path)
		path = standard;
	if (strlen(path) < sizeof(found.path))
		strcpy(found.path, path);
	found.stamp = pl_tls_stamp(path);
	return found;
}

static bool same(const origin *one, const origin *other)
{
	return strcmp(one->path, other->path) == 0 && one->stamp == other->stamp;
}

static X509_STORE *read_store(void)
{
	X509_STORE *store = X509_STORE_new();

	if (store && X509_STORE_set_default_paths(store) == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* The store as it is now, with a reference for the caller. */
static X509_STORE *get_store(void)
{
	origin file = look(X509_get_default_cert_file_env(), X509_get_default_cert_file());
	origin folder = look(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
	X509_STORE *store;

	pthread_mutex_lock(&shared.lock);
	if (!shared.store || !same(&shared.file, &file) || !same(&shared.folder, &folder)) {
		X509_STORE_free(shared.store);
		shared.store = read_store();
		shared.file = file;
		shared.folder = folder;
	}
	store = shared.store;
	if (store)
		X509_STORE_up_ref(store);
	pthread_mutex_unlock(&shared.lock);
	return store;
}

bool pl_tls_set_system(pl_tls_making *maker, SSL_CTX *ssl)
{
	/* Revocation lists, and that they are needed, are the store's: then it is not shared. */
	X509_STORE *store = maker->settings->crl_file ? read_store() : get_store();

	if (!store)
		return pl_tls_fail(maker, PL_EINVAL, "the system's authorities: %s",
				   pl_tls_reason());
	SSL_CTX_set_cert_store(ssl, store);
	ERR_clear_error(); /* a file that is not there is none */
	return true;
}
