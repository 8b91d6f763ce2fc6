#include "bytes.h"

#include <stdio.h>

#include "base/status.h"
#include "codec/hixie_handshake.h"

#define KEY1 "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
#define KEY2 "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
#define KEYS KEY1 KEY2
#define ORIGIN "Origin: http://example.com\r\n"
#define UPGRADE "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
#define HEAD(rest) "GET /demo HTTP/1.1\r\nHost: a\r\n" UPGRADE rest "\r\n"
#define PROTOCOL(value) HEAD(KEYS ORIGIN "Sec-WebSocket-Protocol:" value "\r\n")

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

static void requested(void **state)
{
	static const struct {
		pl_slice bytes;
		bool requested;
	} rows[] = {
		{ BYTES(HEAD(KEYS)), true },
		{ BYTES(HEAD(KEYS ORIGIN)), true },
		{ BYTES(HEAD(KEY1)), false },
		{ BYTES(HEAD(KEY2)), false },
		{ BYTES(HEAD("")), false },
		{ BYTES(HEAD(KEYS "Sec-WebSocket-Version: 13\r\n")), false },
		{ BYTES(HEAD(KEYS "Sec-WebSocket-Key: x\r\n")), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_request request = decode(rows[i].bytes);

		assert_int_equal(pl_hixie_requested(&request), rows[i].requested);
	}
}

static void refused(void **state)
{
	static const struct {
		pl_slice bytes;
		const char *error;
	} rows[] = {
		{ BYTES("POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEYS ORIGIN "\r\n"),
		  "method of a WebSocket handshake is not GET" },
		{ BYTES("GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE KEYS ORIGIN "\r\n"),
		  "WebSocket handshake in HTTP/1.0" },
		{ BYTES(HEAD(KEYS ORIGIN "Content-Length: 8\r\n")),
		  "WebSocket handshake with a body" },
		{ BYTES(HEAD(KEYS)), "no single Origin" },
		{ BYTES(HEAD(KEYS "Origin:\r\n")), "no single Origin" },
		{ BYTES(HEAD(KEYS ORIGIN ORIGIN)), "no single Origin" },
		{ BYTES(HEAD(KEYS KEY1 ORIGIN)), "bad Sec-WebSocket-Key1" },
		{ BYTES(HEAD(KEYS KEY2 ORIGIN)), "bad Sec-WebSocket-Key2" },
		{ BYTES(PROTOCOL("")), "Sec-WebSocket-Protocol is empty" },
		{ BYTES(PROTOCOL(" ,, ,")), "Sec-WebSocket-Protocol is empty" },
		{ BYTES(PROTOCOL("a b a")), "an element of Sec-WebSocket-Protocol is repeated" },
		{ BYTES(PROTOCOL("a/b")), "an element of Sec-WebSocket-Protocol is no token" },
		{ BYTES(PROTOCOL("a\r\nSec-WebSocket-Protocol: b")),
		  "several Sec-WebSocket-Protocol" },
	};
	pl_hixie_offer offer;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_ws_request request = decode(rows[i].bytes);

		assert_int_equal(pl_hixie_offer_decode(&offer, &request), PL_EPROTO);
		assert_string_equal(offer.error, rows[i].error);
	}
}

static int decode_key(const char *key1, pl_hixie_offer *offer)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE ORIGIN KEY2
			   "Sec-WebSocket-Key1: %s\r\n\r\n",
			   key1);
	pl_ws_request request;
	char *copy = bytes_copy(text, (size_t)len);
	int status;

	request = decode(pl_slice_make(copy, (size_t)len));
	status = pl_hixie_offer_decode(offer, &request);
	free(copy);
	return status;
}

static void numbers(void **state)
{
	static const struct {
		const char *key;
		uint32_t number;
	} good[] = {
		{ "1 x 2", 6 },
		{ "0 0", 0 },
		{ "1 2 4", 62 },
		{ "4294967 295", 4294967295 },
		{ "858993 459  0 x y", 1717986918 },
		{ "x4 @1  46546W%0l 1 5", 829309203 },
	};
	static const char *const bad[] = {
		"",
		"x y",			  /* no digits */
		"1234",			  /* no blanks */
		"1 x 2  x 3",		  /* 123 / 4 */
		"1 3 x",		  /* 13 / 2 */
		"4294967 296",		  /* 33 bits */
		"99999999999999999999 9", /* more than 64 */
		"18446744073709551616 0",
	};
	pl_hixie_offer offer;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(decode_key(good[i].key, &offer), PL_OK);
		assert_int_equal(offer.numbers[0], good[i].number);
		assert_int_equal(offer.numbers[1], 259970620);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(decode_key(bad[i], &offer), PL_EPROTO);
}

