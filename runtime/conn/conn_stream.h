/*
 * conn_stream.h - the messages of a connection as a stream: for protocols that WebSocket and bare
 * TCP carry alike, as MQTT.
 *
 * What is written leaves as binary messages, whose borders mean nothing; what the connection
 * receives is data. The owner of the connection, who gets its events, hands them on.
 */
#ifndef PL_CONN_CONN_STREAM_H
#define PL_CONN_CONN_STREAM_H

#include "conn/conn.h"

/* Over an open connection, whose reading it may pause; who has it closes it by pl_stream_finish or
 * pl_stream_abort. It is freed after its `closed`. PL_OK or PL_ENOMEM. */
int pl_conn_stream_new(pl_stream **stream, pl_conn *conn);

/* The events of the connection: a message; `drain`; its end (last, once: `closed` is called within,
 * with PL_OK after a close that both wanted). */
void pl_conn_stream_received(pl_stream *stream, const uint8_t *data, size_t len);
void pl_conn_stream_drained(pl_stream *stream);
void pl_conn_stream_ended(pl_stream *stream, int status);

/* The connection; NULL when it has ended. */
pl_conn *pl_conn_stream_conn(const pl_stream *stream);

#endif
