/*
 * certificate.h - X.509 certificates of one's own (RFC 5280), with ECDSA P-256 keys: an authority,
 * and certificates that it signs.
 */
#ifndef PL_CRYPTO_CERTIFICATE_H
#define PL_CRYPTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* A certificate and its private key. */
typedef struct pl_certificate pl_certificate;

typedef struct pl_certificate_plan {
	const char *common_name;  /* 1 to 64 bytes */
	const char *const *names; /* subjectAltName: host names ("*.a.example" too), IP addresses */
	size_t name_count;
	bool authority; /* may sign others, and nothing else */
	int64_t from;	/* validity, in seconds from now */
	int64_t until;
} pl_certificate_plan;

/* Host name or IP address that can stand in a certificate. */
bool pl_certificate_name_valid(const char *name);

/* Makes a key and a certificate for it, signed by the issuer (an authority); NULL: by itself.
 * PL_OK, PL_EINVAL for a name, PL_ENOMEM, or PL_EIO when OpenSSL cannot. */
int pl_certificate_new(pl_certificate **certificate, const pl_certificate_plan *plan,
		       const pl_certificate *issuer);
void pl_certificate_free(pl_certificate *certificate); /* NULL is allowed */

/* Appends PEM. The key is PKCS #8 (RFC 5958), encrypted (AES-256) when there is a password. The
 * caller wipes what holds a key. */
int pl_certificate_pem(const pl_certificate *certificate, pl_buffer *out);
int pl_certificate_key_pem(const pl_certificate *certificate, const char *password, pl_buffer *out);

#endif
