/*
 * mqtt_ids.h - packet identifiers of one direction: 1 to 65,535, each in use by one exchange until
 * that is over (MQTT 5.0 2.2.1, 3.1.1 2.3.1).
 *
 * A table of 2^n places, an identifier's place being its low n bits: as we choose the identifiers,
 * no two of them want the same place. It grows with what is under way; empty it owns no memory.
 */
#ifndef PL_MQTT_MQTT_IDS_H
#define PL_MQTT_MQTT_IDS_H

#include <stdint.h>

/* What an exchange embeds. */
typedef struct pl_mqtt_id {
	uint16_t id; /* 0: it has none */
} pl_mqtt_id;

typedef struct pl_mqtt_ids {
	pl_mqtt_id **places;
	uint32_t size; /* a power of two, or 0 */
	uint32_t count;
	uint16_t last; /* was given out last: one that is free again is not used at once */
} pl_mqtt_ids;

/* All zero is valid and empty. */
void pl_mqtt_ids_deinit(pl_mqtt_ids *ids); /* the members are the caller's */

/* Gives the entry, which has none, an identifier. PL_OK; PL_ENOMEM; PL_ELIMIT: all are in use. */
int pl_mqtt_ids_take(pl_mqtt_ids *ids, pl_mqtt_id *entry);

/* Gives it this one, not 0, which an earlier run had given out. PL_OK; PL_ENOMEM; PL_EEXIST. */
int pl_mqtt_ids_put(pl_mqtt_ids *ids, pl_mqtt_id *entry, uint16_t id);

/* NULL: it is not in use. */
pl_mqtt_id *pl_mqtt_ids_find(const pl_mqtt_ids *ids, uint16_t id);

/* The entry has no identifier from then on; nothing when it had none. */
void pl_mqtt_ids_drop(pl_mqtt_ids *ids, pl_mqtt_id *entry);

#endif
