/*
 * mqtt_alias.h - topic aliases of a connection (MQTT 5.0 3.3.2.3.4): numbers in the place of topics
 * that were said before, in each direction its own.
 */
#ifndef PL_MQTT_MQTT_ALIAS_H
#define PL_MQTT_MQTT_ALIAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block.h"
#include "base/map.h"
#include "base/slice.h"

/* What the peer has said; its aliases are 1 to `size`, which we allowed. */
typedef struct pl_mqtt_aliases_in {
	pl_block **topics; /* NULL until the first one */
	uint16_t size;
} pl_mqtt_aliases_in;

/* PL_OK, or PL_ENOMEM; the alias is in the range. */
int pl_mqtt_alias_learn(pl_mqtt_aliases_in *aliases, uint16_t alias, pl_slice topic);

/* The topic; one without bytes: the alias has none. */
pl_slice pl_mqtt_alias_topic(const pl_mqtt_aliases_in *aliases, uint16_t alias);
void pl_mqtt_aliases_in_deinit(pl_mqtt_aliases_in *aliases);

typedef struct pl_mqtt_alias pl_mqtt_alias;

/* What we say; 1 to `size`. */
typedef struct pl_mqtt_aliases_out {
	pl_mqtt_alias **all; /* NULL until the first one */
	pl_map by_topic;
	uint16_t size;
	uint16_t next; /* is given away next: the one that was so longest ago */
} pl_mqtt_aliases_out;

/* The alias of a topic, which gets one if it has none; 0: there is no memory. *known: the peer has
 * been told. */
uint16_t pl_mqtt_alias_use(pl_mqtt_aliases_out *aliases, pl_slice topic, bool *known);

/* The topic has this alias, in the range, from now on. PL_OK or PL_ENOMEM. */
int pl_mqtt_alias_set(pl_mqtt_aliases_out *aliases, uint16_t alias, pl_slice topic);

/* As of the others. */
pl_slice pl_mqtt_alias_said(const pl_mqtt_aliases_out *aliases, uint16_t alias);
void pl_mqtt_aliases_out_deinit(pl_mqtt_aliases_out *aliases);

#endif
