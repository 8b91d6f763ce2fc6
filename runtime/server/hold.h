/*
 * hold.h - a request that waits until something is decided: by the script, or on the thread pool.
 *
 * Nothing more of it is read meanwhile, and requests behind it on the connection wait too. Whoever
 * decides has limits.handshake_timeout; then, and when the server stops, the answer is 503, or what
 * the owner has set.
 */
#ifndef PL_SERVER_HOLD_H
#define PL_SERVER_HOLD_H

#include "conn/conn.h"

typedef struct pl_hold pl_hold;

/* The request is over without whoever decides: it was answered, or its connection goes, and then
 * conn is NULL. Last for the owner, but for pl_hold_take. */
typedef void pl_hold_over(void *owner, pl_conn *conn);

/* Takes the exchange of a server's connection over. `who` is named in the log when it is late, and
 * stays. NULL: no memory, the exchange is still the caller's. */
pl_hold *pl_hold_new(pl_conn *conn, pl_exchange *exchange, const char *who, pl_hold_over *over,
		     void *owner);

/* What is answered in place of 503. */
void pl_hold_set_refusal(pl_hold *hold, int status);

/* Whether it is not over. */
bool pl_hold_pending(const pl_hold *hold);

/* The request again, as it was; NULL: it is over. Once, also then: the hold is gone. */
pl_exchange *pl_hold_take(pl_hold *hold);

/* Refuses all that a server holds. */
void pl_hold_end_all(pl_list *holds);

#endif
