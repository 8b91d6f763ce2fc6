#include "bytes.h"

#include "base/status.h"
#include "codec/http_response.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define WITH(fields) OK fields "\r\n"

static const pl_http_rules standard = { 8192, 32768, 100 };

static const pl_slice refused[] = {
	/* The status line (RFC 9112 4) */
	BYTES("\r\n" WITH("")),
	BYTES("http/1.1 200 OK\r\n\r\n"),
	BYTES("HTTP/2 200 OK\r\n\r\n"),
	BYTES("HTTP/2.0 200 OK\r\n\r\n"),
	BYTES("HTTP/1.2 200 OK\r\n\r\n"),
	BYTES("HTTP/0.9 200 OK\r\n\r\n"),
	BYTES("HTTP/1.x 200 OK\r\n\r\n"),
	BYTES("HTTP/1.1200 OK\r\n\r\n"),
	BYTES("HTTP/1.1\t200 OK\r\n\r\n"),
	BYTES("HTTP/1.1  200 OK\r\n\r\n"),
	BYTES("HTTP/1.1 20 OK\r\n\r\n"),
	BYTES("HTTP/1.1 2000 OK\r\n\r\n"),
	BYTES("HTTP/1.1 099 OK\r\n\r\n"),
	BYTES("HTTP/1.1 000 OK\r\n\r\n"),
	BYTES("HTTP/1.1 600 OK\r\n\r\n"),
	BYTES("HTTP/1.1 999 OK\r\n\r\n"),
	BYTES("HTTP/1.1 2x0 OK\r\n\r\n"),
	BYTES("HTTP/1.1 +20 OK\r\n\r\n"),
	BYTES("HTTP/1.1 200\r\n\r\n"),
	BYTES("HTTP/1.1 200\tOK\r\n\r\n"),
	BYTES("HTTP/1.1 200 OK\n\n"),
	BYTES("HTTP/1.1 200 OK\r\r\n"),
	BYTES("HTTP/1.1 200 O\0K\r\n\r\n"),
	BYTES("HTTP/1.1 200 O\x1B[31m\r\n\r\n"),
	BYTES("ICY 200 OK\r\n\r\n"),
	BYTES("SSH-2.0-x\r\n\r\n"),
	BYTES("\x15\x03\x01\x00\x02\x02\x28\x00"),
	BYTES("<html>\r\n\r\n"),
	/* Fields */
	BYTES(OK " A: b\r\n\r\n"),
	BYTES(WITH("A: b\r\n c\r\n")),
	BYTES(WITH("A : b\r\n")),
	BYTES(WITH("A\r\n")),
	BYTES(WITH(": b\r\n")),
	BYTES(WITH("A: b\nB: c\r\n")),
	BYTES(WITH("A: b\0\r\n")),
	BYTES(WITH("A: b\x7F\r\n")),
	BYTES(OK "\n"),
	BYTES(OK "\rX"),
	/* Framing (6.1, 6.3) */
	BYTES(WITH("Content-Length:\r\n")),
	BYTES(WITH("Content-Length: +1\r\n")),
	BYTES(WITH("Content-Length: -1\r\n")),
	BYTES(WITH("Content-Length: 0x1\r\n")),
	BYTES(WITH("Content-Length: 1, 1\r\n")),
	BYTES(WITH("Content-Length: 9223372036854775808\r\n")),
	BYTES(WITH("Content-Length: 1\r\nContent-Length: 1\r\n")),
	BYTES(WITH("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")),
	BYTES(WITH("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")),
	BYTES(WITH("Transfer-Encoding: gzip, chunked\r\n")),
	BYTES(WITH("Transfer-Encoding: chunked, gzip\r\n")),
	BYTES(WITH("Transfer-Encoding: chunked, chunked\r\n")),
	BYTES(WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
	BYTES(WITH("Transfer-Encoding:\r\n")),
	BYTES(WITH("Transfer-Encoding: identity\r\n")),
	BYTES("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
};

typedef struct outcome {
	int status;
	pl_slice reason;
	bool close, chunked;
	int64_t length;
	size_t fields;
} outcome;

static const struct {
	pl_slice bytes;
	outcome outcome;
} taken[] = {
	{ BYTES(WITH("")), { 200, BYTES("OK"), .length = -1 } },
	{ BYTES("HTTP/1.1 100 \r\n\r\n"), { 100, BYTES(""), .length = -1 } },
	{ BYTES("HTTP/1.1 599 \xC3\xA9\tno  way\r\n\r\n"),
	  { 599, BYTES("\xC3\xA9\tno  way"), .length = -1 } },
	{ BYTES("HTTP/1.0 200 OK\r\n\r\n"), { 200, BYTES("OK"), .close = true, .length = -1 } },
	{ BYTES("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n"),
	  { 200, BYTES("OK"), .length = -1, .fields = 1 } },
	{ BYTES(WITH("Connection: x, CLOSE\r\nConnection: keep-alive\r\n")),
	  { 200, BYTES("OK"), .close = true, .length = -1, .fields = 2 } },
	{ BYTES(WITH("content-length:0\r\n")), { 200, BYTES("OK"), .length = 0, .fields = 1 } },
	{ BYTES(WITH("Content-Length: 9223372036854775807\r\n")),
	  { 200, BYTES("OK"), .length = INT64_MAX, .fields = 1 } },
	{ BYTES(WITH("TRANSFER-ENCODING: , Chunked ,\r\nA:\r\n")),
	  { 200, BYTES("OK"), .chunked = true, .length = -1, .fields = 2 } },
};

static pl_http_response response;
static char *memory;

/* Receives `first` bytes and then pieces of `step`, each time in memory that ends there. */
static int receive(const pl_http_rules *rules, pl_slice bytes, size_t first, size_t step,
		   size_t *len)
{
	size_t last = 0;

	*len = first < bytes.len ? first : bytes.len;
	for (;;) {
		int result;

		free(memory);
		memory = bytes_copy(bytes.at, *len);
		result = pl_http_response_decode(&response, rules, memory, *len, last);
		if (result != 0 || *len == bytes.len)
			return result;
		last = *len;
		*len = bytes.len - *len < step ? bytes.len : *len + step;
	}
}

static int release(void **state)
{
	(void)state;
	free(memory);
	memory = NULL;
	return 0;
}

static void check_taken(size_t row, size_t first, size_t step)
{
	const outcome *expected = &taken[row].outcome;
	pl_slice bytes = taken[row].bytes;
	size_t len;

	memset(&response, 0xA5, sizeof(response));
	if (receive(&standard, bytes, first, step, &len) != (int)bytes.len)
		fail_msg("row %zu, cut %zu, %zu: %s", row, first, step, response.error);
	assert_int_equal(response.status, expected->status);
	assert_true(pl_slice_equal(response.reason, expected->reason));
	assert_int_equal(response.keep_alive, !expected->close);
	assert_int_equal(response.chunked, expected->chunked);
	assert_true(response.content_length == expected->length);
	assert_int_equal(response.field_count, expected->fields);
	assert_true(bytes_within(response.reason, pl_slice_make(memory, len)));
	for (size_t i = 0; i < response.field_count; i++) {
		assert_true(bytes_within(response.fields[i].name, pl_slice_make(memory, len)));
		assert_true(bytes_within(response.fields[i].value, pl_slice_make(memory, len)));
	}
}

static void test_taken(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT(taken); row++)
		for (size_t first = 0; first <= taken[row].bytes.len; first++) {
			check_taken(row, first, taken[row].bytes.len);
			check_taken(row, first, 1);
		}
}

static void test_refused(void **state)
{
	size_t len;

	(void)state;
	for (size_t row = 0; row < COUNT(refused); row++)
		for (size_t first = 0; first <= refused[row].len; first++)
			for (size_t step = 1; step <= refused[row].len;
			     step += refused[row].len - 1)
				if (receive(&standard, refused[row], first, step, &len) !=
				    PL_EPROTO)
					fail_msg("row %zu, cut %zu, %zu", row, first, step);
}

/* What is no HTTP is known at its first wrong byte, however few there are: its sender may wait for
 * us. */
static void test_refused_at_once(void **state)
{
	static const pl_slice rows[] = {
		BYTES("x"),
		BYTES("h"),
		BYTES("\0"),
		BYTES("\r"),
		BYTES("Hi"),
		BYTES("220"),
		BYTES("HTTP "),
		BYTES("HTTP/x"),
		BYTES("HTTP/2"),
		BYTES("HTTP/1,"),
		BYTES("HTTP/1.x"),
		BYTES("HTTP/1.2"),
		BYTES("HTTP/1.1x"),
		BYTES("HTTP/1.1 6"),
		BYTES("HTTP/1.1 2x"),
		BYTES("HTTP/1.1 20 "),
		BYTES("HTTP/1.1 200\r"),
	};
	size_t len;

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++)
		for (size_t first = 0; first <= rows[row].len; first++)
			if (receive(&standard, rows[row], first, 1, &len) != PL_EPROTO)
				fail_msg("row %zu, cut %zu", row, first);
}

