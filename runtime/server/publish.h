/*
 * publish.h - one message to many connections of this worker.
 */
#ifndef PL_SERVER_PUBLISH_H
#define PL_SERVER_PUBLISH_H

#include "server/server.h"

typedef struct pl_audience {
	pl_slice channel;  /* empty: all connections */
	pl_slice key;	   /* see pl_message; at most PL_MESSAGE_KEY_MAX */
	pl_slice protocol; /* empty: of any subprotocol */
	const pl_guid *exclude;
	size_t exclude_count;
	const pl_guid *include; /* only these, when there are any */
	size_t include_count;
	const pl_sse_fields *fields; /* for the event streams among them; NULL: none */
} pl_audience;

/* Sends to everybody in the audience; returns how many took it (queued or sent). Text is known to
 * be UTF-8. */
uint32_t pl_publish(pl_server *server, enum pl_kind kind, pl_slice payload, size_t fragment,
		    const pl_audience *audience);

#endif
