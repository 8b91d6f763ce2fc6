#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "client/client_internal.h"
#include "conn/conn_tcp.h"
#include "crypto/random.h"
#include "net/tls.h"

/* The watchdog. */

static void lost(pl_client *client, uint64_t up)
{
	uint32_t random;
	uint32_t delay;

	pl_random(&random, sizeof(random));
	if (!pl_watchdog_next(&client->watchdog, &client->settings.watchdog, up, random, &delay)) {
		client->given_up = true;
		pl_client_end(client);
		return;
	}
	client->state = CLIENT_WAITING;
	client->tried = 0;
	client->place = 0;
	pl_loop_start(client->loop, &client->timer, delay);
}

void pl_client_watch(pl_timer *timer)
{
	pl_client *client = PL_CONTAINER(timer, pl_client, timer);

	if (!client->events->before_watchdog) {
		pl_client_go_on(client);
		return;
	}
	client->state = CLIENT_BARKING;
	client->events->before_watchdog(client, client->watchdog.attempt);
}

void pl_client_watchdog_end(pl_client *client, bool again)
{
	if (client->state != CLIENT_BARKING)
		return;
	if (again) {
		pl_client_go_on(client);
		return;
	}
	client->given_up = true;
	pl_client_end(client);
}

/* Failures. */

static void remember_failure(pl_client *client, int status, const char *why)
{
	client->last_status = status;
	client->last_why.len = 0;
	pl_buffer_append(&client->last_why, why, strlen(why) + 1);
}

/* What follows is settled before the owner hears of it, who may settle it otherwise. Who waits for
 * a connection is told now, or, when there will be none, when the client is idle. */
static void failed(pl_client *client, const pl_client_failure *failure)
{
	bool last = ++client->tried >= client->route->place_count;
	pl_list told;

	pl_list_init(&told);
	client->attempt = NULL;
	pl_log(PL_LOG_DEBUG, "client: %s", failure->why);
	remember_failure(client, failure->status, failure->why);
	if (last) {
		lost(client, 0);
		if (client->state == CLIENT_WAITING)
			pl_list_move(&told, &client->connects);
	} else {
		client->place = (client->place + 1) % client->route->place_count;
		pl_client_go_on(client);
	}
	client->events->failed(client, failure);
	pl_client_wait_end_all(&told, failure->status, failure->why);
}

static void failed_here(pl_client *client, int status, const char *why)
{
	const pl_client_failure failure = { .status = status, .why = why, .place = &client->at };

	failed(client, &failure);
}

/* The connection. */

void pl_client_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	pl_client *client = pl_client_of(conn);
	uint64_t up = pl_loop_now(client->loop) - client->opened;

	pl_client_salvage(client, conn);
	client->conn = NULL;
	remember_failure(client, PL_ECLOSED, pl_status_text(PL_ECLOSED));
	if (client->restart)
		pl_client_begin_again(client);
	else if (client->stopping)
		pl_client_end(client);
	else
		lost(client, up > 0 ? up : 1);
	client->events->disconnected(conn, code, reason);
	pl_conn_free(conn);
}

static void on_handshake(void *owner, pl_slice request)
{
	pl_client *client = owner;

	if (client->events->handshake)
		client->events->handshake(client, request);
	else
		pl_attempt_send(client->attempt, PL_OK, NULL, 0);
}

static void remember_place(pl_client *client, const pl_client_place *place)
{
	pl_buffer texts = { 0 };

	client->at = *place;
	/* Without memory there is no text. */
	if (pl_buffer_append(&texts, place->host.at, place->host.len) ||
	    pl_buffer_append(&texts, place->target.at, place->target.len))
		client->at.host.len = client->at.target.len = 0;
	client->at.host.at = (const char *)texts.data;
	client->at.target.at = (const char *)texts.data + client->at.host.len;
	pl_buffer_deinit(&client->at_texts);
	client->at_texts = texts;
}

static pl_ws_deflate_pool *pool_of(const pl_client *client, const pl_ws_deflate_terms *agreed)
{
	bool message = agreed && agreed->form == PL_WS_PERMESSAGE_DEFLATE;

	return message ? client->deflate_pool : client->deflate_frame_pool;
}

static int open_session(pl_client *client, pl_conn *conn, const pl_attempt_joined *joined)
{
	const pl_conn_ws_joined terms = { .heads = joined->heads,
					  .deflate = joined->deflate,
					  .pool = pool_of(client, joined->deflate),
					  .delivery = client->settings.delivery };

	pl_conn_info_set_alpn(conn->info, pl_tls_alpn(joined->stream));
	if (client->at.tcp)
		return pl_conn_tcp_open(conn, &client->settings.frames);
	return pl_conn_ws_join(conn, &terms);
}

