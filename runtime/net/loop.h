/*
 * loop.h - one worker's event loop: turns, timers, work to do at the end of a turn.
 *
 * A turn is: wait, handle all events that are there, run what was deferred, then
 * flush every stream that was written to, once. One thread owns a loop; nothing
 * here but pl_loop_wake may be called from another.
 */
#ifndef PL_NET_LOOP_H
#define PL_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/wheel.h"

typedef struct pl_loop pl_loop;

/* A piece of work for the end of the turn. Zeroed memory must be initialised first. */
typedef struct pl_deferred {
	pl_list node;
	void (*run)(struct pl_deferred *deferred); /* no longer queued; may queue itself again */
} pl_deferred;

int pl_loop_new(pl_loop **loop);  /* PL_OK, PL_ENOMEM, PL_EMFILE, PL_EIO */
void pl_loop_free(pl_loop *loop); /* closes what is still open, with its callbacks */

/* Runs turns until nothing holds the loop or pl_loop_stop was called. */
void pl_loop_run(pl_loop *loop);
void pl_loop_stop(pl_loop *loop); /* after the present turn */
void pl_loop_wait(pl_loop *loop); /* one turn, which waits until something happens */
void pl_loop_turn(pl_loop *loop); /* one turn that does not wait; for tests */

/* Puts the loop's clock ahead and fires the timers that are due then, at once: for tests, which
 * thus need not sleep. */
void pl_loop_skip(pl_loop *loop, uint64_t ms);

/* From now on nothing but pl_loop_skip moves the loop's clock: for tests that count milliseconds.
 */
void pl_loop_still(pl_loop *loop);

/* Components that keep the program alive (a started server, a timer of a script,
 * a wait) hold the loop; each hold is released once. */
void pl_loop_hold(pl_loop *loop);
void pl_loop_release(pl_loop *loop);
bool pl_loop_held(const pl_loop *loop);

/* Milliseconds of a clock that never goes back, as of this turn. */
uint64_t pl_loop_now(const pl_loop *loop);

/* Brings that up to date, for who may have been busy for long within this turn. */
void pl_loop_refresh(pl_loop *loop);

/* Date for HTTP headers (29 characters, no NUL), made once a second. */
const char *pl_loop_date(pl_loop *loop);

void pl_loop_start(pl_loop *loop, pl_timer *timer, uint64_t delay); /* fires in `delay` ms */
void pl_loop_stop_timer(pl_loop *loop, pl_timer *timer);

void pl_deferred_init(pl_deferred *deferred, void (*run)(pl_deferred *deferred));
void pl_loop_defer(pl_loop *loop, pl_deferred *deferred); /* no effect when queued already */
void pl_loop_flush(pl_loop *loop, pl_deferred *deferred); /* the same, after all deferred work */
void pl_deferred_cancel(pl_deferred *deferred);

/* Ends the wait of another thread's loop. The one call that any thread may make. */
void pl_loop_wake(pl_loop *loop);

/* Calls back in the loop's thread when the process gets a signal; replaces an earlier callback for
 * the same signal. PL_OK or an error. Signals do not hold the loop. */
int pl_loop_on_signal(pl_loop *loop, int signal_number, void (*callback)(void *context, int number),
		      void *context);

#endif
