/*
 * Bytes in, bytes out: every case runs whole, split in two at every offset, and a byte at a
 * time, with one more request behind it, which is answered exactly if the connection goes on.
 *
 * covers: http/http1_request.c http/http1_response.c
 */
#include "session/http1_peer.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"
#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define HELLO OK("5") TYPE "\r\nhello"
#define HELLO_CLOSE OK("5") "Connection: close\r\n" TYPE "\r\nhello"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST("/gather") "Transfer-Encoding: chunked\r\n\r\n"
#define GATHERED(length, text) OK(length) "\r\n" text
#define REFUSED(status, length, text)                                                              \
	"HTTP/1.1 " status "\r\nContent-Length: " length "\r\nConnection: close\r\n" TYPE          \
	"\r\n" text

typedef struct exchange_case {
	const char *request;
	const char *answer; /* of a refusal: how it begins */
	bool closes;
} exchange_case;

static const exchange_case answers[] = {
	{ GET("/hello"), HELLO, false },
	{ GET("/unknown"), "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n" TYPE "\r\nNot Found",
	  false },
	{ GET("/hello") GET("/pieces") GET("/hello"),
	  HELLO "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
		"3\r\none\r\n15\r\nand twenty bytes more\r\n0\r\n\r\n" HELLO,
	  false },
	{ "\r\n" GET("/hello") "\r\n" GET("/hello"), HELLO HELLO, false },
	{ "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", OK("5") TYPE "\r\n", false },
	{ "HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", false },
	{ GET("/204"), "HTTP/1.1 204 No Content\r\n\r\n", false },
	{ GET("/304"), "HTTP/1.1 304 Not Modified\r\n\r\n", false },
	{ GET("/205"), "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", false },
	{ GET("/nothing"),
	  "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 21\r\n" TYPE
	  "\r\nInternal Server Error",
	  false },
	{ GET("/forgotten"),
	  "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 21\r\n" TYPE
	  "\r\nInternal Server Error",
	  false },
	{ GET("/short"), OK("10") "\r\n12345", true },
	{ GET("/stop"), OK("3") "Connection: close\r\n" TYPE "\r\nbye", true },
	{ "GET http://b/hello?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", HELLO, false },
};

