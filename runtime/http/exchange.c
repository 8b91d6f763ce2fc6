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

/* The fields that frame a message or that the version writes itself. */
static bool name_reserved(pl_slice name)
{
	switch (name.len) {
	case 4:
		return pl_slice_equal_nocase(name, PL_SLICE("date"));
	case 6:
		return pl_slice_equal_nocase(name, PL_SLICE("server"));
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
	       !name_reserved(field->name);
}

/* What follows a 2xx to CONNECT is no HTTP any more (RFC 9110 9.3.6): a client would take the rest
 * of the connection for a tunnel, and what goes through it would be taken for requests. */
static bool opens_tunnel(const pl_exchange *exchange, int status)
{
	return status < 300 && pl_slice_equal(exchange->request->method, PL_SLICE("CONNECT"));
}

int pl_exchange_respond(pl_exchange *exchange, int status, const pl_http_field *fields,
			size_t count, int64_t content_length)
{
	int result;

	if (exchange->responded)
		return PL_ESTATE;
	if (status < 200 || status > 599 || content_length < -1 || opens_tunnel(exchange, status))
		return PL_EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!pl_exchange_field_valid(&fields[i]))
			return PL_EINVAL;
	result = exchange->ops->respond(exchange, status, fields, count, content_length);
	if (result == PL_OK)
		exchange->responded = true;
	return result;
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
