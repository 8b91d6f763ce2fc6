/*
 * wheel.h - timers by the thousand: hierarchical wheel, one millisecond a tick.
 *
 * Driven by the `now` it is given (milliseconds, never going back); knows no
 * clock. Start, stop and fire cost O(1); no allocation.
 */
#ifndef PL_BASE_WHEEL_H
#define PL_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { PL_WHEEL_LEVELS = 7, PL_WHEEL_SLOTS = 64 };

typedef struct pl_timer {
	pl_list node;
	uint64_t due;
	void (*fire)(struct pl_timer *timer); /* already stopped; may be started again */
	uint16_t slot;			      /* level * 64 + index; the wheel's own */
} pl_timer;

typedef struct pl_wheel {
	uint64_t now;
	uint64_t used[PL_WHEEL_LEVELS]; /* bit i: slot i has members */
	pl_list slots[PL_WHEEL_LEVELS][PL_WHEEL_SLOTS];
} pl_wheel;

void pl_wheel_init(pl_wheel *wheel, uint64_t now);

/* A timer must be initialised once before its first start or stop. */
void pl_timer_init(pl_timer *timer, void (*fire)(pl_timer *timer));

/* Fires at the first advance with now >= due. A due in the past counts as now: it fires
 * at the next advance, even one to the same now. Starting an active timer moves it. */
void pl_wheel_start(pl_wheel *wheel, pl_timer *timer, uint64_t due);
void pl_wheel_stop(pl_wheel *wheel, pl_timer *timer); /* no effect when it is not active */
bool pl_timer_active(const pl_timer *timer);

/* Fires all that is due, earliest first, those of one millisecond in the order of their
 * starts (unless one was started a century ahead); timers started meanwhile with a due that
 * has passed fire at the next advance. wheel->now is the new now during all of it. */
void pl_wheel_advance(pl_wheel *wheel, uint64_t now);

/* When advance has to be called next, at the latest: at or before the earliest due (a
 * timer far ahead asks for at most one early call a level). UINT64_MAX when no timer is
 * active. */
uint64_t pl_wheel_next(const pl_wheel *wheel);

#endif
