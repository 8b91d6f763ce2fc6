/*
 * conn_log.h - what a connection has to tell the log of messages. For conn.c, where there is one.
 */
#ifndef PL_CONN_CONN_LOG_H
#define PL_CONN_CONN_LOG_H

#include "conn/conn.h"

/* A message session has begun: its handshake. */
void pl_conn_log_opened(const pl_conn *conn);
void pl_conn_log_ended(const pl_conn *conn, uint16_t code, pl_slice reason);

void pl_conn_log_message(const pl_conn *conn, bool sent, enum pl_kind kind, const void *data,
			 size_t len, bool more);

/* A ping of ours, or a pong. */
void pl_conn_log_control(const pl_conn *conn, bool sent, const void *payload, size_t len);

#endif
