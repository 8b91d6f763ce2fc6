/*
 * roster.h - who is connected, in all workers.
 */
#ifndef PL_SERVER_ROSTER_H
#define PL_SERVER_ROSTER_H

#include "base/buffer.h"
#include "server/server.h"

enum { PL_ROSTER_TIMEOUT = 5000 }; /* ms that the other workers have for their part */

/* A message session. Its slices live as long as the buffer does. */
typedef struct pl_roster_entry {
	pl_guid guid;
	pl_address peer;
	pl_slice url;
	pl_slice protocol;
} pl_roster_entry;

/* Appends the sessions of this worker. PL_OK or PL_ENOMEM. */
int pl_roster_describe(const pl_server *server, pl_buffer *entries);

/* Reads one after the other; *offset begins at 0. False at the end. */
bool pl_roster_next(const pl_buffer *entries, size_t *offset, pl_roster_entry *entry);

/* One that is being collected. */
typedef struct pl_roster {
	pl_list node; /* in its server's list */
	pl_server *server;
	pl_buffer entries;
	uint32_t serial;
	uint16_t missing; /* answers */
	int status;
	pl_timer timer;
	pl_deferred finish;
	/* The roster is the receiver's to free. PL_OK, PL_ETIMEDOUT (a worker does not answer),
	 * PL_ENOMEM, or PL_ECANCELED (the server has stopped). Never within pl_roster_collect. */
	void (*done)(struct pl_roster *roster, int status);
	void *context;
} pl_roster;

/* Asks every worker for its sessions. PL_OK: `done` comes later; or PL_ENOMEM. */
int pl_roster_collect(pl_roster **roster, pl_server *server,
		      void (*done)(pl_roster *roster, int status), void *context);

/* Also before `done`, which does not come then. */
void pl_roster_free(pl_roster *roster);

/* The server is alone again: `done` comes with PL_ECANCELED for all. */
void pl_roster_cancel_all(pl_server *server);

#endif
