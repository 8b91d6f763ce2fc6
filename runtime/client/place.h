/*
 * place.h - where a client connects to, and where a redirect leads. Pure.
 */
#ifndef PL_CLIENT_PLACE_H
#define PL_CLIENT_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "codec/http_response.h"

typedef struct pl_client_place {
	bool tcp;	 /* bytes alone, no WebSocket */
	bool secure;	 /* TLS */
	pl_slice host;	 /* IPv6 with or without brackets */
	uint16_t port;	 /* 0: 80 or 443 (WebSocket) */
	pl_slice target; /* path and query; empty: "/" */
} pl_client_place;

/* The port it stands for; 0: it has none. */
uint16_t pl_place_port(const pl_client_place *place);

/* Writes "host:port", an IPv6 address in brackets; cut to size. */
enum { PL_PLACE_TEXT = 288 };
void pl_place_text(char out[PL_PLACE_TEXT], pl_slice host, uint16_t port);

/* Appends "host:port" with an IPv6 address in brackets; `always`: also the port that is the
 * scheme's own, which a Host field does not name (RFC 9110 7.2). PL_OK or PL_ENOMEM. */
int pl_place_authority(const pl_client_place *place, bool always, pl_buffer *out);

/* Whether both are of one origin: scheme, host, port (RFC 6454 5). */
bool pl_place_same_origin(const pl_client_place *a, const pl_client_place *b);

/* Whether a response sends elsewhere who has asked by GET: 301, 302, 303, 307, 308. */
bool pl_place_redirects(const pl_http_response *response);

/* Where such a response leads. Its texts are in *url, which is the caller's and empty. PL_OK;
 * PL_EPROTO with *why, a constant phrase: there is no Location or several, or it is none that a
 * WebSocket can follow (ws, wss, http, https, without a user); PL_ENOMEM. */
int pl_place_redirect(pl_client_place *to, pl_buffer *url, const pl_client_place *from,
		      const pl_http_response *response, const char **why);

#endif
