/*
 * tls_client.h - the client's side of TLS (RFC 8446, RFC 5246) as a stream over another stream.
 *
 * The server is verified: its certificate has to lead to an authority that is trusted, to be valid
 * now, and to be for the host (RFC 9525: by subjectAltName alone, and a wildcard is a whole label).
 * What tls.h says of streams holds here, pl_tls_alpn and pl_tls_failure too; an end without
 * close_notify is PL_ECONNRESET.
 */
#ifndef PL_NET_TLS_CLIENT_H
#define PL_NET_TLS_CLIENT_H

#include "net/tls.h"

/* Read by pl_tls_client_context and not kept, except for alpn. */
typedef struct pl_tls_client_settings {
	pl_tls_identity identity; /* for servers that ask for one; all NULL: none */
	enum pl_tls_version min_version, max_version; /* as for servers */
	const char *cipher_list;
	const char *curves;
	bool unverified;	    /* takes any certificate of anybody: no protection; a warning
				     * names each such host once (tls_unverified.c) */
	const char *root_cert_file; /* PEM, or a folder; NULL: the system's authorities, which are
				     * read once in the process, by the first that needs them */
	const char *crl_file;
	int verify_depth;     /* authorities between server and root; < 0: OpenSSL's 100 */
	const pl_slice *alpn; /* offered, the first is preferred; outlives every context */
	size_t alpn_count;
	size_t sessions; /* of hosts that are kept to be resumed; 0: none */
} pl_tls_client_settings;

/* A good number of sessions; the longest name of a host (RFC 1035 2.3.4, as text). */
enum { PL_TLS_SESSIONS = 64, PL_TLS_HOST_MAX = 253 };

/* As pl_tls_context_new, for pl_tls_connect alone. */
int pl_tls_client_context(pl_tls_context **context, const pl_tls_client_settings *settings,
			  char error[PL_TLS_ERROR_MAX]);

typedef struct pl_tls_connection {
	pl_slice host;
	uint16_t port;
	uint32_t timeout; /* ms for the handshake, then PL_ETIMEDOUT */
	/* Once, when the handshake is over, never within pl_tls_connect; not when it fails. */
	void (*ready)(void *owner);
	/* Asked once, when the server's certificate was verified, whatever came of that: the owner
	 * decides, by pl_tls_answer, and until then the handshake waits; its deadline does not.
	 * Never within pl_tls_connect. No session is resumed or kept: there would be no certificate
	 * to ask about. NULL: nobody is asked. */
	void (*verify)(void *owner, const pl_tls_question *question);
	void *owner;
} pl_tls_connection;

/* Takes `below` over, a connection to the host that nothing was written to. The host is a name or
 * an IP address (IPv6 with or without brackets); it is asked for (RFC 6066 3, names only) and
 * verified, and with the port it is where sessions are found. PL_OK; PL_EINVAL for what is no host,
 * PL_ENOMEM: then `below` is still the caller's. */
int pl_tls_connect(pl_stream **stream, pl_stream *below, pl_tls_context *context,
		   const pl_tls_connection *connection);

/* Whether the session was resumed; false for streams that are no TLS. */
bool pl_tls_resumed(const pl_stream *stream);

#endif
