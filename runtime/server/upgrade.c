/* A request that becomes a WebSocket: what is agreed, what the script adds, 101. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "conn/conn_ws.h"
#include "server/origin.h"
#include "server/server_internal.h"

/* The first subprotocol that the client asks for and the server speaks. False: the client insists
 * on subprotocols of which there is none. */
static bool choose_protocol(const pl_server *server, const pl_ws_request *request,
			    pl_slice *protocol)
{
	pl_slice rest = { NULL, 0 };
	size_t field = 0;
	bool asked = false;

	*protocol = pl_slice_make(NULL, 0);
	while (pl_ws_offer_protocol(request, &field, &rest, protocol)) {
		size_t i;

		asked = true;
		for (i = 0; i < server->settings.protocol_count; i++)
			if (pl_slice_equal(*protocol, server->settings.protocols[i]))
				return true;
	}
	*protocol = pl_slice_make(NULL, 0);
	return !asked || server->settings.protocol_count == 0;
}

/* 426 names what to upgrade to (RFC 9110 15.5.22) and the version (RFC 6455 4.4). */
static void refuse_upgrade(pl_exchange *exchange, const pl_ws_offer *offer)
{
	static const pl_http_field fields[] = {
		{ { "Upgrade", 7 }, { "websocket", 9 } },
		{ { "Sec-WebSocket-Version", 21 }, { "13", 2 } },
	};

	pl_log(PL_LOG_DEBUG, "handshake refused: %s", offer->error);
	if (offer->error_status == 426 && pl_exchange_respond(exchange, 426, fields, 2, 0) == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_answer(exchange, offer->error_status, offer->error);
}

/* Only browsers send an origin, and only they need to be kept from what a page must not do. */
static bool origin_allowed(const pl_server *server, const pl_ws_request *asked)
{
	const pl_server_settings *settings = &server->settings;
	pl_slice origin = pl_http_field_find(asked->fields, asked->field_count, PL_SLICE("origin"));

	return settings->origin_count == 0 || !origin.at ||
	       pl_origin_allowed(settings->origins, settings->origin_count, origin);
}

/* What a client and we can agree on. PL_EPROTO: nothing; the offer says why. */
static int agree(pl_server *server, const pl_ws_request *asked, pl_ws_offer *offer,
		 pl_ws_deflate_terms *deflate, pl_conn_ws_terms *terms)
{
	/* What is malformed is refused (RFC 6455 9.1), whether extensions are wanted or not. */
	int status = pl_ws_deflate_agree(deflate, &server->settings.deflate.terms, asked);

	if (!origin_allowed(server, asked)) {
		offer->error_status = 403;
		offer->error = "this origin is not allowed";
		return PL_EPROTO;
	}
	if (status == PL_EPROTO || !choose_protocol(server, asked, &terms->protocol)) {
		offer->error_status = 400;
		offer->error = status == PL_EPROTO ? "bad Sec-WebSocket-Extensions"
						   : "no such subprotocol here";
		return PL_EPROTO;
	}
	terms->added = NULL;
	terms->added_count = 0;
	terms->offer = offer;
	terms->software = server->settings.software;
	terms->delivery = server->settings.delivery;
	terms->deflate = status == PL_OK && server->deflate_pool ? deflate : NULL;
	terms->pool = server->deflate_pool;
	return PL_OK;
}

static void upgrade(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_conn_leftover leftover;

	if (pl_conn_ws_accept(conn, exchange, terms, &leftover))
		return;
	if (pl_server_session_begin(conn))
		pl_conn_ws_begin(conn, &leftover);
}

/* OnHandshake. */

struct pl_upgrade {
	pl_conn *conn;
	pl_exchange *exchange; /* NULL: it is over without the script */
	pl_conn_info *former;  /* the conn's, if it stays one of HTTP */
	pl_timer timer;
	pl_list node; /* in the server's list, while the exchange is there */
	pl_ws_offer offer;
	pl_ws_deflate_terms deflate;
	pl_conn_ws_terms terms;
};

static void upgrade_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len; /* there is no body */
}

