/*
 * conn_mute.h - what connections that carry no messages have for pl_conn_ops.
 */
#ifndef PL_CONN_CONN_MUTE_H
#define PL_CONN_CONN_MUTE_H

#include "conn/conn.h"

int pl_conn_mute_encoding(const pl_conn *conn);
pl_block *pl_conn_mute_encode(pl_conn *conn, const pl_message *message);
int pl_conn_mute_send(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
		      size_t fragment);
int pl_conn_mute_send_frames(pl_conn *conn, pl_block *frames);
int pl_conn_mute_ping(pl_conn *conn, const void *payload, size_t len);
void pl_conn_mute_pause(pl_conn *conn, bool pause);
bool pl_conn_mute_is_open(const pl_conn *conn);

#endif