static void protocols(void **state)
{
	static const pl_slice offers[] = { BYTES(PROTOCOL(" a b c")), BYTES(PROTOCOL("a, b,c")),
					   BYTES(PROTOCOL("\ta ,,b  c ,")) };

	(void)state;
	for (size_t i = 0; i < COUNT(offers); i++) {
		pl_ws_request request = decode(offers[i]);
		pl_slice rest = { NULL, 0 }, protocol;
		pl_hixie_offer offer;
		bool begun = false;

		assert_int_equal(pl_hixie_offer_decode(&offer, &request), PL_OK);
		assert_true(pl_slice_equal(offer.origin, PL_SLICE("http://example.com")));
		for (char name = 'a'; name <= 'c'; name++) {
			assert_true(pl_hixie_offer_protocol(&request, &begun, &rest, &protocol));
			assert_true(pl_slice_equal(protocol, pl_slice_make(&name, 1)));
		}
		assert_false(pl_hixie_offer_protocol(&request, &begun, &rest, &protocol));
	}
}

static void too_many_protocols(void **state)
{
	char text[2048] =
		"GET /demo HTTP/1.1\r\nHost: a\r\n" UPGRADE KEYS ORIGIN "Sec-WebSocket-Protocol:";
	pl_hixie_offer offer;
	pl_ws_request request;
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i < PL_WS_PROTOCOLS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " p%d", i);
	snprintf(text + len, sizeof(text) - len, "\r\n\r\n");
	request = decode(pl_slice_make(text, strlen(text)));
	assert_int_equal(pl_hixie_offer_decode(&offer, &request), PL_OK);
	snprintf(text + len, sizeof(text) - len, " more\r\n\r\n");
	request = decode(pl_slice_make(text, strlen(text)));
	assert_int_equal(pl_hixie_offer_decode(&offer, &request), PL_EPROTO);
}

/* Of the draft's sections 1.2 and 1.3, and of those who wrote it. */
static void proofs(void **state)
{
	static const struct {
		const char *keys[2];
		const char *key3;
		uint32_t numbers[2];
		const char *proof;
	} rows[] = {
		{ { "4 @1  46546xW%0l 1 5", "12998 5 Y3 1  .P00" },
		  "^n:ds[4U",
		  { 829309203, 259970620 },
		  "8jKS'y:G*Co,Wxa-" },
		{ { "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nd  334J702) 7]o}` 0" },
		  "Tm[K T2u",
		  { 155712099, 173347027 },
		  "fQJ,fN/4F4!~K~MH" },
		{ { "3e6b263  4 17 80", "17  9 G`ZD9   2 2b 7X 3 /r90" },
		  "WjN}|M(6",
		  { 906585445, 179922739 },
		  "n`9eBk9z$R8pOtVb" },
	};
	uint8_t proof[PL_HIXIE_PROOF_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[512];
		int len = snprintf(text, sizeof(text),
				   HEAD(ORIGIN "Sec-WebSocket-Key1: %s\r\n"
					       "Sec-WebSocket-Key2: %s\r\n"),
				   rows[i].keys[0], rows[i].keys[1]);
		pl_ws_request request = decode(pl_slice_make(text, (size_t)len));
		pl_hixie_offer offer;

		assert_int_equal(pl_hixie_offer_decode(&offer, &request), PL_OK);
		assert_int_equal(offer.numbers[0], rows[i].numbers[0]);
		assert_int_equal(offer.numbers[1], rows[i].numbers[1]);
		assert_int_equal(pl_hixie_prove(proof, &offer, (const uint8_t *)rows[i].key3),
				 PL_OK);
		assert_memory_equal(proof, rows[i].proof, sizeof(proof));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requested), cmocka_unit_test(refused),
		cmocka_unit_test(numbers),   cmocka_unit_test(protocols),
		cmocka_unit_test(proofs),    cmocka_unit_test(too_many_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
