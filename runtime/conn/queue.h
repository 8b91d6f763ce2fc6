/*
 * queue.h - messages that wait while a connection's output is blocked.
 *
 * Messages, not bytes: they have a class, control before data, so that they can be ordered (and
 * later dropped or conflated). An empty queue owns no memory.
 */
#ifndef PL_CONN_QUEUE_H
#define PL_CONN_QUEUE_H

#include <stddef.h>

#include "base/block.h"

enum pl_queue_class { PL_QUEUE_CONTROL, PL_QUEUE_DATA, PL_QUEUE_CLASSES };

typedef struct pl_queue_item {
	struct pl_queue_item *next;
	pl_block *frames; /* encoded, ready for the wire */
} pl_queue_item;

typedef struct pl_queue {
	pl_queue_item *first[PL_QUEUE_CLASSES];
	pl_queue_item *last[PL_QUEUE_CLASSES];
	size_t bytes;
	size_t count;
} pl_queue;

/* Takes a reference of its own. PL_OK or PL_ENOMEM. */
int pl_queue_push(pl_queue *queue, enum pl_queue_class class, pl_block *frames);

/* The next message, whose reference is the caller's; NULL when empty. */
pl_block *pl_queue_pop(pl_queue *queue);

void pl_queue_deinit(pl_queue *queue);

#endif
