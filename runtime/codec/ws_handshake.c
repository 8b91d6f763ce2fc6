#include "codec/ws_handshake.h"

#include "base/status.h"
#include "codec/base64.h"
#include "crypto/digest.h"

static int fail(pl_ws_offer *offer, int status, const char *error)
{
	offer->error_status = status;
	offer->error = error;
	return PL_EPROTO;
}

bool pl_ws_requested(const pl_ws_request *request)
{
	return pl_http_field_has(request->fields, request->field_count, PL_SLICE("upgrade"),
				 PL_SLICE("websocket")) &&
	       pl_http_field_has(request->fields, request->field_count, PL_SLICE("connection"),
				 PL_SLICE("upgrade"));
}

pl_slice pl_ws_request_single(const pl_ws_request *request, pl_slice name)
{
	pl_slice value = { NULL, 0 };

	for (size_t i = 0; i < request->field_count; i++) {
		if (!pl_slice_equal_nocase(request->fields[i].name, name))
			continue;
		if (value.at)
			return pl_slice_make(NULL, 0);
		value = request->fields[i].value;
	}
	return value;
}

static bool key_valid(pl_slice key)
{
	uint8_t nonce[PL_WS_KEY_SIZE / 4 * 3];

	return key.len == PL_WS_KEY_SIZE && pl_base64_decode(nonce, key.at, key.len) == 16;
}

static bool is_among(pl_slice protocol, const pl_slice *seen, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal(seen[i], protocol))
			return true;
	return false;
}

/* What is wrong with Sec-WebSocket-Protocol (4.1: 1#token, all unique), or NULL. */
static const char *check_protocols(const pl_ws_request *request)
{
	const pl_slice field_name = PL_SLICE("sec-websocket-protocol");
	pl_slice seen[PL_WS_PROTOCOLS_MAX];
	size_t field = 0, count = 0;
	pl_slice rest = { NULL, 0 }, protocol;

	while (pl_ws_offer_protocol(request, &field, &rest, &protocol)) {
		if (count == PL_WS_PROTOCOLS_MAX)
			return "too many elements in Sec-WebSocket-Protocol";
		if (!pl_http_token_valid(protocol))
			return "an element of Sec-WebSocket-Protocol is no token";
		if (is_among(protocol, seen, count))
			return "an element of Sec-WebSocket-Protocol is repeated";
		seen[count++] = protocol;
	}
	if (count == 0 && pl_http_field_find(request->fields, request->field_count, field_name).at)
		return "Sec-WebSocket-Protocol is empty";
	return NULL;
}

int pl_ws_offer_decode(pl_ws_offer *offer, const pl_ws_request *request)
{
	pl_slice version = pl_ws_request_single(request, PL_SLICE("sec-websocket-version"));
	const char *error;

	if (!pl_slice_equal(request->method, PL_SLICE("GET")))
		return fail(offer, 400, "method of a WebSocket handshake is not GET");
	if (request->minor < 1)
		return fail(offer, 400, "WebSocket handshake in HTTP/1.0");
	if (request->body)
		return fail(offer, 400, "WebSocket handshake with a body");
	if (!version.at)
		return fail(offer, 400, "no single Sec-WebSocket-Version");
	if (!pl_slice_equal(version, PL_SLICE("13")))
		return fail(offer, 426, "Sec-WebSocket-Version is not 13");
	offer->key = pl_ws_request_single(request, PL_SLICE("sec-websocket-key"));
	if (!offer->key.at)
		return fail(offer, 400, "no single Sec-WebSocket-Key");
	if (!key_valid(offer->key))
		return fail(offer, 400, "Sec-WebSocket-Key is not 16 bytes of base64");
	error = check_protocols(request);
	return error ? fail(offer, 400, error) : PL_OK;
}

bool pl_ws_offer_protocol(const pl_ws_request *request, size_t *field, pl_slice *rest,
			  pl_slice *protocol)
{
	while (rest->len == 0 || !pl_slice_next_element(rest, protocol)) {
		const pl_http_field *next;

		do {
			if (*field == request->field_count)
				return false;
			next = &request->fields[(*field)++];
		} while (!pl_slice_equal_nocase(next->name, PL_SLICE("sec-websocket-protocol")));
		*rest = next->value;
	}
	return true;
}

int pl_ws_accept(char out[PL_WS_ACCEPT_SIZE], pl_slice key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[PL_WS_KEY_SIZE + sizeof(guid) - 1];
	uint8_t digest[PL_SHA1_SIZE];

	if (key.len != PL_WS_KEY_SIZE)
		return PL_EINVAL;
	memcpy(text, key.at, PL_WS_KEY_SIZE);
	memcpy(text + PL_WS_KEY_SIZE, guid, sizeof(guid) - 1);
	if (pl_sha1(text, sizeof(text), digest) != PL_OK)
		return PL_ENOMEM;
	pl_base64_encode(out, digest, sizeof(digest));
	return PL_OK;
}
