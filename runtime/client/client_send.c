#include "base/status.h"
#include "client/client_internal.h"
#include "codec/utf8.h"

/* While there is no connection, and while what was kept is on its way out. */
static int keep(pl_client *client, enum pl_kind kind, const void *data, size_t len, size_t fragment)
{
	size_t limit = (size_t)client->settings.limits.kept_messages;
	pl_queued message = { .fragment = fragment, .kind = (uint8_t)kind };
	int status;

	if (!client->settings.keep)
		return PL_ECLOSED;
	if (kind == PL_KIND_TEXT && !pl_utf8_valid(data, len))
		return PL_EUTF8;
	if (len > limit || client->kept.bytes > limit - len)
		return PL_ELIMIT;
	message.block = pl_block_copy(data, len);
	if (!message.block)
		return PL_ENOMEM;
	status = pl_queue_push(&client->kept, pl_queue_level(&client->settings.queue, kind),
			       &message);
	pl_block_unref(message.block);
	return status ? status : PL_BUFFERED;
}

/* As much as the connection takes without waiting; `drain` goes on. */
static void resend(pl_client *client)
{
	const pl_queued *first;
	pl_queued message;
	int status = PL_OK;

	while (status == PL_OK && client->conn && pl_conn_is_open(client->conn) &&
	       (first = pl_queue_first(&client->kept))) {
		status = pl_conn_write(client->conn, first->kind, first->block->data,
				       first->block->len, first->fragment);
		if (status < 0)
			break; /* it stays, for the next call or the next connection */
		if (pl_queue_pop(&client->kept, &message))
			pl_block_unref(message.block);
	}
	client->resending = client->kept.count > 0;
}

int pl_client_write(pl_client *client, enum pl_kind kind, const void *data, size_t len,
		    size_t fragment)
{
	int status;

	if (client->state == CLIENT_IDLE || client->state == CLIENT_ENDING || client->stopping)
		return PL_ECLOSED;
	if (client->conn && pl_conn_is_open(client->conn) && !client->resending)
		return pl_conn_write(client->conn, kind, data, len, fragment);
	status = keep(client, kind, data, len, fragment);
	/* Where memory has failed it may be there now. */
	if (client->resending && client->conn && !client->conn->drain_wanted)
		resend(client);
	return status;
}

void pl_client_resend(pl_client *client)
{
	if (client->state == CLIENT_OPEN && !client->stopping)
		resend(client);
}

void pl_client_drain(pl_conn *conn)
{
	pl_client *client = pl_client_of(conn);

	if (client->resending)
		resend(client);
	if (!client->resending && client->events->drain)
		client->events->drain(conn);
}

/* It came before what was kept. */
void pl_client_salvage(pl_client *client, pl_conn *conn)
{
	pl_queue all;

	client->resending = false;
	if (!client->settings.keep || client->stopping)
		return;
	pl_queue_init(&all);
	pl_conn_salvage(conn, &all);
	pl_queue_move(&all, &client->kept);
	pl_queue_move(&client->kept, &all);
}
