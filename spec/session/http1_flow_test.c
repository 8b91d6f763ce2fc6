/*
 * What happens over time: order, back-pressure, deadlines, ends, upgrades, calls from within
 * callbacks.
 *
 * covers: http/http1.c
 */
#include "session/http1_peer.h"

#include "base/log.h"
#include "http/http1_internal.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, fields) "POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"
#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define HELLO OK("5") TYPE "\r\nhello"
#define DONE OK("4") TYPE "\r\ndone"
#define DONE_CLOSE OK("4") "Connection: close\r\n" TYPE "\r\ndone"

/* Memory. */

static void an_idle_session_is_small(void **state)
{
	struct peer peer;
	int64_t live;

	(void)state;
	print_message("pl_http1: %zu bytes; pl_http1_exchange: %zu and its head\n",
		      sizeof(pl_http1), sizeof(pl_http1_exchange));
	assert_true(sizeof(pl_http1) <= 256);
	peer_open(&peer);
	peer_send(&peer, GET("/hello")); /* fills the loop's pool of chunks */
	live = pl_alloc_live();
	peer_send(&peer, GET("/hello"));
	peer_send(&peer, POST("/gather", "Content-Length: 5\r\n") "hello");
	peer_send(&peer, GET("/hello") GET("/hello"));
	assert_int_equal(pl_alloc_live(), live);
	assert_null(peer.http1->input.data);
	assert_null(peer.http1->exchange);
	peer_close(&peer);
}

static void an_unfinished_head_is_kept_and_let_go(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET /hello HT");
	assert_int_equal(peer.http1->input.len, 13);
	assert_true(peer.http1->input.cap <= 64);
	peer_send(&peer, "TP/1.1\r\nHost: a\r\n\r\n");
	assert_null(peer.http1->input.data);
	peer_close(&peer);
}

/* Order and pace. */

static void pipelined_requests_are_answered_in_order(void **state)
{
	enum { COUNT = 1000 };
	pl_buffer requests = { 0 }, answers = { 0 };
	struct peer peer;

	(void)state;
	peer_open(&peer);
	for (int i = 0; i < COUNT; i++) {
		pl_buffer_printf(&requests, POST("/gather", "Content-Length: 4\r\n") "%04d", i);
		pl_buffer_printf(&answers, OK("4") "\r\n%04d", i);
	}
	assert_true(peer_feed(&peer, requests.data, requests.len));
	assert_int_equal(pl_http1_requests(peer.http1), peer.limits.pipelined);
	for (int i = 0; i < COUNT; i++)
		peer_turn(&peer);
	assert_int_equal(pl_http1_requests(peer.http1), COUNT);
	assert_memory_equal(peer_sent(&peer), answers.data, answers.len);
	assert_false(peer.memory.stream.paused);
	pl_buffer_deinit(&requests);
	pl_buffer_deinit(&answers);
	peer_close(&peer);
}

static void a_late_answer_holds_the_next(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	assert_false(peer.memory.stream.paused);
	peer_send(&peer, GET("/hello") GET("/late") "GET /hel");
	assert_true(peer.memory.stream.paused);
	assert_string_equal(peer_sent(&peer), "");
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE HELLO);
	assert_non_null(peer.held);
	assert_true(peer.memory.stream.paused);
	peer_answer(&peer);
	assert_false(peer.memory.stream.paused);
	peer_send(&peer, "lo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(peer_sent(&peer), DONE HELLO);
	peer_close(&peer);
}

static pl_stream_ops counting_ops;
static const pl_stream_ops *counted_ops;
static int flushes;

static void counting_flush(pl_stream *stream)
{
	flushes++;
	counted_ops->flush(stream);
}

