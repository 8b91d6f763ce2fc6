/*
 * watchdog.h - when to try again: interval, back-off, attempts. Pure: the caller has the timer.
 */
#ifndef PL_CLIENT_WATCHDOG_H
#define PL_CLIENT_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pl_watchdog_settings {
	bool enabled;
	uint32_t interval; /* ms before the first attempt to reconnect */
	uint32_t attempts; /* in a row, without a connection that held between them; 0: without end
			    */
	double factor; /* by which each interval is longer than the one before; 1: all the same */
	uint32_t maximum; /* ms, of an interval */
	bool jitter;	  /* each is a random part of itself (0 to all of it): those who lost one
			   * server at once do not come back at once */
	uint32_t held;	  /* ms after which a connection counts as one that held, and the attempts
			   * and intervals begin anew */
} pl_watchdog_settings;

typedef struct pl_watchdog {
	uint32_t attempt; /* of the present row; 0: none yet */
	double interval;  /* of the next attempt, ms, before jitter */
} pl_watchdog;

void pl_watchdog_reset(pl_watchdog *watchdog, const pl_watchdog_settings *settings);

/* A connection has ended that was up for `up` ms, or an attempt has failed (0). True: *delay is how
 * long to wait for the next attempt, whose number is watchdog->attempt. False: no more of them.
 * `random` is any number, for the jitter. */
bool pl_watchdog_next(pl_watchdog *watchdog, const pl_watchdog_settings *settings, uint64_t up,
		      uint32_t random, uint32_t *delay);

#endif
