#include "conn/queue.h"

#include "base/alloc.h"
#include "base/counters.h"
#include "base/status.h"

size_t pl_queue_cost(const pl_queued *message)
{
	return message->block->len + (message->ping ? sizeof(pl_queue_item) : 0);
}

int pl_queue_push(pl_queue *queue, uint8_t level, const pl_queued *message)
{
	pl_queue_item *item = pl_alloc(sizeof(*item));

	if (!item)
		return PL_ENOMEM;
	item->next = NULL;
	item->message = *message;
	pl_block_ref(message->block);
	if (queue->last[level])
		queue->last[level]->next = item;
	else
		queue->first[level] = item;
	queue->last[level] = item;
	queue->bytes += pl_queue_cost(message);
	queue->count++;
	pl_count(PL_COUNT_QUEUE_BYTES, (int64_t)pl_queue_cost(message));
	return PL_OK;
}

static void pop_level(pl_queue *queue, int level, pl_queued *message)
{
	pl_queue_item *item = queue->first[level];

	*message = item->message;
	queue->first[level] = item->next;
	if (!item->next)
		queue->last[level] = NULL;
	queue->bytes -= pl_queue_cost(message);
	queue->count--;
	pl_count(PL_COUNT_QUEUE_BYTES, -(int64_t)pl_queue_cost(message));
	pl_free(item);
}

bool pl_queue_pop(pl_queue *queue, pl_queued *message)
{
	int level;

	for (level = 0; level < PL_QUEUE_LEVELS; level++) {
		if (!queue->first[level])
			continue;
		pop_level(queue, level, message);
		return true;
	}
	return false;
}

const pl_queued *pl_queue_first(const pl_queue *queue)
{
	int level;

	for (level = 0; level < PL_QUEUE_LEVELS; level++)
		if (queue->first[level])
			return &queue->first[level]->message;
	return NULL;
}

/* Within a level serials grow. */
bool pl_queue_has_before(const pl_queue *queue, uint32_t serial)
{
	int level;

	for (level = 0; level < PL_QUEUE_LEVELS; level++) {
		const pl_queue_item *first = queue->first[level];

		if (first && (int32_t)(first->message.serial - serial) < 0)
			return true;
	}
	return false;
}

static void drop_pings(pl_queue *queue, int level)
{
	pl_queue_item **at = &queue->first[level];

	queue->last[level] = NULL;
	while (*at) {
		pl_queue_item *item = *at;

		if (!item->message.ping) {
			queue->last[level] = item;
			at = &item->next;
			continue;
		}
		*at = item->next;
		queue->bytes -= pl_queue_cost(&item->message);
		queue->count--;
		pl_count(PL_COUNT_QUEUE_BYTES, -(int64_t)pl_queue_cost(&item->message));
		pl_block_unref(item->message.block);
		pl_free(item);
	}
}

void pl_queue_move(pl_queue *to, pl_queue *from)
{
	int level;

	for (level = 0; level < PL_QUEUE_LEVELS; level++) {
		drop_pings(from, level);
		if (!from->first[level])
			continue;
		if (to->last[level])
			to->last[level]->next = from->first[level];
		else
			to->first[level] = from->first[level];
		to->last[level] = from->last[level];
	}
	to->bytes += from->bytes;
	to->count += from->count;
	*from = (pl_queue){ .bytes = 0 };
}

void pl_queue_deinit(pl_queue *queue)
{
	pl_queued message;

	while (pl_queue_pop(queue, &message))
		pl_block_unref(message.block);
}
