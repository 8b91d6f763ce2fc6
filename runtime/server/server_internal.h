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

/* server.c: `drain`: what the system has accepted is taken before. */
void pl_server_close_listeners(pl_server *server, bool drain);
void pl_server_leave_group(pl_server *server);

/* stop.c: a connection or a listener has gone, which may have been the last. */
void pl_server_check_stopped(pl_server *server);
void pl_server_stop_init(pl_server *server);

/* accept.c: limits.accept_rate. How long until another connection may be taken, in ms; and that one
 * was. */
uint64_t pl_server_accept_delay(const pl_server *server);
void pl_server_count_accept(pl_server *server);

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
