#include "codec/ws_call.h"

#include <string.h>

#include "base/status.h"
#include "codec/base64.h"
#include "codec/http_authority.h"
#include "codec/http_char.h"

void pl_ws_call_key(pl_ws_call *call, const uint8_t random[16])
{
	pl_base64_encode(call->key, random, 16);
}

/* What may be sent. */

static bool target_valid(pl_slice target)
{
	size_t i;

	for (i = 0; i < target.len; i++)
		if (!pl_http_is(target.at[i], PL_HTTP_TARGET))
			return false;
	return target.len == 0 || target.at[0] == '/';
}

static bool is_own(pl_slice name)
{
	static const char *const own[] = {
		"host",	  "upgrade", "connection", "origin", "content-length", "transfer-encoding",
		"expect", "te",	     "trailer"
	};
	const pl_slice prefix = PL_SLICE("sec-websocket-");
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (pl_slice_equal_nocase(name, pl_slice_make(own[i], strlen(own[i]))))
			return true;
	return name.len >= prefix.len &&
	       pl_slice_equal_nocase(pl_slice_make(name.at, prefix.len), prefix);
}

static bool added_valid(const pl_ws_call *call)
{
	size_t i;

	for (i = 0; i < call->added_count; i++) {
		const pl_http_field *field = &call->added[i];

		if (!pl_http_token_valid(field->name) || is_own(field->name) ||
		    !pl_http_value_valid(field->value))
			return false;
	}
	return true;
}

static bool protocols_valid(const pl_ws_call *call)
{
	size_t i;
	size_t j;

	if (call->protocol_count > PL_WS_PROTOCOLS_MAX)
		return false;
	for (i = 0; i < call->protocol_count; i++) {
		if (!pl_http_token_valid(call->protocols[i]))
			return false;
		for (j = 0; j < i; j++)
			if (pl_slice_equal(call->protocols[i], call->protocols[j]))
				return false;
	}
	return true;
}

static bool call_valid(const pl_ws_call *call)
{
	return target_valid(call->target) && call->host.len > 0 &&
	       pl_http_authority_valid(call->host) && pl_http_value_valid(call->origin) &&
	       protocols_valid(call) && added_valid(call);
}

/* The request. */

static int put(pl_buffer *out, pl_slice text)
{
	return pl_buffer_append(out, text.at, text.len);
}

static int put_field(pl_buffer *out, pl_slice name, pl_slice value)
{
	if (put(out, name) || put(out, PL_SLICE(": ")) || put(out, value) ||
	    put(out, PL_SLICE("\r\n")))
		return PL_ENOMEM;
	return PL_OK;
}

static int put_protocols(pl_buffer *out, const pl_ws_call *call)
{
	size_t i;

	if (call->protocol_count == 0)
		return PL_OK;
	if (put(out, PL_SLICE("Sec-WebSocket-Protocol: ")))
		return PL_ENOMEM;
	for (i = 0; i < call->protocol_count; i++)
		if ((i > 0 && put(out, PL_SLICE(", "))) || put(out, call->protocols[i]))
			return PL_ENOMEM;
	return put(out, PL_SLICE("\r\n"));
}

static int put_offer(pl_buffer *out, const pl_ws_call *call)
{
	char offer[PL_WS_DEFLATE_OFFER_MAX];
	size_t len = pl_ws_deflate_offer(offer, &call->deflate);

	if (len == 0)
		return PL_OK;
	return put_field(out, PL_SLICE("Sec-WebSocket-Extensions"), pl_slice_make(offer, len));
}

