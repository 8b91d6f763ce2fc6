/*
 * tls_internal.h - what the files of TLS share: contexts, their lists of names, connections.
 */
#ifndef PL_NET_TLS_INTERNAL_H
#define PL_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "net/stream.h"
#include "net/tls_client.h"
#include "net/tls_ticket.h"

/* tls_sessions.c: what a client may resume. */
typedef struct pl_tls_sessions pl_tls_sessions;

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
	pl_tls_sessions *sessions; /* of a client; NULL: none are kept */
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

/* tls_context.c: without its sites; NULL: no memory. */
pl_tls_context *pl_tls_context_allocate(const pl_tls_settings *settings);

/* tls_context.c: versions, ciphers, curves, and what is never allowed. False: it has failed. */
bool pl_tls_set_rules(pl_tls_making *maker, SSL_CTX *ssl);

/* tls_identity.c, tls_p12.c: the certificate that is shown. False: it has failed. */
bool pl_tls_set_identity(pl_tls_making *maker, SSL_CTX *ssl, const pl_tls_identity *identity);
bool pl_tls_set_p12(pl_tls_making *maker, SSL_CTX *ssl, const pl_tls_identity *identity);

/* tls_trust.c: those who sign for clients, and what they have revoked. False: it has failed. */
bool pl_tls_set_authorities(pl_tls_making *maker, SSL_CTX *ssl);
bool pl_tls_set_revocations(pl_tls_making *maker, SSL_CTX *ssl);

/* tls_system.c: those that the system trusts, of a client. False: it has failed. */
bool pl_tls_set_system(pl_tls_making *maker, SSL_CTX *ssl);

/* tls_unverified.c: the operator is told that anybody may be this host, once for each host and
 * program. */
void pl_tls_unverified(const char *host);

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

enum { PL_TLS_WHY_MAX = 320 };

/* What the owner has said of the peer. */
enum pl_tls_verified { PL_TLS_UNASKED, PL_TLS_ASKED, PL_TLS_ACCEPTED, PL_TLS_REFUSED };

/* tls_server.c: what a server's connection has besides, if its owner is asked. */
typedef struct pl_tls_server {
	void (*verify)(void *owner, const pl_tls_question *question);
	void (*select)(void *owner, const pl_slice *offered, size_t count);
	void *owner;
	uint8_t *offered; /* the list of the hello as it came, until it was asked about */
	size_t offered_len;
	pl_slice protocol; /* for PL_TLS_SELECT_THIS */
	uint8_t verified;  /* enum pl_tls_verified */
	uint8_t selection; /* enum pl_tls_selection, */
	uint8_t selecting; /* once this is PL_TLS_ACCEPTED */
} pl_tls_server;

/* NULL: nobody is to be asked, or *status is PL_ENOMEM. */
pl_tls_server *pl_tls_server_new(SSL *ssl, const pl_tls_acceptance *acceptance, int *status);
void pl_tls_server_free(pl_tls_server *server); /* NULL is allowed */

/* For the hello's callback: whether it has to wait for the owner's choice among these. */
bool pl_tls_server_holds(pl_tls_server *server, const uint8_t *offered, size_t len);

/* Whether there is something to ask now: after the hello's callback held, or the handshake. */
bool pl_tls_server_curious(const pl_tls_server *server, SSL *ssl);

/* Asks the owner, who may answer at once. False: it cannot be asked for want of memory. */
bool pl_tls_server_ask(pl_tls_server *server, SSL *ssl);
bool pl_tls_server_asking(const pl_tls_server *server);
void pl_tls_server_select(pl_tls_server *server, enum pl_tls_selection selection,
			  pl_slice protocol);

/* Whether the owner has refused the client; what it has said is the result of the verification. */
bool pl_tls_server_refuses(const pl_tls_server *server, SSL *ssl);

/* For SSL_CTX_set_cert_verify_callback: where the owner is asked, its word counts. */
int pl_tls_server_on_verify(X509_STORE_CTX *store, void *unused);

/* tls_hello.c: the same name in memory that is there for ever; empty when too many were kept. */
pl_slice pl_tls_keep_protocol(pl_slice name);

/* tls_client.c: what a client's connection has besides. */
typedef struct pl_tls_client {
	pl_tls_sessions *sessions; /* NULL: none are kept */
	void (*ready)(void *owner);
	void (*verify)(void *owner, const pl_tls_question *question);
	void *owner;
	uint16_t port;
	uint8_t answer; /* enum pl_tls_verified */
	char *why;	/* PL_TLS_WHY_MAX bytes, once it has failed; NULL before that */
	char host[];	/* without brackets, scope and final dot */
} pl_tls_client;

/* Makes the connection a client's: whom it asks for, whom it takes, what it resumes. PL_OK,
 * PL_EINVAL for what is no host, PL_ENOMEM. */
int pl_tls_client_new(pl_tls_client **client, const pl_tls_context *context, SSL *ssl,
		      const pl_tls_connection *connection);
void pl_tls_client_free(pl_tls_client *client); /* NULL is allowed */

/* Asks the owner, who may answer at once. False: it cannot be asked for want of memory. */
bool pl_tls_client_ask(pl_tls_client *client, SSL *ssl);

/* Before the connection is freed: what has not failed may be resumed. */
void pl_tls_client_end(const pl_tls_client *client, SSL *ssl);

/* The connection has failed: what it would resume by is forgotten. A sentence that lives as long as
 * the client, from the result of the verification and OpenSSL's error queue, which is emptied. */
const char *pl_tls_client_failed(pl_tls_client *client, SSL *ssl);

/* tls_verdict.c: why a certificate is refused, for people. What comes from the peer is cut and
 * without control characters. */
void pl_tls_verdict(char *text, size_t size, SSL *ssl, const char *host);

/* tls_certificate.c: to be freed; NULL: no memory. */
pl_tls_certificate *pl_tls_certificate_of(X509 *x509);

/* tls_sessions.c: one for each host and port, `most` in all; the one that was used least recently
 * goes. Thread-safe. NULL: no memory. */
pl_tls_sessions *pl_tls_sessions_new(size_t most);
void pl_tls_sessions_free(pl_tls_sessions *sessions); /* NULL is allowed */

/* Keeps the session, which is the cache's from now on, in place of the one before. */
void pl_tls_sessions_put(pl_tls_sessions *sessions, const char *host, uint16_t port,
			 SSL_SESSION *session);

/* The session to resume, now the caller's; NULL: none, or it has run out. One of TLS 1.3 is taken
 * out, for each is used once (RFC 8446 C.4). */
SSL_SESSION *pl_tls_sessions_take(pl_tls_sessions *sessions, const char *host, uint16_t port);

/* Forgets it. */
void pl_tls_sessions_drop(pl_tls_sessions *sessions, const char *host, uint16_t port);

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
	pl_tls_client *client;	     /* NULL: a server's side */
	pl_tls_server *server;	     /* NULL: its owner is asked nothing */
} pl_tls_wire;

/* tls_bio.c. NULL: no memory. */
pl_tls_wire *pl_tls_wire_new(void);
void pl_tls_wire_free(pl_tls_wire *wire); /* NULL is allowed; the connections are gone */

#endif
