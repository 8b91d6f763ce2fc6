/*
 * ws_handshake.h - the server's side of the opening handshake (RFC 6455 section 4.2).
 *
 * Pure: looks at a decoded request and says what the answer has to be.
 */
#ifndef PL_CODEC_WS_HANDSHAKE_H
#define PL_CODEC_WS_HANDSHAKE_H

#include <stdbool.h>

#include "codec/http_head.h"

enum {
	PL_WS_KEY_SIZE = 24,
	PL_WS_ACCEPT_SIZE = 28,
	PL_WS_PROTOCOLS_MAX = 64 /* each is compared with all before it */
};

/* What the handshake looks at in a request, of whatever HTTP version. */
typedef struct pl_ws_request {
	pl_slice method;
	uint8_t minor; /* HTTP/1.minor */
	bool body;     /* the request has one */
	const pl_http_field *fields;
	size_t field_count;
} pl_ws_request;

typedef struct pl_ws_offer {
	pl_slice key;	  /* Sec-WebSocket-Key, PL_WS_KEY_SIZE characters */
	int error_status; /* after a failure: 400, or 426 for a version other than 13 */
	const char *error;
} pl_ws_offer;

/* The value of the only field with this name; at == NULL when there is none, or several. */
pl_slice pl_ws_request_single(const pl_ws_request *request, pl_slice name);

/* Whether the request asks for an upgrade to WebSocket at all: Upgrade has "websocket" and
 * Connection has "upgrade". */
bool pl_ws_requested(const pl_ws_request *request);

/* Checks such a request. PL_OK with *offer, or PL_EPROTO with error_status and error: method not
 * GET, HTTP/1.0, a body, key missing, given twice or not 16 bytes of base64, version missing,
 * repeated or not 13 (426), a Sec-WebSocket-Protocol that is empty, has an element that is
 * no token or repeated, or more than PL_WS_PROTOCOLS_MAX. */
int pl_ws_offer_decode(pl_ws_offer *offer, const pl_ws_request *request);

/* Takes the next subprotocol the client asks for, in its order of preference. Start with
 * *field = 0 and *rest = { NULL, 0 }. False at the end. */
bool pl_ws_offer_protocol(const pl_ws_request *request, size_t *field, pl_slice *rest,
			  pl_slice *protocol);

/* Sec-WebSocket-Accept for a key (4.2.2, 5.4). PL_OK, PL_ENOMEM, or PL_EINVAL for a key
 * that has not PL_WS_KEY_SIZE characters. */
int pl_ws_accept(char out[PL_WS_ACCEPT_SIZE], pl_slice key);

#endif
