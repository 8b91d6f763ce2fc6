/* A request that becomes a WebSocket: what is agreed, what the script adds, 101. */
#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "conn/conn_hixie.h"
#include "conn/conn_ws.h"
#include "net/tls.h"
#include "server/hold.h"
#include "server/origin.h"
#include "server/server_internal.h"

static bool speaks(const pl_server *server, pl_slice protocol)
{
	size_t i;

	for (i = 0; i < server->settings.protocol_count; i++)
		if (pl_slice_equal(protocol, server->settings.protocols[i]))
			return true;
	return pl_protocols_find(&server->protocols, protocol) != NULL;
}

/* Where we are among the subprotocols that a client asks for. */
typedef struct protocol_list {
	const pl_ws_request *request;
	pl_slice rest;
	size_t field;
	bool hixie;
	bool begun;
} protocol_list;

static bool next_protocol(protocol_list *list, pl_slice *protocol)
{
	return list->hixie
		       ? pl_hixie_offer_protocol(list->request, &list->begun, &list->rest, protocol)
		       : pl_ws_offer_protocol(list->request, &list->field, &list->rest, protocol);
}

/* The first subprotocol that the client asks for and the server speaks. False: the client insists
 * on subprotocols of which there is none. */
static bool choose_protocol(const pl_server *server, const pl_ws_request *request, bool hixie,
			    pl_slice *protocol)
{
	protocol_list list = { .request = request, .hixie = hixie };
	bool asked = false;

	*protocol = pl_slice_make(NULL, 0);
	while (next_protocol(&list, protocol)) {
		asked = true;
		if (speaks(server, *protocol))
			return true;
	}
	*protocol = pl_slice_make(NULL, 0);
	return !asked || (server->settings.protocol_count == 0 && server->protocols.count == 0);
}