/* All answers to one read leave together, those behind a late one as well. */
static void the_answers_to_a_read_leave_in_one_write(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	counted_ops = peer.memory.stream.ops;
	counting_ops = *counted_ops;
	counting_ops.flush = counting_flush;
	peer.memory.stream.ops = &counting_ops;
	flushes = 0;
	peer_send(&peer, GET("/hello") GET("/pieces")
				 POST("/gather", "Content-Length: 2\r\n") "ab" GET("/hello"));
	assert_int_equal(flushes, 1);
	assert_int_equal(pl_http1_requests(peer.http1), 4);
	flushes = 0;
	peer_send(&peer, GET("/late") GET("/hello") GET("/pieces") GET("/hello"));
	assert_int_equal(flushes, 0);
	peer_sent(&peer);
	pl_exchange_answer(peer.held, 200, "done");
	peer_turn(&peer);
	assert_int_equal(flushes, 1);
	assert_int_equal(pl_http1_requests(peer.http1), 8);
	peer_close(&peer);
}

/* D-10: the answers are not read. */
static void unread_answers_stop_the_requests(void **state)
{
	enum { COUNT = 5000 };
	static const char request[] = GET("/hello");
	struct peer peer;
	size_t fed = 0, most = 0, read = 0;

	(void)state;
	peer_init(&peer);
	peer.limits.high_water = 1024;
	peer.memory.room = 0;
	assert_int_equal(peer_start(&peer), PL_OK);
	for (int i = 0; i < COUNT; i++) {
		if (pl_memory_feed(&peer.memory, request, sizeof(request) - 1))
			fed++;
		peer_turn(&peer);
		if (pl_stream_queued(&peer.memory.stream) > most)
			most = pl_stream_queued(&peer.memory.stream);
	}
	assert_in_range(fed, 1, 40);
	assert_in_range(most, 1, 2048);
	assert_true(peer.memory.stream.paused);
	while (read < fed * (sizeof(HELLO) - 1)) {
		pl_memory_open(&peer.memory, 100);
		peer_turn(&peer);
		peer_turn(&peer);
		read += strlen(peer_sent(&peer));
	}
	assert_int_equal(pl_http1_requests(peer.http1), fed);
	peer_close(&peer);
}

static void a_stream_waits_for_drain(void **state)
{
	enum { SIZE = 10 << 20 };
	struct peer peer;
	size_t most = 0, total = 0;
	int64_t live;

	(void)state;
	peer_init(&peer);
	peer.limits.high_water = 65536;
	peer.memory.room = 0;
	peer.to_write = SIZE;
	peer.at_a_time = 10000;
	assert_int_equal(peer_start(&peer), PL_OK);
	peer_send(&peer, GET("/stream"));
	assert_int_equal(peer.result, PL_EXCHANGE_BLOCKED);
	live = pl_alloc_live();
	for (int i = 0; i < 2000 && total < SIZE; i++) {
		if (pl_stream_queued(&peer.memory.stream) > most)
			most = pl_stream_queued(&peer.memory.stream);
		pl_memory_open(&peer.memory, 10000);
		peer_turn(&peer);
		total += peer.memory.sent.len;
		peer.memory.sent.len = 0;
	}
	assert_true(total > SIZE);
	assert_in_range(most, 1, 65536 + 10000 + 200);
	assert_in_range(pl_alloc_live(), 0, live + 4);
	peer_close(&peer);
}

static void large_pieces_of_unknown_length(void **state)
{
	static char piece[70000];
	struct peer peer;
	const char *sent;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	peer_open(&peer);
	peer_send(&peer, GET("/begun"));
	peer_sent(&peer);
	assert_int_equal(pl_exchange_write(peer.held, piece, 4096), PL_OK);
	assert_int_equal(pl_exchange_write(peer.held, piece, sizeof(piece)), PL_OK);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	sent = peer_sent(&peer);
	assert_memory_equal(sent, "1000\r\nxx", 8);
	assert_memory_equal(sent + 6 + 4096, "\r\n11170\r\nxx", 11);
	assert_string_equal(sent + 6 + 4096 + 9 + sizeof(piece), "\r\n0\r\n\r\n");
	peer_close(&peer);
}

