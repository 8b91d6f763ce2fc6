/*
 * tls_internal.h - what the files of TLS share: contexts, their lists of names, connections.
 */
#ifndef PL_NET_TLS_INTERNAL_H
#define PL_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/tls_context.h"

typedef struct pl_tls_site {
	char *name; /* as in pl_tls_identity; NULL for the default, which is the first */
	SSL_CTX *ssl;
} pl_tls_site;

struct pl_tls_context {
	atomic_uint refs;
	pl_slice *alpn; /* the slices' bytes are not ours */
	size_t alpn_count;
	size_t site_count;
	pl_tls_site sites[];
};

/* One of the context's protocols with these bytes, else empty. */
pl_slice pl_tls_context_alpn(const pl_tls_context *context, const unsigned char *name, size_t len);

/* The words of the first entry of OpenSSL's error queue, the cause; empties the queue. */
const char *pl_tls_reason(void);

/* tls_context_lists.c: sets cipher_list and curves; false: *wrong is what is not known, or NULL. */
bool pl_tls_set_ciphers(SSL_CTX *ssl, const char *list, pl_slice *wrong);
bool pl_tls_set_curves(SSL_CTX *ssl, const char *list, pl_slice *wrong);

#endif
