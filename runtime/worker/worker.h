/*
 * worker.h - the threads of the program: each has a loop and runs the script.
 *
 * Worker 1 is the program's own thread, which gets the signals. It begins the others when its
 * script has been loaded, so that what is wrong with a script is said once. The program ends when
 * no worker has anything left to do, or when one of them stops all.
 */
#ifndef PL_WORKER_WORKER_H
#define PL_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "server/group.h"
#include "worker/metrics.h"
#include "worker/shared.h"

enum { PL_WORKERS_MAX = 256 };

typedef struct pl_worker {
	uint16_t id;	/* from 1 */
	uint16_t count; /* of all workers */
	pl_loop *loop;
	pl_groups *groups; /* NULL with one worker */
	pl_shared *shared;
	pl_metrics *metrics;
	/* In the worker's thread: the program stops. NULL until somebody wants to know. */
	void (*stop)(void *context, int code);
	void *context;
	struct pl_program *program;
} pl_worker;

/* Makes the process ready (random hash keys, signals that must not end it), runs `main` in worker 1
 * and, when that begins them, in the others; cleans up. Returns what the first `main` returned
 * that was not 0, or the code of pl_worker_stop_all, or 1 when something cannot be made (logged).
 */
int pl_worker_run(uint16_t count, int (*main)(pl_worker *worker, void *context), void *context);

/* Begins the other workers. For worker 1; without effect when there are none. If one cannot begin
 * (logged), all get `stop` with 1, worker 1 too. */
void pl_worker_begin_others(pl_worker *worker);

/* The worker's script is up: what it starts at its begin has been started. Once for each worker.
 * When all are, a supervisor hears that the program is ready. */
void pl_worker_up(pl_worker *worker);

/* Stops the program, from any worker: the others get `stop`. Only the first call counts. */
void pl_worker_stop_all(pl_worker *worker, int code);

/* Nothing holds the worker's loop any more. True: something does again; false: the program ends,
 * because nobody has anything to do or because it is being stopped. */
bool pl_worker_rest(pl_worker *worker);

/* From now on the second SIGINT or SIGTERM ends the process there and then, however busy the loops
 * are. Call it when the loop has its handlers of both. */
void pl_worker_heed_second_signal(void);

#endif
