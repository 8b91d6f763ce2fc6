/*
 * worker.h - one thread's share of the program: a loop, and the script that runs on it.
 */
#ifndef PL_WORKER_WORKER_H
#define PL_WORKER_WORKER_H

#include <stdint.h>

#include "net/loop.h"

enum { PL_WORKERS_MAX = 1 };

typedef struct pl_worker {
	uint16_t id;	/* from 1 */
	uint16_t count; /* of all workers */
	pl_loop *loop;
} pl_worker;

/* Makes the process ready (random hash keys, signals that must not end it), runs `main` with a
 * worker of its own and cleans up. Returns what main returns, or 1 when the loop
 * cannot be made (logged). */
int pl_worker_run(int (*main)(pl_worker *worker, void *context), void *context);

/* From now on the second SIGINT or SIGTERM ends the process there and then, however busy the loop
 * is. Call it when the loop has its handlers of both. */
void pl_worker_heed_second_signal(void);

#endif