static void test_bytes_behind_the_head_are_left(void **state)
{
	static const pl_slice bytes = BYTES("HTTP/1.1 200 OK\r\nA: b\r\n\r\n\0\r\nHTTP/1.1 ");
	size_t len;

	(void)state;
	for (size_t first = 0; first <= bytes.len; first++)
		assert_int_equal(receive(&standard, bytes, first, bytes.len, &len), 25);
}

static void test_limits(void **state)
{
	static const pl_http_rules rules = { 15, 12, 2 };
	static const struct {
		pl_slice bytes;
		int result;
		const char *error;
	} rows[] = {
		{ BYTES("HTTP/1.1 200 OK\r\nA: b\r\nC:\r\n\r\n"), 29, NULL },
		{ BYTES("HTTP/1.1 200 OK!\r\n\r\n"), PL_ELIMIT, "status line is too long" },
		{ BYTES("HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\n\r\n"), PL_ELIMIT,
		  "fields are too long" },
		{ BYTES("HTTP/1.1 200 OK\r\nA:\r\nB:cdefg\r"), PL_ELIMIT, "fields are too long" },
	};
	static const pl_http_rules few = { 15, 100, 2 };
	static const pl_slice three = BYTES("HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\n\r\n");
	size_t len;

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++)
		for (size_t first = 0; first <= rows[row].bytes.len; first++) {
			assert_int_equal(receive(&rules, rows[row].bytes, first, 1, &len),
					 rows[row].result);
			if (rows[row].error)
				assert_string_equal(response.error, rows[row].error);
		}
	assert_int_equal(receive(&few, three, 0, 1, &len), PL_ELIMIT);
	assert_string_equal(response.error, "too many fields");
}