static const exchange_case versions[] = {
	{ "GET /hello HTTP/1.0\r\n\r\n", HELLO_CLOSE, true },
	{ "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	  OK("5") "Connection: keep-alive\r\n" TYPE "\r\nhello", false },
	{ "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
	  "oneand twenty bytes more",
	  true },
	{ "HEAD /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: text/plain\r\n\r\n", false },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", HELLO_CLOSE, true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", HELLO_CLOSE, true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", HELLO, false },
	{ "POST /gather HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
	  OK("3") "Connection: close\r\n\r\nabc", true },
	{ "POST /gather HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
	  OK("3") "Connection: close\r\n\r\nabc", true },
};

static const exchange_case bodies[] = {
	{ POST("/gather") "Content-Length: 0\r\n\r\n", GATHERED("0", ""), false },
	{ POST("/gather") "\r\n", GATHERED("0", ""), false },
	{ POST("/gather") "Content-Length: 11\r\n\r\nhello world", GATHERED("11", "hello world"),
	  false },
	{ POST("/echo") "Content-Length: 11\r\n\r\nhello world", GATHERED("11", "hello world"),
	  false },
	{ POST("/gather") "Content-Length: 24\r\n\r\nGET /hello HTTP/1.1\r\n\r\n.",
	  GATHERED("24", "GET /hello HTTP/1.1\r\n\r\n."), false },
	{ CHUNKED "0\r\n\r\n", GATHERED("0", ""), false },
	{ CHUNKED "5\r\nhello\r\n00006\r\n world\r\n0\r\n\r\n", GATHERED("11", "hello world"),
	  false },
	{ CHUNKED "A;name=value;q=\"x;y\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
	  GATHERED("10", "0123456789"), false },
	{ CHUNKED "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", GATHERED("3", "abc"), false },
	/* Answered before it was read: the rest is discarded, the connection goes on. */
	{ POST("/hello") "Content-Length: 11\r\n\r\nhello world", HELLO, false },
	{ POST("/hello") "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HELLO,
	  false },
	{ POST("/answer-data") "Content-Length: 11\r\n\r\nhello world", OK("6") TYPE "\r\nenough",
	  false },
	{ POST("/answer-data") "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
	  OK("6") TYPE "\r\nenough", false },
	/* More than is worth reading: the answer, then the end. */
	{ POST("/hello") "Content-Length: 65537\r\n\r\n", HELLO, true },
	{ POST("/hello") "Content-Length: 9223372036854775807\r\n\r\n", HELLO, true },
	{ POST("/hello") "Connection: close\r\nContent-Length: 11\r\n\r\nhello world", HELLO_CLOSE,
	  true },
	/* Answered, then broken: nothing more to say. */
	{ POST("/hello") "Transfer-Encoding: chunked\r\n\r\nx\r\n", HELLO, true },
};

/* D-01 to D-03. */
static const exchange_case framings[] = {
	{ POST("/gather") "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "HTTP/1.1 400 ", true },
	{ POST("/gather") "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
	  "HTTP/1.1 400 ", true },
	{ POST("/gather") "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "HTTP/1.1 400 ",
	  true },
	{ POST("/gather") "Content-Length: 3, 4\r\n\r\nabc", "HTTP/1.1 400 ", true },
	{ POST("/gather") "Content-Length: +3\r\n\r\nabc", "HTTP/1.1 400 ", true },
	{ POST("/gather") "Content-Length: 0x3\r\n\r\nabc", "HTTP/1.1 400 ", true },
	{ POST("/gather") "Content-Length: \r\n\r\nabc", "HTTP/1.1 400 ", true },
	{ POST("/gather") "Content-Length: 9223372036854775808\r\n\r\n", "HTTP/1.1 400 ", true },
	{ POST("/gather") "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 ", true },
	{ POST("/gather") "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "HTTP/1.1 ",
	  true },
	{ POST("/gather") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 ",
	  true },
	{ POST("/gather") "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
			  "chunked\r\n\r\n0\r\n\r\n",
	  "HTTP/1.1 400 ", true },
	{ "POST /gather HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ",
	  true },
};

/* D-04 and D-05. */
static const exchange_case chunks[] = {
	{ CHUNKED "x\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "-1\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED " 5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "10000000000000000\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "8000000000000000\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "5\r\nhelloxx0\r\n\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "5\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "5\r\nhello\n0\r\n\r\n", "HTTP/1.1 400 ", true },
	{ CHUNKED "0\r\nbad trailer\r\n\r\n", "HTTP/1.1 400 ", true },
};

/* D-06 and D-07. */
static const exchange_case fields[] = {
	{ "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nX: \rb\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nX(): b\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "get\x7f/hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ", true },
	{ "GET /hello\r\n\r\n", "HTTP/1.1 400 ", true },
	{ "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", "HTTP/1.1 417 ", true },
	{ "\x16\x03\x01\x02", "HTTP/1.1 400 ", true },
};

/* D-08, with the limits of small_limits. */
static const exchange_case limits[] = {
	{ "GET /0123456789012345678901234567890123456789012345678901234567890123 HTTP/1.1\r\n",
	  "HTTP/1.1 414 ", true },
	{ "GET /0123456789012345678901234567890123456789012345678901234567890123", "HTTP/1.1 414 ",
	  true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", "HTTP/1.1 431 ", true },
	{ "GET / HTTP/1.1\r\nHost: "
	  "0123456789012345678901234567890123456789012345678901234567890123"
	  "0123456789012345678901234567890123456789012345678901234567890123"
	  "0123456789012345678901234567890123456789012345678901234567890123"
	  "0123456789012345678901234567890123456789012345678901234567890123",
	  "HTTP/1.1 431 ", true },
	{ GET("/hello"), HELLO, false },
};

static const char next_request[] = GET("/hello");
static const char next_answer[] = HELLO;

static void small_limits(pl_limits *small)
{
	small->request_line = 64;
	small->header_block = 256;
	small->header_count = 4;
}

/* Sends the pieces [0, first), then `step` bytes at a time. */
static void send_split(struct peer *peer, const char *text, size_t len, size_t first, size_t step)
{
	size_t at = 0;

	while (at < len) {
		size_t end = at == 0 && first > 0 ? first : at + step;

		if (end > len)
			end = len;
		if (!peer_feed(peer, text + at, end - at))
			return;
		peer_turn(peer);
		at = end;
	}
}

static void check_answer(const exchange_case *expected, const char *sent, size_t first, size_t step)
{
	static char whole[4096];
	bool refusal = strstr(expected->answer, "\r\n") == NULL;

	snprintf(whole, sizeof(whole), "%s%s", expected->answer,
		 expected->closes ? "" : next_answer);
	if (refusal ? strncmp(sent, whole, strlen(whole)) != 0 : strcmp(sent, whole) != 0)
		fail_msg("split at %zu, then by %zu\n--- request\n%s\n--- answer\n%s\n--- "
			 "expected\n%s",
			 first, step, expected->request, sent, whole);
	if (refusal)
		assert_non_null(strstr(sent, "\r\nConnection: close\r\n"));
}

static void run_case(const exchange_case *one, bool small, size_t first, size_t step)
{
	char text[1024];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s%s", one->request, next_request);
	struct peer peer;

	peer_init(&peer);
	if (small)
		small_limits(&peer.limits);
	assert_int_equal(peer_start(&peer), PL_OK);
	send_split(&peer, text, len, first, step);
	peer_turn(&peer);
	check_answer(one, peer_sent(&peer), first, step);
	assert_int_equal(peer.memory.finished, one->closes);
	if (one->closes)
		assert_int_equal(peer.status, PL_OK);
	peer_close(&peer);
}

static void run_cases(const exchange_case *cases, size_t count, bool small)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(cases[i].request) + strlen(next_request);

		run_case(&cases[i], small, 0, len);
		run_case(&cases[i], small, 0, 1);
		for (size_t first = 1; first < len; first++)
			run_case(&cases[i], small, first, len);
	}
}

#define RUN(name, small)                                                                           \
	static void name##_cases(void **state)                                                     \
	{                                                                                          \
		int64_t live = pl_alloc_live();                                                    \
		(void)state;                                                                       \
		run_cases(name, sizeof(name) / sizeof(name[0]), small);                            \
		assert_int_equal(pl_alloc_live(), live);                                           \
	}

RUN(answers, false)
RUN(versions, false)
RUN(bodies, false)
RUN(framings, false)
RUN(chunks, false)
RUN(fields, false)
RUN(limits, true)

static void a_refusal_in_full(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET /hello HTTP/1.1\r\n\r\n");
	assert_string_equal(peer_sent(&peer), REFUSED("400 Bad Request", "7", "no Host"));
	assert_true(peer.memory.finished);
	assert_string_equal(peer_journal(&peer), "closed:OK ");
	peer_close(&peer);
}

/* D-05: what is not data has a cap, whatever the shape. */
static void chunks_of_little_data_are_refused(void **state)
{
	static const char *const shapes[] = { "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n",
					      "1\r\nx\r\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct peer peer;
		size_t sent = 0;

		peer_open(&peer);
		peer_send(&peer, POST("/count") "Transfer-Encoding: chunked\r\n\r\n");
		while (peer_feed(&peer, shapes[i], strlen(shapes[i])))
			sent += strlen(shapes[i]);
		assert_in_range(sent, 1000, 64 << 10);
		peer_turn(&peer);
		assert_memory_equal(peer_sent(&peer), "HTTP/1.1 400 ", 13);
		assert_string_equal(peer_journal(&peer), "aborted:EPROTO closed:OK ");
		peer_close(&peer);
	}
}

static void an_unread_body_is_discarded_up_to_a_cap(void **state)
{
	static const char zeros[1024];
	struct peer peer;
	int pieces = 0;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/hello") "Content-Length: 65536\r\n\r\n");
	for (int i = 0; i < 64; i++)
		assert_true(peer_feed(&peer, zeros, sizeof(zeros)));
	peer_send(&peer, POST("/hello") "Transfer-Encoding: chunked\r\n\r\n");
	assert_string_equal(peer_sent(&peer), HELLO HELLO);
	while (peer_feed(&peer, "400\r\n", 5) && peer_feed(&peer, zeros, sizeof(zeros)) &&
	       peer_feed(&peer, "\r\n", 2))
		pieces++;
	assert_int_equal(pieces, 64);
	peer_turn(&peer);
	assert_true(peer.memory.finished);
	peer_close(&peer);
}

static void the_server_field(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer.settings.software = PL_SLICE("Perilune");
	assert_int_equal(peer_start(&peer), PL_OK);
	peer_send(&peer, GET("/204"));
	assert_string_equal(peer_sent(&peer),
			    "HTTP/1.1 204 No Content\r\nServer: Perilune\r\n\r\n");
	peer_close(&peer);
}

static void the_date_field(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/204"));
	assert_memory_equal(peer.memory.sent.data, "HTTP/1.1 204 No Content\r\nDate: ", 31);
	assert_memory_equal(peer.memory.sent.data + 31, pl_loop_date(peer.loop), 25);
	assert_memory_equal(peer.memory.sent.data + 31 + 25, " GMT\r\n\r\n", 8);
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_cases),
		cmocka_unit_test(versions_cases),
		cmocka_unit_test(bodies_cases),
		cmocka_unit_test(framings_cases),
		cmocka_unit_test(chunks_cases),
		cmocka_unit_test(fields_cases),
		cmocka_unit_test(limits_cases),
		cmocka_unit_test(a_refusal_in_full),
		cmocka_unit_test(chunks_of_little_data_are_refused),
		cmocka_unit_test(an_unread_body_is_discarded_up_to_a_cap),
		cmocka_unit_test(the_server_field),
		cmocka_unit_test(the_date_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
