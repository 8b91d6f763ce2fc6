#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/ws_handshake.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define HEAD(rest) "GET /chat HTTP/1.1\r\nHost: a\r\n" UPGRADE rest "\r\n"
#define PROTOCOL(value) HEAD(KEY VERSION "Sec-WebSocket-Protocol:" value "\r\n")

static pl_http_request head;

static pl_ws_request decode(pl_slice bytes)
{
	static const pl_http_rules rules = { 8192, 32768, 100 };
	int used = pl_http_request_decode(&head, &rules, bytes.at, bytes.len, 0);

	if (used != (int)bytes.len)
		fail_msg("\"%s\": %s", bytes.at, head.error);
	return (pl_ws_request){
		.method = head.method,
		.minor = head.minor,
		.body = head.chunked || head.content_length > 0,
		.fields = head.fields,
		.field_count = head.field_count,
	};
}

static void test_requested(void **state)
{
	static const struct {
		pl_slice bytes;
		bool requested;
	} rows[] = {
		{ BYTES(HEAD("")), true },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nCONNECTION: keep-alive, upgrade\r\n"
			"upgrade: h2c , WebSocket\r\n\r\n"),
		  true },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: "
			"Upgrade\r\n"
			"Upgrade: websocket\r\n\r\n"),
		  true },
		{ BYTES("POST / HTTP/1.0\r\n" UPGRADE "\r\n"), true },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"), false },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n"), false },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
		  false },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
			"Upgrade: websockets\r\n\r\n"),
		  false },
		{ BYTES("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Upgrade: websocket\r\n\r\n"),
		  false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_request request = decode(rows[i].bytes);

		assert_int_equal(pl_ws_requested(&request), rows[i].requested);
	}
}

static void test_refused(void **state)
{
	static const struct {
		int status;
		pl_slice bytes;
	} rows[] = {
		{ 400, BYTES("POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n") },
		{ 400, BYTES("get / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n") },
		{ 400, BYTES("GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n") },
		{ 400, BYTES(HEAD(KEY VERSION "Content-Length: 1\r\n")) },
		{ 400, BYTES(HEAD(KEY VERSION "Transfer-Encoding: chunked\r\n")) },
		/* Key */
		{ 400, BYTES(HEAD(VERSION)) },
		{ 400, BYTES(HEAD(KEY VERSION KEY)) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key:\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWE=\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWVl\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhl-HNhbXBsZSBub25jZQ==\r\n")) },
		{ 400, BYTES(HEAD(VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, x\r\n")) },
		/* Version */
		{ 400, BYTES(HEAD(KEY)) },
		{ 400, BYTES(HEAD(KEY VERSION VERSION)) },
		{ 426, BYTES(HEAD(KEY "Sec-WebSocket-Version: 8\r\n")) },
		{ 426, BYTES(HEAD(KEY "Sec-WebSocket-Version: 013\r\n")) },
		{ 426, BYTES(HEAD(KEY "Sec-WebSocket-Version: 13, 8\r\n")) },
		{ 426, BYTES(HEAD(KEY "Sec-WebSocket-Version:\r\n")) },
		/* Protocols (4.1: 1#token, unique) */
		{ 400, BYTES(PROTOCOL("")) },
		{ 400, BYTES(PROTOCOL(" , ,")) },
		{ 400, BYTES(PROTOCOL(" a b")) },
		{ 400, BYTES(PROTOCOL(" a, \"b\"")) },
		{ 400, BYTES(PROTOCOL(" a/b")) },
		{ 400, BYTES(PROTOCOL(" a, b, a")) },
		{ 400, BYTES(PROTOCOL(" a, b\r\nsec-websocket-protocol: c, b")) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_request request = decode(rows[i].bytes);
		pl_ws_offer offer = { .error_status = 0 };

		if (pl_ws_offer_decode(&offer, &request) != PL_EPROTO ||
		    offer.error_status != rows[i].status)
			fail_msg("row %zu: %d", i, offer.error_status);
		assert_non_null(offer.error);
	}
}

static void test_taken(void **state)
{
	static const struct {
		pl_slice bytes;
		pl_slice protocols[4];
	} rows[] = {
		{ BYTES(HEAD(KEY VERSION)), { BYTES("") } },
		{ BYTES(HEAD(VERSION "Content-Length: 0\r\n" KEY)), { BYTES("") } },
		{ BYTES(PROTOCOL("chat")), { BYTES("chat") } },
		{ BYTES(PROTOCOL(" b , a,\tc")), { BYTES("b"), BYTES("a"), BYTES("c") } },
		{ BYTES(PROTOCOL(" a,,b,")), { BYTES("a"), BYTES("b") } },
		/* Case matters in their names. */
		{ BYTES(PROTOCOL("a, A")), { BYTES("a"), BYTES("A") } },
		{ BYTES(PROTOCOL("a\r\nX: b, c\r\nSEC-WEBSOCKET-PROTOCOL: d, e")),
		  { BYTES("a"), BYTES("d"), BYTES("e") } },
		{ BYTES(PROTOCOL("\r\nSec-WebSocket-Protocol: a")), { BYTES("a") } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_request request = decode(rows[i].bytes);
		pl_slice rest = { NULL, 0 }, protocol;
		pl_ws_offer offer;
		size_t field = 0;

		if (pl_ws_offer_decode(&offer, &request) != PL_OK)
			fail_msg("row %zu: %s", i, offer.error);
		assert_true(pl_slice_equal(offer.key, PL_SLICE("dGhlIHNhbXBsZSBub25jZQ==")));
		for (const pl_slice *next = rows[i].protocols; next->len > 0; next++) {
			assert_true(pl_ws_offer_protocol(&request, &field, &rest, &protocol));
			assert_true(pl_slice_equal(protocol, *next));
		}
		assert_false(pl_ws_offer_protocol(&request, &field, &rest, &protocol));
		assert_false(pl_ws_offer_protocol(&request, &field, &rest, &protocol));
	}
}

static void test_number_of_protocols(void **state)
{
	char list[PL_WS_PROTOCOLS_MAX * 4 + 8] = "";
	pl_ws_request request = decode(PL_SLICE(PROTOCOL("x")));
	pl_ws_offer offer;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i <= PL_WS_PROTOCOLS_MAX; i++) {
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%zu, ", i);
		head.fields[head.field_count - 1].value = pl_slice_make(list, len);
		assert_int_equal(pl_ws_offer_decode(&offer, &request),
				 i < PL_WS_PROTOCOLS_MAX ? PL_OK : PL_EPROTO);
	}
	assert_int_equal(offer.error_status, 400);
}

static void test_accept(void **state)
{
	char out[PL_WS_ACCEPT_SIZE];

	(void)state;
	/* RFC 6455 1.3 */
	assert_int_equal(pl_ws_accept(out, PL_SLICE("dGhlIHNhbXBsZSBub25jZQ==")), PL_OK);
	assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(out));
	assert_int_equal(pl_ws_accept(out, PL_SLICE("dGhlIHNhbXBsZSBub25jZQ=")), PL_EINVAL);
	assert_int_equal(pl_ws_accept(out, PL_SLICE("dGhlIHNhbXBsZSBub25jZQ===")), PL_EINVAL);
	assert_int_equal(pl_ws_accept(out, pl_slice_make(NULL, 0)), PL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requested), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_taken),	  cmocka_unit_test(test_number_of_protocols),
		cmocka_unit_test(test_accept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
