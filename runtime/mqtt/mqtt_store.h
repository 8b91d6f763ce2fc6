/*
 * mqtt_store.h - what of a session has to outlive the process, in a file of SQLite.
 *
 * The messages that are not acknowledged yet, in their order; the identifiers of QoS 2 that were
 * received and not released; whose session it is (MQTT 5.0 4.1). All changes of a turn of the loop
 * are one transaction, which the thread pool makes; those of the turns meanwhile are the next one.
 * Whoever needs to know that a change is safe is told then. A change that cannot be made is told,
 * if it was a new message; the others are tried again, so that the file is never ahead of what
 * happened, and never forgets.
 */
#ifndef PL_MQTT_MQTT_STORE_H
#define PL_MQTT_MQTT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block.h"
#include "base/slice.h"
#include "net/loop.h"

typedef struct pl_mqtt_store pl_mqtt_store;

typedef struct pl_mqtt_stored {
	uint64_t number; /* counts what the session has taken, from 1 */
	uint16_t id;
	bool released; /* QoS 2, and the peer has it: PUBREL is due, and there is no packet */
	pl_block *packet;
} pl_mqtt_stored;

/* What is in the file. */
typedef struct pl_mqtt_loaded {
	pl_slice client_identifier; /* empty: the file is new */
	uint8_t version;
	uint64_t taken;		  /* messages that the session has ever taken */
	pl_mqtt_stored *messages; /* by their numbers */
	size_t message_count;
	uint16_t *received;
	size_t received_count;
} pl_mqtt_loaded;

typedef struct pl_mqtt_store_events {
	/* Once: the file is open, or why it cannot be. `loaded` is borrowed, but for the packets,
	 * whose references are the owner's. */
	void (*opened)(void *owner, int status, const char *message, const pl_mqtt_loaded *loaded);
	/* A change that was to be told is made, or (only of a new message) cannot be. */
	void (*stored)(void *owner, void *context, int status);
	/* Changes cannot be made now, and are tried again: for the log. */
	void (*failed)(void *owner, int status, const char *message);
} pl_mqtt_store_events;

/* Begins to open the file, which is made (0600) when it is not there. `sync`: what is told to be
 * stored has been handed to the disk, and outlives the machine's end too. PL_OK or PL_ENOMEM. */
int pl_mqtt_store_open(pl_mqtt_store **store, pl_loop *loop, const char *path, bool sync,
		       const pl_mqtt_store_events *events, void *owner);

/* Makes what is queued, and closes the file: at once, which may take a moment, or when the pool is
 * done with what it is making. The owner hears of nothing any more. */
void pl_mqtt_store_close(pl_mqtt_store *store);

/* Changes; with a context, not NULL, it is told when they are made. PL_OK or PL_ENOMEM.
 * begin: whose session it is; all that was there goes. forget: 0 stands for all. */
int pl_mqtt_store_begin(pl_mqtt_store *store, pl_slice client_identifier, uint8_t version,
			void *context);
int pl_mqtt_store_add(pl_mqtt_store *store, uint64_t number, uint16_t id, pl_block *packet,
		      void *context);
int pl_mqtt_store_release(pl_mqtt_store *store, uint64_t number, void *context);
int pl_mqtt_store_remove(pl_mqtt_store *store, uint64_t number, void *context);
int pl_mqtt_store_receive(pl_mqtt_store *store, uint16_t id, void *context);
int pl_mqtt_store_forget(pl_mqtt_store *store, uint16_t id, void *context);

#endif
