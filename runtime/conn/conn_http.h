/*
 * conn_http.h - a connection that carries HTTP/1.1, from its very begin: the session as
 * pl_conn_ops.
 */
#ifndef PL_CONN_CONN_HTTP_H
#define PL_CONN_CONN_HTTP_H

#include "conn/conn.h"
#include "http/http1.h"

/* Takes the conn's stream over without reading from it: the connection can only end. PL_OK, or
 * PL_ENOMEM. */
int pl_conn_http_hold(pl_conn *conn);

/* Then it is listened to, over this stream, which is the conn's own or lies above it (TLS). `first`
 * gets all that was said so far, borrowed and changeable, until it says true: it knows by then what
 * is spoken, and has begun something else. */
void pl_conn_http_meet(pl_conn *conn, pl_stream *stream,
		       bool (*first)(pl_conn *conn, uint8_t *said, size_t len));

/* Or HTTP begins, over this stream, which is the conn's own or lies above it (TLS). `request`
 * gets every request; see pl_http1_events. PL_OK, or PL_ENOMEM: nothing was started. */
int pl_conn_http_start(pl_conn *conn, pl_stream *stream, const pl_http1_settings *settings,
		       void (*request)(pl_conn *conn, pl_exchange *exchange));

#endif
