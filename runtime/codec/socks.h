/*
 * socks.h - what a client says to a SOCKS proxy, and what it answers: SOCKS4 and 4a, SOCKS5
 * (RFC 1928) with user and password (RFC 1929).
 *
 * Pure. Encoders write into the caller's PL_SOCKS_MAX bytes and return the length, or PL_EINVAL for
 * what the protocol cannot say. Decoders return the bytes they used (> 0), 0 for more, or PL_EPROTO
 * with *error; a wrong byte is found as soon as it is there.
 */
#ifndef PL_CODEC_SOCKS_H
#define PL_CODEC_SOCKS_H

#include "base/address.h"
#include "base/slice.h"

enum {
	PL_SOCKS_TEXT_MAX = 255, /* a user, a password, a name */
	PL_SOCKS_MAX = 9 + 2 * (PL_SOCKS_TEXT_MAX + 1)
};

enum { PL_SOCKS4_GRANTED = 90 };

enum pl_socks5_method {
	PL_SOCKS5_OPEN = 0,
	PL_SOCKS5_PASSWORD = 2,
	PL_SOCKS5_NONE = 0xFF /* no method that was offered */
};

/* Where the proxy is to connect to. */
typedef struct pl_socks_target {
	pl_slice name;	    /* for the proxy to resolve; empty: the address */
	pl_address address; /* without its port */
	uint16_t port;
} pl_socks_target;

/* A name makes it SOCKS4a. Not for IPv6; the user has no NUL and may be empty. */
int pl_socks4_request_encode(uint8_t *out, const pl_socks_target *target, pl_slice user);
int pl_socks4_reply_decode(uint8_t *code, const uint8_t *buf, size_t len, const char **error);

/* RFC 1928 3. The offer is no authentication, and passwords if there is one. */
int pl_socks5_offer_encode(uint8_t *out, bool password);
int pl_socks5_choice_decode(uint8_t *method, const uint8_t *buf, size_t len, const char **error);

/* RFC 1929 2. Both have 1 to 255 bytes. Only status 0 lets one in. */
int pl_socks5_password_encode(uint8_t *out, pl_slice user, pl_slice password);
int pl_socks5_status_decode(uint8_t *status, const uint8_t *buf, size_t len, const char **error);

/* RFC 1928 4 and 6. A code other than 0 is told without the address behind it, which is of no use
 * then. */
int pl_socks5_request_encode(uint8_t *out, const pl_socks_target *target);
int pl_socks5_reply_decode(uint8_t *code, const uint8_t *buf, size_t len, const char **error);

/* What a code of a refusal means, and the nearest pl_status. */
const char *pl_socks4_text(uint8_t code);
const char *pl_socks5_text(uint8_t code);
int pl_socks5_status(uint8_t code);

#endif
