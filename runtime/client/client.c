#include "client/client.h"

#include "base/alloc.h"
#include "base/status.h"
#include "client/client_internal.h"

static const char stopped_sentence[] = "the client was stopped";

/* The end of activity. */

static void forget_kept(pl_client *client)
{
	pl_queue_deinit(&client->kept);
	client->resending = false;
}

void pl_client_go_on(pl_client *client)
{
	client->state = CLIENT_BETWEEN;
	pl_loop_defer(client->loop, &client->step);
}

/* The connection has ended, and the client is to be as if it had been idle. */
void pl_client_begin_again(pl_client *client)
{
	client->restart = false;
	client->stopping = false;
	client->place = 0;
	client->tried = 0;
	pl_watchdog_reset(&client->watchdog, &client->settings.watchdog);
	pl_list_move(&client->over, &client->stops);
	if (client->given_up)
		pl_list_move(&client->missed, &client->connects);
	client->given_up = false;
	pl_loop_defer(client->loop, &client->ready);
	pl_client_go_on(client);
}

/* Idle at the end of the turn: never within a call of the owner. */
void pl_client_end(pl_client *client)
{
	pl_loop_stop_timer(client->loop, &client->timer);
	client->state = CLIENT_ENDING;
	pl_loop_defer(client->loop, &client->step);
}

/* The owner may free the client in `stopped`. */
static void become_idle(pl_client *client)
{
	bool given_up = client->given_up;
	int status = given_up ? client->last_status : PL_ECANCELED;
	pl_buffer why = client->last_why;
	pl_list connects, stops;

	client->last_why = (pl_buffer){ .len = 0 };
	client->given_up = false;
	pl_list_init(&connects);
	pl_list_init(&stops);
	pl_list_move(&connects, &client->connects);
	pl_list_move(&stops, &client->stops);
	forget_kept(client);
	client->state = CLIENT_IDLE;
	client->stopping = false;
	client->awaited = false;
	pl_loop_release(client->loop);
	client->events->stopped(client);
	pl_client_wait_end_all(&connects, status,
			       given_up ? pl_client_last_why(&why, status) : stopped_sentence);
	pl_client_wait_end_all(&stops, PL_OK, NULL);
	pl_buffer_deinit(&why);
}

static void run_step(pl_deferred *deferred)
{
	pl_client *client = PL_CONTAINER(deferred, pl_client, step);

	if (client->state == CLIENT_ENDING)
		become_idle(client);
	else
		pl_client_walk(client);
}

/* Start and stop. */

int pl_client_start(pl_client *client)
{
	if (client->state == CLIENT_IDLE)
		pl_loop_hold(client->loop);
	if (client->state == CLIENT_IDLE || client->state == CLIENT_ENDING)
		pl_client_begin_again(client);
	else if (client->stopping)
		client->restart = true;
	else
		return PL_ESTATE;
	return PL_OK;
}

static void stop_conn(pl_client *client)
{
	bool again = client->stopping;

	client->stopping = true;
	client->restart = false;
	forget_kept(client);
	if (client->settings.clean && !again)
		pl_conn_close(client->conn, PL_WS_NORMAL, pl_slice_make(NULL, 0));
	else
		pl_conn_disconnect(client->conn, PL_WS_NORMAL, pl_slice_make(NULL, 0));
}

void pl_client_stop(pl_client *client)
{
	switch (client->state) {
	case CLIENT_IDLE:
		return;
	case CLIENT_OPEN:
		stop_conn(client);
		return;
	case CLIENT_CONNECTING:
		pl_attempt_cancel(client->attempt);
		client->attempt = NULL;
		break;
	default:
		break;
	}
	client->answered = false;
	client->given_up = false;
	forget_kept(client);
	pl_client_end(client);
}

/* Life. */

