/*
 * tls_certificate.h - a certificate (RFC 5280) as data for people and scripts.
 *
 * All texts come from whoever made the certificate.
 */
#ifndef PL_NET_TLS_CERTIFICATE_H
#define PL_NET_TLS_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/stream.h"

typedef struct pl_tls_certificate {
	pl_slice subject; /* RFC 4514: "CN=a.example,O=A"; not ASCII is escaped */
	pl_slice issuer;
	pl_slice serial;      /* lower-case hexadecimal, with a sign when it is negative */
	pl_slice fingerprint; /* SHA-256 of the certificate, 64 lower-case hexadecimal digits */
	pl_slice pem;
	int64_t not_before; /* seconds since 1970 */
	int64_t not_after;
	size_t name_count;
	pl_slice names[]; /* the hosts of subjectAltName: names, and addresses as text */
} pl_tls_certificate;

/* Of the stream's peer, whether it was verified or not; to be freed. NULL: it has shown none (yet;
 * in a resumed session it has when the session began), the stream is no TLS, or no memory. */
pl_tls_certificate *pl_tls_peer_certificate(const pl_stream *stream);
void pl_tls_certificate_free(pl_tls_certificate *certificate); /* NULL is allowed */

#endif
