/*
 * request.h - what becomes of an HTTP request: one stage after the other looks at it.
 *
 * A stage answers the request, at once or later, or gives it to the next one. Each is a file of its
 * own; the order is request.c's alone.
 */
#ifndef PL_SERVER_REQUEST_H
#define PL_SERVER_REQUEST_H

#include "conn/conn.h"

enum pl_stage {
	PL_STAGE_AUTHENTICATION, /* authentication.c: who is it, and is that one let in? */
	PL_STAGE_FORWARDING,	 /* the server's owner, if it forwards requests */
	PL_STAGE_UPGRADE,	 /* upgrade.c: a handshake of WebSocket */
	PL_STAGE_EVENTS,	 /* events.c: event streams, and what their clients send */
	PL_STAGE_SCRIPT,	 /* the server's owner, who may give it to pl_server_serve */
	PL_STAGE_COUNT
};

/* A new request of a connection: the first stage gets it. */
void pl_server_request(pl_conn *conn, pl_exchange *exchange);

/* A request of which `done` wants nothing. The exchange is as it came: not answered, not paused. */
void pl_request_next(pl_conn *conn, pl_exchange *exchange, enum pl_stage done);

#endif
