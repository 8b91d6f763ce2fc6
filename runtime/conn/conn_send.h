/*
 * conn_send.h - a connection's output, for the files that make up a conn.
 *
 * What cannot leave at once waits in the conn's queue (conn/queue.h), under its policy
 * (conn/overflow.h).
 */
#ifndef PL_CONN_CONN_SEND_H
#define PL_CONN_CONN_SEND_H

#include "conn/conn.h"

/* The stream's output is all sent: what waits follows, as far as it goes. */
void pl_conn_pump(pl_conn *conn);

/* All that waits goes to the stream. */
void pl_conn_send_waiting(pl_conn *conn);

#endif
