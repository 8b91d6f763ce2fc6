/*
 * ws_opening.h - the client's opening handshake (RFC 6455 4.1) over a stream.
 *
 * Sends the call, reads the answer, and hands the stream on. Informational responses before it are
 * passed over (RFC 9110 15.2). An answer that is none of WebSocket's is given to the caller whole,
 * who may want to follow it elsewhere or give a password.
 */
#ifndef PL_WS_WS_OPENING_H
#define PL_WS_WS_OPENING_H

#include "base/limits.h"
#include "codec/http_response.h"
#include "codec/ws_call.h"
#include "net/stream.h"

typedef struct pl_ws_opening pl_ws_opening;

/* What `done` gets; all of it is borrowed. */
typedef struct pl_ws_opened {
	const char *why; /* after a failure: a sentence */
	/* The answer, when there was a whole one: 101 after PL_OK, any other after PL_ENOTSUP. */
	const pl_http_response *response;
	pl_slice head;	     /* of it, as it came */
	pl_ws_called called; /* after PL_OK */
	pl_stream *stream;   /* after PL_OK: the receiver's, who owns it before `done` returns */
	uint8_t *rest;	     /* what came behind the head; may be changed in place */
	size_t len;
} pl_ws_opened;

typedef struct pl_ws_opening_settings {
	const pl_ws_call *call;	 /* stays until `done` */
	const pl_limits *limits; /* request_line, header_block, header_count: of the answer's head;
				  * they stay */
	uint32_t timeout;	 /* ms for all of it, then PL_ETIMEDOUT */
	/* Once, never within pl_ws_opening_start. PL_OK; PL_ENOTSUP: the server answered something
	 * else; PL_EPROTO: it broke HTTP, or agrees to something that was not asked for; PL_ELIMIT,
	 * PL_ETIMEDOUT, PL_ENOMEM, or what the stream ended with. But for PL_OK the stream is
	 * closed. */
	void (*done)(void *owner, int status, const pl_ws_opened *opened);
	void *owner;
} pl_ws_opening_settings;

/* Takes the stream over, to which nothing was written. PL_OK; PL_EINVAL for a call that cannot be
 * sent (pl_ws_call_encode), PL_ENOMEM: then the stream is still the caller's. */
int pl_ws_opening_start(pl_ws_opening **opening, pl_stream *stream,
			const pl_ws_opening_settings *settings);

/* `done` will not come; the stream is closed. */
void pl_ws_opening_cancel(pl_ws_opening *opening);

#endif
