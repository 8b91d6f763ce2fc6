/*
 * conn_tunnel.h - a connection that has been handed to another server: bytes both ways, which are
 * none of ours (a WebSocket that is forwarded).
 */
#ifndef PL_CONN_CONN_TUNNEL_H
#define PL_CONN_CONN_TUNNEL_H

#include "conn/conn.h"

typedef struct pl_conn_tunnel {
	pl_slice head;	   /* the answer, 101 with its fields, as it is to be sent */
	pl_stream *stream; /* to the other server */
	pl_slice rest;	   /* what came from there behind its answer */
	uint32_t idle;	   /* ms of silence in both directions; 0: no limit */
	/* It is over, before the connection is: how, as pl_relay_settings has it. Not when it could
	 * not be opened. */
	void (*ended)(void *owner, int status);
	void *owner;
} pl_conn_tunnel;

/* Answers the exchange, which has no body, and takes the connection from HTTP. From then on it is
 * no session, as before; it ends when the connection does. PL_OK, or PL_ENOMEM, PL_ECLOSED: the
 * exchange is aborted and the other stream closed. */
int pl_conn_tunnel_open(pl_conn *conn, pl_exchange *exchange, const pl_conn_tunnel *tunnel);

#endif
