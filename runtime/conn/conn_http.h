/*
 * conn_http.h - a connection that carries HTTP/1.1: the session as pl_conn_ops.
 */
#ifndef PL_CONN_CONN_HTTP_H
#define PL_CONN_CONN_HTTP_H

#include "conn/conn.h"
#include "http/http1.h"

/* Starts HTTP on the conn's stream. `request` gets every request; see pl_http1_events. PL_OK,
 * or PL_ENOMEM: nothing was started. */
int pl_conn_http_start(pl_conn *conn, const pl_http1_settings *settings,
		       void (*request)(pl_conn *conn, pl_exchange *exchange));

#endif
