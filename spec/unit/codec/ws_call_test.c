#include "bytes.h"

#include "base/alloc.h"
#include "base/status.h"
#include "codec/ws_call.h"

/* The example of RFC 6455 1.2. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT                                                                                     \
	{                                                                                          \
		PL_SLICE("Sec-WebSocket-Accept"), PL_SLICE("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")         \
	}
#define UPGRADE                                                                                    \
	{                                                                                          \
		PL_SLICE("upgrade"), PL_SLICE("WebSocket")                                         \
	}
#define CONNECTION                                                                                 \
	{                                                                                          \
		PL_SLICE("Connection"), PL_SLICE("keep-alive, Upgrade")                            \
	}

enum { FIELDS = 6 };

static const pl_slice protocols[] = { PL_SLICE("chat"), PL_SLICE("sgc") };
static const pl_ws_deflate_terms deflate = { .server_window = 15, .client_window = 15 };

static pl_ws_call call_to(const char *target, const char *host)
{
	pl_ws_call call = { .target = pl_slice_make(target, strlen(target)),
			    .host = pl_slice_make(host, strlen(host)) };

	memcpy(call.key, KEY, PL_WS_KEY_SIZE);
	return call;
}

static void encodes(const pl_ws_call *call, const char *expected)
{
	pl_buffer out = { 0 };

	assert_int_equal(pl_ws_call_encode(call, &out), PL_OK);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
	pl_buffer_deinit(&out);
}

static void a_key_is_base64(void **state)
{
	pl_ws_call call;

	(void)state;
	pl_ws_call_key(&call, (const uint8_t *)"the sample nonce");
	assert_memory_equal(call.key, KEY, PL_WS_KEY_SIZE);
}

static void requests_are_written(void **state)
{
	const pl_http_field added[] = { { PL_SLICE("Authorization"), PL_SLICE("Bearer x") },
					{ PL_SLICE("X-Empty"), PL_SLICE("") } };
	pl_ws_call call = call_to("", "example.org");

	(void)state;
	encodes(&call, "GET / HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Key: " KEY "\r\n\r\n");
	call = call_to("/chat?room=a%20b", "[::1]:8080");
	call.origin = PL_SLICE("https://example.org");
	call.protocols = protocols;
	call.protocol_count = 2;
	call.deflate.message = &deflate;
	call.added = added;
	call.added_count = 2;
	encodes(&call, "GET /chat?room=a%20b HTTP/1.1\r\nHost: [::1]:8080\r\n"
		       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
		       "Sec-WebSocket-Protocol: chat, sgc\r\n"
		       "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
		       "Origin: https://example.org\r\nAuthorization: Bearer x\r\n"
		       "X-Empty: \r\n\r\n");
}

static void is_refused(const pl_ws_call *call)
{
	pl_buffer out = { 0 };

	assert_int_equal(pl_ws_call_encode(call, &out), PL_EINVAL);
	assert_int_equal(out.len, 0);
	pl_buffer_deinit(&out);
}

static void what_cannot_be_sent_is_refused(void **state)
{
	static const char *const targets[] = { "chat", "/a b", "/a\r\nX: y", "/#a", "/\xc3\xa4" };
	static const char *const hosts[] = { "", "a b", "a/b", "user@a", "a:99999", "a\r\nX: y" };
	static const pl_http_field fields[] = {
		{ PL_SLICE("X Y"), PL_SLICE("z") },
		{ PL_SLICE(""), PL_SLICE("z") },
		{ PL_SLICE("X"), PL_SLICE("a\r\nB: c") },
		{ PL_SLICE("X"), { "a\0b", 3 } },
		{ PL_SLICE("host"), PL_SLICE("b") },
		{ PL_SLICE("Upgrade"), PL_SLICE("h2c") },
		{ PL_SLICE("Connection"), PL_SLICE("close") },
		{ PL_SLICE("Origin"), PL_SLICE("x") },
		{ PL_SLICE("Content-Length"), PL_SLICE("5") },
		{ PL_SLICE("Transfer-Encoding"), PL_SLICE("chunked") },
		{ PL_SLICE("sec-websocket-key"), PL_SLICE(KEY) },
		{ PL_SLICE("Sec-WebSocket-Anything"), PL_SLICE("x") },
	};
	static const pl_slice bad_protocols[][2] = {
		{ PL_SLICE("chat"), PL_SLICE("chat") },
		{ PL_SLICE("a b"), PL_SLICE("c") },
		{ PL_SLICE("a"), PL_SLICE("") },
		{ PL_SLICE("a,b"), PL_SLICE("c") },
	};
	pl_ws_call call;

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		call = call_to(targets[i], "a");
		is_refused(&call);
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		call = call_to("/", hosts[i]);
		is_refused(&call);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		call = call_to("/", "a");
		call.added = &fields[i];
		call.added_count = 1;
		is_refused(&call);
	}
	for (size_t i = 0; i < sizeof(bad_protocols) / sizeof(bad_protocols[0]); i++) {
		call = call_to("/", "a");
		call.protocols = bad_protocols[i];
		call.protocol_count = 2;
		is_refused(&call);
	}
	call = call_to("/", "a");
	call.origin = PL_SLICE("a\nb");
	is_refused(&call);
}

typedef struct response_row {
	pl_http_field fields[FIELDS];
	const char *protocol; /* chosen, "" for none; NULL: it fails, */
	const char *error;    /* and why */
} response_row;

