/*
 * A request's body as it streams: pieces, back-pressure, 100 (Continue), and who is to blame for
 * the time that it takes.
 *
 * covers: http/http1_request.c
 */
#include "session/http1_peer.h"

#include "http/http1_internal.h"

#define POST(path, fields) "POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"
#define ENOUGH "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n" TYPE "\r\nenough"
#define ENOUGH_CLOSE                                                                               \
	"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n" TYPE "\r\nenough"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"
#define HELLO OK("5") TYPE "\r\nhello"
#define DONE OK("4") TYPE "\r\ndone"
#define EXPECT(length) "Expect: 100-continue\r\nContent-Length: " length "\r\n"

static const char zeros[300000];

static void go_on(struct peer *peer)
{
	pl_exchange_pause(peer->held, false);
	peer_turn(peer);
}

/* Pieces. */

static void a_large_read_comes_in_pieces(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/told", "Content-Length: 300000\r\n"));
	assert_string_equal(peer_journal(&peer), "starved ");
	assert_true(peer_feed(&peer, zeros, 250000));
	assert_int_equal(peer.body, 250000);
	assert_int_equal(peer.largest, PL_EXCHANGE_PIECE);
	assert_string_equal(peer_journal(&peer), "starved ");
	assert_true(peer_feed(&peer, zeros, 50000));
	assert_int_equal(peer.body, 300000);
	assert_string_equal(peer_journal(&peer), "end ");
	peer_close(&peer);
}

/* All chunks of a read, and then one word. */
static void many_chunks_starve_once(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/told", CHUNKED) "1\r\na\r\n2\r\nbc\r\n3\r\nde");
	assert_int_equal(peer.body, 5);
	assert_string_equal(peer_journal(&peer), "starved ");
	peer_send(&peer, "f\r\n0\r\n\r\n");
	assert_int_equal(peer.body, 6);
	assert_string_equal(peer_journal(&peer), "end ");
	peer_close(&peer);
}

static void a_whole_body_never_starves(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, GET("/pull"));
	assert_string_equal(peer_journal(&peer), "end ");
	pl_exchange_answer(peer.held, 200, "enough");
	peer_turn(&peer);
	peer_send(&peer, POST("/pull", "Content-Length: 3\r\n") "abc");
	assert_string_equal(peer_journal(&peer), "end ");
	peer_close(&peer);
}

/* What a receiver leaves is kept, and the stream rests: one read, not more. */
static void a_pause_between_pieces_bounds_what_is_kept(void **state)
{
	struct peer peer;
	size_t pieces = 1;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/piece", "Content-Length: 250000\r\n"));
	assert_true(peer_feed(&peer, zeros, 250000));
	assert_int_equal(peer.body, PL_EXCHANGE_PIECE);
	assert_int_equal(peer.http1->input.len, 250000 - PL_EXCHANGE_PIECE);
	assert_true(peer.memory.stream.paused);
	while (peer.body < 250000) {
		go_on(&peer);
		pieces++;
		assert_int_equal(peer.body,
				 pieces < 4 ? pieces * PL_EXCHANGE_PIECE : (size_t)250000);
	}
	assert_false(peer.memory.stream.paused);
	assert_null(peer.http1->input.data);
	go_on(&peer);
	assert_string_equal(peer_journal(&peer), "end ");
	peer_close(&peer);
}

static void a_starved_receiver_may_end_it(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/starved-end", "Content-Length: 5\r\n") "abc");
	assert_string_equal(peer_sent(&peer), ENOUGH);
	peer_send(&peer, "de" POST("/starved-end", "Content-Length: 1\r\n"));
	assert_string_equal(peer_sent(&peer), ENOUGH);
	assert_string_equal(peer_journal(&peer), "");
	peer_send(&peer, "a" POST("/starved-abort", "Content-Length: 5\r\n"));
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), "");
	assert_string_equal(peer_journal(&peer), "closed:EIO ");
	peer_close(&peer);
}

/* Expect: 100-continue (RFC 9110 10.1.1). */

static void continue_is_said_when_more_is_wanted(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/pull", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
	assert_string_equal(peer_journal(&peer), "starved ");
	peer_skip(&peer, 1000000);
	assert_string_equal(peer_sent(&peer), "");
	/* Unpaused it starves again, and pauses again: nothing is promised yet. */
	go_on(&peer);
	assert_string_equal(peer_journal(&peer), "starved ");
	assert_string_equal(peer_sent(&peer), "");
	pl_exchange_answer(peer.held, 200, "enough");
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), ENOUGH_CLOSE);
	peer_close(&peer);
}

/* Time (D-09). */

