#include "net/tls_turns.h"

#include "net/loop_internal.h"

static bool may_run(pl_tls_turns *turns, const pl_loop *loop, uint32_t limit)
{
	if (turns->turn != loop->turn) {
		turns->turn = loop->turn;
		turns->done = 0;
	}
	return turns->done < limit;
}

static void on_again(pl_deferred *deferred)
{
	pl_tls_turns *turns = PL_CONTAINER(deferred, pl_tls_turns, again);
	pl_loop *loop = PL_CONTAINER(turns, pl_loop, handshakes);

	while (!pl_list_empty(&turns->waiting)) {
		pl_tls_turn *turn = PL_CONTAINER(turns->waiting.next, pl_tls_turn, node);

		if (!may_run(turns, loop, turn->limit)) {
			pl_loop_defer(loop, &turns->again);
			return;
		}
		turns->done++;
		pl_list_remove(&turn->node);
		turn->run(turn);
	}
}

void pl_tls_turns_init(pl_tls_turns *turns)
{
	pl_list_init(&turns->waiting);
	pl_deferred_init(&turns->again, on_again);
	turns->turn = 0;
	turns->done = 0;
}

void pl_tls_turn_init(pl_tls_turn *turn, uint32_t limit, void (*run)(pl_tls_turn *turn))
{
	pl_list_init(&turn->node);
	turn->limit = limit;
	turn->run = run;
}

bool pl_tls_turn_take(pl_tls_turn *turn, pl_loop *loop)
{
	pl_tls_turns *turns = &loop->handshakes;

	if (pl_list_empty(&turns->waiting) && may_run(turns, loop, turn->limit)) {
		turns->done++;
		return true;
	}
	pl_list_append(&turns->waiting, &turn->node);
	pl_loop_defer(loop, &turns->again);
	return false;
}

void pl_tls_turn_cancel(pl_tls_turn *turn)
{
	pl_list_remove(&turn->node);
}