static void responses_have_to_agree(void **state)
{
	static const response_row rows[] = {
		{ { UPGRADE, CONNECTION, ACCEPT }, "", NULL },
		{ { UPGRADE,
		    CONNECTION,
		    ACCEPT,
		    { PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("sgc") } },
		  "sgc",
		  NULL },
		{ { UPGRADE,
		    CONNECTION,
		    ACCEPT,
		    { PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("other") } },
		  NULL,
		  "the server chose a subprotocol that was not asked for" },
		{ { UPGRADE,
		    CONNECTION,
		    ACCEPT,
		    { PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("") } },
		  NULL,
		  "the server chose a subprotocol that was not asked for" },
		{ { UPGRADE,
		    CONNECTION,
		    ACCEPT,
		    { PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("sgc") },
		    { PL_SLICE("Sec-WebSocket-Protocol"), PL_SLICE("chat") } },
		  NULL,
		  "the server chose a subprotocol that was not asked for" },
		{ { UPGRADE,
		    CONNECTION,
		    ACCEPT,
		    { PL_SLICE("Sec-WebSocket-Extensions"), PL_SLICE("x") } },
		  NULL,
		  "the server chose extensions that were not offered so" },
		{ { CONNECTION, ACCEPT }, NULL, "Upgrade is not websocket" },
		{ { { PL_SLICE("Upgrade"), PL_SLICE("websocket, h2c") }, CONNECTION, ACCEPT },
		  NULL,
		  "Upgrade is not websocket" },
		{ { UPGRADE, UPGRADE, CONNECTION, ACCEPT }, NULL, "Upgrade is not websocket" },
		{ { UPGRADE, ACCEPT }, NULL, "Connection has no upgrade" },
		{ { UPGRADE, { PL_SLICE("Connection"), PL_SLICE("close") }, ACCEPT },
		  NULL,
		  "Connection has no upgrade" },
		{ { UPGRADE, CONNECTION }, NULL, "Sec-WebSocket-Accept is not that of our key" },
		{ { UPGRADE, CONNECTION, ACCEPT, ACCEPT },
		  NULL,
		  "Sec-WebSocket-Accept is not that of our key" },
		{ { UPGRADE,
		    CONNECTION,
		    { PL_SLICE("Sec-WebSocket-Accept"),
		      PL_SLICE("S3pPLMBiTxaQ9kYGzzhZRbK+xOo=") } },
		  NULL,
		  "Sec-WebSocket-Accept is not that of our key" },
		{ { UPGRADE, CONNECTION, { PL_SLICE("Sec-WebSocket-Accept"), PL_SLICE(KEY) } },
		  NULL,
		  "Sec-WebSocket-Accept is not that of our key" },
	};
	pl_ws_call call = call_to("/", "a");

	(void)state;
	call.protocols = protocols;
	call.protocol_count = 2;
	call.deflate.message = &deflate;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const response_row *row = &rows[i];
		pl_ws_called called;
		size_t count = 0;
		int status;

		while (count < FIELDS && row->fields[count].name.at)
			count++;
		status = pl_ws_call_check(&called, &call, row->fields, count);
		if (row->protocol) {
			assert_int_equal(status, PL_OK);
			assert_int_equal(called.protocol.len, strlen(row->protocol));
			assert_memory_equal(called.protocol.at ? called.protocol.at : "",
					    row->protocol, called.protocol.len);
			assert_false(called.deflated);
		} else {
			assert_int_equal(status, PL_EPROTO);
			assert_string_equal(called.error, row->error);
		}
	}
}

static void deflate_is_agreed_on(void **state)
{
	const pl_http_field fields[] = {
		UPGRADE,
		CONNECTION,
		ACCEPT,
		{ PL_SLICE("Sec-WebSocket-Extensions"),
		  PL_SLICE("permessage-deflate; server_max_window_bits=10") }
	};
	pl_ws_call call = call_to("/", "a");
	pl_ws_called called;

	(void)state;
	assert_int_equal(pl_ws_call_check(&called, &call, fields, 4), PL_EPROTO);
	call.deflate.message = &deflate;
	assert_int_equal(pl_ws_call_check(&called, &call, fields, 4), PL_OK);
	assert_true(called.deflated);
	assert_int_equal(called.deflate.server_window, 10);
}

static void without_memory_nothing_is_written(void **state)
{
	pl_ws_call call = call_to("/", "a");
	pl_buffer out = { 0 };
	int status = PL_ENOMEM;

	(void)state;
	for (uint64_t nth = 1; status; nth++) {
		pl_alloc_fail_at(nth);
		status = pl_ws_call_encode(&call, &out);
		pl_alloc_fail_at(0);
		if (status) {
			assert_int_equal(status, PL_ENOMEM);
			assert_int_equal(out.len, 0);
			pl_buffer_deinit(&out);
		}
	}
	pl_buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_base64),
		cmocka_unit_test(requests_are_written),
		cmocka_unit_test(what_cannot_be_sent_is_refused),
		cmocka_unit_test(responses_have_to_agree),
		cmocka_unit_test(deflate_is_agreed_on),
		cmocka_unit_test(without_memory_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