static void a_pause_neither_costs_nor_earns_time(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/late", "Content-Length: 100000\r\n"));
	peer_skip(&peer, 20000);
	pl_exchange_pause(peer.held, true);
	peer_turn(&peer);
	peer_skip(&peer, 1000000);
	go_on(&peer);
	peer_skip(&peer, 9000);
	assert_non_null(peer.http1);
	peer_skip(&peer, 2000);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

/* A receiver that pauses at each piece gives a trickle no new time. */
static void pauses_do_not_help_a_trickle(void **state)
{
	struct peer peer;
	int seconds = 0;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/piece", "Content-Length: 100000\r\n"));
	while (seconds < 100 && peer_feed(&peer, "x", 1)) {
		peer_skip(&peer, 1000); /* ours */
		go_on(&peer);
		peer_skip(&peer, 1000); /* the client's */
		seconds++;
	}
	assert_in_range(seconds, 29, 31);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

/* What came fast earns no right to a trickle later. */
static void a_fast_begin_does_not_help_a_trickle(void **state)
{
	struct peer peer;
	int seconds = 0;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/late", "Content-Length: 10000000\r\n"));
	for (int i = 0; i < 30; i++)
		assert_true(peer_feed(&peer, zeros, 15000));
	while (seconds < 100 && peer_feed(&peer, "x", 1)) {
		peer_skip(&peer, 1000);
		seconds++;
	}
	assert_in_range(seconds, 29, 31);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

static void just_fast_enough_is_fast_enough(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/late", "Content-Length: 100000\r\n"));
	for (int i = 0; i < 200; i++) {
		assert_true(peer_feed(&peer, zeros, 500));
		peer_skip(&peer, 1000);
	}
	assert_string_equal(peer_journal(&peer), "end ");
	peer_close(&peer);
}

/* An early answer to a receiver that had paused: the rest has its time from then on. */
static void the_rest_of_a_paused_body_has_its_time(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/pull", "Content-Length: 10\r\n") "12345");
	peer_skip(&peer, 1000000);
	pl_exchange_answer(peer.held, 200, "enough");
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), ENOUGH);
	peer_skip(&peer, 29000);
	peer_send(&peer, "67890" GET("/starved-end"));
	assert_string_equal(peer_journal(&peer), "starved end ");
	peer_close(&peer);
}

/* Deadlines. */

static void silence_within_a_body_aborts(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/gather", "Content-Length: 100000\r\n"));
	for (int i = 0; i < 5; i++) {
		peer_skip(&peer, 29000);
		assert_true(peer_feed(&peer, zeros, 15000));
	}
	assert_string_equal(peer_journal(&peer), "");
	peer_skip(&peer, 31000);
	assert_memory_equal(peer_sent(&peer), "HTTP/1.1 408 Request Timeout\r\n", 30);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

static void a_trickle_of_body_aborts(void **state)
{
	struct peer peer;
	int seconds = 0;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/gather", "Content-Length: 100000\r\n"));
	while (seconds < 100 && peer_feed(&peer, "x", 1)) {
		peer_skip(&peer, 1000);
		seconds++;
	}
	assert_in_range(seconds, 29, 31);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

static void a_steady_body_may_take_long(void **state)
{
	static const char second[1000];
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/count", "Content-Length: 300000\r\n"));
	for (int i = 0; i < 300; i++) {
		peer_skip(&peer, 1000);
		assert_true(peer_feed(&peer, second, sizeof(second)));
	}
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), OK("12") TYPE "\r\n300000 bytes");
	peer_close(&peer);
}

static void a_body_that_stops_within_an_answer_cuts_it(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/begun", "Content-Length: 10\r\n") "12345");
	peer_skip(&peer, 31000);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:ETIMEDOUT ");
	peer_close(&peer);
}

static void the_time_of_a_pause_does_not_count(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/paused", "Content-Length: 10\r\n") "12345");
	peer_skip(&peer, 1000000);
	assert_int_equal(peer.body, 0);
	pl_exchange_pause(peer.held, false);
	peer_skip(&peer, 29000);
	assert_int_equal(peer.body, 5);
	peer_skip(&peer, 2000);
	assert_string_equal(peer_journal(&peer), "aborted:ETIMEDOUT closed:OK ");
	peer_close(&peer);
}

static void a_discarded_body_has_the_same_deadline(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/hello", "Content-Length: 10\r\n") "12345");
	peer_skip(&peer, 31000);
	assert_string_equal(peer_sent(&peer), HELLO);
	assert_string_equal(peer_journal(&peer), "closed:OK ");
	peer_close(&peer);
}

/* Expect: 100-continue. */

static void continue_is_said_when_the_body_is_wanted(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/gather", EXPECT("3")));
	assert_string_equal(peer_sent(&peer), CONTINUE);
	peer_send(&peer, "abc" GET("/hello"));
	assert_string_equal(peer_sent(&peer), OK("3") "\r\nabc" HELLO);
	peer_send(&peer, POST("/gather", EXPECT("3")) "a");
	peer_send(&peer, "bc");
	assert_string_equal(peer_sent(&peer), OK("3") "\r\nabc");
	peer_send(&peer, POST("/gather", EXPECT("0")));
	assert_string_equal(peer_sent(&peer), OK("0") "\r\n");
	peer_close(&peer);
}

static void continue_waits_for_a_receiver_that_waits(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/paused", EXPECT("3")));
	assert_string_equal(peer_sent(&peer), "");
	pl_exchange_pause(peer.held, false);
	peer_turn(&peer);
	assert_string_equal(peer_sent(&peer), CONTINUE);
	peer_send(&peer, "abc");
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE);
	peer_close(&peer);
}

