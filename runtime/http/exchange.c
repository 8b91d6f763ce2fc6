#include "http/exchange.h"

#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "codec/http_text.h"

void pl_exchange_own(pl_exchange *exchange, const pl_exchange_events *events, void *owner)
{
	exchange->events = events;
	exchange->owner = owner;
}

/* Where the rest of a path begins, or NULL. An empty rest takes the last byte of what is skipped
 * for its "/". */
static char *rest_of_path(const pl_exchange_request *request, size_t skip)
{
	char *path = (char *)(uintptr_t)request->path.at;

	if (skip == 0 || skip > request->path.len)
		return NULL;
	if (skip == request->path.len)
		return path + skip - 1;
	return path[skip] == '/' ? path + skip : NULL;
}

/* A text that stands before the path goes with what is there. */
static pl_slice shifted(const pl_exchange_request *request, pl_slice text, size_t by)
{
	bool before = text.at >= request->raw.at && text.at < request->path.at;

	return before ? pl_slice_make(text.at + by, text.len) : text;
}

bool pl_exchange_skip_path(pl_exchange *exchange, size_t skip)
{
	pl_exchange_request *request = (pl_exchange_request *)(uintptr_t)exchange->request;
	char *start = (char *)(uintptr_t)request->raw.at;
	char *rest = rest_of_path(request, skip);
	size_t by = rest ? (size_t)(rest - request->path.at) : 0;

	if (!rest)
		return false;
	for (size_t i = 0; i < request->field_count; i++) { /* Host of an absolute target */
		pl_http_field *field = (pl_http_field *)(uintptr_t)&request->fields[i];

		field->value = shifted(request, field->value, by);
	}
	request->method = shifted(request, request->method, by);
	request->host = shifted(request, request->host, by);
	request->target = pl_slice_make(request->target.at + by, request->target.len - by);
	memmove(start + by, start, (size_t)(request->path.at - start));
	memset(start, ' ', by);
	*rest = '/';
	request->path = pl_slice_make(rest, request->path.len - by);
	request->raw = pl_slice_make(start + by, request->raw.len - by);
	return true;
}

/* Those that the version writes unless there are another server's. */
static bool name_added(pl_slice name)
{
	return (name.len == 4 && pl_slice_equal_nocase(name, PL_SLICE("date"))) ||
	       (name.len == 6 && pl_slice_equal_nocase(name, PL_SLICE("server")));
}

/* The fields that frame a message. */
static bool name_framing(pl_slice name)
{
	switch (name.len) {
	case 10:
		return pl_slice_equal_nocase(name, PL_SLICE("connection")) ||
		       pl_slice_equal_nocase(name, PL_SLICE("keep-alive"));
	case 14:
		return pl_slice_equal_nocase(name, PL_SLICE("content-length"));
	case 17:
		return pl_slice_equal_nocase(name, PL_SLICE("transfer-encoding"));
	default:
		return false;
	}
}

bool pl_exchange_field_valid(const pl_http_field *field)
{
	return pl_http_token_valid(field->name) && pl_http_value_valid(field->value) &&
	       !name_framing(field->name) && !name_added(field->name);
}

static bool fields_valid(const pl_http_field *fields, size_t count, bool relayed)
{
	for (size_t i = 0; i < count; i++) {
		pl_slice name = fields[i].name;

		if (!pl_exchange_field_valid(&fields[i]) &&
		    !(relayed && name_added(name) && pl_http_value_valid(fields[i].value)))
			return false;
	}
	return true;
}

/* What follows a 2xx to CONNECT is no HTTP any more (RFC 9110 9.3.6): a client would take the rest
 * of the connection for a tunnel, and what goes through it would be taken for requests. */
static bool opens_tunnel(const pl_exchange *exchange, int status)
{
	return status < 300 && pl_slice_equal(exchange->request->method, PL_SLICE("CONNECT"));
}

static int respond(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		   int64_t content_length)
{
	int result;

	if (exchange->responded)
		return PL_ESTATE;
	if (status < 200 || status > 599 || content_length < -1 || opens_tunnel(exchange, status))
		return PL_EINVAL;
	if (!fields_valid(fields, count, exchange->relayed))
		return PL_EINVAL;
	result = exchange->ops->respond(exchange, status, fields, count, content_length);
	if (result == PL_OK)
		exchange->responded = true;
	return result;
}

