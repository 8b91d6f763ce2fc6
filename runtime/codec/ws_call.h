/*
 * ws_call.h - the client's side of the opening handshake (RFC 6455 section 4.1).
 *
 * Pure: makes the request, and says whether a decoded response agrees to it.
 */
#ifndef PL_CODEC_WS_CALL_H
#define PL_CODEC_WS_CALL_H

#include "base/buffer.h"
#include "codec/ws_extension.h"

typedef struct pl_ws_call {
	pl_slice target; /* path and query; empty: "/" */
	pl_slice host;	 /* of the Host field: authority, without a port that is the scheme's own */
	pl_slice origin; /* empty: none */
	const pl_slice *protocols; /* asked for, the first is preferred */
	size_t protocol_count;
	pl_ws_deflate_wishes deflate; /* what is offered */
	const pl_http_field *added;   /* further fields */
	size_t added_count;
	char key[PL_WS_KEY_SIZE];
} pl_ws_call;

/* Sec-WebSocket-Key of 16 bytes, which have to be random and used once. */
void pl_ws_call_key(pl_ws_call *call, const uint8_t random[16]);

/* Appends the request. PL_OK; PL_ENOMEM; PL_EINVAL: the target, the host, the origin, a subprotocol
 * (a token, not repeated) or an added field cannot be sent as it is, or an added field is one of
 * the handshake's own (Host, Upgrade, Connection, Origin, Sec-WebSocket-…) or would frame a body.
 */
int pl_ws_call_encode(const pl_ws_call *call, pl_buffer *out);

/* What the server has agreed to. */
typedef struct pl_ws_called {
	pl_slice protocol; /* one of the call's; empty: none */
	bool deflated;
	pl_ws_deflate_terms deflate;
	const char *error; /* after a failure: what was wrong, a constant phrase */
} pl_ws_called;

/* Checks the fields of a response with status 101 to the call. PL_OK; PL_EPROTO: the connection has
 * to fail: Upgrade is not websocket, Connection has no upgrade, Sec-WebSocket-Accept is missing,
 * repeated or not the key's, a subprotocol or an extension was not asked for, or is repeated.
 * PL_ENOMEM. */
int pl_ws_call_check(pl_ws_called *called, const pl_ws_call *call, const pl_http_field *fields,
		     size_t field_count);

#endif
