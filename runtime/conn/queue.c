#include "conn/queue.h"

#include "base/alloc.h"
#include "base/status.h"

int pl_queue_push(pl_queue *queue, enum pl_queue_class class, const pl_queued *message)
{
	pl_queue_item *item = pl_alloc(sizeof(*item));

	if (!item)
		return PL_ENOMEM;
	item->next = NULL;
	item->message = *message;
	pl_block_ref(message->block);
	if (queue->last[class])
		queue->last[class]->next = item;
	else
		queue->first[class] = item;
	queue->last[class] = item;
	queue->bytes += message->block->len;
	queue->count++;
	return PL_OK;
}

static void pop_class(pl_queue *queue, int class, pl_queued *message)
{
	pl_queue_item *item = queue->first[class];

	*message = item->message;
	queue->first[class] = item->next;
	if (!item->next)
		queue->last[class] = NULL;
	queue->bytes -= message->block->len;
	queue->count--;
	pl_free(item);
}

bool pl_queue_pop(pl_queue *queue, pl_queued *message)
{
	int class;

	for (class = 0; class < PL_QUEUE_CLASSES; class ++) {
		if (!queue->first[class])
			continue;
		pop_class(queue, class, message);
		return true;
	}
	return false;
}

const pl_queued *pl_queue_first(const pl_queue *queue)
{
	int class;

	for (class = 0; class < PL_QUEUE_CLASSES; class ++)
		if (queue->first[class])
			return &queue->first[class]->message;
	return NULL;
}

void pl_queue_move(pl_queue *to, pl_queue *from)
{
	int class;

	for (class = 0; class < PL_QUEUE_CLASSES; class ++) {
		if (!from->first[class])
			continue;
		if (to->last[class])
			to->last[class]->next = from->first[class];
		else
			to->first[class] = from->first[class];
		to->last[class] = from->last[class];
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
