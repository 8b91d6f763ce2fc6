/*
 * admission.h - who may connect: how many in all, and how many from one address.
 */
#ifndef PL_SERVER_ADMISSION_H
#define PL_SERVER_ADMISSION_H

#include <pthread.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/map.h"

enum { PL_GUEST_KEY = 17 }; /* family, then the address or its first eight bytes */

/* One client address that has connections. IPv6 counts by its /64, which one client
 * has for itself. */
typedef struct pl_guest {
	pl_map_entry entry;
	uint32_t count;
	uint8_t key[PL_GUEST_KEY];
} pl_guest;

typedef struct pl_admission {
	pthread_mutex_t lock; /* the same server in several workers counts in one */
	pl_map guests;
	uint32_t count;
} pl_admission;

/* What tells one client from others; its length. */
size_t pl_guest_key(uint8_t key[PL_GUEST_KEY], const pl_address *address);

void pl_admission_init(pl_admission *admission);
void pl_admission_deinit(pl_admission *admission);

/* Counts a connection in. PL_OK with *guest; PL_ELIMIT with *limit its name; PL_ENOMEM. */
int pl_admission_enter(pl_admission *admission, const pl_limits *limits, const pl_address *address,
		       pl_guest **guest, const char **limit);
void pl_admission_leave(pl_admission *admission, pl_guest *guest);

#endif
