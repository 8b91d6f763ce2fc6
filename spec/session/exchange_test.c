/* What a receiver may count on, whatever version carries the exchange; seen over HTTP/1.1. */
#include "session/http1_peer.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void the_head_lives_as_long_as_the_exchange(void **state)
{
	static const char head[] = "POST /late?a=1&b HTTP/1.1\r\nHost: a:80\r\nX-One:  1 \r\n"
				   "x-one: 2\r\nContent-Length: 3\r\n\r\n";
	const pl_exchange_request *request;
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "\r\n");
	peer_send(&peer, head);
	request = peer.held->request;
	peer_send(&peer, "abc" GET("/hello"));
	assert_true(pl_slice_equal(request->method, PL_SLICE("POST")));
	assert_true(pl_slice_equal(request->target, PL_SLICE("/late?a=1&b")));
	assert_true(pl_slice_equal(request->path, PL_SLICE("/late")));
	assert_true(pl_slice_equal(request->query, PL_SLICE("a=1&b")));
	assert_true(pl_slice_equal(request->host, PL_SLICE("a:80")));
	assert_true(pl_slice_equal(request->raw, pl_slice_make(head, sizeof(head) - 1)));
	assert_int_equal(request->minor, 1);
	assert_false(request->chunked);
	assert_int_equal(request->content_length, 3);
	assert_int_equal(request->field_count, 4);
	assert_true(pl_slice_equal(request->fields[1].name, PL_SLICE("X-One")));
	assert_true(pl_slice_equal(request->fields[1].value, PL_SLICE("1")));
	assert_true(pl_slice_equal(request->fields[2].name, PL_SLICE("x-one")));
	assert_true(peer.held->received);
	assert_false(peer.held->responded);
	peer_close(&peer);
}

/* What is left when `skip` bytes of the path of this request line are taken away. */
static void check_skipped(const char *line, size_t skip, const char *expected, const char *path)
{
	const pl_exchange_request *request;
	struct peer peer;
	char text[256];

	peer_open(&peer);
	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 1\r\n\r\n",
		 line);
	peer_send(&peer, text);
	request = peer.held->request;
	assert_true(pl_exchange_skip_path(peer.held, skip));
	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 1\r\n\r\n",
		 expected);
	assert_int_equal(request->raw.len, strlen(text));
	assert_memory_equal(request->raw.at, text, strlen(text));
	assert_ptr_equal(request->method.at, request->raw.at);
	assert_true(pl_slice_equal(request->path, pl_slice_make(path, strlen(path))));
	assert_ptr_equal(request->target.at, request->raw.at + request->method.len + 1);
	assert_ptr_equal(request->target.at + request->target.len,
			 request->raw.at + strlen(expected));
	assert_true(pl_slice_equal(request->fields[0].value, request->host));
	assert_true(pl_slice_equal(request->fields[1].value, PL_SLICE("y")));
	assert_true(pl_slice_equal(request->host,
				   strstr(line, "//") ? PL_SLICE("b:1") : PL_SLICE("a")));
	for (const char *at = request->raw.at - 1; at > request->raw.at - skip; at--)
		assert_int_equal(*at, ' ');
	peer_close(&peer);
}

