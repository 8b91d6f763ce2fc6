/*
 * work.h - what would block, done on the thread pool.
 */
#ifndef PL_NET_WORK_H
#define PL_NET_WORK_H

#include "net/loop.h"

typedef struct pl_work pl_work;

/* Calls run(context) on a pool thread, then done(context) in the loop's thread. `done`
 * always comes, once. PL_OK, or PL_ENOMEM and neither is called. Holds the loop. */
int pl_work_start(pl_loop *loop, void (*run)(void *context), void (*done)(void *context),
		  void *context);

#endif