static void upgrade_event(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

/* From here on the script's answer comes too late. Returns what is to be answered. */
static pl_exchange *take_off(pl_upgrade *self)
{
	pl_exchange *exchange = self->exchange;

	pl_loop_stop_timer(self->conn->settings->loop, &self->timer);
	pl_list_remove(&self->node);
	self->exchange = NULL;
	return exchange;
}

static void upgrade_aborted(void *owner, pl_exchange *exchange, int status)
{
	pl_upgrade *self = owner;

	(void)exchange, (void)status;
	take_off(self);
	self->conn = NULL;
}

static const pl_exchange_events upgrade_events = {
	.data = upgrade_data,
	.end = upgrade_event,
	.drain = upgrade_event,
	.aborted = upgrade_aborted,
};

/* The connection stays one of HTTP. */
static void refuse(pl_upgrade *self, int status, const char *text)
{
	pl_exchange *exchange = take_off(self);
	pl_conn_info *described = self->conn->info;

	self->conn->info = self->former;
	self->former = described;
	pl_exchange_answer(exchange, status, text);
}

static void on_deadline(pl_timer *timer)
{
	pl_log(PL_LOG_WARN, "handshake refused: OnHandshake takes longer than handshake_timeout");
	refuse(PL_CONTAINER(timer, pl_upgrade, timer), 503, NULL);
}

/* NULL: no memory. */
static pl_upgrade *upgrade_new(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_upgrade *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->conn = conn;
	self->exchange = exchange;
	self->offer = *terms->offer;
	self->terms = *terms;
	self->terms.offer = &self->offer;
	if (terms->deflate) {
		self->deflate = *terms->deflate;
		self->terms.deflate = &self->deflate;
	}
	pl_timer_init(&self->timer, on_deadline);
	self->former = pl_conn_ws_describe(conn, exchange->request, terms->protocol);
	if (self->former)
		return self;
	pl_free(self);
	return NULL;
}

static void ask(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_server *server = conn->server;
	pl_upgrade *self = upgrade_new(conn, exchange, terms);

	if (!self) {
		pl_exchange_answer(exchange, 503, NULL);
		return;
	}
	pl_exchange_own(exchange, &upgrade_events, self);
	pl_list_append(&server->upgrades, &self->node);
	pl_loop_start(server->loop, &self->timer,
		      (uint64_t)server->settings.limits.handshake_timeout);
	server->events->handshake(conn, self);
}

bool pl_upgrade_pending(const pl_upgrade *self)
{
	return self->exchange != NULL;
}

int pl_upgrade_answer(const pl_upgrade *self, pl_conn_ws_answer *answer)
{
	return pl_conn_ws_answer_make(answer, &self->terms);
}

static bool may_be_added(const pl_http_field *field)
{
	pl_slice start = pl_slice_make(field->name.at, field->name.len < 14 ? field->name.len : 14);

	return pl_exchange_field_valid(field) &&
	       !pl_slice_equal_nocase(field->name, PL_SLICE("upgrade")) &&
	       !pl_slice_equal_nocase(start, PL_SLICE("sec-websocket-"));
}

static int proceed(pl_upgrade *self, const pl_http_field *fields, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!may_be_added(&fields[i]))
			return PL_EINVAL;
	self->terms.added = fields;
	self->terms.added_count = count;
	upgrade(self->conn, take_off(self), &self->terms);
	return PL_OK;
}

int pl_upgrade_end(pl_upgrade *self, int refusal, const pl_http_field *fields, size_t count)
{
	int status = PL_OK;

	if (self->exchange) {
		if (!refusal && self->conn->leaving)
			refusal = 403; /* the script has closed it meanwhile */
		if (!refusal)
			status = proceed(self, fields, count);
		if (refusal || status)
			refuse(self, refusal ? refusal : 500, NULL);
	}
	pl_conn_info_unref(self->former);
	pl_free(self);
	return status;
}

void pl_server_refuse_upgrades(pl_server *server)
{
	while (!pl_list_empty(&server->upgrades))
		refuse(PL_CONTAINER(server->upgrades.next, pl_upgrade, node), 503, NULL);
}

/* Requests. */

void pl_server_request(pl_conn *conn, pl_exchange *exchange)
{
	pl_server *server = conn->server;
	const pl_exchange_request *head = exchange->request;
	pl_ws_request asked = { .method = head->method,
				.minor = head->minor,
				.body = head->chunked || head->content_length > 0,
				.fields = head->fields,
				.field_count = head->field_count };
	pl_ws_deflate_terms deflate;
	pl_conn_ws_terms terms;
	pl_ws_offer offer;

	if (!pl_ws_requested(&asked)) {
		server->events->request(conn, exchange);
	} else if (pl_ws_offer_decode(&offer, &asked) ||
		   agree(server, &asked, &offer, &deflate, &terms)) {
		pl_conn_error(conn, offer.error_status == 403 ? PL_EACCES : PL_EPROTO, offer.error);
		refuse_upgrade(exchange, &offer);
	} else if (server->events->asks && server->events->asks(server, PL_ASKS_HANDSHAKE)) {
		ask(conn, exchange, &terms);
	} else {
		upgrade(conn, exchange, &terms);
	}
}
