#include "server/event_post.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"
#include "codec/utf8.h"
#include "conn/conn_sse.h"
#include "server/event_token.h"
#include "server/hold.h"
#include "server/origin.h"

typedef struct event_post {
	pl_conn *conn; /* of the request */
	pl_exchange *exchange;
	pl_guid guid; /* whom it is from */
	enum pl_kind kind;
	pl_buffer body;
	pl_hold *hold; /* while another worker is asked */
	uint32_t serial;
	pl_list node; /* in the server's list, so long */
} event_post;

/* Goes to another worker with a message and comes back with what is to be answered. */
typedef struct letter {
	pl_mail mail;
	pl_deferred read; /* its handlers do not run where mail is opened */
	pl_list node;	  /* in the list of the server that has not read it yet */
	pl_server *server;
	pl_group *group; /* of which that one is a member for as long as it has this */
	uint16_t asker;
	uint32_t serial;
	int answer;
	pl_guid guid;
	enum pl_kind kind;
	size_t len;
	uint8_t data[];
} letter;

static void post_free(event_post *self)
{
	pl_buffer_deinit(&self->body);
	pl_free(self);
}

/* Answers. */

/* The page may be one of another origin, which has to be named to it. */
static size_t origin_fields(const pl_server *server, const pl_exchange_request *request,
			    pl_http_field fields[2])
{
	pl_slice origin;

	pl_origin_admits(server->settings.origins, server->settings.origin_count, request->fields,
			 request->field_count, &origin);
	if (origin.len == 0)
		return 0;
	fields[0] = (pl_http_field){ PL_SLICE("Access-Control-Allow-Origin"), origin };
	fields[1] = (pl_http_field){ PL_SLICE("Vary"), PL_SLICE("Origin") };
	return 2;
}

static void answer(const pl_server *server, pl_exchange *exchange, int status)
{
	pl_http_field fields[4];
	size_t count = origin_fields(server, exchange->request, fields);

	if (status == 503)
		fields[count++] = (pl_http_field){ PL_SLICE("Retry-After"), PL_SLICE("1") };
	if (status == 405)
		fields[count++] = (pl_http_field){ PL_SLICE("Allow"), PL_SLICE("POST, OPTIONS") };
	if (pl_exchange_respond(exchange, status, fields, count, status == 204 ? -1 : 0) != PL_OK)
		pl_exchange_abort(exchange, PL_ECANCELED);
	else
		pl_exchange_end(exchange);
}

/* What a browser asks before it sends bytes for a page of another origin (Fetch, 3.2.2). */
static void answer_preflight(const pl_server *server, pl_exchange *exchange)
{
	pl_http_field fields[5];
	size_t count = origin_fields(server, exchange->request, fields);

	if (count > 0) {
		fields[count++] = (pl_http_field){ PL_SLICE("Access-Control-Allow-Methods"),
						   PL_SLICE("POST") };
		fields[count++] = (pl_http_field){ PL_SLICE("Access-Control-Allow-Headers"),
						   PL_SLICE("Content-Type") };
		fields[count++] =
			(pl_http_field){ PL_SLICE("Access-Control-Max-Age"), PL_SLICE("600") };
	}
	if (pl_exchange_respond(exchange, 204, fields, count, -1) != PL_OK)
		pl_exchange_abort(exchange, PL_ECANCELED);
	else
		pl_exchange_end(exchange);
}

/* Taking in. */

/* The session that a message is for; NULL, and what is to be answered. */
static pl_conn *session_of(const pl_server *server, const pl_guid *guid, int *status)
{
	pl_conn *conn = pl_server_find(server, guid);

	*status = 204;
	if (!conn || !pl_conn_sse_receives(conn))
		*status = 404;
	else if (conn->paused)
		*status = 503;
	return *status == 204 ? conn : NULL;
}

/* The answer goes first: what a handler does then may end this request's connection. */
static void take_in_here(event_post *self)
{
	pl_server *server = self->conn->server;
	int status;
	pl_conn *conn = session_of(server, &self->guid, &status);

	answer(server, self->exchange, status);
	if (conn)
		pl_conn_sse_receive(conn, self->kind, self->body.data, self->body.len);
	post_free(self);
}

/* Between workers. */

static void on_answer(pl_mail *mail, void *receiver)
{
	letter *self = PL_CONTAINER(mail, letter, mail);
	pl_server *server = receiver;
	pl_list *node;

	for (node = server ? server->posts.next : NULL; node && node != &server->posts;
	     node = node->next) {
		event_post *post = PL_CONTAINER(node, event_post, node);

		if (post->serial != self->serial)
			continue;
		pl_list_remove(&post->node);
		answer(server, pl_hold_take(post->hold), self->answer);
		post_free(post);
		break;
	}
	pl_free(self);
}

static void send_back(letter *self, int status)
{
	self->answer = status;
	self->mail.open = on_answer;
	self->mail.size = sizeof(*self);
	if (!pl_group_send(self->group, self->asker, &self->mail))
		pl_free(self);
}

static void on_read(pl_deferred *deferred)
{
	letter *self = PL_CONTAINER(deferred, letter, read);
	int status;
	pl_conn *conn = session_of(self->server, &self->guid, &status);

	pl_list_remove(&self->node);
	if (conn)
		pl_conn_sse_receive(conn, self->kind, self->data, self->len);
	send_back(self, status);
}

static void on_letter(pl_mail *mail, void *receiver)
{
	letter *self = PL_CONTAINER(mail, letter, mail);

	if (!receiver) {
		send_back(self, 404);
		return;
	}
	self->server = receiver;
	pl_deferred_init(&self->read, on_read);
	pl_list_append(&self->server->letters, &self->node);
	pl_loop_defer(self->server->loop, &self->read);
}

