#include "codec/hixie_handshake.h"

#include "base/status.h"
#include "crypto/digest.h"

static bool has(const pl_ws_request *request, pl_slice name)
{
	return pl_http_field_find(request->fields, request->field_count, name).at != NULL;
}

bool pl_hixie_requested(const pl_ws_request *request)
{
	return has(request, PL_SLICE("sec-websocket-key1")) &&
	       has(request, PL_SLICE("sec-websocket-key2")) &&
	       !has(request, PL_SLICE("sec-websocket-version")) &&
	       !has(request, PL_SLICE("sec-websocket-key"));
}

/* The digits as one number, divided by how many blanks there are; everything else is noise. */
static bool key_number(pl_slice key, uint32_t *number)
{
	uint64_t value = 0;
	size_t blanks = 0, digits = 0;

	for (size_t i = 0; i < key.len; i++) {
		char c = key.at[i];

		if (c == ' ')
			blanks++;
		if (c < '0' || c > '9')
			continue;
		if (value > (UINT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (uint64_t)(c - '0');
		digits++;
	}
	if (digits == 0 || blanks == 0 || value % blanks != 0 || value / blanks > UINT32_MAX)
		return false;
	*number = (uint32_t)(value / blanks);
	return true;
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

bool pl_hixie_offer_protocol(const pl_ws_request *request, bool *begun, pl_slice *rest,
			     pl_slice *protocol)
{
	size_t len = 0;

	if (!*begun)
		*rest = pl_http_field_find(request->fields, request->field_count,
					   PL_SLICE("sec-websocket-protocol"));
	*begun = true;
	while (rest->len > 0 && is_separator(*rest->at))
		*rest = pl_slice_make(rest->at + 1, rest->len - 1);
	while (len < rest->len && !is_separator(rest->at[len]))
		len++;
	if (len == 0)
		return false;
	*protocol = pl_slice_make(rest->at, len);
	*rest = pl_slice_make(rest->at + len, rest->len - len);
	return true;
}

static bool is_among(pl_slice protocol, const pl_slice *seen, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pl_slice_equal(seen[i], protocol))
			return true;
	return false;
}

/* What is wrong with Sec-WebSocket-Protocol, or NULL. */
static const char *check_protocols(const pl_ws_request *request)
{
	const pl_slice name = PL_SLICE("sec-websocket-protocol");
	pl_slice seen[PL_WS_PROTOCOLS_MAX];
	pl_slice rest = { NULL, 0 }, protocol;
	bool begun = false;
	size_t count = 0;

	if (!has(request, name))
		return NULL;
	if (!pl_ws_request_single(request, name).at)
		return "several Sec-WebSocket-Protocol";
	while (pl_hixie_offer_protocol(request, &begun, &rest, &protocol)) {
		if (count == PL_WS_PROTOCOLS_MAX)
			return "too many elements in Sec-WebSocket-Protocol";
		if (!pl_http_token_valid(protocol))
			return "an element of Sec-WebSocket-Protocol is no token";
		if (is_among(protocol, seen, count))
			return "an element of Sec-WebSocket-Protocol is repeated";
		seen[count++] = protocol;
	}
	return count > 0 ? NULL : "Sec-WebSocket-Protocol is empty";
}

static const char *check(pl_hixie_offer *offer, const pl_ws_request *request)
{
	pl_slice keys[2] = { pl_ws_request_single(request, PL_SLICE("sec-websocket-key1")),
			     pl_ws_request_single(request, PL_SLICE("sec-websocket-key2")) };

	if (!pl_slice_equal(request->method, PL_SLICE("GET")))
		return "method of a WebSocket handshake is not GET";
	if (request->minor < 1)
		return "WebSocket handshake in HTTP/1.0";
	if (request->body)
		return "WebSocket handshake with a body";
	if (!key_number(keys[0], &offer->numbers[0]))
		return "bad Sec-WebSocket-Key1";
	if (!key_number(keys[1], &offer->numbers[1]))
		return "bad Sec-WebSocket-Key2";
	offer->origin = pl_ws_request_single(request, PL_SLICE("origin"));
	if (offer->origin.len == 0)
		return "no single Origin";
	return check_protocols(request);
}

int pl_hixie_offer_decode(pl_hixie_offer *offer, const pl_ws_request *request)
{
	offer->error = check(offer, request);
	return offer->error ? PL_EPROTO : PL_OK;
}

static void put_u32(uint8_t *out, uint32_t number)
{
	out[0] = (uint8_t)(number >> 24);
	out[1] = (uint8_t)(number >> 16);
	out[2] = (uint8_t)(number >> 8);
	out[3] = (uint8_t)number;
}

int pl_hixie_prove(uint8_t proof[PL_HIXIE_PROOF_SIZE], const pl_hixie_offer *offer,
		   const uint8_t key3[PL_HIXIE_KEY3_SIZE])
{
	uint8_t challenge[8 + PL_HIXIE_KEY3_SIZE];

	put_u32(challenge, offer->numbers[0]);
	put_u32(challenge + 4, offer->numbers[1]);
	memcpy(challenge + 8, key3, PL_HIXIE_KEY3_SIZE);
	return pl_md5(challenge, sizeof(challenge), proof);
}
