/* ws_handshake_fuzz.c - fields of a request that asks for WebSocket: an offer or a refusal. */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/ws_handshake.h"

static void check_offer(const pl_ws_request *request, pl_slice head)
{
	pl_slice rest = { NULL, 0 }, protocol;
	char accept[PL_WS_ACCEPT_SIZE];
	pl_ws_offer offer;
	size_t field = 0, count = 0;

	if (pl_ws_offer_decode(&offer, request) != PL_OK) {
		FUZZ_CHECK(offer.error && (offer.error_status == 400 || offer.error_status == 426));
		return;
	}
	FUZZ_CHECK(fuzz_within(offer.key, head) && offer.key.len == PL_WS_KEY_SIZE);
	FUZZ_CHECK(pl_ws_accept(accept, offer.key) == PL_OK);
	while (pl_ws_offer_protocol(request, &field, &rest, &protocol)) {
		FUZZ_CHECK(fuzz_within(protocol, head) && pl_http_token_valid(protocol));
		FUZZ_CHECK(++count <= PL_WS_PROTOCOLS_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const pl_http_rules rules = { 8192, 32768, 100 };
	static pl_http_request head;
	char *text = fuzz_copy(data, size);

	if (pl_http_request_decode(&head, &rules, text, size, 0) > 0) {
		pl_ws_request request = { head.method, head.minor,
					  head.chunked || head.content_length > 0, head.fields,
					  head.field_count };

		pl_ws_requested(&request);
		check_offer(&request, pl_slice_make(text, size));
	}
	free(text);
	return 0;
}
