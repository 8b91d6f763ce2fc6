/*
 * conn_tcp.h - a connection that carries messages over bytes alone (TCP, TLS), for clients and
 * servers: tcp_session.h as pl_conn_ops. `transport` is "tcp".
 *
 * - Every message that comes is PL_KIND_BINARY: bytes do not say what they are. What is sent goes
 *   out as it is; text has to be UTF-8 here too, and `fragment` means nothing.
 * - There are no pings: pl_conn_ping is PL_ENOTSUP. The heartbeat only asks the owner
 *   (pl_conn_events.heartbeat), who may send what its protocol has for that; nobody is dropped.
 * - pl_conn_close sends what waits, then ends; the peer has limits.close_timeout to end as well.
 *   A peer that ends is answered so.
 * - `closed` has the code 1000 when both sides ended in order, 1009 for a frame that is too long,
 *   1006 else, and then the reason says what it was.
 */
#ifndef PL_CONN_CONN_TCP_H
#define PL_CONN_CONN_TCP_H

#include "codec/frame_end.h"
#include "conn/conn.h"

/* The conn's stream, which whatever read it before has left, carries messages from now on, and the
 * conn is open (PL_CONN_OPEN). The caller tells the application and then calls pl_conn_tcp_begin,
 * within this turn. PL_OK, or PL_ENOMEM: nothing has changed. */
int pl_conn_tcp_open(pl_conn *conn, const pl_frame_end *end);

/* Bytes that belong to the end of a frame, behind those that do already, from now on. PL_OK;
 * PL_ESTATE when the conn carries something else; PL_EINVAL for none, or more than PL_FRAME_END_MAX
 * in all. */
int pl_conn_tcp_add_end(pl_conn *conn, pl_slice bytes, enum pl_frame_scan scan);

/* Handles what was read behind whatever went before, and begins reading. */
void pl_conn_tcp_begin(pl_conn *conn, const uint8_t *leftover, size_t len);

#endif
