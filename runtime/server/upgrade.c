/* A request that becomes a WebSocket: what is agreed, 101. */
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
	terms->offer = offer;
	terms->software = server->settings.software;
	terms->deflate = status == PL_OK && server->deflate_pool ? deflate : NULL;
	terms->pool = server->deflate_pool;
	return PL_OK;
}

static void upgrade(pl_conn *conn, pl_exchange *exchange, const pl_conn_ws_terms *terms)
{
	pl_server *server = conn->server;
	pl_conn_leftover leftover;

	if (pl_conn_ws_accept(conn, exchange, terms, &leftover))
		return;
	if (pl_map_insert(&server->by_guid, &conn->entry, &conn->info->guid, PL_GUID_SIZE)) {
		conn->entry.key = NULL;
		conn->ops->abort(conn, PL_ENOMEM);
		return;
	}
	server->events->connect(conn);
	pl_conn_ws_begin(conn, &leftover);
}

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
	} else {
		upgrade(conn, exchange, &terms);
	}
}
