/*
 * ws_extension.h - Sec-WebSocket-Extensions (RFC 6455 section 9.1), and the agreement on
 * permessage-deflate (RFC 7692 section 7.1) and on what was before it: deflate-frame
 * (draft-tyoshino-hybi-websocket-perframe-deflate-06), both sides.
 *
 * Pure.
 */
#ifndef PL_CODEC_WS_EXTENSION_H
#define PL_CODEC_WS_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/ws_handshake.h"

enum {
	PL_WS_WINDOW_MIN = 8,
	PL_WS_WINDOW_MAX = 15,
	PL_WS_DEFLATE_ANSWER_MAX = 160, /* bytes of the longest answer */
	PL_WS_DEFLATE_OFFER_MAX = 320,	/* and of the longest offer */
	PL_WS_EXTENSIONS_MAX = 64	/* offers that are looked at */
};

/* How compressed data is told from other data. */
enum pl_ws_deflate_form {
	PL_WS_PERMESSAGE_DEFLATE,
	PL_WS_DEFLATE_FRAME, /* each frame by itself; the name it is answered by */
	PL_WS_X_WEBKIT_DEFLATE_FRAME
};

/* What one side wants, or what both have agreed on. */
typedef struct pl_ws_deflate_terms {
	uint8_t server_window;	  /* bits, 8 to 15 */
	uint8_t client_window;	  /* bits, 8 to 15 */
	bool server_fresh;	  /* server_no_context_takeover: every message starts anew */
	bool client_fresh;	  /* client_no_context_takeover */
	bool server_window_asked; /* the client named it, so the answer must (7.1.2.1) */
	uint8_t form;		  /* enum pl_ws_deflate_form */
} pl_ws_deflate_terms;

/* Takes the next `token [= value]` from the front of *rest, of one extension's parameters ("; a;
 * b=1"). A value may be quoted; it is given without quotes, and must be a token (RFC 7692 5).
 * PL_OK, 1 at the end, PL_EPROTO. value->at is NULL when there is none. */
int pl_ws_extension_param(pl_slice *rest, pl_slice *name, pl_slice *value);

/* Chooses the first offer of permessage-deflate in the request that can be met. `ours` says what
 * we want: windows at most that large, and fresh where it says so. PL_OK with *agreed; PL_ENOENT:
 * no offer that we can meet (the handshake goes on without it); PL_EPROTO: the field is malformed
 * (RFC 6455 9.1: refuse the handshake with 400). */
int pl_ws_deflate_agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
			const pl_ws_request *request);

/* The same for deflate-frame and x-webkit-deflate-frame, whose parameters bind whoever receives
 * them: max_window_bits and no_context_takeover of the offer are the server's, of the answer the
 * client's. Of ours, client_window and client_fresh are what the answer asks for, the server's what
 * it does without being asked. */
int pl_ws_deflate_frame_agree(pl_ws_deflate_terms *agreed, const pl_ws_deflate_terms *ours,
			      const pl_ws_request *request);

/* The answer's field value; returns its length. */
size_t pl_ws_deflate_answer(char out[PL_WS_DEFLATE_ANSWER_MAX], const pl_ws_deflate_terms *agreed);

/* What a client wants; NULL: that it does not offer. */
typedef struct pl_ws_deflate_wishes {
	const pl_ws_deflate_terms *message; /* permessage-deflate, which goes first */
	const pl_ws_deflate_terms *frame;   /* deflate-frame, by both of its names */
} pl_ws_deflate_wishes;

/* A client's offer, as the field's value; returns its length, 0 when nothing is wanted. */
size_t pl_ws_deflate_offer(char out[PL_WS_DEFLATE_OFFER_MAX], const pl_ws_deflate_wishes *ours);

/* What the server has made of that offer. PL_OK with *agreed, whose form says which it is;
 * PL_ENOENT: the answer has no extension; PL_EPROTO: it has one that was not offered, another one
 * beside it, or terms that do not fit the offer, and the connection has to fail (RFC 6455 4.1, RFC
 * 7692 7.1). What a deflate-frame's answer asks for binds the client alone. */
int pl_ws_deflate_accept(pl_ws_deflate_terms *agreed, const pl_ws_deflate_wishes *ours,
			 const pl_http_field *fields, size_t field_count);

#endif