/* Whether the body follows cannot be told: nothing after it is taken for a request. */
static void an_answer_instead_of_continue_closes(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/hello", EXPECT("3")));
	assert_string_equal(peer_sent(&peer), OK("5") "Connection: close\r\n" TYPE "\r\nhello");
	assert_true(peer.memory.finished);
	peer_close(&peer);
}

/* Ends. */

static void the_end_within_a_body_aborts(void **state)
{
	static const char *const paths[] = { "/late", "/paused", "/begun" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct peer peer;
		char head[128];

		peer_open(&peer);
		snprintf(head, sizeof(head), POST("%s", "Content-Length: 10\r\n"), paths[i]);
		peer_send(&peer, head);
		peer_end_input(&peer);
		assert_string_equal(peer_journal(&peer), "aborted:ECONNRESET closed:ECONNRESET ");
		peer_close(&peer);
	}
}

static void the_end_within_a_discarded_body(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/hello", "Content-Length: 10\r\n"));
	peer_end_input(&peer);
	assert_string_equal(peer_sent(&peer), HELLO);
	assert_string_equal(peer_journal(&peer), "closed:OK ");
	peer_close(&peer);
}

/* From within callbacks. */

static void a_pause_holds_data_and_end(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/paused", "Content-Length: 10\r\n"));
	assert_false(peer.memory.stream.paused);
	peer_send(&peer, "0123456789" GET("/hello"));
	assert_int_equal(peer.body, 0);
	assert_true(peer.memory.stream.paused);
	pl_exchange_pause(peer.held, false);
	pl_exchange_pause(peer.held, true);
	pl_exchange_pause(peer.held, false);
	assert_int_equal(peer.body, 0); /* not from within a call */
	peer_turn(&peer);
	assert_int_equal(peer.body, 10);
	assert_string_equal(peer_journal(&peer), "end ");
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE HELLO);
	peer_close(&peer);
}

static void a_paused_exchange_may_be_answered(void **state)
{
	struct peer peer;

	(void)state;
	peer_open(&peer);
	peer_send(&peer, POST("/paused", "Content-Length: 10\r\n") "0123456789" GET("/hello"));
	peer_answer(&peer);
	assert_string_equal(peer_sent(&peer), DONE HELLO);
	assert_string_equal(peer_journal(&peer), "");
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_read_comes_in_pieces),
		cmocka_unit_test(many_chunks_starve_once),
		cmocka_unit_test(a_whole_body_never_starves),
		cmocka_unit_test(a_pause_between_pieces_bounds_what_is_kept),
		cmocka_unit_test(a_starved_receiver_may_end_it),
		cmocka_unit_test(continue_is_said_when_more_is_wanted),
		cmocka_unit_test(a_pause_neither_costs_nor_earns_time),
		cmocka_unit_test(pauses_do_not_help_a_trickle),
		cmocka_unit_test(a_fast_begin_does_not_help_a_trickle),
		cmocka_unit_test(just_fast_enough_is_fast_enough),
		cmocka_unit_test(the_rest_of_a_paused_body_has_its_time),
		cmocka_unit_test(silence_within_a_body_aborts),
		cmocka_unit_test(a_trickle_of_body_aborts),
		cmocka_unit_test(a_steady_body_may_take_long),
		cmocka_unit_test(a_body_that_stops_within_an_answer_cuts_it),
		cmocka_unit_test(the_time_of_a_pause_does_not_count),
		cmocka_unit_test(a_discarded_body_has_the_same_deadline),
		cmocka_unit_test(continue_is_said_when_the_body_is_wanted),
		cmocka_unit_test(continue_waits_for_a_receiver_that_waits),
		cmocka_unit_test(an_answer_instead_of_continue_closes),
		cmocka_unit_test(the_end_within_a_body_aborts),
		cmocka_unit_test(the_end_within_a_discarded_body),
		cmocka_unit_test(a_pause_holds_data_and_end),
		cmocka_unit_test(a_paused_exchange_may_be_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
