#include "conn/queue.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"

void pl_queue_init(pl_queue *queue)
{
	*queue = (pl_queue){ .bytes = 0 };
	for (int level = 0; level < PL_QUEUE_LEVELS; level++)
		pl_list_init(&queue->levels[level]);
}

static pl_queue_item *in_level(pl_list *node)
{
	return PL_CONTAINER(node, pl_queue_item, in_level);
}

static pl_queue_item *in_lane(pl_list *node)
{
	return PL_CONTAINER(node, pl_queue_item, in_lane);
}

size_t pl_queue_cost(const pl_queued *message)
{
	return message->block->len + (message->ping ? sizeof(pl_queue_item) : 0);
}

static void add_cost(pl_queue *queue, const pl_queued *message)
{
	queue->bytes += pl_queue_cost(message);
	pl_count(PL_COUNT_QUEUE_BYTES, (int64_t)pl_queue_cost(message));
}

static void take_cost(pl_queue *queue, const pl_queued *message)
{
	queue->bytes -= pl_queue_cost(message);
	pl_count(PL_COUNT_QUEUE_BYTES, -(int64_t)pl_queue_cost(message));
}

/* NULL: no memory. */
static pl_queue_item *append(pl_queue *queue, uint8_t level, const pl_queued *message)
{
	pl_queue_item *item = pl_alloc(sizeof(*item));

	if (!item)
		return NULL;
	item->lane = NULL;
	item->message = *message;
	pl_block_ref(message->block);
	pl_list_append(&queue->levels[level], &item->in_level);
	queue->count++;
	add_cost(queue, message);
	return item;
}

int pl_queue_push(pl_queue *queue, uint8_t level, const pl_queued *message)
{
	return append(queue, level, message) ? PL_OK : PL_ENOMEM;
}

static void leave_lane(pl_queue *queue, pl_queue_item *item)
{
	pl_queue_lane *lane = item->lane;

	if (!lane)
		return;
	pl_list_remove(&item->in_lane);
	if (--lane->count > 0)
		return;
	pl_map_remove(&queue->lanes, &lane->entry);
	pl_free(lane);
}

/* The message's reference is the caller's. */
static void take_out(pl_queue *queue, pl_queue_item *item)
{
	leave_lane(queue, item);
	pl_list_remove(&item->in_level);
	take_cost(queue, &item->message);
	queue->count--;
	pl_free(item);
	if (queue->count == 0)
		pl_map_deinit(&queue->lanes);
}

static void drop(pl_queue *queue, pl_queue_item *item)
{
	pl_block *block = item->message.block;

	take_out(queue, item);
	pl_block_unref(block);
}

/* Lanes. */

pl_queue_lane *pl_queue_lane_of(const pl_queue *queue, pl_slice name)
{
	pl_map_entry *entry = pl_map_find(&queue->lanes, name.at, name.len);

	return entry ? PL_CONTAINER(entry, pl_queue_lane, entry) : NULL;
}

static pl_queue_lane *lane_new(pl_queue *queue, pl_slice name)
{
	pl_queue_lane *lane = pl_alloc(sizeof(*lane) + name.len);

	if (!lane)
		return NULL;
	pl_list_init(&lane->items);
	lane->count = 0;
	if (name.len > 0)
		memcpy(lane->name, name.at, name.len);
	if (pl_map_insert(&queue->lanes, &lane->entry, lane->name, name.len)) {
		pl_free(lane);
		return NULL;
	}
	return lane;
}

int pl_queue_push_lane(pl_queue *queue, uint8_t level, const pl_queued *message, pl_slice name)
{
	pl_queue_lane *lane = pl_queue_lane_of(queue, name);
	bool made = !lane;
	pl_queue_item *item;

	if (made)
		lane = lane_new(queue, name);
	item = lane ? append(queue, level, message) : NULL;
	if (!item) {
		if (made && lane) {
			pl_map_remove(&queue->lanes, &lane->entry);
			pl_free(lane);
		}
		return PL_ENOMEM;
	}
	item->lane = lane;
	pl_list_append(&lane->items, &item->in_lane);
	lane->count++;
	return PL_OK;
}

void pl_queue_replace(pl_queue *queue, pl_queue_lane *lane, const pl_queued *message)
{
	pl_queued *present = &in_lane(lane->items.prev)->message;
	uint32_t serial = present->serial;

	pl_block_ref(message->block);
	take_cost(queue, present);
	pl_block_unref(present->block);
	*present = *message;
	present->serial = serial;
	add_cost(queue, present);
}

void pl_queue_drop_oldest(pl_queue *queue, pl_queue_lane *lane)
{
	drop(queue, in_lane(lane->items.next));
}

uint32_t pl_queue_drop_lanes(pl_queue *queue)
{
	uint32_t count = 0;

	for (int level = 0; level < PL_QUEUE_LEVELS; level++) {
		pl_list *head = &queue->levels[level];
		pl_list *node = head->next;

		while (node != head) {
			pl_queue_item *item = in_level(node);

			node = node->next;
			if (!item->lane)
				continue;
			drop(queue, item);
			count++;
		}
	}
	return count;
}

/* What leaves. */

static pl_queue_item *first(const pl_queue *queue)
{
	for (int level = 0; level < PL_QUEUE_LEVELS; level++)
		if (!pl_list_empty(&queue->levels[level]))
			return in_level(queue->levels[level].next);
	return NULL;
}

bool pl_queue_pop(pl_queue *queue, pl_queued *message)
{
	pl_queue_item *item = queue->count > 0 ? first(queue) : NULL;

	if (!item)
		return false;
	*message = item->message;
	take_out(queue, item);
	return true;
}

const pl_queued *pl_queue_first(const pl_queue *queue)
{
	const pl_queue_item *item = queue->count > 0 ? first(queue) : NULL;

	return item ? &item->message : NULL;
}

/* Within a level serials grow. */
bool pl_queue_has_before(const pl_queue *queue, uint32_t serial)
{
	int level;

	for (level = 0; level < PL_QUEUE_LEVELS; level++) {
		const pl_list *head = &queue->levels[level];

		if (!pl_list_empty(head) &&
		    (int32_t)(in_level(head->next)->message.serial - serial) < 0)
			return true;
	}
	return false;
}

/* Two become one. */

static void drop_pings(pl_queue *queue, int level)
{
	pl_list *head = &queue->levels[level];
	pl_list *node = head->next;

	while (node != head) {
		pl_queue_item *item = in_level(node);

		node = node->next;
		if (item->message.ping)
			drop(queue, item);
	}
}

void pl_queue_move(pl_queue *to, pl_queue *from)
{
	for (int level = 0; level < PL_QUEUE_LEVELS; level++) {
		drop_pings(from, level);
		pl_list_move(&to->levels[level], &from->levels[level]);
	}
	to->bytes += from->bytes;
	to->count += from->count;
	from->bytes = 0;
	from->count = 0;
}

void pl_queue_deinit(pl_queue *queue)
{
	pl_queued message;

	while (pl_queue_pop(queue, &message))
		pl_block_unref(message.block);
}
