#include "mqtt/mqtt_alias.h"

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"

struct pl_mqtt_alias {
	pl_map_entry entry;
	uint16_t number;
	size_t len;
	char topic[];
};

/* The peer's. */

int pl_mqtt_alias_learn(pl_mqtt_aliases_in *aliases, uint16_t alias, pl_slice topic)
{
	pl_block *block = pl_block_copy(topic.at, topic.len);

	if (!aliases->topics)
		aliases->topics = pl_calloc(aliases->size, sizeof(*aliases->topics));
	if (!block || !aliases->topics) {
		pl_block_unref(block);
		return PL_ENOMEM;
	}
	pl_block_unref(aliases->topics[alias - 1]);
	aliases->topics[alias - 1] = block;
	return PL_OK;
}

pl_slice pl_mqtt_alias_topic(const pl_mqtt_aliases_in *aliases, uint16_t alias)
{
	const pl_block *block = aliases->topics ? aliases->topics[alias - 1] : NULL;

	return block ? pl_slice_make((const char *)block->data, block->len)
		     : pl_slice_make(NULL, 0);
}

void pl_mqtt_aliases_in_deinit(pl_mqtt_aliases_in *aliases)
{
	for (uint32_t i = 0; aliases->topics && i < aliases->size; i++)
		pl_block_unref(aliases->topics[i]);
	pl_free(aliases->topics);
	*aliases = (pl_mqtt_aliases_in){ 0 };
}

/* Ours. */

static void drop(pl_mqtt_aliases_out *aliases, uint16_t alias)
{
	pl_mqtt_alias *former = aliases->all[alias - 1];

	aliases->all[alias - 1] = NULL;
	if (!former)
		return;
	pl_map_remove(&aliases->by_topic, &former->entry);
	pl_free(former);
}

static pl_mqtt_alias *find(const pl_mqtt_aliases_out *aliases, pl_slice topic)
{
	pl_map_entry *entry = pl_map_find(&aliases->by_topic, topic.at, topic.len);

	return entry ? PL_CONTAINER(entry, pl_mqtt_alias, entry) : NULL;
}

int pl_mqtt_alias_set(pl_mqtt_aliases_out *aliases, uint16_t alias, pl_slice topic)
{
	pl_mqtt_alias *made = find(aliases, topic);

	if (made && made->number == alias)
		return PL_OK;
	if (made)
		drop(aliases, made->number);
	if (!aliases->all)
		aliases->all = pl_calloc(aliases->size, sizeof(*aliases->all));
	made = aliases->all ? pl_alloc(sizeof(*made) + topic.len) : NULL;
	if (!made)
		return PL_ENOMEM;
	drop(aliases, alias);
	made->number = alias;
	made->len = topic.len;
	memcpy(made->topic, topic.at, topic.len);
	if (pl_map_insert(&aliases->by_topic, &made->entry, made->topic, made->len)) {
		pl_free(made);
		return PL_ENOMEM;
	}
	aliases->all[alias - 1] = made;
	return PL_OK;
}

uint16_t pl_mqtt_alias_use(pl_mqtt_aliases_out *aliases, pl_slice topic, bool *known)
{
	const pl_mqtt_alias *alias = find(aliases, topic);
	uint16_t number;

	*known = alias != NULL;
	if (alias)
		return alias->number;
	number = (uint16_t)(aliases->next % aliases->size + 1);
	if (pl_mqtt_alias_set(aliases, number, topic) != PL_OK)
		return 0;
	aliases->next = number;
	return number;
}

pl_slice pl_mqtt_alias_said(const pl_mqtt_aliases_out *aliases, uint16_t alias)
{
	const pl_mqtt_alias *made = aliases->all ? aliases->all[alias - 1] : NULL;

	return made ? pl_slice_make(made->topic, made->len) : pl_slice_make(NULL, 0);
}

void pl_mqtt_aliases_out_deinit(pl_mqtt_aliases_out *aliases)
{
	for (uint32_t i = 1; aliases->all && i <= aliases->size; i++)
		drop(aliases, (uint16_t)i);
	pl_free(aliases->all);
	pl_map_deinit(&aliases->by_topic);
	*aliases = (pl_mqtt_aliases_out){ 0 };
}
