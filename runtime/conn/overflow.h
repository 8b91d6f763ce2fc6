/*
 * overflow.h - what becomes of messages for a peer that reads slower than they are written.
 *
 * They wait, up to limits.send_queue. Then, or earlier, the policy decides: the connection is
 * dropped; the oldest messages are left out, those of one channel for a message of it; or a message
 * takes the place of the one of its channel and key that waits, so that the peer gets the latest.
 * Only what has not begun to leave can be left out.
 */
#ifndef PL_CONN_OVERFLOW_H
#define PL_CONN_OVERFLOW_H

#include <stdint.h>

enum pl_overflow_policy { PL_OVERFLOW_CLOSE, PL_OVERFLOW_DROP_OLDEST, PL_OVERFLOW_CONFLATE };

typedef struct pl_overflow {
	enum pl_overflow_policy policy;
	uint32_t messages; /* of DROP_OLDEST: that wait at most; 0: as many as fit */
} pl_overflow;

#endif
