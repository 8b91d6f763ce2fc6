/*
 * A request that another server answers: the client is the test, over memory; the server, too, over
 * a socket of this machine.
 */
#include "session/host_peer.h"

#include "base/log.h"
#include "forward/forward.h"
#include "http/http1.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: front\r\n\r\n"

static struct front {
	pl_memory memory;
	pl_limits limits;
	pl_http1_settings settings;
	pl_http1 *http1;
	pl_pool *pool;
	pl_forward_order order;
	pl_buffer journal;
	pl_exchange *back; /* `unreached` gave it back */
	pl_stream *changed;
	pl_forward_outcome outcome;
} front;

static host behind;

static void on_unreached(void *owner, pl_exchange *exchange, int status, const char *why)
{
	(void)owner;
	assert_true(strlen(why) > 0);
	note_status(&front.journal, "unreached", status);
	pl_forward_refuse(exchange, pl_forward_status(status), status);
}

static void on_changed(void *owner, pl_exchange *exchange, const pl_call_changed *changed)
{
	pl_buffer head = { 0 };

	(void)owner;
	assert_int_equal(pl_forward_changed_head(&head, changed->response), PL_OK);
	pl_buffer_append(&head, changed->rest, changed->len);
	pl_buffer_append(&head, "", 1);
	note(&front.journal, (const char *)head.data);
	pl_buffer_deinit(&head);
	front.changed = changed->stream;
	pl_stream_drop(changed->stream);
	pl_exchange_answer(exchange, 200, "changed");
}

static void on_ended(void *owner, const pl_forward_outcome *outcome)
{
	(void)owner;
	front.outcome = *outcome;
	front.outcome.why = NULL;
	if (outcome->error)
		note_status(&front.journal, "ended", outcome->error);
	else
		note(&front.journal, outcome->gone ? "gone" : "ended");
}

static const pl_forward_events forward_events = { .unreached = on_unreached,
						  .changed = on_changed,
						  .ended = on_ended };

static void on_request(void *owner, pl_exchange *exchange)
{
	int answer;
	int status;

	(void)owner;
	front.order.port = behind.port;
	status = pl_forward_start(exchange, &front.order, &answer);
	if (status)
		pl_forward_refuse(exchange, answer, status);
}

static void on_http_closed(void *owner, int status)
{
	(void)owner, (void)status;
	front.http1 = NULL;
}

static int open_front(void **state)
{
	static const pl_http1_events events = { .request = on_request, .closed = on_http_closed };
	static const pl_pool_settings kept = { .max_idle_per_origin = 8,
					       .max_idle = 8,
					       .idle_timeout = 60000 };

	(void)state;
	memset(&front, 0, sizeof(front));
	memset(&behind, 0, sizeof(behind));
	pl_log_set_level(PL_LOG_ERROR);
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	pl_limits_init(&front.limits);
	front.settings.limits = &front.limits;
	host_listen(&behind, "127.0.0.1");
	assert_int_equal(pl_pool_new(&front.pool, loop, &kept), PL_OK);
	front.order = (pl_forward_order){
		.pool = front.pool,
		.host = PL_SLICE("127.0.0.1"),
		.change = { .authority = PL_SLICE("behind:80") },
		.client = { .port = 80 },
		.connect_timeout = 20000,
		.times = { .first_byte = 20000, .idle = 20000 },
		.continue_timeout = 5000,
		.limits = &front.limits,
		.events = &forward_events,
	};
	assert_true(pl_address_parse(&front.order.client.peer, "192.0.2.1"));
	pl_memory_init(&front.memory, loop);
	return pl_http1_start(&front.http1, &front.memory.stream, &front.settings, &events, NULL);
}

static int close_front(void **state)
{
	(void)state;
	if (front.http1)
		pl_http1_abort(front.http1, PL_OK);
	TURN_UNTIL(loop, !front.http1);
	pl_pool_free(front.pool);
	host_leave(&behind);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(loop);
	pl_memory_deinit(&front.memory);
	pl_buffer_deinit(&front.journal);
	pl_loop_free(loop);
	return 0;
}

/* What is said on both sides. */

static void client_says(const char *text)
{
	assert_true(pl_memory_feed(&front.memory, text, strlen(text)));
}

static void server_says(const char *text)
{
	assert_non_null(behind.stream);
	assert_int_equal(pl_stream_write(behind.stream, text, strlen(text)), PL_OK);
}

static bool client_has(const char *text)
{
	const pl_buffer *sent = &front.memory.sent;

	return sent->len > 0 && memmem(sent->data, sent->len, text, strlen(text)) != NULL;
}

