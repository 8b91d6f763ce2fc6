/*
 * tls_turns.h - TLS handshakes take turns: each costs as much as thousands of messages, and a flood
 * of them must not hold up the connections that are there.
 *
 * Of each turn of the loop only some steps of handshakes are part; the others wait, the first come
 * first.
 */
#ifndef PL_NET_TLS_TURNS_H
#define PL_NET_TLS_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

typedef struct pl_tls_turns {
	pl_list waiting; /* of pl_tls_turn */
	pl_deferred again;
	uint64_t turn; /* of the loop, */
	uint32_t done; /* and the steps made in it */
} pl_tls_turns;

typedef struct pl_tls_turn {
	pl_list node;
	uint32_t limit; /* steps of a turn */
	/* It is its turn: no longer queued. */
	void (*run)(struct pl_tls_turn *turn);
} pl_tls_turn;

void pl_tls_turns_init(pl_tls_turns *turns);
void pl_tls_turn_init(pl_tls_turn *turn, uint32_t limit, void (*run)(pl_tls_turn *turn));

/* Whether a step may be made now; else `run` is called in a later turn. */
bool pl_tls_turn_take(pl_tls_turn *turn, pl_loop *loop);
void pl_tls_turn_cancel(pl_tls_turn *turn);

#endif
