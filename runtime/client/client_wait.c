#include "base/status.h"
#include "client/client_internal.h"

static void on_connect_late(pl_client_wait *wait)
{
	pl_client *client = wait->client;
	bool alone = client->awaited && !client->settings.watchdog.enabled &&
		     pl_list_empty(&client->connects) && client->state != CLIENT_OPEN;

	if (alone)
		pl_client_stop(client);
	pl_client_wait_end(wait, PL_ETIMEDOUT, "no connection in time");
}

static void on_stop_late(pl_client_wait *wait)
{
	pl_client_wait_end(wait, PL_ETIMEDOUT, "the connection has not ended in time");
}

/* It is connected, or idle, already: the wait ends at the end of the turn. */
static void end_soon(pl_client *client, pl_client_wait *wait)
{
	pl_list_remove(&wait->node);
	pl_list_append(&client->over, &wait->node);
	pl_loop_defer(client->loop, &client->ready);
}

void pl_client_ready(pl_deferred *deferred)
{
	pl_client *client = PL_CONTAINER(deferred, pl_client, ready);

	pl_client_wait_end_all(&client->over, PL_OK, NULL);
	pl_client_wait_end_all(&client->missed, client->last_status,
			       pl_client_last_why(&client->last_why, client->last_status));
}

int pl_client_connect(pl_client *client, uint32_t timeout, pl_client_done *done, void *owner,
		      pl_client_wait **result)
{
	pl_client_wait *wait;
	pl_list begun;

	pl_list_init(&begun);
	wait = pl_client_wait_new(&begun, client->loop, timeout, on_connect_late, client, done,
				  owner);
	if (!wait)
		return PL_ENOMEM;
	if (pl_client_start(client) == PL_OK)
		client->awaited = true;
	pl_list_move(&client->connects, &begun); /* those before it may have been told now */
	if (client->conn && pl_conn_is_open(client->conn))
		end_soon(client, wait);
	*result = wait;
	return PL_OK;
}

int pl_client_disconnect(pl_client *client, uint32_t timeout, pl_client_done *done, void *owner,
			 pl_client_wait **result)
{
	pl_client_wait *wait = pl_client_wait_new(&client->stops, client->loop, timeout,
						  on_stop_late, client, done, owner);

	if (!wait)
		return PL_ENOMEM;
	if (client->state == CLIENT_IDLE)
		end_soon(client, wait);
	else
		pl_client_stop(client);
	*result = wait;
	return PL_OK;
}