static const char *text_of(pl_buffer *buffer)
{
	assert_int_equal(pl_buffer_append(buffer, "", 1), PL_OK);
	buffer->len--;
	return (const char *)buffer->data;
}

#define ASK(text, expected)                                                                        \
	do {                                                                                       \
		client_says(text);                                                                 \
		TURN_UNTIL(loop, host_has(&behind, expected));                                     \
	} while (0)

#define ANSWER(text, expected)                                                                     \
	do {                                                                                       \
		server_says(text);                                                                 \
		TURN_UNTIL(loop, client_has(expected));                                            \
	} while (0)

static void a_request_is_made_anew_and_its_answer_handed_on(void **state)
{
	(void)state;
	ASK("GET /a?b=c HTTP/1.1\r\nHost: front\r\nConnection: close, X-Gone, X-Forwarded-For\r\n"
	    "X-Gone: 1\r\nX-Stays: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
	    "\r\n\r\n");
	assert_string_equal(
		text_of(&behind.received),
		"GET /a?b=c HTTP/1.1\r\nHost: behind:80\r\nX-Stays: 2\r\n"
		"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
		"X-Forwarded-Host: front\r\nX-Forwarded-Port: 80\r\n"
		"Forwarded: for=192.0.2.1;host=\"front\";proto=http\r\nVia: 1.1 perilune\r\n\r\n");
	ANSWER("HTTP/1.1 200 OK\r\nDate: then\r\nServer: other\r\nConnection: X-Own\r\nX-Own: 1\r\n"
	       "X-All: 2\r\nContent-Length: 5\r\n\r\nhello",
	       "hello");
	assert_string_equal(text_of(&front.memory.sent),
			    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n"
			    "Date: then\r\nServer: other\r\nX-All: 2\r\n\r\nhello");
	assert_string_equal(noted(&front.journal), "ended ");
	assert_int_equal(front.outcome.status, 200);
	assert_int_equal(front.outcome.received, 5);
}

static void connections_are_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		behind.received.len = front.memory.sent.len = 0;
		ASK(GET("/"), "\r\n\r\n");
		ANSWER("HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n");
		TURN_UNTIL(loop, pl_pool_idle(front.pool) == 1);
	}
	assert_int_equal(behind.accepted, 1);
}

static void chunks_and_trailers_go_on(void **state)
{
	(void)state;
	ASK("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n",
	    "\r\n\r\n3\r\nabc\r\n");
	assert_true(host_has(&behind, "TE: trailers\r\nConnection: TE\r\n"));
	ASK("2\r\nde\r\n0\r\nX-Last: 1\r\n\r\n", "2\r\nde\r\n0\r\n\r\n");
	ANSWER("HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "2\r\nhi\r\n0\r\nX-Sum: 9\r\nContent-Length: 7\r\nSet-Cookie: a\r\n\r\n",
	       "0\r\n");
	assert_true(client_has("Trailer: x-sum\r\n"));
	assert_true(client_has("2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n"));
	assert_false(client_has("Set-Cookie"));
}

static void who_wants_no_trailers_gets_none(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	assert_false(host_has(&behind, "TE:"));
	ANSWER("HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n",
	       "0\r\n\r\n");
	assert_false(client_has("X-Sum"));
	assert_false(client_has("Trailer"));
}

