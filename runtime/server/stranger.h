/*
 * stranger.h - a connection whose first bytes are no HTTP: plain TCP, if the script wants it, or
 * Flash Player's question for a policy file.
 *
 * Only where somebody is asked (PL_ASKS_STRANGER), or there is a policy, the first bytes are looked
 * at; else all is HTTP, and what is none is answered 400. With TLS they are those within it. Who
 * has not said enough in limits.header_timeout is closed.
 */
#ifndef PL_SERVER_STRANGER_H
#define PL_SERVER_STRANGER_H

#include "server/server.h"

/* Listens to what a connection says first, over this stream, and goes on with HTTP or with the
 * question. */
void pl_stranger_meet(pl_conn *conn, pl_stream *stream);

/* The connection carries plain TCP from now on, whatever it says. */
void pl_stranger_welcome(pl_conn *conn, pl_stream *stream);

#endif