/* 426 names what to upgrade to (RFC 9110 15.5.22) and the version (RFC 6455 4.4). */
static void refuse_upgrade(pl_exchange *exchange, const pl_ws_offer *offer, enum pl_counter why)
{
	static const pl_http_field fields[] = {
		{ { "Upgrade", 7 }, { "websocket", 9 } },
		{ { "Sec-WebSocket-Version", 21 }, { "13", 2 } },
	};

	pl_log(PL_LOG_DEBUG, "handshake refused: %s", offer->error);
	pl_count(why, 1);
	if (offer->error_status == 426 && pl_exchange_respond(exchange, 426, fields, 2, 0) == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_answer(exchange, offer->error_status, offer->error);
}

/* Checks the handshake; what is wrong with it is in *offer, whatever its version. */
static int decode(const pl_server *server, const pl_ws_request *asked, pl_ws_offer *offer,
		  pl_conn_ws_hixie *hixie, pl_conn_ws_terms *terms)
{
	bool is_hixie = server->settings.hixie76 && pl_hixie_requested(asked);

	*terms = (pl_conn_ws_terms){ .offer = offer, .hixie = is_hixie ? hixie : NULL };
	if (!is_hixie)
		return pl_ws_offer_decode(offer, asked);
	*hixie = (pl_conn_ws_hixie){ .location = { NULL, 0 } };
	*offer = (pl_ws_offer){ .error_status = 400 };
	if (pl_hixie_offer_decode(&hixie->offer, asked) == PL_OK)
		return PL_OK;
	offer->error = hixie->offer.error;
	return PL_EPROTO;
}

/* permessage-deflate goes before deflate-frame: both use RSV1. PL_EPROTO: the field is malformed,
 * which is refused (RFC 6455 9.1), whether extensions are wanted or not. */
static int agree_deflate(const pl_server *server, const pl_ws_request *asked,
			 pl_ws_deflate_terms *deflate, pl_conn_ws_terms *terms)
{
	int status = pl_ws_deflate_agree(deflate, &server->settings.deflate.terms, asked);

	terms->pool = status == PL_OK ? server->deflate_pool : NULL;
	if (!terms->pool && status != PL_EPROTO && server->deflate_frame_pool &&
	    pl_ws_deflate_frame_agree(deflate, &server->settings.deflate_frame.terms, asked) ==
		    PL_OK)
		terms->pool = server->deflate_frame_pool;
	terms->deflate = terms->pool ? deflate : NULL;
	return status == PL_EPROTO ? PL_EPROTO : PL_OK;
}

/* What a client and we can agree on. PL_EPROTO: nothing; the offer says why. */
static int agree(pl_server *server, const pl_ws_request *asked, pl_ws_offer *offer,
		 pl_ws_deflate_terms *deflate, pl_conn_ws_terms *terms)
{
	int status = terms->hixie ? PL_OK : agree_deflate(server, asked, deflate, terms);
	pl_slice origin;

	if (!pl_origin_admits(server->settings.origins, server->settings.origin_count,
			      asked->fields, asked->field_count, &origin)) {
		offer->error_status = 403;
		offer->error = "this origin is not allowed";
		return PL_EPROTO;
	}
	if (status == PL_EPROTO ||
	    !choose_protocol(server, asked, terms->hixie != NULL, &terms->protocol)) {
		offer->error_status = 400;
		offer->error = status == PL_EPROTO ? "bad Sec-WebSocket-Extensions"
						   : "no such subprotocol here";
		return PL_EPROTO;
	}
	terms->software = server->settings.software;
	terms->delivery = server->settings.delivery;
	return PL_OK;
}

/* What kind of refusal it is: the offer itself was not good, or there was nothing to agree on. */
static enum pl_counter refusal_of(const pl_ws_offer *offer, bool decoded)
{
	if (!decoded)
		return offer->error_status == 426 ? PL_COUNT_REFUSED_VERSION
						  : PL_COUNT_REFUSED_REQUEST;
	return offer->error_status == 403 ? PL_COUNT_REFUSED_ORIGIN : PL_COUNT_REFUSED_PROTOCOL;
}

static void upgrade(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_conn_leftover leftover;

	if (terms->hixie) {
		if (pl_conn_hixie_accept(conn, exchange, terms, pl_server_session_begin,
					 &leftover) == PL_OK)
			pl_conn_hixie_begin(conn, &leftover);
		return;
	}
	if (pl_conn_ws_accept(conn, exchange, terms, &leftover))
		return;
	if (pl_server_session_begin(conn))
		pl_conn_ws_begin(conn, &leftover);
}

/* The URL of the WebSocket, as its client has to have it. */
static int locate(const pl_conn *conn, const pl_exchange_request *request, pl_buffer *location)
{
	const char *scheme = pl_tls_is(conn->stream) ? "wss" : "ws";
	bool whole = request->target.len > 0 && request->target.at[0] == '/';
	pl_slice path = whole ? request->target : request->path;
	pl_slice query = whole ? pl_slice_make("", 0) : request->query;

	return pl_buffer_printf(location, "%s://%.*s%.*s%s%.*s", scheme, (int)request->host.len,
				request->host.at, (int)path.len, path.at, query.len > 0 ? "?" : "",
				(int)query.len, query.at);
}

/* OnHandshake. */

struct pl_upgrade {
	pl_conn *conn;
	pl_hold *hold;
	pl_conn_info *former; /* the conn's, if it stays one of HTTP */
	pl_ws_offer offer;
	pl_conn_ws_hixie hixie;
	pl_buffer location;
	pl_ws_deflate_terms deflate;
	pl_conn_ws_terms terms;
};

/* The connection stays one of HTTP. */
static void restore_info(pl_upgrade *self)
{
	pl_conn_info *described = self->conn->info;

	self->conn->info = self->former;
	self->former = described;
}

static void on_over(void *owner, pl_conn *conn)
{
	if (!conn)
		return;
	pl_count(PL_COUNT_REFUSED_TIMEOUT, 1);
	restore_info(owner);
}

static void upgrade_free(pl_upgrade *self)
{
	pl_conn_info_unref(self->former);
	pl_buffer_deinit(&self->location);
	pl_free(self);
}

/* False without memory. */
static bool copy_hixie(pl_upgrade *self, const pl_conn_ws_hixie *hixie)
{
	if (pl_buffer_append(&self->location, hixie->location.at, hixie->location.len))
		return false;
	self->hixie = *hixie;
	self->hixie.location = pl_slice_make((const char *)self->location.data, self->location.len);
	self->terms.hixie = &self->hixie;
	return true;
}

/* NULL: no memory. */
static pl_upgrade *upgrade_new(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_upgrade *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->conn = conn;
	self->offer = *terms->offer;
	self->terms = *terms;
	self->terms.offer = &self->offer;
	if (terms->deflate) {
		self->deflate = *terms->deflate;
		self->terms.deflate = &self->deflate;
	}
	if (!terms->hixie || copy_hixie(self, terms->hixie))
		self->former = pl_conn_ws_describe(conn, exchange->request, terms->protocol);
	if (self->former)
		self->hold = pl_hold_new(conn, exchange, "OnHandshake", on_over, self);
	if (self->hold)
		return self;
	if (self->former)
		restore_info(self);
	upgrade_free(self);
	return NULL;
}

static void ask(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_upgrade *self = upgrade_new(conn, exchange, terms);

	if (self)
		pl_server_of(conn)->events->handshake(conn, self);
	else
		pl_exchange_answer(exchange, 503, NULL);
}

bool pl_upgrade_pending(const pl_upgrade *self)
{
	return pl_hold_pending(self->hold);
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

static int check_added(const pl_http_field *fields, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!may_be_added(&fields[i]))
			return PL_EINVAL;
	return PL_OK;
}

int pl_upgrade_end(pl_upgrade *self, int refusal, const pl_http_field *fields, size_t count)
{
	pl_exchange *exchange = pl_hold_take(self->hold);
	int status = PL_OK;

	if (exchange) {
		if (!refusal && self->conn->leaving)
			refusal = 403; /* the script has closed it meanwhile */
		if (!refusal)
			status = check_added(fields, count);
		if (refusal || status) {
			restore_info(self);
			pl_count(PL_COUNT_REFUSED_SCRIPT, 1);
			pl_exchange_answer(exchange, refusal ? refusal : 500, NULL);
		} else {
			self->terms.added = fields;
			self->terms.added_count = count;
			upgrade(self->conn, exchange, &self->terms);
		}
	}
	upgrade_free(self);
	return status;
}

static void refuse(pl_conn *conn, pl_exchange *exchange, const pl_ws_offer *offer, bool decoded)
{
	pl_conn_error(conn, offer->error_status == 403 ? PL_EACCES : PL_EPROTO, offer->error);
	refuse_upgrade(exchange, offer, refusal_of(offer, decoded));
}

static void proceed(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_server *server = conn->server;

	if (server->events->asks && server->events->asks(server, PL_ASKS_HANDSHAKE))
		ask(conn, exchange, terms);
	else
		upgrade(conn, exchange, terms);
}

static void proceed_hixie(pl_conn *conn, pl_exchange *exchange, pl_conn_ws_hixie *hixie,
			  const pl_conn_ws_terms *terms)
{
	pl_buffer location = { 0 };

	if (locate(conn, exchange->request, &location)) {
		pl_exchange_answer(exchange, 503, NULL);
	} else {
		hixie->location = pl_slice_make((const char *)location.data, location.len);
		proceed(conn, exchange, terms);
	}
	pl_buffer_deinit(&location);
}

static pl_ws_request asked_of(const pl_exchange_request *head)
{
	return (pl_ws_request){ .method = head->method,
				.minor = head->minor,
				.body = head->chunked || head->content_length > 0,
				.fields = head->fields,
				.field_count = head->field_count };
}

bool pl_server_is_handshake(const pl_exchange_request *request)
{
	const pl_ws_request asked = asked_of(request);

	return pl_ws_requested(&asked);
}

bool pl_server_is_last(const pl_exchange_request *request)
{
	const pl_ws_request asked = asked_of(request);

	return pl_ws_requested(&asked) && pl_hixie_requested(&asked);
}

void pl_server_upgrade(pl_conn *conn, pl_exchange *exchange)
{
	pl_server *server = conn->server;
	pl_ws_request asked = asked_of(exchange->request);
	pl_ws_deflate_terms deflate;
	pl_conn_ws_hixie hixie;
	pl_conn_ws_terms terms;
	pl_ws_offer offer;
	bool decoded;

	if (!pl_ws_requested(&asked)) {
		pl_request_next(conn, exchange, PL_STAGE_UPGRADE);
		return;
	}
	decoded = decode(server, &asked, &offer, &hixie, &terms) == PL_OK;
	if (!decoded || agree(server, &asked, &offer, &deflate, &terms))
		refuse(conn, exchange, &offer, decoded);
	else if (terms.hixie)
		proceed_hixie(conn, exchange, &hixie, &terms);
	else
		proceed(conn, exchange, &terms);
}
