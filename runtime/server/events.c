#include "server/events.h"

#include "base/status.h"
#include "codec/http_path.h"
#include "conn/conn_sse.h"
#include "server/event_post.h"
#include "server/event_token.h"
#include "server/origin.h"
#include "server/server_internal.h"

/* What a request asks for. */
typedef struct asked_stream {
	pl_slice channel; /* in the room below */
	pl_slice protocol;
	pl_slice origin; /* to be named to the browser; or empty */
	bool library;
	char room[PL_CHANNEL_NAME_MAX];
} asked_stream;

/* Whether a parameter is a weight of nothing (RFC 9110 12.4.2). */
static bool weighs_nothing(pl_slice parameter)
{
	if (parameter.len < 3 ||
	    !pl_slice_equal_nocase(pl_slice_make(parameter.at, 2), PL_SLICE("q=")))
		return false;
	for (size_t i = 2; i < parameter.len; i++)
		if (parameter.at[i] >= '1' && parameter.at[i] <= '9')
			return false;
	return true;
}

/* Whether a media range is text/event-stream, and wanted at all (RFC 9110 12.5.1). */
static bool names_stream(pl_slice range)
{
	size_t end = pl_slice_find(range, ';');
	pl_slice name = pl_slice_trim(pl_slice_make(range.at, end));

	while (end < range.len) {
		range = pl_slice_make(range.at + end + 1, range.len - end - 1);
		end = pl_slice_find(range, ';');
		if (weighs_nothing(pl_slice_trim(pl_slice_make(range.at, end))))
			return false;
	}
	return pl_slice_equal_nocase(name, PL_SLICE("text/event-stream"));
}

static bool accepts_stream(const pl_exchange_request *request)
{
	for (size_t i = 0; i < request->field_count; i++) {
		pl_slice rest = request->fields[i].value;
		pl_slice range;

		if (!pl_slice_equal_nocase(request->fields[i].name, PL_SLICE("accept")))
			continue;
		while (pl_slice_next_element(&rest, &range))
			if (names_stream(range))
				return true;
	}
	return false;
}

static bool starts_with(pl_slice text, pl_slice start)
{
	return text.len >= start.len && pl_slice_equal(pl_slice_make(text.at, start.len), start);
}

/* Without so many segments behind the start. */
static pl_slice behind(pl_slice path, size_t start, int segments)
{
	pl_slice rest = { path.at + start, path.len - start };

	while (segments-- > 0) {
		size_t slash = pl_slice_find(rest, '/');

		if (slash == rest.len)
			return PL_SLICE("/");
		rest = pl_slice_make(rest.at + slash + 1, rest.len - slash - 1);
	}
	return pl_slice_make(rest.at - 1, rest.len + 1);
}

/* Credentials are no part of a channel. */
static pl_slice place_of(pl_slice path)
{
	const pl_slice by_password = PL_SLICE("/sgc/auth/url/");
	const pl_slice by_session = PL_SLICE("/sgc/auth/session/");

	if (starts_with(path, by_password))
		return behind(path, by_password.len, 2);
	if (starts_with(path, by_session))
		return behind(path, by_session.len, 1);
	return path;
}

static bool speaks(const pl_server_settings *settings, pl_slice name, pl_slice *protocol)
{
	for (size_t i = 0; i < settings->protocol_count; i++)
		if (pl_slice_equal(name, settings->protocols[i])) {
			*protocol = settings->protocols[i];
			return true;
		}
	return false;
}

/* What the parameters of the URL say. False: it insists on subprotocols of which there is none. */
static bool read_query(asked_stream *asked, const pl_server_settings *settings, pl_slice query)
{
	pl_slice name, value;
	bool insists = false;

	while (pl_form_next(&query, &name, &value)) {
		char room[PL_CHANNEL_NAME_MAX];

		if (pl_slice_equal(name, PL_SLICE("sgc_transport"))) {
			asked->library = pl_slice_equal(value, PL_SLICE("sse"));
		} else if (pl_slice_equal(name, PL_SLICE("sgc_protocol")) &&
			   asked->protocol.len == 0 && value.len <= sizeof(room)) {
			insists = true;
			value = pl_slice_make(room, pl_form_decode(room, value));
			speaks(settings, value, &asked->protocol);
		}
	}
	return !insists || asked->protocol.len > 0 || settings->protocol_count == 0;
}

