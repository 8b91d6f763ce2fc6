/*
 * watch.h - whether every worker gets on: a thread that looks, and what a supervisor is told.
 *
 * A worker's loop says when a turn began. A turn that takes longer than PL_WATCH_STUCK is told in
 * the log once, with what runs, and again when it is over. As long as no turn of any worker takes
 * longer than half of what the supervisor allows, worker 1's loop tells it that all is well: a
 * worker that is stuck ends that, whichever it is.
 */
#ifndef PL_WORKER_WATCH_H
#define PL_WORKER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

enum { PL_WATCH_STUCK = 5000, PL_WATCH_LOOK = 500 }; /* ms */

typedef struct pl_watch {
	pl_loop *loop; /* of worker 1 */
	pl_timer timer;
	uint64_t interval; /* ms; 0: nobody wants to be told */
	uint16_t workers;
} pl_watch;

/* The looking thread. NULL when it cannot begin (logged): the program goes on without. */
typedef struct pl_looker pl_looker;
pl_looker *pl_looker_new(uint16_t workers);
void pl_looker_free(pl_looker *looker); /* ends and joins it */

/* Whether no worker from `first` to `last` has been in one turn for more than `limit` ms. */
bool pl_watch_alive(uint16_t first, uint16_t last, uint64_t limit);

/* Worker 1's loop tells the supervisor, if that wants it. The timer does not hold the loop. */
void pl_watch_begin(pl_watch *watch, pl_loop *loop, uint16_t workers);
void pl_watch_end(pl_watch *watch);

#endif
