/*
 * attempts.h - how often the passwords of one address were wrong, so that nobody can try them all.
 *
 * limits.failed_logins within limits.failed_login_time: then the address waits. Those that are
 * being decided count as well until they are. IPv6 counts by its /64, as in admission.h. Any
 * thread.
 */
#ifndef PL_SERVER_ATTEMPTS_H
#define PL_SERVER_ATTEMPTS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

enum { PL_ATTEMPTS_MAX = 65536 }; /* addresses that are remembered; then the oldest is forgotten */

typedef struct pl_attempts {
	pthread_mutex_t lock;
	pl_map by_address;
	pl_list failed; /* those with failures, by the begin of their time */
} pl_attempts;

void pl_attempts_init(pl_attempts *attempts);
void pl_attempts_deinit(pl_attempts *attempts);

/* A password of this address is about to be checked. 0; or the seconds that it has to wait; or
 * PL_ENOMEM. Each 0 is followed by one pl_attempts_end. */
int pl_attempts_begin(pl_attempts *attempts, const pl_limits *limits, uint64_t now,
		      const pl_address *address);

/* How it came out. True: the address has to wait from now on. */
bool pl_attempts_end(pl_attempts *attempts, const pl_limits *limits, uint64_t now,
		     const pl_address *address, bool failed);

#endif
