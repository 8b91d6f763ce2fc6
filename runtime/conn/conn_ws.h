/*
 * conn_ws.h - a connection becomes a WebSocket: the answer to the handshake, and the
 * session as pl_conn_ops.
 */
#ifndef PL_CONN_CONN_WS_H
#define PL_CONN_CONN_WS_H

#include "codec/ws_handshake.h"
#include "conn/conn.h"
#include "ws/ws_deflate.h"

/*
 * Within the `request` callback of an HTTP/1.1 session: sends 101 with the subprotocol (empty:
 * none) and takes the stream. Afterwards the conn is open (PL_CONN_OPEN); the caller tells the
 * application and then calls pl_conn_ws_begin. PL_OK or PL_ENOMEM (the connection is then aborted).
 */
typedef struct pl_conn_leftover {
	uint8_t *data;
	size_t len;
} pl_conn_leftover;

typedef struct pl_conn_ws_terms {
	const pl_ws_offer *offer;
	pl_slice protocol; /* empty: none */
	pl_slice software;
	const pl_ws_deflate_terms *deflate; /* NULL: not agreed on */
	pl_ws_deflate_pool *pool;	    /* with deflate */
} pl_conn_ws_terms;

int pl_conn_ws_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
		      pl_conn_leftover *leftover);

/* Handles what the client sent behind its handshake, and begins reading. */
void pl_conn_ws_begin(pl_conn *conn, const pl_conn_leftover *leftover);

#endif