/* RFC 9112 6.3 */
static void test_bodies(void **state)
{
	static const struct {
		const char *method;
		pl_slice bytes;
		enum pl_http_body body;
	} rows[] = {
		{ "GET", BYTES(WITH("")), PL_HTTP_BODY_UNTIL_CLOSE },
		{ "GET", BYTES(WITH("Content-Length: 0\r\n")), PL_HTTP_BODY_LENGTH },
		{ "GET", BYTES(WITH("Transfer-Encoding: chunked\r\n")), PL_HTTP_BODY_CHUNKED },
		{ "HEAD", BYTES(WITH("Content-Length: 5\r\n")), PL_HTTP_BODY_NONE },
		{ "head", BYTES(WITH("Content-Length: 5\r\n")), PL_HTTP_BODY_LENGTH },
		{ "CONNECT", BYTES(WITH("Content-Length: 5\r\n")), PL_HTTP_BODY_NONE },
		{ "CONNECT", BYTES("HTTP/1.1 407 \r\nContent-Length: 5\r\n\r\n"),
		  PL_HTTP_BODY_LENGTH },
		{ "GET", BYTES("HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n"), PL_HTTP_BODY_NONE },
		{ "GET", BYTES("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n"), PL_HTTP_BODY_NONE },
		{ "GET", BYTES("HTTP/1.1 101 \r\nTransfer-Encoding: chunked\r\n\r\n"),
		  PL_HTTP_BODY_NONE },
	};
	size_t len;

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		pl_slice method = pl_slice_make(rows[row].method, strlen(rows[row].method));

		assert_true(receive(&standard, rows[row].bytes, rows[row].bytes.len, 1, &len) > 0);
		assert_int_equal(pl_http_response_body(&response, method), rows[row].body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_taken, release),
		cmocka_unit_test_teardown(test_refused, release),
		cmocka_unit_test_teardown(test_refused_at_once, release),
		cmocka_unit_test_teardown(test_bytes_behind_the_head_are_left, release),
		cmocka_unit_test_teardown(test_limits, release),
		cmocka_unit_test_teardown(test_bodies, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