static void informational_answers_go_on(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	ANSWER("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
	       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	       "200 OK");
	assert_memory_equal(front.memory.sent.data,
			    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK", 55);
}

static void who_speaks_1_0_gets_no_informational_answers(void **state)
{
	(void)state;
	ASK("GET / HTTP/1.0\r\n\r\n", "\r\n\r\n");
	assert_true(host_has(&behind, "Via: 1.0 perilune"));
	ANSWER("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	       "\r\n2\r\nhi\r\n0\r\n\r\n",
	       "hi");
	assert_memory_equal(front.memory.sent.data, "HTTP/1.1 200 OK", 15);
	assert_false(client_has("chunked"));
}

#define EXPECT "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

static void the_other_server_says_whether_to_go_on(void **state)
{
	(void)state;
	ASK(EXPECT, "Expect: 100-continue\r\n");
	turn_some(loop);
	assert_false(client_has("100"));
	ANSWER("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
	ASK("abc", "\r\n\r\nabc");
	ANSWER("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "201 Created");
	assert_string_equal(noted(&front.journal), "ended ");
}

static void or_that_it_does_not_want_it(void **state)
{
	(void)state;
	ASK(EXPECT, "\r\n\r\n");
	ANSWER("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n", "413 ");
	assert_false(client_has("100 Continue"));
	assert_true(client_has("Connection: close"));
}

static void or_nothing_for_a_while(void **state)
{
	(void)state;
	ASK(EXPECT, "\r\n\r\n");
	pl_loop_skip(loop, 4000);
	pl_loop_turn(loop);
	assert_false(client_has("100"));
	pl_loop_skip(loop, 2000);
	TURN_UNTIL(loop, client_has("HTTP/1.1 100 Continue\r\n\r\n"));
	ASK("abc", "\r\n\r\nabc");
}

static void a_slow_client_holds_the_server_up(void **state)
{
	static char piece[65536];
	size_t given = 0;

	(void)state;
	memset(piece, 'z', sizeof(piece));
	front.memory.room = 0;
	front.limits.high_water = 65536;
	ASK(GET("/"), "\r\n\r\n");
	server_says("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
	while (given < 67108864 && !behind.stream->blocked) {
		assert_int_equal(pl_stream_write(behind.stream, piece, sizeof(piece)), PL_OK);
		given += sizeof(piece);
		pl_stream_flush_now(behind.stream);
		for (int i = 0; i < 20 && behind.stream->blocked; i++) {
			pl_loop_turn(loop);
			poll(NULL, 0, 1);
		}
	}
	assert_true(behind.stream->blocked);
	assert_true(pl_stream_queued(&front.memory.stream) < 2 << 20);
	front.limits.write_timeout = 100000;
	while (given < 67108864) {
		assert_int_equal(pl_stream_write(behind.stream, piece, sizeof(piece)), PL_OK);
		given += sizeof(piece);
	}
	pl_memory_open(&front.memory, SIZE_MAX);
	TURN_UNTIL(loop, front.outcome.received == 67108864);
	assert_string_equal(noted(&front.journal), "ended ");
	TURN_UNTIL(loop, front.memory.sent.len > 67108864);
}

static void a_slow_server_holds_the_client_up(void **state)
{
	static char piece[65536];
	size_t given = 0;

	(void)state;
	front.limits.high_water = 65536;
	ASK("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n", "\r\n\r\n");
	pl_stream_pause(behind.stream);
	while (given < 67108864 && pl_memory_feed(&front.memory, piece, sizeof(piece))) {
		given += sizeof(piece);
		pl_loop_turn(loop);
	}
	assert_true(given < 33554432);
	pl_stream_resume(behind.stream);
	while (given < 67108864) {
		if (pl_memory_feed(&front.memory, piece, sizeof(piece)))
			given += sizeof(piece);
		pl_loop_turn(loop);
	}
	TURN_UNTIL(loop, behind.received.len > 67108864);
	ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK");
}

static void a_kept_connection_that_was_closed_is_tried_again(void **state)
{
	static const char *const requests[] = { GET("/"), "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
						"PUT / HTTP/1.1\r\nHost: a\r\n"
						"Content-Length: 1\r\n\r\nx" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		behind.received.len = front.memory.sent.len = 0;
		ASK(GET("/first"), "\r\n\r\n");
		ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n");
		TURN_UNTIL(loop, pl_pool_idle(front.pool) == 1);
		noted(&front.journal);
		behind.received.len = front.memory.sent.len = 0;
		ASK(requests[i], "\r\n\r\n");
		pl_stream_abort(behind.stream, PL_OK);
		behind.stream = NULL;
		behind.received.len = 0;
		if (i > 0) {
			TURN_UNTIL(loop, client_has("502 Bad Gateway"));
			assert_true(client_has("Bad Gateway (ECONNRESET)"));
			assert_string_equal(noted(&front.journal), "ended:ECONNRESET ");
			continue;
		}
		TURN_UNTIL(loop, host_has(&behind, "GET / "));
		ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi");
		assert_string_equal(noted(&front.journal), "ended ");
	}
}

static void a_new_connection_is_not(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	pl_stream_abort(behind.stream, PL_OK);
	TURN_UNTIL(loop, client_has("502 Bad Gateway"));
	assert_int_equal(behind.accepted, 1);
}

static void failures_have_names(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "EPROTO");
	assert_true(client_has("502 Bad Gateway"));
	behind.received.len = front.memory.sent.len = 0;
	ASK(GET("/"), "\r\n\r\n");
	pl_loop_skip(loop, 20001);
	TURN_UNTIL(loop, client_has("504 Gateway Timeout"));
	front.memory.sent.len = 0;
	pl_listener_close(behind.listener);
	TURN_UNTIL(loop, !behind.listener);
	noted(&front.journal);
	client_says(GET("/"));
	TURN_UNTIL(loop, client_has("Bad Gateway (ECONNREFUSED)"));
	assert_string_equal(noted(&front.journal), "unreached:ECONNREFUSED ");
}

static void an_answer_that_breaks_off_is_broken_off(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "hel");
	pl_stream_abort(behind.stream, PL_OK);
	TURN_UNTIL(loop, front.memory.closed);
	assert_false(front.memory.finished);
	assert_string_equal(noted(&front.journal), "ended:ECONNRESET ");
}

static void a_client_that_goes_takes_the_call_with_it(void **state)
{
	(void)state;
	ASK(GET("/"), "\r\n\r\n");
	pl_stream_abort(&front.memory.stream, PL_ECONNRESET);
	TURN_UNTIL(loop, behind.closed == 1);
	assert_string_equal(noted(&front.journal), "gone ");
	assert_true(front.outcome.gone);
}

static void a_client_may_go_before_there_is_a_connection(void **state)
{
	(void)state;
	client_says(GET("/"));
	pl_stream_abort(&front.memory.stream, PL_ECONNRESET);
	TURN_UNTIL(loop, !front.http1);
	assert_string_equal(noted(&front.journal), "gone ");
}

static void protocols_change_where_they_were_asked_for(void **state)
{
	static const char handshake[] =
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
		"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";

	(void)state;
	ASK(handshake, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
	ANSWER("HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
	       "Sec-WebSocket-Accept: y\r\n\r\nrest",
	       "changed");
	assert_string_equal(noted(&front.journal),
			    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\nrest ");
	behind.received.len = front.memory.sent.len = 0;
	ASK(handshake, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
	ANSWER("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nrest",
	       "502 Bad Gateway");
	assert_string_equal(noted(&front.journal), "ended:EPROTO ");
	behind.received.len = front.memory.sent.len = 0;
	ASK(handshake, "\r\n\r\n");
	ANSWER("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden");
	behind.received.len = front.memory.sent.len = 0;
	ASK(GET("/"), "\r\n\r\n");
	ANSWER("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	       "502 Bad Gateway");
}

static void other_protocols_are_not_asked_for(void **state)
{
	(void)state;
	ASK("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
	    "\r\n\r\n");
	assert_false(host_has(&behind, "pgrade"));
	assert_false(host_has(&behind, "HTTP2-Settings"));
}

static void an_address_that_is_guarded_is_not_reached(void **state)
{
	(void)state;
	front.order.guarded = true;
	client_says(GET("/"));
	TURN_UNTIL(loop, client_has("403 Forbidden"));
	assert_int_equal(behind.accepted, 0);
}

static void what_cannot_be_sent_is_refused(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ GET("/a/../b"), "400 Bad Request" },
		{ "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "501 Not Implemented" },
		{ "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "200 OK" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		front.memory.sent.len = 0;
		client_says(rows[i].request);
		TURN_UNTIL(loop, client_has(rows[i].answer));
	}
	assert_int_equal(behind.accepted, 0);
}

static void nothing_is_lost_without_memory(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 40; n++) {
		bool given;

		behind.received.len = front.memory.sent.len = 0;
		if (!front.http1)
			break;
		pl_alloc_fail_at(n);
		given = pl_memory_feed(&front.memory, GET("/"), strlen(GET("/")));
		pl_loop_turn(loop);
		pl_alloc_fail_at(0);
		if (!given)
			continue;
		TURN_UNTIL(loop, !front.http1 || client_has("HTTP/1.1 ") ||
					 host_has(&behind, "\r\n\r\n"));
		if (front.http1 && host_has(&behind, "\r\n\r\n"))
			ANSWER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_front, close_front)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_made_anew_and_its_answer_handed_on),
		TEST(connections_are_kept),
		TEST(chunks_and_trailers_go_on),
		TEST(who_wants_no_trailers_gets_none),
		TEST(informational_answers_go_on),
		TEST(who_speaks_1_0_gets_no_informational_answers),
		TEST(the_other_server_says_whether_to_go_on),
		TEST(or_that_it_does_not_want_it),
		TEST(or_nothing_for_a_while),
		TEST(a_slow_client_holds_the_server_up),
		TEST(a_slow_server_holds_the_client_up),
		TEST(a_kept_connection_that_was_closed_is_tried_again),
		TEST(a_new_connection_is_not),
		TEST(failures_have_names),
		TEST(an_answer_that_breaks_off_is_broken_off),
		TEST(a_client_that_goes_takes_the_call_with_it),
		TEST(a_client_may_go_before_there_is_a_connection),
		TEST(protocols_change_where_they_were_asked_for),
		TEST(other_protocols_are_not_asked_for),
		TEST(an_address_that_is_guarded_is_not_reached),
		TEST(what_cannot_be_sent_is_refused),
		TEST(nothing_is_lost_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