static int open_conn(pl_client *client, const pl_attempt_joined *joined)
{
	pl_conn *conn;
	int status = pl_conn_new(&conn, joined->stream, client->settings.worker,
				 &client->conn_settings, client);

	if (status)
		return status;
	status = open_session(client, conn, joined);
	if (status)
		pl_conn_free(conn);
	else
		client->conn = conn;
	return status;
}

static void on_joined(void *owner, const pl_attempt_joined *joined)
{
	const pl_conn_leftover leftover = { joined->rest, joined->len };
	pl_client *client = owner;
	pl_conn *conn;
	int status;

	remember_place(client, pl_attempt_place(client->attempt));
	client->attempt = NULL;
	status = open_conn(client, joined);
	if (status) {
		pl_stream_drop(joined->stream);
		failed_here(client, status, pl_status_text(status));
		return;
	}
	conn = client->conn;
	client->state = CLIENT_OPEN;
	client->tried = 0;
	client->opened = pl_loop_now(client->loop);
	client->events->connected(client, conn);
	if (pl_conn_is_open(conn))
		pl_client_wait_end_all(&client->connects, PL_OK, NULL);
	if (client->at.tcp)
		pl_conn_tcp_begin(conn, joined->rest, joined->len);
	else
		pl_conn_ws_begin(conn, &leftover);
}

static void on_failed(void *owner, const pl_client_failure *failure)
{
	pl_client *client = owner;

	remember_place(client, failure->place);
	failed(client, failure);
}

static void on_verify(void *owner, const pl_tls_question *question)
{
	pl_client *client = owner;

	client->events->verify(client, question);
}

void pl_client_verified(pl_client *client, bool accept)
{
	if (client->state == CLIENT_CONNECTING)
		pl_attempt_verified(client->attempt, accept);
}

static const pl_attempt_events attempt_events = { .handshake = on_handshake,
						  .joined = on_joined,
						  .failed = on_failed };

static const pl_attempt_events verified_events = {
	.handshake = on_handshake, .verify = on_verify, .joined = on_joined, .failed = on_failed
};

static const pl_ws_deflate_terms *terms_of(const pl_deflate_settings *deflate)
{
	return deflate->enabled ? &deflate->terms : NULL;
}

/* Places. */

static void take_route(pl_client *client)
{
	if (!client->next)
		return;
	pl_route_free(client->route);
	client->route = client->next;
	client->next = NULL;
	if (!client->refreshed)
		client->place = 0;
	client->refreshed = false;
}

static void try_place(pl_client *client)
{
	const pl_client_settings *settings = &client->settings;
	const pl_attempt_settings attempt = {
		.route = client->route,
		.place = client->place,
		.timeout = settings->connect_timeout,
		.redirects = settings->redirects,
		.redirect_plain = settings->redirect_plain,
		.redirect_inward = settings->redirect_inward,
		.guard = settings->guard,
		.local = settings->local,
		.local_first = settings->local_first,
		.local_last = settings->local_last,
		.tcp = settings->tcp,
		.throttle = settings->throttle,
		.deflate = { .message = terms_of(&settings->deflate),
			     .frame = terms_of(&settings->deflate_frame) },
		.limits = &settings->limits,
		.events = client->events->verify ? &verified_events : &attempt_events,
		.owner = client
	};
	int status = pl_attempt_start(&client->attempt, client->loop, &attempt);

	if (status)
		failed_here(client, status, pl_status_text(status));
	else
		client->state = CLIENT_CONNECTING;
}

static void ask_place(pl_client *client)
{
	take_route(client);
	remember_place(client, &client->route->places[client->place]);
	if (!client->events->before_connect) {
		try_place(client);
		return;
	}
	client->state = CLIENT_ASKING;
	client->events->before_connect(client);
}

/* The owner's answer is acted on at the end of the turn. */
void pl_client_connect_end(pl_client *client, int status)
{
	if (client->state != CLIENT_ASKING)
		return;
	client->state = CLIENT_BETWEEN;
	client->answered = true;
	client->answer = status;
	pl_loop_defer(client->loop, &client->step);
}

static void act_on_answer(pl_client *client)
{
	client->answered = false;
	take_route(client);
	remember_place(client, &client->route->places[client->place]);
	if (client->answer)
		failed_here(client, client->answer, "refused by the application");
	else
		try_place(client);
}

int pl_client_handshake_end(pl_client *client, int status, const pl_http_field *fields,
			    size_t count)
{
	if (client->state != CLIENT_CONNECTING)
		return PL_OK;
	return pl_attempt_send(client->attempt, status, fields, count);
}

void pl_client_walk(pl_client *client)
{
	if (client->answered)
		act_on_answer(client);
	else
		ask_place(client);
}