static int put_all(pl_buffer *out, const pl_ws_call *call)
{
	pl_slice target = call->target.len > 0 ? call->target : PL_SLICE("/");
	size_t i;

	if (put(out, PL_SLICE("GET ")) || put(out, target) || put(out, PL_SLICE(" HTTP/1.1\r\n")) ||
	    put_field(out, PL_SLICE("Host"), call->host) ||
	    put(out, PL_SLICE("Upgrade: websocket\r\nConnection: Upgrade\r\n"
			      "Sec-WebSocket-Version: 13\r\n")) ||
	    put_field(out, PL_SLICE("Sec-WebSocket-Key"),
		      pl_slice_make(call->key, PL_WS_KEY_SIZE)) ||
	    put_protocols(out, call) || put_offer(out, call))
		return PL_ENOMEM;
	if (call->origin.len > 0 && put_field(out, PL_SLICE("Origin"), call->origin))
		return PL_ENOMEM;
	for (i = 0; i < call->added_count; i++)
		if (put_field(out, call->added[i].name, call->added[i].value))
			return PL_ENOMEM;
	return put(out, PL_SLICE("\r\n"));
}

int pl_ws_call_encode(const pl_ws_call *call, pl_buffer *out)
{
	size_t before = out->len;
	int status;

	if (!call_valid(call))
		return PL_EINVAL;
	status = put_all(out, call);
	if (status)
		out->len = before;
	return status;
}

/* The response. */

/* The one field of that name; at == NULL: there is none. False: there are several. */
static bool find_one(pl_slice *value, const pl_http_field *fields, size_t count, pl_slice name)
{
	size_t i;

	*value = pl_slice_make(NULL, 0);
	for (i = 0; i < count; i++) {
		if (!pl_slice_equal_nocase(fields[i].name, name))
			continue;
		if (value->at)
			return false;
		*value = fields[i].value;
	}
	return true;
}

static bool protocol_asked(const pl_ws_call *call, pl_slice protocol)
{
	size_t i;

	for (i = 0; i < call->protocol_count; i++)
		if (pl_slice_equal(call->protocols[i], protocol))
			return true;
	return false;
}

static int fail(pl_ws_called *called, const char *error)
{
	called->error = error;
	return PL_EPROTO;
}

static int check_accept(pl_ws_called *called, const pl_ws_call *call, const pl_http_field *fields,
			size_t count)
{
	char expected[PL_WS_ACCEPT_SIZE];
	pl_slice accept;
	int status = pl_ws_accept(expected, pl_slice_make(call->key, PL_WS_KEY_SIZE));

	if (status)
		return status;
	if (!find_one(&accept, fields, count, PL_SLICE("sec-websocket-accept")) ||
	    !pl_slice_equal(accept, pl_slice_make(expected, PL_WS_ACCEPT_SIZE)))
		return fail(called, "Sec-WebSocket-Accept is not that of our key");
	return PL_OK;
}

static int check_protocol(pl_ws_called *called, const pl_ws_call *call, const pl_http_field *fields,
			  size_t count)
{
	if (!find_one(&called->protocol, fields, count, PL_SLICE("sec-websocket-protocol")) ||
	    (called->protocol.at && !protocol_asked(call, called->protocol)))
		return fail(called, "the server chose a subprotocol that was not asked for");
	return PL_OK;
}

static int check_extensions(pl_ws_called *called, const pl_ws_call *call,
			    const pl_http_field *fields, size_t count)
{
	int status = pl_ws_deflate_accept(&called->deflate, &call->deflate, fields, count);

	if (status == PL_EPROTO)
		return fail(called, "the server chose extensions that were not offered so");
	called->deflated = status == PL_OK;
	return PL_OK;
}

int pl_ws_call_check(pl_ws_called *called, const pl_ws_call *call, const pl_http_field *fields,
		     size_t count)
{
	pl_slice upgrade;
	int status;

	*called = (pl_ws_called){ .error = NULL };
	if (!find_one(&upgrade, fields, count, PL_SLICE("upgrade")) ||
	    !pl_slice_equal_nocase(upgrade, PL_SLICE("websocket")))
		return fail(called, "Upgrade is not websocket");
	if (!pl_http_field_has(fields, count, PL_SLICE("connection"), PL_SLICE("upgrade")))
		return fail(called, "Connection has no upgrade");
	status = check_accept(called, call, fields, count);
	if (!status)
		status = check_protocol(called, call, fields, count);
	return status ? status : check_extensions(called, call, fields, count);
}
