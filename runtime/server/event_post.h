/*
 * event_post.h - what the clients of event streams send: POST /sgc/xhr/TOKEN, the body is a
 * message.
 *
 * Of the type application/octet-stream it is bytes, else a text, which has to be UTF-8. 204: it was
 * taken in, in the order of the answers; 404: there is no such session (any more); 503 with
 * Retry-After: its handler is behind (conn paused) or its worker is; 413: more than limits.body;
 * 504: its worker does not answer within limits.handshake_timeout, and may yet take it in.
 */
#ifndef PL_SERVER_EVENT_POST_H
#define PL_SERVER_EVENT_POST_H

#include "server/server.h"

#define PL_EVENT_POST_PATH "/sgc/xhr/"

/* Answers a request whose path begins so. */
void pl_event_post(pl_conn *conn, pl_exchange *exchange);

/* The server leaves its group: messages from other workers that it has not taken in are refused. */
void pl_event_post_refuse(pl_server *server);

#endif
