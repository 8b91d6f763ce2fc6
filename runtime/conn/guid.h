/*
 * guid.h - the name of a connection: unguessable, and it says which worker owns it.
 */
#ifndef PL_CONN_GUID_H
#define PL_CONN_GUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { PL_GUID_SIZE = 16, PL_GUID_TEXT = 32 };

typedef struct pl_guid {
	uint8_t bytes[PL_GUID_SIZE]; /* worker (two bytes, big-endian), then 112 random bits */
} pl_guid;

void pl_guid_new(pl_guid *guid, uint16_t worker);
uint16_t pl_guid_worker(const pl_guid *guid);

/* 32 upper-case hex digits, no NUL. */
void pl_guid_encode(char out[PL_GUID_TEXT], const pl_guid *guid);

/* Either case. False for anything else. */
bool pl_guid_decode(pl_guid *guid, pl_slice text);

#endif