static void a_prefix_of_the_path_can_be_taken_away(void **state)
{
	struct peer peer;

	(void)state;
	check_skipped("POST /late/b?c", 5, "POST /b?c", "/b");
	check_skipped("POST /late/b?c", 7, "POST /?c", "/");
	check_skipped("POST /late", 5, "POST /", "/");
	check_skipped("POST /late/secret/b", 12, "POST /b", "/b");
	check_skipped("POST http://b:1/late/b", 5, "POST http://b:1/b", "/b");
	check_skipped("VERYLONGMETHOD http://b:1/late/b?c", 7, "VERYLONGMETHOD http://b:1/?c", "/");
	peer_open(&peer);
	peer_send(&peer, "POST /late/b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
	assert_false(pl_exchange_skip_path(peer.held, 0));
	assert_false(pl_exchange_skip_path(peer.held, 4));
	assert_false(pl_exchange_skip_path(peer.held, 8));
	assert_true(pl_slice_equal(peer.held->request->path, PL_SLICE("/late/b")));
	peer_close(&peer);
}

static void a_head_without_query_and_host(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET /late HTTP/1.0\r\n\r\n");
	assert_null(peer.held->request->query.at);
	assert_null(peer.held->request->host.at);
	assert_int_equal(peer.held->request->field_count, 0);
	assert_int_equal(peer.held->request->content_length, -1);
	peer_close(&peer);
}

static void an_absolute_target_without_a_path(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(strstr(peer_sent(&peer), "404 Not Found"));
	peer_close(&peer);
}

/* D-13: nothing that a script passes can add a line to the head or change how it is framed. */
static void fields_that_are_refused(void **state)
{
	static const pl_http_field bad[] = {
		{ PL_SLICE("X"), PL_SLICE("a\r\nSet-Cookie: b") },
		{ PL_SLICE("X"), PL_SLICE("a\nb") },
		{ PL_SLICE("X"), PL_SLICE("a\rb") },
		{ PL_SLICE("X"), PL_SLICE("a\0b") },
		{ PL_SLICE("X: y"), PL_SLICE("a") },
		{ PL_SLICE("X\r\nY"), PL_SLICE("a") },
		{ PL_SLICE("X "), PL_SLICE("a") },
		{ PL_SLICE(""), PL_SLICE("a") },
		{ PL_SLICE("Content-Length"), PL_SLICE("1") },
		{ PL_SLICE("content-length"), PL_SLICE("1") },
		{ PL_SLICE("Transfer-Encoding"), PL_SLICE("chunked") },
		{ PL_SLICE("Connection"), PL_SLICE("close") },
		{ PL_SLICE("DATE"), PL_SLICE("now") },
		{ PL_SLICE("Server"), PL_SLICE("x") },
	};
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const pl_http_field fields[] = { { PL_SLICE("Good"), PL_SLICE("") }, bad[i] };

		assert_int_equal(pl_exchange_respond(peer.held, 200, fields, 2, 0), PL_EINVAL);
		assert_false(peer.held->responded);
	}
	assert_string_equal(peer_sent(&peer), "");
	peer_close(&peer);
}

static void numbers_that_are_refused(void **state)
{
	static const struct {
		int status;
		int64_t length;
	} bad[] = {
		{ 100, 0 }, { 101, 0 }, { 199, 0 }, { 600, 0 }, { 0, 0 }, { -1, 0 }, { 200, -2 }
	};
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			pl_exchange_respond(peer.held, bad[i].status, NULL, 0, bad[i].length),
			PL_EINVAL);
	assert_string_equal(peer_sent(&peer), "");
	peer_close(&peer);
}

/* RFC 9110 9.3.6: what follows a 2xx to CONNECT would be a tunnel. */
static void no_tunnel_is_opened(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, 0), PL_EINVAL);
	assert_int_equal(pl_exchange_respond(peer.held, 299, NULL, 0, -1), PL_EINVAL);
	assert_string_equal(peer_sent(&peer), "");
	assert_int_equal(pl_exchange_respond(peer.held, 501, NULL, 0, 0), PL_OK);
	pl_exchange_end(peer.held);
	peer_close(&peer);
}

static void fields_that_are_sent(void **state)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("Set-Cookie"), PL_SLICE("a=1; Path=/") },
		{ PL_SLICE("set-cookie"), PL_SLICE("b=\t2") },
		{ PL_SLICE("X-Empty"), { NULL, 0 } },
		{ PL_SLICE("X-Name"), PL_SLICE("J\xc3\xb8rgen") },
	};
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_respond(peer.held, 299, fields, 4, 0), PL_OK);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer),
			    "HTTP/1.1 299 \r\nContent-Length: 0\r\nSet-Cookie: a=1; Path=/\r\n"
			    "set-cookie: b=\t2\r\nX-Empty: \r\nX-Name: J\xc3\xb8rgen\r\n\r\n");
	peer_close(&peer);
}

/* RFC 9110 7.8 and 15.5.22: a 426 says what to upgrade to. */
static void an_upgrade_field_is_named_in_connection(void **state)
{
	static const struct {
		const char *request;
		const char *connection;
	} cases[] = {
		{ GET("/late"), "Connection: upgrade\r\n" },
		{ "GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		  "Connection: close, upgrade\r\n" },
		{ "GET /late HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		  "Connection: keep-alive, upgrade\r\n" },
	};
	const pl_http_field field = { PL_SLICE("Upgrade"), PL_SLICE("websocket") };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char expected[256];
		struct peer peer;

		peer_open(&peer);
		peer_send(&peer, cases[i].request);
		assert_int_equal(pl_exchange_respond(peer.held, 426, &field, 1, 0), PL_OK);
		pl_exchange_end(peer.held);
		peer_turn(&peer);
		snprintf(expected, sizeof(expected),
			 "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n%s"
			 "Upgrade: websocket\r\n\r\n",
			 cases[i].connection);
		assert_string_equal(peer_sent(&peer), expected);
		peer_close(&peer);
	}
}

static void calls_out_of_order(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_write(peer.held, "x", 1), PL_ESTATE);
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, 3), PL_OK);
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, 3), PL_ESTATE);
	assert_int_equal(pl_exchange_write(peer.held, "abcd", 4), PL_ETOOBIG);
	assert_int_equal(pl_exchange_write(peer.held, "ab", 2), PL_OK);
	assert_int_equal(pl_exchange_write(peer.held, "cd", 2), PL_ETOOBIG);
	assert_int_equal(pl_exchange_write(peer.held, "c", 1), PL_OK);
	assert_int_equal(pl_exchange_write(peer.held, "d", 1), PL_ETOOBIG);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
	assert_non_null(peer.http1);
	peer_close(&peer);
}

