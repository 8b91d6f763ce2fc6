/*
 * reach.h - what goes to connections wherever they are: in this worker or in another.
 */
#ifndef PL_SERVER_REACH_H
#define PL_SERVER_REACH_H

#include "server/publish.h"

/* How far something went. */
typedef struct pl_reach {
	uint32_t connections; /* of this worker that took it (queued or sent) */
	uint32_t workers;     /* others to which it was handed over */
} pl_reach;

/* Sends to everybody in the audience. Here it is sent before this returns; all workers see what is
 * published in one order. PL_OK; PL_ELIMIT: more than limits.worker_backlog would wait for another
 * worker, whose connections do not get it, the others do; or nobody gets it: PL_EUTF8 when text is
 * not UTF-8, PL_ENOMEM. */
int pl_server_publish(pl_server *server, enum pl_kind kind, pl_slice payload, size_t fragment,
		      const pl_audience *audience, pl_reach *reach);

/* Ends one session. True: it is here, or was handed over to the worker that its guid names. */
bool pl_server_disconnect(pl_server *server, const pl_guid *guid, uint16_t code);

/* Ends all, or pings all; with a timeout (ms) who gives no sign of life in it is dropped. Returns
 * how many there are. */
uint32_t pl_server_disconnect_all(pl_server *server, uint16_t code);
uint32_t pl_server_ping_all(pl_server *server, uint32_t timeout);

#endif
