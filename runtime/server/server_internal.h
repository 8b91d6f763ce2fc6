/*
 * server_internal.h - what the server's files share: life, accepting, upgrading.
 */
#ifndef PL_SERVER_SERVER_INTERNAL_H
#define PL_SERVER_SERVER_INTERNAL_H

#include "server/request.h"
#include "server/server.h"

/* server.c: of every connection. */
extern const pl_conn_events pl_server_conn_events;

/* server.c: a connection that carries messages from now on (PL_CONN_OPEN) is entered under its
 * guid, counted and told of (`connect`). What carries it begins reading afterwards. False: no
 * memory, the connection is being aborted. */
bool pl_server_session_begin(pl_conn *conn);

/* accept.c: a new connection; `tls` is its port's, NULL for a plain one. */
void pl_server_admit(pl_server *server, pl_stream *stream, pl_tls_context *tls);

/* upgrade.c: a stage of requests. */
void pl_server_upgrade(pl_conn *conn, pl_exchange *exchange);

/* upgrade.c: whether a request asks for a WebSocket, well or badly. */
bool pl_server_is_handshake(const pl_exchange_request *request);

/* upgrade.c: whether what follows a request is no other one, but the rest of its handshake
 * (hixie_handshake.h), whoever answers it. */
bool pl_server_is_last(const pl_exchange_request *request);

#endif