static void an_answer_within_an_answer_breaks_it_off(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/begun"));
	pl_exchange_answer(peer.held, 500, NULL);
	peer_turn(&peer);
	assert_null(strstr(peer_sent(&peer), "500"));
	assert_string_equal(peer_journal(&peer), "end closed:ECANCELED ");
	peer_close(&peer);
}

static void an_answer_has_the_reason_as_its_text(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	pl_exchange_answer(peer.held, 503, NULL);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer),
			    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 19\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\n\r\nService Unavailable");
	peer_close(&peer);
}

/* A receiver hands on what it owns, also in the middle of a body. */
static void another_receiver_takes_over(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
	assert_int_equal(peer.body, 3);
	serve_gather(&peer, peer.held);
	peer_send(&peer, "def");
	assert_string_equal(peer_sent(&peer), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef");
	assert_string_equal(peer_journal(&peer), "");
	peer_close(&peer);
}

/* Parts of shared blocks are framed as bytes are; a file is only taken where it can be sent. */
static void parts_of_blocks_and_files(void **state)
{
	pl_block *block = pl_block_copy("0123456789", 10);
	struct peer peer;
	pl_file *file;

	(void)state;
	assert_int_equal(pl_file_open(&file, "/proc/self", "status", PL_FILE_WAIT), PL_OK);
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_write_part(peer.held, block, 0, 10), PL_ESTATE);
	assert_int_equal(pl_exchange_write_file(peer.held, file, 0, 10), PL_ESTATE);
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, 7), PL_OK);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 0, 8), PL_ETOOBIG);
	assert_int_equal(pl_exchange_write_file(peer.held, file, 0, 8), PL_ETOOBIG);
	assert_int_equal(pl_exchange_write_file(peer.held, file, 0, 7), PL_ENOTSUP);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 2, 4), PL_OK);
	assert_int_equal(block->refs, 2);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 5, 0), PL_OK);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 7, 3), PL_OK);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 0, 1), PL_ETOOBIG);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer),
			    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n2345789");
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, -1), PL_OK);
	assert_int_equal(pl_exchange_write_file(peer.held, file, 0, 8), PL_ENOTSUP);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 1, 3), PL_OK);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	assert_non_null(strstr(peer_sent(&peer), "\r\n\r\n3\r\n123\r\n0\r\n\r\n"));
	peer_send(&peer, "HEAD /late HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, 5), PL_OK);
	assert_int_equal(pl_exchange_write_part(peer.held, block, 0, 5), PL_OK);
	assert_int_equal(pl_exchange_write_file(peer.held, file, 0, 5), PL_OK);
	pl_stream_abort(&peer.memory.stream, PL_ECONNRESET);
	peer_close(&peer);
	assert_int_equal(block->refs, 1);
	pl_block_unref(block);
	pl_file_unref(file);
}

static void another_servers_answer_keeps_its_date(void **state)
{
	static const pl_http_field theirs[] = { { PL_SLICE("Date"), PL_SLICE("then") },
						{ PL_SLICE("Server"), PL_SLICE("other") } };
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_relay(peer.held, 200, theirs, 2, 0), PL_OK);
	assert_int_equal(pl_exchange_relay(peer.held, 200, theirs, 2, 0), PL_ESTATE);
	pl_exchange_end(peer.held);
	peer_send(&peer, GET("/late"));
	assert_string_equal(peer_sent(&peer),
			    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: then\r\n"
			    "Server: other\r\n\r\n");
	peer.memory.sent.len = 0;
	assert_int_equal(pl_exchange_relay(peer.held, 200, NULL, 0, 0), PL_OK);
	pl_exchange_end(peer.held);
	pl_loop_turn(peer.loop);
	assert_non_null(memmem(peer.memory.sent.data, peer.memory.sent.len, "\r\nDate: ", 8));
	assert_null(strstr(peer_sent(&peer), "Server: "));
	peer_close(&peer);
}