static void large_output_is_flushed_before_it_blocks(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer.to_write = 4 << 20;
	assert_true(peer_feed(&peer, GET("/stream"), sizeof(GET("/stream")) - 1));
	assert_true(peer.memory.sent.len >= 3 << 20);
	assert_int_equal(peer.result, PL_OK);
	assert_string_equal(peer_journal(&peer), "");
	peer_close(&peer);
}

/* Deadlines. */

static void a_head_has_a_deadline(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	for (int i = 0; i < 9; i++) { /* a byte a second does not help (D-09) */
		peer_send(&peer, "G");
		peer_skip(&peer, 1000);
	}
	assert_string_equal(peer_sent(&peer), "");
	peer_skip(&peer, 2000);
	assert_memory_equal(peer_sent(&peer), "HTTP/1.1 408 Request Timeout\r\n", 30);
	assert_string_equal(peer_journal(&peer), "closed:OK ");
	peer_close(&peer);
}

/* keep_alive between requests; before the first, and an empty line is none, header_timeout. */
static void an_idle_connection_closes_without_a_word(void **state)
{
	static const struct {
		const char *sent;
		uint64_t patience;
	} rows[] = { { "", 4000 }, { GET("/hello"), 59000 }, { "\r\n", 4000 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct peer peer;

		peer_open(&peer);
		peer_skip(&peer, 5000);
		if (rows[i].sent[0])
			peer_send(&peer, rows[i].sent);
		peer_sent(&peer);
		peer_skip(&peer, rows[i].patience);
		assert_non_null(peer.http1);
		peer_skip(&peer, 2000);
		assert_string_equal(peer_sent(&peer), "");
		assert_string_equal(peer_journal(&peer), "closed:OK ");
		peer_close(&peer);
	}
}

static void each_head_has_its_own_deadline(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET /hel");
	for (int i = 0; i < 5; i++) {
		peer_skip(&peer, 7000);
		peer_send(&peer, "lo HTTP/1.1\r\nHost: a\r\n\r\nGET /hel");
		assert_string_equal(peer_sent(&peer), HELLO);
	}
	peer_skip(&peer, 11000);
	assert_memory_equal(peer_sent(&peer), "HTTP/1.1 408 ", 13);
	peer_close(&peer);
}

static void a_late_answer_may_take_long(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	peer_skip(&peer, 1000000);
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE);
	peer_skip(&peer, 59000);
	assert_non_null(peer.http1);
	peer_close(&peer);
}

/* Ends. */

static void the_end_of_an_idle_connection(void **state)
{
	static const char *const before[] = { NULL, GET("/hello"), "GET /hel" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct peer peer;

		peer_open(&peer);
		if (before[i])
			peer_send(&peer, before[i]);
		peer_end_input(&peer);
		assert_string_equal(peer_sent(&peer), i == 1 ? HELLO : "");
		assert_string_equal(peer_journal(&peer), "closed:OK ");
		peer_close(&peer);
	}
}

static void a_half_closed_client_gets_its_answer(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/hello") GET("/late"));
	peer_end_input(&peer);
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), HELLO DONE_CLOSE);
	assert_string_equal(peer_journal(&peer), "end closed:OK ");
	peer_close(&peer);

	peer_open(&peer);
	peer_send(&peer, POST("/paused", "Content-Length: 3\r\n") "abc");
	assert_true(peer.memory.stream.paused);
	pl_exchange_pause(peer.held, false);
	peer_turn(&peer);
	peer_end_input(&peer);
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE_CLOSE);
	peer_close(&peer);
}

static void a_lost_connection_aborts(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/begun"));
	pl_stream_abort(&peer.memory.stream, PL_EPIPE);
	assert_int_equal(pl_exchange_write(peer.held, "x", 1), PL_ECLOSED);
	peer_turn(&peer);
	assert_string_equal(peer_journal(&peer), "end aborted:EPIPE closed:EPIPE ");
	peer_close(&peer);
}

