/*
 * queue.h - messages that wait while a connection's output is blocked, or while there is none.
 *
 * Messages, not bytes: they have a class, control before data, and data of a lower level before
 * that of a higher, so that they can be ordered (and later dropped or conflated). An empty queue
 * owns no memory.
 */
#ifndef PL_CONN_QUEUE_H
#define PL_CONN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/block.h"
#include "conn/message.h"

enum { PL_QUEUE_LEVELS = 3 }; /* of data */
enum pl_queue_class {
	PL_QUEUE_CONTROL,
	PL_QUEUE_DATA, /* and the levels behind it */
	PL_QUEUE_CLASSES = PL_QUEUE_DATA + PL_QUEUE_LEVELS
};

typedef struct pl_queued {
	pl_block *block;
	size_t fragment; /* bytes a fragment; 0: whole. Of a message that is not encoded */
	uint8_t kind;	 /* the same: enum pl_kind */
	bool encoded;	 /* the block is frames, ready for the wire; else the message as given */
} pl_queued;

typedef struct pl_queue_item {
	struct pl_queue_item *next;
	pl_queued message;
} pl_queue_item;

typedef struct pl_queue {
	pl_queue_item *first[PL_QUEUE_CLASSES];
	pl_queue_item *last[PL_QUEUE_CLASSES];
	size_t bytes;
	size_t count;
} pl_queue;

/* Takes a reference of its own to the block. PL_OK or PL_ENOMEM. */
int pl_queue_push(pl_queue *queue, enum pl_queue_class class, const pl_queued *message);

/* The next message, whose reference is the caller's; false when empty. */
bool pl_queue_pop(pl_queue *queue, pl_queued *message);

/* The next one, which stays; NULL when empty. */
const pl_queued *pl_queue_first(const pl_queue *queue);

/* All of `from`, which is then empty, goes behind what `to` has of the same class. */
void pl_queue_move(pl_queue *to, pl_queue *from);

void pl_queue_deinit(pl_queue *queue);

#endif
