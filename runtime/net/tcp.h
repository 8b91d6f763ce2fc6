/*
 * tcp.h - TCP connections as streams.
 */
#ifndef PL_NET_TCP_H
#define PL_NET_TCP_H

#include "net/stream.h"

/* Memory for a connection, so that it can be had before the connection is. NULL without. */
typedef struct pl_tcp pl_tcp;
pl_tcp *pl_tcp_new(void);
void pl_tcp_free(pl_tcp *tcp); /* when it was not opened */

/* Makes it the stream of a connected socket, which must not block. */
pl_stream *pl_tcp_open(pl_tcp *tcp, pl_loop *loop, int fd);

/* The socket of such a stream; -1 when it is closed. */
int pl_tcp_socket(const pl_stream *stream);

#endif
