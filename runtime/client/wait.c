#include "client/wait.h"

#include "base/alloc.h"

static void on_timer(pl_timer *timer)
{
	pl_client_wait *wait = PL_CONTAINER(timer, pl_client_wait, timer);

	pl_list_remove(&wait->node);
	wait->late(wait);
}

pl_client_wait *pl_client_wait_new(pl_list *list, pl_loop *loop, uint32_t timeout,
				   void (*late)(pl_client_wait *wait), void *client,
				   pl_client_done *done, void *owner)
{
	pl_client_wait *wait = pl_calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	wait->loop = loop;
	wait->late = late;
	wait->client = client;
	wait->done = done;
	wait->owner = owner;
	pl_timer_init(&wait->timer, on_timer);
	pl_list_append(list, &wait->node);
	pl_loop_start(loop, &wait->timer, timeout);
	return wait;
}

void pl_client_wait_cancel(pl_client_wait *wait)
{
	pl_list_remove(&wait->node);
	pl_loop_stop_timer(wait->loop, &wait->timer);
	pl_free(wait);
}

void pl_client_wait_end(pl_client_wait *wait, int status, const char *why)
{
	pl_client_done *done = wait->done;
	void *owner = wait->owner;

	pl_client_wait_cancel(wait);
	done(owner, status, why);
}

void pl_client_wait_end_all(pl_list *list, int status, const char *why)
{
	pl_list ending;

	pl_list_init(&ending);
	pl_list_move(&ending, list);
	while (!pl_list_empty(&ending))
		pl_client_wait_end(PL_CONTAINER(ending.next, pl_client_wait, node), status, why);
}
