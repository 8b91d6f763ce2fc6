/*
 * mqtt_file.h - the file of a stored session: opened, read and changed by a thread of the pool.
 * Every call may block.
 */
#ifndef PL_MQTT_MQTT_FILE_H
#define PL_MQTT_MQTT_FILE_H

#include "mqtt/mqtt_store.h"

typedef struct pl_mqtt_file pl_mqtt_file;

enum pl_mqtt_change_kind {
	PL_MQTT_BEGIN,
	PL_MQTT_ADD,
	PL_MQTT_RELEASE,
	PL_MQTT_REMOVE,
	PL_MQTT_RECEIVE,
	PL_MQTT_FORGET,
	PL_MQTT_CHANGES
};

typedef struct pl_mqtt_change {
	struct pl_mqtt_change *next;
	enum pl_mqtt_change_kind kind;
	uint64_t number; /* of a message; the version, of a begin */
	uint16_t id;
	pl_block *bytes; /* the packet; the client identifier, of a begin */
	void *context;
} pl_mqtt_change;

/* PL_OK, with all that it holds; else the status, and in `why` a sentence about the path. */
int pl_mqtt_file_open(pl_mqtt_file **file, const char *path, bool sync, pl_mqtt_loaded *loaded,
		      char *why, size_t size);
void pl_mqtt_file_close(pl_mqtt_file *file); /* NULL is allowed */

/* All of the changes, or none. Results as above. */
int pl_mqtt_file_change(pl_mqtt_file *file, const pl_mqtt_change *first, char *why, size_t size);

/* Frees what was loaded, but for the packets. */
void pl_mqtt_loaded_deinit(pl_mqtt_loaded *loaded);

#endif
