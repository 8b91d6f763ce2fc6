/*
 * url.h - absolute URLs with an authority (RFC 3986), and references to others.
 *
 * Strict: ASCII as the RFC has it. Who has a URL with other characters or spaces encodes it first.
 */
#ifndef PL_CODEC_URL_H
#define PL_CODEC_URL_H

#include "base/buffer.h"
#include "base/slice.h"

enum { PL_URL_MAX = 8192 }; /* bytes */

/* Slices of the text; `at` is NULL for what is not there. */
typedef struct pl_url {
	pl_slice scheme;    /* as written: compare without case */
	pl_slice userinfo;  /* "user:password", percent-encoded */
	pl_slice authority; /* host and port as written: without userinfo */
	pl_slice host;	    /* without the brackets of an IPv6 address */
	uint16_t port;	    /* 0: none is named */
	pl_slice path;	    /* "" or from its '/' */
	pl_slice query;	    /* behind '?' */
	pl_slice target;   /* path with query, as a request sends it; may begin with '?' or be "" */
	pl_slice fragment; /* behind '#' */
	const char *error; /* after a failure: what is wrong, a constant phrase */
} pl_url;

/* PL_OK; PL_EINVAL with `error`. */
int pl_url_decode(pl_url *url, pl_slice text);

/* The port of a scheme: 80 for http and ws, 443 for https and wss, 1883 for mqtt, 8883 for mqtts; 0
 * for others. */
uint16_t pl_url_default_port(pl_slice scheme);

/* Whether the scheme is carried by TLS: https, wss, tls, mqtts. */
bool pl_url_secure(pl_slice scheme);

/* Appends the URL that a reference, as in Location, means within a base (RFC 3986 5.2), without
 * dot segments; a fragment of the base is left off. PL_OK; PL_EINVAL when the reference is none, or
 * the outcome has no authority or is longer than PL_URL_MAX; PL_ENOMEM. */
int pl_url_resolve(pl_buffer *out, const pl_url *base, pl_slice reference);

#endif
