#include "bytes.h"

#include "base/status.h"
#include "codec/sgc_event.h"

static const struct {
	pl_slice channel, text;
	const char *message;
} rows[] = {
	{ BYTES("news"), BYTES("hello"),
	  "{\"jsonrpc\":\"2.0\",\"result\":{\"method\":\"sgc@event\",\"channel\":\"news\","
	  "\"message\":\"hello\"}}" },
	{ BYTES(""), BYTES("hello"),
	  "{\"jsonrpc\":\"2.0\",\"result\":{\"method\":\"sgc@message\",\"message\":\"hello\"}}" },
	{ BYTES("a\"b"), BYTES("{\"x\":1}\n"),
	  "{\"jsonrpc\":\"2.0\",\"result\":{\"method\":\"sgc@event\",\"channel\":\"a\\\"b\","
	  "\"message\":\"{\\\"x\\\":1}\\n\"}}" },
	{ BYTES(""), BYTES(""),
	  "{\"jsonrpc\":\"2.0\",\"result\":{\"method\":\"sgc@message\",\"message\":\"\"}}" },
};

static void encoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pl_buffer out = { 0 };

		assert_int_equal(pl_sgc_event_encode(&out, rows[i].channel, rows[i].text), PL_OK);
		assert_int_equal(out.len, strlen(rows[i].message));
		assert_memory_equal(out.data, rows[i].message, out.len);
		pl_buffer_deinit(&out);
	}
}

static void shared_connection(void **state)
{
	static const char event[] =
		"{\"protocol\":\"esegece.com\",\"message\":\"{\\\"jsonrpc\\\":\\\"2.0\\\","
		"\\\"result\\\":{\\\"method\\\":\\\"sgc@event\\\",\\\"channel\\\":\\\"c\\\","
		"\\\"message\\\":\\\"m\\\"}}\"}";
	static const char text[] = "{\"protocol\":\"\",\"message\":\"m\\n\"}";
	pl_buffer out = { 0 };

	(void)state;
	assert_int_equal(pl_sgc_event_encode_for_broker(&out, PL_SLICE("c"), PL_SLICE("m")), PL_OK);
	assert_int_equal(out.len, sizeof(event) - 1);
	assert_memory_equal(out.data, event, out.len);
	out.len = 0;
	assert_int_equal(pl_broker_text_encode(&out, PL_SLICE("c"), PL_SLICE("m\n")), PL_OK);
	assert_int_equal(out.len, sizeof(text) - 1);
	assert_memory_equal(out.data, text, out.len);
	pl_buffer_deinit(&out);
}

static void refused(void **state)
{
	pl_buffer out = { 0 };

	(void)state;
	assert_int_equal(pl_sgc_event_encode(&out, pl_slice_make("\xFF", 1), PL_SLICE("a")),
			 PL_EUTF8);
	assert_int_equal(pl_sgc_event_encode(&out, PL_SLICE("a"), pl_slice_make("\xC0\x80", 2)),
			 PL_EUTF8);
	pl_buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded),
		cmocka_unit_test(shared_connection),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
