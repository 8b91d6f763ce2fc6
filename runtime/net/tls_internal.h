/*
 * tls_internal.h - what the files of TLS share: contexts, their lists of names, connections.
 */
#ifndef PL_NET_TLS_INTERNAL_H
#define PL_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "net/stream.h"
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

/* Bytes from below that OpenSSL has not taken yet. */
typedef struct pl_tls_input {
	uint8_t *at;
	size_t len;
} pl_tls_input;

/* What a connection's BIO reads and writes. */
typedef struct pl_tls_wire {
	pl_tls_input *input; /* NULL: nothing is there now */
	pl_stream *below;
} pl_tls_wire;

/* tls_bio.c: the wire must outlive the BIO. NULL: no memory. */
BIO *pl_tls_bio_new(pl_tls_wire *wire);

#endif