static void an_ended_exchange_is_not_aborted_too(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/begun"));
	pl_stream_abort(&peer.memory.stream, PL_EPIPE);
	pl_exchange_end(peer.held);
	peer_turn(&peer);
	assert_string_equal(peer_journal(&peer), "end closed:EPIPE ");
	peer_close(&peer);
}

/* Stop and abort. */

static void stop_closes_what_is_idle(void **state)
{
	static const char *const before[] = { NULL, GET("/hello"), "GET /hel" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct peer peer;

		peer_open(&peer);
		if (before[i])
			peer_send(&peer, before[i]);
		pl_http1_stop(peer.http1);
		peer_turn(&peer);
		peer_turn(&peer);
		assert_string_equal(peer_journal(&peer), "closed:OK ");
		peer_close(&peer);
	}
}

static void stop_lets_a_request_be_answered(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late") GET("/hello"));
	pl_http1_stop(peer.http1);
	peer_turn(&peer);
	assert_non_null(peer.http1);
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE_CLOSE);
	assert_string_equal(peer_journal(&peer), "end closed:OK ");
	peer_close(&peer);
}

static void stop_does_not_wait_for_an_unread_body(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/hello", "Content-Length: 10\r\n"));
	pl_http1_stop(peer.http1);
	peer_turn(&peer);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), HELLO);
	assert_string_equal(peer_journal(&peer), "closed:OK ");
	peer_close(&peer);
}

static void stop_between_pipelined_requests(void **state)
{
	struct peer peer;

	(void)state;
	peer_init(&peer);
	peer.limits.pipelined = 1;
	assert_int_equal(peer_start(&peer), PL_OK);
	assert_true(peer_feed(&peer, GET("/hello") GET("/hello"), 2 * strlen(GET("/hello"))));
	pl_http1_stop(peer.http1);
	peer_turn(&peer);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), HELLO);
	assert_true(peer.memory.finished);
	peer_close(&peer);
}

static void abort_closes_at_once(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late"));
	pl_http1_abort(peer.http1, PL_ETIMEDOUT);
	assert_string_equal(peer_journal(&peer), "end ");
	peer_turn(&peer);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:ETIMEDOUT ");
	peer_close(&peer);
}

static void abort_behind_an_answer_in_the_same_turn(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late") GET("/hello"));
	pl_exchange_answer(peer.held, 200, "done");
	pl_http1_abort(peer.http1, PL_ETIMEDOUT);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), "");
	assert_string_equal(peer_journal(&peer), "end closed:ETIMEDOUT ");
	peer_close(&peer);
}

/* From within callbacks. */

static void calls_within_callbacks(void **state)
{
	static const struct {
		const char *request;
		const char *journal;
	} cases[] = {
		{ GET("/abort") GET("/hello"), "closed:EIO " },
		{ GET("/cut") GET("/hello"), "aborted:ETIMEDOUT closed:ETIMEDOUT " },
		{ GET("/drop") GET("/hello"), "closed:ETIMEDOUT " },
		{ POST("/abort-data", "Content-Length: 5\r\n") "hello" GET("/hello"),
		  "closed:EIO " },
		{ POST("/abort-data", "Transfer-Encoding: chunked\r\n") "1\r\na\r\n1\r\nb\r\n",
		  "closed:EIO " },
		{ POST("/stop-data", "Content-Length: 5\r\n") "hello" GET("/hello"),
		  "aborted:EIO closed:EIO " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer;

		peer_open(&peer);
		peer_send(&peer, cases[i].request);
		peer_turn(&peer);
		assert_string_equal(peer_sent(&peer), "");
		assert_string_equal(peer_journal(&peer), cases[i].journal);
		peer_close(&peer);
	}
}

/* Upgrades. */

static void an_upgrade_hands_over_what_came_behind(void **state)
{
	int64_t live = pl_alloc_live();
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/hello") GET("/upgrade") "leftover");
	assert_string_equal(peer_sent(&peer), HELLO);
	assert_ptr_equal(peer.taken, &peer.memory.stream);
	peer_send(&peer, " and more");
	assert_int_equal(peer.leftover.len, 17);
	assert_memory_equal(peer.leftover.data, "leftover and more", 17);
	peer_skip(&peer, 1000000);
	peer_end_input(&peer);
	peer_close(&peer);
	assert_int_equal(pl_alloc_live(), live);
}

static void an_upgrade_behind_a_late_answer(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/late") GET("/upgrade") "left");
	assert_true(peer.memory.stream.paused);
	peer_answer(&peer);
	assert_non_null(peer.taken);
	assert_false(peer.memory.stream.paused);
	peer_send(&peer, "over");
	assert_memory_equal(peer.leftover.data, "leftover", 8);
	peer_close(&peer);
}

static void an_upgrade_in_pieces(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, "GET /upgr");
	peer_send(&peer, "ade HTTP/1.1\r\nHost: a\r\n\r\nleft");
	peer_send(&peer, "over");
	assert_memory_equal(peer.leftover.data, "leftover", 8);
	peer_close(&peer);
}