int pl_exchange_respond(pl_exchange *exchange, int status, const pl_http_field *fields,
			size_t count, int64_t content_length)
{
	exchange->relayed = false;
	return respond(exchange, status, fields, count, content_length);
}

int pl_exchange_relay(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		      int64_t content_length)
{
	exchange->relayed = true;
	return respond(exchange, status, fields, count, content_length);
}

int pl_exchange_inform(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count)
{
	if (exchange->responded)
		return PL_ESTATE;
	if (status < 100 || status > 199 || status == 101 || !fields_valid(fields, count, false))
		return PL_EINVAL;
	return exchange->ops->inform(exchange, status, fields, count);
}

bool pl_exchange_wants_trailers(const pl_exchange *exchange)
{
	const pl_exchange_request *request = exchange->request;

	return pl_http_field_has(request->fields, request->field_count, PL_SLICE("te"),
				 PL_SLICE("trailers"));
}

/* What a trailer must not be (RFC 9110 6.5.1): it frames, routes, modifies, authenticates, or says
 * what the content is. */
static bool is_trailer(const pl_http_field *field)
{
	static const pl_slice names[] = {
		{ "host", 4 },
		{ "trailer", 7 },
		{ "te", 2 },
		{ "upgrade", 7 },
		{ "authorization", 13 },
		{ "www-authenticate", 16 },
		{ "proxy-authenticate", 18 },
		{ "set-cookie", 10 },
		{ "cookie", 6 },
		{ "content-encoding", 16 },
		{ "content-type", 12 },
		{ "content-range", 13 },
		{ "cache-control", 13 },
		{ "expires", 7 },
		{ "age", 3 },
		{ "location", 8 },
		{ "retry-after", 11 },
		{ "vary", 4 },
	};

	if (!pl_exchange_field_valid(field))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pl_slice_equal_nocase(field->name, names[i]))
			return false;
	return true;
}

int pl_exchange_trailers(pl_exchange *exchange, const pl_http_field *fields, size_t count)
{
	pl_http_field kept[PL_HTTP_FIELDS_MAX];
	size_t taken = 0;

	if (!exchange->responded)
		return PL_ESTATE;
	if (!pl_exchange_wants_trailers(exchange))
		return PL_OK;
	for (size_t i = 0; i < count && taken < PL_HTTP_FIELDS_MAX; i++)
		if (is_trailer(&fields[i]))
			kept[taken++] = fields[i];
	return taken > 0 ? exchange->ops->trailers(exchange, kept, taken) : PL_OK;
}

int pl_exchange_write(pl_exchange *exchange, const void *data, size_t len)
{
	if (!exchange->responded)
		return PL_ESTATE;
	return exchange->ops->write(exchange, data, len);
}

int pl_exchange_write_part(pl_exchange *exchange, pl_block *block, size_t offset, size_t len)
{
	if (!exchange->responded)
		return PL_ESTATE;
	return exchange->ops->write_part(exchange, block, offset, len);
}

int pl_exchange_write_file(pl_exchange *exchange, pl_file *file, size_t offset, size_t len)
{
	if (!exchange->responded)
		return PL_ESTATE;
	return exchange->ops->write_file(exchange, file, offset, len);
}

void pl_exchange_end(pl_exchange *exchange)
{
	if (exchange->responded)
		exchange->ops->end(exchange);
	else
		pl_exchange_answer(exchange, 500, NULL);
}

void pl_exchange_abort(pl_exchange *exchange, int status)
{
	exchange->ops->abort(exchange, status);
}

void pl_exchange_pause(pl_exchange *exchange, bool pause)
{
	exchange->ops->pause(exchange, pause);
}

void pl_exchange_answer(pl_exchange *exchange, int status, const char *text)
{
	const pl_http_field type = { PL_SLICE("Content-Type"),
				     PL_SLICE("text/plain; charset=utf-8") };
	const char *body = text ? text : pl_http_reason(status);
	size_t len = strlen(body);

	/* What has a text of its own was logged with it; 404 is no refusal, 5xx not the client's.
	 */
	if (!text && status < 500 && status != 404)
		pl_log(PL_LOG_DEBUG, "http: request refused: %d, %s", status, body);
	if (pl_exchange_respond(exchange, status, &type, 1, (int64_t)len) != PL_OK ||
	    pl_exchange_write(exchange, body, len) < 0) {
		pl_exchange_abort(exchange, PL_ECANCELED);
		return;
	}
	pl_exchange_end(exchange);
}
