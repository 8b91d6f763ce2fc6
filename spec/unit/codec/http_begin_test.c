#include "bytes.h"

#include "codec/http_begin.h"

static const struct {
	pl_slice bytes;
	int begins;
} rows[] = {
	{ BYTES("GET / HTTP/1.1\r\n"), 1 },
	{ BYTES("GET "), 1 },
	{ BYTES("VERSION-CONTROL "), 1 },
	{ BYTES("UPDATEREDIRECTREF "), 1 },
	{ BYTES("GET"), 0 },
	{ BYTES("G"), 0 },
	{ BYTES("P"), 0 },
	{ BYTES("UPDATE"), 0 }, /* it may go on */
	{ BYTES("UPDATE "), 1 },
	{ BYTES("UPDATEREDIRECTREF"), 0 },
	{ BYTES("CONNECT\naccept-version:1.2\n"), -1 }, /* STOMP */
	{ BYTES("NICK ann\r\n"), -1 },
	{ BYTES("GETX"), -1 },
	{ BYTES("GET\t"), -1 },
	{ BYTES("get / HTTP/1.1\r\n"), -1 },
	{ BYTES("\r\nGET / HTTP/1.1\r\n"), -1 },
	{ BYTES("\x16\x03\x01"), -1 },
	{ BYTES("\0"), -1 },
	{ BYTES("hello"), -1 },
};

static void decided(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *bytes = bytes_copy(rows[i].bytes.at, rows[i].bytes.len);

		assert_int_equal(pl_http_begin(bytes, rows[i].bytes.len), rows[i].begins);
		free(bytes);
	}
}

/* What is decided stays so, whatever follows; and more than a method is never needed. */
static void byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int before = 0;

		for (size_t len = 1; len <= rows[i].bytes.len; len++) {
			uint8_t *bytes = bytes_copy(rows[i].bytes.at, len);
			int now = pl_http_begin(bytes, len);

			assert_true(before == 0 || now == before);
			assert_true(now != 0 || len <= PL_HTTP_METHOD_MAX);
			before = now;
			free(bytes);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decided),
		cmocka_unit_test(byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
