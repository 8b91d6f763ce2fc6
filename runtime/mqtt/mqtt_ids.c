#include "mqtt/mqtt_ids.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/status.h"

enum { FIRST_SIZE = 16, ALL = 65535, LAST_SIZE = 65536 };

void pl_mqtt_ids_deinit(pl_mqtt_ids *ids)
{
	pl_free(ids->places);
	*ids = (pl_mqtt_ids){ 0 };
}

static pl_mqtt_id **place_of(const pl_mqtt_ids *ids, uint16_t id)
{
	return &ids->places[id & (ids->size - 1)];
}

/* Twice the places: no two members want the same one, as they did not before. */
static int grow(pl_mqtt_ids *ids)
{
	pl_mqtt_ids larger = *ids;

	larger.size = ids->size ? ids->size * 2 : FIRST_SIZE;
	larger.places = pl_calloc(larger.size, sizeof(pl_mqtt_id *));
	if (!larger.places)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < ids->size; i++)
		if (ids->places[i])
			*place_of(&larger, ids->places[i]->id) = ids->places[i];
	pl_free(ids->places);
	*ids = larger;
	return PL_OK;
}

static void set(pl_mqtt_ids *ids, pl_mqtt_id *entry, uint16_t id)
{
	entry->id = id;
	*place_of(ids, id) = entry;
	ids->count++;
}

static uint16_t after(uint16_t id)
{
	return id == ALL ? 1 : (uint16_t)(id + 1);
}

int pl_mqtt_ids_take(pl_mqtt_ids *ids, pl_mqtt_id *entry)
{
	uint16_t id = after(ids->last);

	if (ids->count == ALL)
		return PL_ELIMIT;
	/* A quarter stays free, so that a place is found soon; at the last size there are as many
	 * as identifiers, but for the place of 0. */
	if (ids->size < LAST_SIZE && ids->count >= ids->size - ids->size / 4 && grow(ids) != PL_OK)
		return PL_ENOMEM;
	while (*place_of(ids, id))
		id = after(id);
	set(ids, entry, id);
	ids->last = id;
	return PL_OK;
}

int pl_mqtt_ids_put(pl_mqtt_ids *ids, pl_mqtt_id *entry, uint16_t id)
{
	if (pl_mqtt_ids_find(ids, id))
		return PL_EEXIST;
	while (ids->size == 0 || *place_of(ids, id))
		if (grow(ids) != PL_OK)
			return PL_ENOMEM;
	set(ids, entry, id);
	return PL_OK;
}

pl_mqtt_id *pl_mqtt_ids_find(const pl_mqtt_ids *ids, uint16_t id)
{
	pl_mqtt_id *found = ids->size ? *place_of(ids, id) : NULL;

	return found && found->id == id ? found : NULL;
}

void pl_mqtt_ids_drop(pl_mqtt_ids *ids, pl_mqtt_id *entry)
{
	if (entry->id == 0)
		return;
	*place_of(ids, entry->id) = NULL;
	ids->count--;
	entry->id = 0;
}
