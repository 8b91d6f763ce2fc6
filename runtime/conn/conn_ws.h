/*
 * conn_ws.h - a connection becomes a WebSocket: a server's answer to the handshake, a client's
 * handshake that has ended well, and the session as pl_conn_ops.
 */
#ifndef PL_CONN_CONN_WS_H
#define PL_CONN_CONN_WS_H

#include "base/buffer.h"
#include "codec/hixie_handshake.h"
#include "codec/ws_handshake.h"
#include "conn/conn.h"
#include "ws/ws_session.h"

/* permessage-deflate or deflate-frame: what we want of it (pl_ws_deflate_agree), and zlib's levels.
 */
typedef struct pl_deflate_settings {
	bool enabled;
	pl_ws_deflate_terms terms;
	int mem_level;
	int level;
} pl_deflate_settings;

/* The pool of what is enabled; *pool stays NULL otherwise. False without memory. */
bool pl_deflate_settings_pool(const pl_deflate_settings *deflate, pl_ws_deflate_pool **pool);

typedef struct pl_conn_leftover {
	uint8_t *data;
	size_t len;
} pl_conn_leftover;

/* A handshake of Hixie-76. */
typedef struct pl_conn_ws_hixie {
	pl_hixie_offer offer;
	pl_slice location; /* of the WebSocket: a URL */
} pl_conn_ws_hixie;

typedef struct pl_conn_ws_terms {
	const pl_ws_offer *offer;
	const pl_conn_ws_hixie *hixie; /* NULL: it is one of RFC 6455 */
	pl_slice protocol;	       /* empty: none */
	pl_slice software;
	const pl_ws_deflate_terms *deflate; /* NULL: not agreed on */
	pl_ws_deflate_pool *pool;	    /* with deflate */
	enum pl_ws_delivery delivery;
	const pl_http_field *added; /* to the answer: valid, and none of ours */
	size_t added_count;
} pl_conn_ws_terms;

/* The fields of the answer that the handshake itself needs. */
enum { PL_CONN_WS_FIELDS = 6 };

typedef struct pl_conn_ws_answer {
	size_t count;
	pl_http_field fields[PL_CONN_WS_FIELDS];
	char accept[PL_WS_ACCEPT_SIZE];
	char extensions[PL_WS_DEFLATE_ANSWER_MAX];
} pl_conn_ws_answer;

/* PL_OK or PL_ENOMEM. The slices point into the answer itself and into the terms. */
int pl_conn_ws_answer_make(pl_conn_ws_answer *answer, const pl_conn_ws_terms *terms);

/* The head of the answer, status line to empty line. PL_OK or PL_ENOMEM. */
int pl_conn_ws_compose(pl_buffer *out, const pl_conn_ws_terms *terms);

/* The conn's info from now on tells of this request and subprotocol. Returns the info so far, whose
 * reference is the caller's; NULL: no memory, nothing has changed. */
pl_conn_info *pl_conn_ws_describe(pl_conn *conn, const pl_exchange_request *request,
				  pl_slice protocol);

/*
 * An exchange of HTTP/1.1 that is not answered, and no Hixie-76: sends 101 with the subprotocol
 * (empty: none) and takes the stream. Afterwards the conn is open (PL_CONN_OPEN); the caller tells
 * the application and then calls pl_conn_ws_begin, within this turn. PL_OK or PL_ENOMEM (the
 * connection is then aborted).
 */
int pl_conn_ws_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
		      pl_conn_leftover *leftover);

/* What a client has agreed on with a server. */
typedef struct pl_conn_ws_joined {
	pl_conn_heads heads;
	const pl_ws_deflate_terms *deflate; /* NULL: not agreed on */
	pl_ws_deflate_pool *pool;	    /* with deflate */
	enum pl_ws_delivery delivery;
} pl_conn_ws_joined;

/*
 * A client's conn (new, over the stream on which the handshake was done) is open afterwards; the
 * caller tells the application and then calls pl_conn_ws_begin, within this turn. PL_OK or
 * PL_ENOMEM (the stream is then still the caller's).
 */
int pl_conn_ws_join(pl_conn *conn, const pl_conn_ws_joined *joined);

/* Handles what the peer sent behind its handshake, and begins reading. */
void pl_conn_ws_begin(pl_conn *conn, const pl_conn_leftover *leftover);

#endif
