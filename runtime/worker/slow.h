/*
 * slow.h - where scripts spend their time: names of places, and the handlers that held their worker
 * for too long.
 *
 * All of the process; from any thread.
 */
#ifndef PL_WORKER_SLOW_H
#define PL_WORKER_SLOW_H

#include <stddef.h>
#include <stdint.h>

enum {
	PL_SLOW_PLACES = 1024,	/* that are told apart */
	PL_SLOW_PLACE_MAX = 96, /* bytes of one, with its NUL */
	PL_SLOW_AFTER = 50,	/* ms from which on a handler is slow, see pl_slow_after */
	PL_SLOW_AGAIN = 10000,	/* ms until it is told of again in the log */
	PL_SLOW_KEPT = 32
};

typedef struct pl_slow {
	const char *place;
	uint64_t count;
	uint64_t total; /* ms */
	uint64_t most;	/* ms at a time */
	uint64_t told;	/* when the log had it last, in ms */
} pl_slow;

/* The one text that equals this one, cut to PL_SLOW_PLACE_MAX: it is never freed. With all places
 * taken: "a handler". */
const char *pl_slow_place(const char *text);

/* From how many ms on a handler is slow: what PERILUNE_SLOW_HANDLER in the environment says in
 * seconds, 0 for never, else PL_SLOW_AFTER. */
uint64_t pl_slow_after(void);

/* What runs there has held its worker for `ms` in one go. */
void pl_slow_ran(const char *place, uint64_t ms, uint64_t now);

/* The slowest first. Returns how many. */
size_t pl_slow_list(pl_slow list[PL_SLOW_KEPT]);

#endif