/* The log. */

static void count_line(void *context, enum pl_log_level level, const char *line, size_t len)
{
	assert_int_equal(level, PL_LOG_DEBUG);
	(void)len;
	assert_non_null(strstr(line, "127.0.0.1"));
	++*(int *)context;
}

static void a_refusal_is_logged_once(void **state)
{
	static const char *const refused[] = {
		"GET /\r\n\r\nGET /\r\n\r\n",
		POST("/gather", "Transfer-Encoding: chunked\r\n") "x\r\nx\r\n",
	};
	int lines = 0;

	(void)state;
	pl_log_set_level(PL_LOG_DEBUG);
	pl_log_set_sink(count_line, &lines);
	for (int i = 0; i < 2; i++) {
		struct peer peer;

		peer_open(&peer);
		peer_send(&peer, refused[i]);
		peer_close(&peer);
		assert_int_equal(lines, i + 1);
	}
	pl_log_set_sink(NULL, NULL);
	pl_log_set_level(PL_LOG_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_session_is_small),
		cmocka_unit_test(an_unfinished_head_is_kept_and_let_go),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_late_answer_holds_the_next),
		cmocka_unit_test(the_answers_to_a_read_leave_in_one_write),
		cmocka_unit_test(unread_answers_stop_the_requests),
		cmocka_unit_test(a_stream_waits_for_drain),
		cmocka_unit_test(large_pieces_of_unknown_length),
		cmocka_unit_test(large_output_is_flushed_before_it_blocks),
		cmocka_unit_test(a_head_has_a_deadline),
		cmocka_unit_test(an_idle_connection_closes_without_a_word),
		cmocka_unit_test(each_head_has_its_own_deadline),
		cmocka_unit_test(a_late_answer_may_take_long),
		cmocka_unit_test(the_end_of_an_idle_connection),
		cmocka_unit_test(a_half_closed_client_gets_its_answer),
		cmocka_unit_test(a_lost_connection_aborts),
		cmocka_unit_test(an_ended_exchange_is_not_aborted_too),
		cmocka_unit_test(stop_closes_what_is_idle),
		cmocka_unit_test(stop_lets_a_request_be_answered),
		cmocka_unit_test(stop_does_not_wait_for_an_unread_body),
		cmocka_unit_test(stop_between_pipelined_requests),
		cmocka_unit_test(abort_closes_at_once),
		cmocka_unit_test(abort_behind_an_answer_in_the_same_turn),
		cmocka_unit_test(calls_within_callbacks),
		cmocka_unit_test(an_upgrade_hands_over_what_came_behind),
		cmocka_unit_test(an_upgrade_behind_a_late_answer),
		cmocka_unit_test(an_upgrade_in_pieces),
		cmocka_unit_test(a_refusal_is_logged_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
