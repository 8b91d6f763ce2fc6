/*
 * tls_context.h - what the TLS connections of a server share: certificates, versions, ciphers, whom
 * they trust, tickets. (Those of a client: tls_client.h.)
 *
 * TLS 1.2 (RFC 5246) and 1.3 (RFC 8446); older versions only when asked for. Renegotiation and
 * compression are off. Sessions are resumed by tickets (RFC 5077, RFC 8446 2.2) under keys of the
 * process (tls_ticket.h), by contexts and names of the same certificate and rules only, and never
 * once the client's certificate has expired. A context is counted, may be used by several threads,
 * and is the same as any other made from the same settings.
 */
#ifndef PL_NET_TLS_CONTEXT_H
#define PL_NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/stream.h"

enum { PL_TLS_ERROR_MAX = 512 };

typedef struct pl_tls_context pl_tls_context;

enum pl_tls_version { PL_TLS_ANY, PL_TLS_1_0, PL_TLS_1_1, PL_TLS_1_2, PL_TLS_1_3 };

enum pl_tls_verify {
	PL_TLS_VERIFY_OFF,	/* no certificate is asked for */
	PL_TLS_VERIFY_OPTIONAL, /* a client may show one; a bad one is refused */
	PL_TLS_VERIFY_REQUIRED	/* a client must show one */
};

/* A certificate and its key, in PEM or PKCS #12 (RFC 7292). */
typedef struct pl_tls_identity {
	const char *name;      /* host name (RFC 6066 3), "*.a.example" too; NULL for the default */
	const char *cert_file; /* PEM: the certificate, then those that lead to the authority */
	const char *key_file;  /* PEM; NULL: in cert_file */
	const char *p12_file;  /* in place of both: certificate, key and authorities; has a MAC */
	bool p12_legacy;       /* the file's ciphers may be RC2, RC4 and single DES */
	const char *password;  /* of an encrypted key or the P12 file, or NULL */
} pl_tls_identity;

/* Read by pl_tls_context_new and not kept, except for alpn. */
typedef struct pl_tls_settings {
	pl_tls_identity identity; /* when no other has the name that the client asks for */
	const pl_tls_identity *others;
	size_t other_count;
	enum pl_tls_version min_version; /* PL_TLS_ANY: 1.2 */
	enum pl_tls_version max_version; /* PL_TLS_ANY: the newest */
	const char *cipher_list;	 /* names of 1.2 and 1.3, see below; NULL: ours */
	const char *curves; /* names of groups, see below; NULL: X25519, P-256, P-384 */
	enum pl_tls_verify verify;
	bool verify_once;	    /* for a handshake that is repeated, which there is not */
	const char *root_cert_file; /* PEM, or a folder of .pem, .crt and .cer files; the
				     * authorities of clients; NULL: nobody is trusted */
	const char *crl_file;	  /* PEM: revocation lists (RFC 5280 5), then one of each authority
				   * has to be there and not out of date; NULL: none */
	int verify_depth;	  /* authorities between client and root; < 0: OpenSSL's 100 */
	uint32_t ticket_lifetime; /* seconds for which a session may be resumed, up to 7 days (RFC
				   * 8446 4.6.1); 0: never, no tickets */
	const pl_slice *alpn;	  /* RFC 7301, the first is preferred; outlives every context. A
				   * client that offers none of these is refused */
	size_t alpn_count;
	void (*plain)(pl_stream *stream); /* writes an answer for a peer that sends text in place
					   * of a handshake; NULL: it gets none */
} pl_tls_settings;

/* cipher_list: names separated by ':', ',' or blanks: OpenSSL's names of TLS 1.2 ("ECDHE-RSA-…"),
 * names of TLS 1.3 ("TLS_AES_128_GCM_SHA256", "AEAD-AES128-GCM-SHA256"). A version of which no name
 * is in the list keeps its default. curves: separated in the same way.
 *
 * PL_OK, PL_ENOENT, PL_EACCES, PL_EISDIR and others for a file that cannot be read, PL_EINVAL for
 * what a file or list holds, PL_ENOMEM; then `error` has a sentence without any secret in it:
 * "key file 'key.pem': wrong password". */
int pl_tls_context_new(pl_tls_context **context, const pl_tls_settings *settings,
		       char error[PL_TLS_ERROR_MAX]);
pl_tls_context *pl_tls_context_ref(pl_tls_context *context);
void pl_tls_context_unref(pl_tls_context *context); /* NULL is allowed */

#endif
