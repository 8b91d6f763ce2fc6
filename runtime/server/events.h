/*
 * events.h - event streams (Server-Sent Events, WHATWG HTML 9.2): a GET whose Accept names
 * text/event-stream becomes a message session.
 *
 * - Its channel is the path of its URL, decoded. Behind /sgc/auth/url/USER/PASSWORD and
 *   /sgc/auth/session/TOKEN it is what follows, or "/".
 * - A subprotocol is asked for by the parameters sgc_protocol of the URL (the first one that the
 *   server speaks), or by a channel "/NAME" that is one's name.
 * - A client that says sgc_transport=sse in its URL, as the library of our pages does, is given a
 *   token as the first message, with which it can send (event_post.h), and is told of the end.
 * - Pages of other origins are let in as for WebSockets. One whose origin is on the list may read
 *   the answer (Access-Control-Allow-Origin).
 */
#ifndef PL_SERVER_EVENTS_H
#define PL_SERVER_EVENTS_H

#include "server/server.h"

/* The stage PL_STAGE_EVENTS. */
void pl_server_events_stage(pl_conn *conn, pl_exchange *exchange);

/* Whether a request asks a server that has them for an event stream. */
bool pl_server_is_stream(const pl_server *server, const pl_exchange_request *request);

#endif
