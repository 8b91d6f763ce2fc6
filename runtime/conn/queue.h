/*
 * queue.h - messages that wait while a connection's output is blocked, or while there is none.
 *
 * Messages, not bytes: each has a level, so that they can be ordered. What has no level goes first,
 * then levels 1 to 3; within a level the first come goes first. What may be left out is in a lane
 * besides, so that a lane's oldest is found at once. An empty queue owns no memory.
 */
#ifndef PL_CONN_QUEUE_H
#define PL_CONN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/block.h"
#include "base/list.h"
#include "base/map.h"
#include "conn/message.h"

enum { PL_QUEUE_LEVELS = 4 };

/* The level of what waits: 0, none, or 1 to 3. A ping without one does not wait: it overtakes. */
typedef struct pl_queue_options {
	uint8_t text;
	uint8_t binary;
	uint8_t ping;
} pl_queue_options;

typedef struct pl_queued {
	pl_block *block;
	size_t fragment; /* bytes a fragment; 0: whole. Of a message that is not encoded */
	uint32_t serial; /* for pl_queue_has_before */
	uint8_t kind;	 /* the same as of fragment: enum pl_kind */
	bool encoded;	 /* the block is frames, ready for the wire; else the message as given */
	bool ping;	 /* the block is its payload */
} pl_queued;

/* Messages that stand for each other. It is there while it has one. */
typedef struct pl_queue_lane {
	pl_map_entry entry;
	pl_list items;
	uint32_t count;
	char name[];
} pl_queue_lane;

typedef struct pl_queue_item {
	pl_list in_level;
	pl_list in_lane;
	pl_queue_lane *lane; /* NULL: it may not be left out */
	pl_queued message;
} pl_queue_item;

typedef struct pl_queue {
	pl_list levels[PL_QUEUE_LEVELS];
	pl_map lanes;
	size_t bytes;
	size_t count;
} pl_queue;

static inline bool pl_queue_ordered(const pl_queue_options *options)
{
	return options->text || options->binary;
}

static inline uint8_t pl_queue_level(const pl_queue_options *options, enum pl_kind kind)
{
	return kind == PL_KIND_TEXT ? options->text : options->binary;
}

void pl_queue_init(pl_queue *queue);

/* What a message counts in `bytes`: an empty ping takes memory too. */
size_t pl_queue_cost(const pl_queued *message);

/* Takes a reference of its own to the block. PL_OK or PL_ENOMEM. */
int pl_queue_push(pl_queue *queue, uint8_t level, const pl_queued *message);

/* The same in a lane, which is made when it is not there. */
int pl_queue_push_lane(pl_queue *queue, uint8_t level, const pl_queued *message, pl_slice lane);

/* NULL: none of its messages waits. */
pl_queue_lane *pl_queue_lane_of(const pl_queue *queue, pl_slice name);

/* The lane's latest gives its place, and its serial, to another message. */
void pl_queue_replace(pl_queue *queue, pl_queue_lane *lane, const pl_queued *message);

/* Drops the lane's oldest; with its last one the lane is gone. */
void pl_queue_drop_oldest(pl_queue *queue, pl_queue_lane *lane);

/* Drops all that are in lanes. Returns how many. */
uint32_t pl_queue_drop_lanes(pl_queue *queue);

/* The next message, whose reference is the caller's; false when empty. */
bool pl_queue_pop(pl_queue *queue, pl_queued *message);

/* The next one, which stays; NULL when empty. */
const pl_queued *pl_queue_first(const pl_queue *queue);

/* Whether a message waits whose serial is before this one; serials grow, and wrap around. */
bool pl_queue_has_before(const pl_queue *queue, uint32_t serial);

/* All of `from`, which is then empty, goes behind what `to` has of the same level. Pings are left
 * out and dropped: they were for another connection. `from` has no lanes. */
void pl_queue_move(pl_queue *to, pl_queue *from);

void pl_queue_deinit(pl_queue *queue);

#endif