static void set_conn_events(pl_client *client)
{
	const pl_client_events *events = client->events;

	client->conn_events = (pl_conn_events){ .message = events->message,
						.fragment = events->fragment,
						.heartbeat = events->heartbeat,
						.ping = events->ping,
						.pong = events->pong,
						.drain = pl_client_drain,
						.flushed = events->flushed,
						.error = events->error,
						.closed = pl_client_closed };
	client->conn_settings = (pl_conn_settings){ .loop = client->loop,
						    .events = &client->conn_events,
						    .limits = &client->settings.limits,
						    .heartbeat = client->settings.heartbeat,
						    .queue = client->settings.queue,
						    .client = true,
						    .generation = client->settings.generation };
}

static int fill(pl_client *client)
{
	client->route = pl_route_copy(&client->settings.route);
	if (!client->route)
		return PL_ENOMEM;
	client->settings.route = (pl_client_route){ .place_count = 0 }; /* that was the caller's */
	if (client->settings.log)
		client->conn_settings.log = pl_message_log_ref(client->settings.log);
	if (!pl_deflate_settings_pool(&client->settings.deflate, &client->deflate_pool) ||
	    !pl_deflate_settings_pool(&client->settings.deflate_frame, &client->deflate_frame_pool))
		return PL_ENOMEM;
	return PL_OK;
}

int pl_client_new(pl_client **result, pl_loop *loop, const pl_client_settings *settings,
		  const pl_client_events *events, void *binding)
{
	pl_client *client;

	if (pl_client_route_problem(&settings->route))
		return PL_EINVAL;
	client = pl_calloc(1, sizeof(*client));
	if (!client)
		return PL_ENOMEM;
	client->loop = loop;
	client->settings = *settings;
	client->events = events;
	client->binding = binding;
	pl_timer_init(&client->timer, pl_client_watch);
	pl_deferred_init(&client->step, run_step);
	pl_deferred_init(&client->ready, pl_client_ready);
	pl_list_init(&client->connects);
	pl_list_init(&client->stops);
	pl_list_init(&client->over);
	pl_list_init(&client->missed);
	pl_queue_init(&client->kept);
	set_conn_events(client);
	if (fill(client)) {
		pl_client_free(client);
		return PL_ENOMEM;
	}
	*result = client;
	return PL_OK;
}

void pl_client_free(pl_client *client)
{
	pl_deferred_cancel(&client->ready);
	pl_list_move(&client->over, &client->missed);
	while (!pl_list_empty(&client->over))
		pl_client_wait_cancel(PL_CONTAINER(client->over.next, pl_client_wait, node));
	pl_buffer_deinit(&client->last_why);
	pl_message_log_unref(client->conn_settings.log);
	pl_queue_deinit(&client->kept);
	pl_route_free(client->route);
	pl_route_free(client->next);
	pl_ws_deflate_pool_free(client->deflate_pool);
	pl_ws_deflate_pool_free(client->deflate_frame_pool);
	pl_buffer_deinit(&client->at_texts);
	pl_free(client);
}

static int set_route(pl_client *client, const pl_client_route *route, bool refreshed)
{
	pl_client_route *copy;

	if (pl_client_route_problem(route))
		return PL_EINVAL;
	copy = pl_route_copy(route);
	if (!copy)
		return PL_ENOMEM;
	client->refreshed = refreshed && (!client->next || client->refreshed);
	pl_route_free(client->next);
	client->next = copy;
	return PL_OK;
}

int pl_client_route_set(pl_client *client, const pl_client_route *route)
{
	return set_route(client, route, false);
}

int pl_client_route_refresh(pl_client *client, const pl_client_route *route)
{
	const pl_client_route *now = client->next ? client->next : client->route;

	return route->place_count == now->place_count ? set_route(client, route, true) : PL_EINVAL;
}

bool pl_client_active(const pl_client *client)
{
	return client->state != CLIENT_IDLE;
}

pl_conn *pl_client_conn(const pl_client *client)
{
	return client->conn;
}

size_t pl_client_kept(const pl_client *client)
{
	return client->kept.bytes;
}

void *pl_client_binding(const pl_client *client)
{
	return client->binding;
}

const pl_client_place *pl_client_place_of(const pl_client *client)
{
	return &client->at;
}

size_t pl_client_place_index(const pl_client *client)
{
	return client->place;
}