void pl_event_post_refuse(pl_server *server)
{
	while (!pl_list_empty(&server->letters)) {
		letter *self = PL_CONTAINER(server->letters.next, letter, node);

		pl_deferred_cancel(&self->read);
		pl_list_remove(&self->node);
		send_back(self, 404);
	}
}

static letter *letter_new(const event_post *post)
{
	const pl_server *server = post->conn->server;
	letter *self = pl_calloc(1, sizeof(*self) + post->body.len);

	if (!self)
		return NULL;
	self->mail.open = on_letter;
	self->mail.size = sizeof(*self) + post->body.len;
	self->group = server->group;
	self->asker = server->settings.worker;
	self->serial = post->serial;
	self->guid = post->guid;
	self->kind = post->kind;
	self->len = post->body.len;
	if (self->len > 0)
		memcpy(self->data, post->body.data, self->len);
	return self;
}

/* 0: it is under way, else what is to be answered. */
static int send_letter(const event_post *post)
{
	pl_server *server = post->conn->server;
	letter *self = letter_new(post);
	pl_mailbox *mailbox;
	int status = 0;

	if (!self)
		return 503;
	pl_group_lock(server->group);
	mailbox = pl_group_mailbox(server->group, pl_guid_worker(&post->guid));
	if (!mailbox)
		status = 404;
	else if (pl_mailbox_size(mailbox) + self->mail.size >
		 (size_t)server->settings.limits.worker_backlog)
		status = 503;
	else
		pl_mailbox_send(mailbox, &self->mail);
	pl_group_unlock(server->group);
	if (status)
		pl_free(self);
	return status;
}

static void on_over(void *owner, pl_conn *conn)
{
	event_post *self = owner;

	(void)conn;
	pl_list_remove(&self->node);
	pl_hold_take(self->hold);
	post_free(self);
}

static void ask_worker(event_post *self)
{
	pl_server *server = self->conn->server;
	pl_exchange *exchange = self->exchange;
	int status = 503;

	self->serial = ++server->post_serial;
	self->hold =
		pl_hold_new(self->conn, exchange, "the worker of an event stream", on_over, self);
	if (self->hold)
		status = send_letter(self);
	if (!status) {
		pl_hold_set_refusal(self->hold, 504); /* who tries again might say it twice */
		pl_buffer_deinit(&self->body);
		pl_list_append(&server->posts, &self->node);
		return;
	}
	if (self->hold)
		pl_hold_take(self->hold);
	answer(server, exchange, status);
	post_free(self);
}

/* The request's body. */

static void refuse(event_post *self, int status)
{
	answer(self->conn->server, self->exchange, status);
	post_free(self);
}

static void on_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	event_post *self = owner;
	const pl_server *server = self->conn->server;

	(void)exchange;
	if (len > (size_t)server->settings.limits.body - self->body.len)
		refuse(self, 413);
	else if (pl_buffer_append(&self->body, data, len))
		refuse(self, 503);
}

static void on_end(void *owner, pl_exchange *exchange)
{
	event_post *self = owner;
	const pl_server *server = self->conn->server;

	(void)exchange;
	if (self->kind == PL_KIND_TEXT && !pl_utf8_valid(self->body.data, self->body.len))
		refuse(self, 400);
	else if (server->group && pl_guid_worker(&self->guid) != server->settings.worker)
		ask_worker(self);
	else
		take_in_here(self);
}

static void on_drain(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	(void)exchange, (void)status;
	post_free(owner);
}

static const pl_exchange_events exchange_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .aborted = on_aborted
};

static enum pl_kind kind_of(const pl_exchange_request *request)
{
	pl_slice type =
		pl_http_field_find(request->fields, request->field_count, PL_SLICE("content-type"));

	type.len = pl_slice_find(type, ';');
	return pl_slice_equal_nocase(pl_slice_trim(type), PL_SLICE("application/octet-stream"))
		       ? PL_KIND_BINARY
		       : PL_KIND_TEXT;
}

/* 0, or what is to be answered. */
static int check(const pl_server *server, const pl_exchange_request *request, pl_guid *guid)
{
	const size_t start = sizeof(PL_EVENT_POST_PATH) - 1;
	pl_slice token = { request->path.at + start, request->path.len - start };
	pl_slice origin;

	if (!pl_origin_admits(server->settings.origins, server->settings.origin_count,
			      request->fields, request->field_count, &origin))
		return 403;
	if (!pl_slice_equal(request->method, PL_SLICE("POST")))
		return 405;
	if (!pl_event_token_decode(guid, token))
		return 404;
	return request->content_length > server->settings.limits.body ? 413 : 0;
}

void pl_event_post(pl_conn *conn, pl_exchange *exchange)
{
	pl_server *server = conn->server;
	event_post *self;
	pl_guid guid;
	int status = check(server, exchange->request, &guid);

	if (status == 405 && pl_slice_equal(exchange->request->method, PL_SLICE("OPTIONS"))) {
		answer_preflight(server, exchange);
		return;
	}
	self = status ? NULL : pl_calloc(1, sizeof(*self));
	if (!self) {
		answer(server, exchange, status ? status : 503);
		return;
	}
	self->conn = conn;
	self->exchange = exchange;
	self->guid = guid;
	self->kind = kind_of(exchange->request);
	pl_list_init(&self->node);
	pl_exchange_own(exchange, &exchange_events, self);
}
