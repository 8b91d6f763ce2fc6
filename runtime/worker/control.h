/*
 * control.h - the sockets at which `perilune attach` finds the workers: PATH for worker 1, PATH.N
 * for worker N.
 *
 * Each worker listens at its own, in its own loop: what goes on in one holds up no other, and
 * nothing of it crosses threads.
 */
#ifndef PL_WORKER_CONTROL_H
#define PL_WORKER_CONTROL_H

#include <stdint.h>

typedef struct pl_control pl_control;

/* By worker 1, before the others begin. NULL: not all can be had (logged). */
pl_control *pl_control_new(const char *path, uint16_t workers);

/* The listening socket of a worker, which is the caller's from now on; -1: it was taken. */
int pl_control_take(pl_control *control, uint16_t worker);

/* When all workers have ended: takes the files away. NULL is allowed. */
void pl_control_free(pl_control *control);

#endif
