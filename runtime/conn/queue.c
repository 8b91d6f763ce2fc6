#include "conn/queue.h"

#include "base/alloc.h"
#include "base/status.h"

int pl_queue_push(pl_queue *queue, enum pl_queue_class class, pl_block *frames)
{
	pl_queue_item *item = pl_alloc(sizeof(*item));

	if (!item)
		return PL_ENOMEM;
	item->next = NULL;
	item->frames = pl_block_ref(frames);
	if (queue->last[class])
		queue->last[class]->next = item;
	else
		queue->first[class] = item;
	queue->last[class] = item;
	queue->bytes += frames->len;
	queue->count++;
	return PL_OK;
}

static pl_block *pop_class(pl_queue *queue, int class)
{
	pl_queue_item *item = queue->first[class];
	pl_block *frames = item->frames;

	queue->first[class] = item->next;
	if (!item->next)
		queue->last[class] = NULL;
	queue->bytes -= frames->len;
	queue->count--;
	pl_free(item);
	return frames;
}

pl_block *pl_queue_pop(pl_queue *queue)
{
	int class;

	for (class = 0; class < PL_QUEUE_CLASSES; class ++)
		if (queue->first[class])
			return pop_class(queue, class);
	return NULL;
}

void pl_queue_deinit(pl_queue *queue)
{
	pl_block *frames;

	while ((frames = pl_queue_pop(queue)))
		pl_block_unref(frames);
}