/* 0, or what is to be answered. */
static int read_request(asked_stream *asked, const pl_server *server,
			const pl_exchange_request *request)
{
	const pl_server_settings *settings = &server->settings;
	pl_slice place = place_of(request->path);
	ptrdiff_t len;

	asked->protocol = pl_slice_make(NULL, 0);
	asked->library = false;
	if (!pl_origin_admits(settings->origins, settings->origin_count, request->fields,
			      request->field_count, &asked->origin))
		return 403;
	if (place.len > sizeof(asked->room))
		return 414;
	len = pl_percent_decode(asked->room, place);
	if (len < 1 || request->chunked || request->content_length > 0 ||
	    !read_query(asked, settings, request->query))
		return 400;
	asked->channel = pl_slice_make(asked->room, (size_t)len);
	if (asked->protocol.len == 0)
		speaks(settings, pl_slice_make(asked->room + 1, (size_t)len - 1), &asked->protocol);
	return 0;
}

static const char *refusal_of(int status)
{
	switch (status) {
	case 403:
		return "this origin is not allowed";
	case 414:
		return "the path of an event stream is too long";
	default:
		return "no such event stream here: a bad path, a body, or an unknown subprotocol";
	}
}

static void open_stream(pl_conn *conn, pl_exchange *exchange, const asked_stream *asked,
			const pl_conn_sse_terms *terms)
{
	const pl_event_settings *settings = &pl_server_of(conn)->settings.events;
	pl_conn_sse_terms all = *terms;
	char token[PL_EVENT_TOKEN_SIZE];

	if (asked->library || settings->greets_all) {
		if (pl_event_token_encode(token, &conn->info->guid)) {
			pl_exchange_answer(exchange, 503, NULL);
			return;
		}
		all.greeting = pl_slice_make(token, sizeof(token));
		all.tells_close = true;
	}
	if (pl_conn_sse_accept(conn, exchange, &all))
		return;
	if (pl_server_subscribe(conn, asked->channel))
		conn->ops->abort(conn, PL_ENOMEM);
	else if (pl_server_session_begin(conn))
		pl_conn_sse_begin(conn);
}

static void answer_head(pl_exchange *exchange, const pl_conn_sse_terms *terms)
{
	pl_http_field fields[PL_CONN_SSE_FIELDS];
	size_t count = pl_conn_sse_fields(fields, terms);

	if (pl_exchange_respond(exchange, 200, fields, count, -1) != PL_OK)
		pl_exchange_abort(exchange, PL_ECANCELED);
	else
		pl_exchange_end(exchange);
}

static void begin(pl_conn *conn, pl_exchange *exchange)
{
	const pl_server *server = conn->server;
	const pl_server_settings *settings = &server->settings;
	asked_stream asked;
	int refusal = read_request(&asked, server, exchange->request);
	pl_conn_sse_terms terms = {
		.protocol = asked.protocol,
		.software = settings->software,
		.fields = settings->fields,
		.field_count = settings->field_count,
		.origin = asked.origin,
		.retry = settings->events.retry,
		.raw_fields = settings->events.raw_fields,
	};

	if (refusal) {
		pl_conn_error(conn, refusal == 403 ? PL_EACCES : PL_EPROTO, refusal_of(refusal));
		pl_exchange_answer(exchange, refusal, refusal_of(refusal));
	} else if (pl_slice_equal(exchange->request->method, PL_SLICE("HEAD"))) {
		answer_head(exchange, &terms);
	} else if (server->stopping || conn->leaving) {
		/* Any answer but 200 would keep the client from coming back (9.2.3). */
		pl_exchange_abort(exchange, PL_ECANCELED);
	} else {
		open_stream(conn, exchange, &asked, &terms);
	}
}

bool pl_server_is_stream(const pl_server *server, const pl_exchange_request *request)
{
	bool reads = pl_slice_equal(request->method, PL_SLICE("GET")) ||
		     pl_slice_equal(request->method, PL_SLICE("HEAD"));

	return server->settings.events.enabled && reads && accepts_stream(request);
}

void pl_server_events_stage(pl_conn *conn, pl_exchange *exchange)
{
	const pl_exchange_request *request = exchange->request;
	const pl_server *server = pl_server_of(conn);

	if (server->settings.events.enabled &&
	    starts_with(request->path, PL_SLICE(PL_EVENT_POST_PATH)))
		pl_event_post(conn, exchange);
	else if (pl_server_is_stream(server, request))
		begin(conn, exchange);
	else
		pl_request_next(conn, exchange, PL_STAGE_EVENTS);
}