static void informational_answers(void **state)
{
	static const pl_http_field link = { PL_SLICE("Link"), PL_SLICE("</a>") };
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_int_equal(pl_exchange_inform(peer.held, 103, &link, 1), PL_OK);
	assert_int_equal(pl_exchange_inform(peer.held, 100, NULL, 0), PL_OK); /* nobody waits */
	assert_int_equal(pl_exchange_inform(peer.held, 101, NULL, 0), PL_EINVAL);
	assert_int_equal(pl_exchange_inform(peer.held, 200, NULL, 0), PL_EINVAL);
	assert_int_equal(pl_exchange_respond(peer.held, 204, NULL, 0, -1), PL_OK);
	assert_int_equal(pl_exchange_inform(peer.held, 103, NULL, 0), PL_ESTATE);
	pl_exchange_end(peer.held);
	peer_send(&peer, "GET /late HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(pl_exchange_inform(peer.held, 103, NULL, 0), PL_OK);
	pl_exchange_answer(peer.held, 200, "x");
	pl_loop_turn(peer.loop);
	assert_memory_equal(peer_sent(&peer),
			    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204", 52);
	assert_null(strstr(peer_sent(&peer) + 10, "103"));
	peer_close(&peer);
}

static void who_waits_is_told_to_go_on_once(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "POST /paused HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			 "Content-Length: 3\r\n\r\n");
	assert_int_equal(pl_exchange_inform(peer.held, 100, NULL, 0), PL_OK);
	assert_int_equal(pl_exchange_inform(peer.held, 100, NULL, 0), PL_OK);
	pl_exchange_pause(peer.held, false);
	peer_send(&peer, "abc");
	assert_string_equal(peer_sent(&peer), "HTTP/1.1 100 Continue\r\n\r\n");
	pl_exchange_answer(peer.held, 200, "x");
	peer_close(&peer);
}

#define TRAILERS "HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"

static void trailers_go_to_who_wants_them(void **state)
{
	static const pl_http_field fields[] = { { PL_SLICE("X-Sum"), PL_SLICE("1") },
						{ PL_SLICE("Content-Length"), PL_SLICE("1") },
						{ PL_SLICE("content-type"), PL_SLICE("a/b") },
						{ PL_SLICE("Set-Cookie"), PL_SLICE("a") },
						{ PL_SLICE("X-Two"), PL_SLICE("2") } };
	static const struct {
		const char *request;
		int64_t length;
		const char *end;
	} rows[] = {
		{ "GET /late " TRAILERS, -1, "2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n" },
		{ "GET /late " TRAILERS, 2, "\r\n\r\nhi" },
		{ GET("/late"), -1, "2\r\nhi\r\n0\r\n\r\n" },
		{ "GET /late HTTP/1.0\r\nTE: trailers\r\n\r\n", -1, "\r\n\r\nhi" },
	};
	struct peer peer;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text;

		peer_open(&peer);
		peer_send(&peer, rows[i].request);
		assert_int_equal(pl_exchange_trailers(peer.held, fields, 5), PL_ESTATE);
		assert_int_equal(pl_exchange_respond(peer.held, 200, NULL, 0, rows[i].length),
				 PL_OK);
		assert_int_equal(pl_exchange_write(peer.held, "hi", 2), PL_OK);
		assert_int_equal(pl_exchange_trailers(peer.held, fields, 5), PL_OK);
		pl_exchange_end(peer.held);
		if (peer.http1)
			pl_loop_turn(peer.loop);
		text = peer_sent(&peer);
		assert_true(strlen(text) > strlen(rows[i].end));
		assert_string_equal(text + strlen(text) - strlen(rows[i].end), rows[i].end);
		peer_close(&peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_lives_as_long_as_the_exchange),
		cmocka_unit_test(a_prefix_of_the_path_can_be_taken_away),
		cmocka_unit_test(a_head_without_query_and_host),
		cmocka_unit_test(an_absolute_target_without_a_path),
		cmocka_unit_test(fields_that_are_refused),
		cmocka_unit_test(numbers_that_are_refused),
		cmocka_unit_test(no_tunnel_is_opened),
		cmocka_unit_test(fields_that_are_sent),
		cmocka_unit_test(an_upgrade_field_is_named_in_connection),
		cmocka_unit_test(calls_out_of_order),
		cmocka_unit_test(an_answer_within_an_answer_breaks_it_off),
		cmocka_unit_test(an_answer_has_the_reason_as_its_text),
		cmocka_unit_test(another_receiver_takes_over),
		cmocka_unit_test(parts_of_blocks_and_files),
		cmocka_unit_test(another_servers_answer_keeps_its_date),
		cmocka_unit_test(informational_answers),
		cmocka_unit_test(who_waits_is_told_to_go_on_once),
		cmocka_unit_test(trailers_go_to_who_wants_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
