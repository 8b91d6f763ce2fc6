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
#include "net/tls_ticket.h"

typedef struct pl_tls_site {
	char *name; /* as in pl_tls_identity; NULL for the default, which is the first */
	SSL_CTX *ssl;
} pl_tls_site;

struct pl_tls_context {
	atomic_uint refs;
	pl_tls_ticket_ring *tickets; /* NULL: none */
	pl_slice *alpn;		     /* the slices' bytes are not ours */
	size_t alpn_count;
	void (*plain)(pl_stream *stream);
	size_t site_count;
	pl_tls_site sites[];
};

/* A context under way: the settings, and where the reason of a failure goes. */
typedef struct pl_tls_making {
	const pl_tls_settings *settings;
	char *error;
	int status;
} pl_tls_making;

/* Keeps why it failed; returns false. */
bool __attribute__((format(printf, 3, 4)))
pl_tls_fail(pl_tls_making *maker, int status, const char *format, ...);

/* OpenSSL's own words for a missing file are about BIOs. False: it has failed. */
bool pl_tls_readable(pl_tls_making *maker, const char *what, const char *path);

/* tls_trust.c: those who sign for clients, and what they have revoked. False: it has failed. */
bool pl_tls_set_authorities(pl_tls_making *maker, SSL_CTX *ssl);
bool pl_tls_set_revocations(pl_tls_making *maker, SSL_CTX *ssl);

/* One of the context's protocols with these bytes, else empty. */
pl_slice pl_tls_context_alpn(const pl_tls_context *context, const unsigned char *name, size_t len);

/* The words of the first entry of OpenSSL's error queue, the cause; empties the queue. */
const char *pl_tls_reason(void);

/* tls_hello.c: answers to what clients ask for; for each site, once all of them are there. */
void pl_tls_set_hello(SSL_CTX *ssl, pl_tls_context *context);

/* tls_session.c: tickets, for a context that has its certificate and authorities. False: OpenSSL
 * has no memory. */
bool pl_tls_set_sessions(SSL_CTX *ssl, const pl_tls_settings *settings);

/* tls_context_lists.c: sets cipher_list and curves; false: *wrong is what is not known, or NULL. */
bool pl_tls_set_ciphers(SSL_CTX *ssl, const char *list, pl_slice *wrong);
bool pl_tls_set_curves(SSL_CTX *ssl, const char *list, pl_slice *wrong);

/* Bytes from below that OpenSSL has not taken yet. */
typedef struct pl_tls_input {
	uint8_t *at;
	size_t len;
} pl_tls_input;

/* What OpenSSL reads and writes: one BIO for all connections of a loop, for a BIO takes 200 bytes.
 * It is set to a connection before each call of OpenSSL; no such call leads to another. */
typedef struct pl_tls_wire {
	BIO *bio;
	pl_tls_input *input; /* NULL: nothing is there now */
	pl_stream *below;
	pl_tls_ticket_ring *tickets; /* NULL: none are given */
} pl_tls_wire;

/* tls_bio.c. NULL: no memory. */
pl_tls_wire *pl_tls_wire_new(void);
void pl_tls_wire_free(pl_tls_wire *wire); /* NULL is allowed; the connections are gone */

#endif
