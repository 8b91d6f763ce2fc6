/*
 * conn_hixie.h - a server's connection that becomes a WebSocket of
 * draft-hixie-thewebsocketprotocol-76: the answer to its handshake, and the session as pl_conn_ops.
 * `transport` is "hixie76".
 *
 * - There are texts only; bytes are PL_ENOTSUP, and `fragment` means nothing.
 * - There are no pings: pl_conn_ping is PL_ENOTSUP. The heartbeat only asks the owner
 *   (pl_conn_events.heartbeat); nobody is dropped for silence.
 * - The closing frame has no code. `closed` has the one that we closed with, 1005 when the client
 *   closed; 1007 for a text that is not UTF-8, 1009 for a frame that is too long, 1002 for another
 *   rule that is broken, 1011 without memory, 1006 when it was cut off, and then the reason says
 *   what it was.
 */
#ifndef PL_CONN_CONN_HIXIE_H
#define PL_CONN_CONN_HIXIE_H

#include "conn/conn_ws.h"

/* An exchange of HTTP/1.1 that is not answered: sends the head of 101 (terms->hixie says what is in
 * it) at once, as proxies let the rest of the handshake through only behind it, and takes the
 * stream. The conn has no open session yet: `opened` is called when what the client still has to
 * send is there, for which it has limits.handshake_timeout, and answered; the conn is open then
 * (PL_CONN_OPEN). False: it is being aborted. PL_OK, and pl_conn_hixie_begin has to be called
 * within this turn, or PL_ENOMEM (the connection is then aborted). */
int pl_conn_hixie_accept(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms,
			 bool (*opened)(pl_conn *conn), pl_conn_leftover *leftover);

/* Handles what was read behind the head, and begins reading. */
void pl_conn_hixie_begin(pl_conn *conn, const pl_conn_leftover *leftover);

#endif
