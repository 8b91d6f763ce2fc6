/*
 * A connection whose peer reads too slowly: what waits, what is left out, and when it is dropped.
 */
#include "session/conn_peer.h"

#include "base/counters.h"

static const pl_overflow drop_oldest = { PL_OVERFLOW_DROP_OLDEST, 0 };
static const pl_overflow two = { PL_OVERFLOW_DROP_OLDEST, 2 };
static const pl_overflow conflate = { PL_OVERFLOW_CONFLATE, 0 };
static const pl_overflow close_it = { PL_OVERFLOW_CLOSE, 0 };

/* A queue of 1024 bytes, output blocked with a first text. */
static void open_slow(peer_state *peer, const pl_overflow *overflow)
{
	peer_init(peer);
	peer->limits.send_queue = 1024;
	peer->limits.high_water = 1 << 20;
	peer->settings.overflow = *overflow;
	peer->settings.leaves_out = true;
	open_now(peer);
	block(peer);
}

static int publish(peer_state *peer, const char *text, const char *channel, const char *key,
		   const pl_overflow *overflow)
{
	pl_message message = { .payload = pl_slice_make(text, strlen(text)),
			       .channel = pl_slice_make(channel, strlen(channel)),
			       .key = pl_slice_make(key, strlen(key)),
			       .overflow = overflow };
	int status = pl_conn_publish(peer->conn, &message);

	pl_message_deinit(&message);
	return status;
}

static void leaves(peer_state *peer, const char *expected)
{
	pl_memory_open(&peer->memory, SIZE_MAX);
	turn(peer);
	assert_string_equal(sent(peer), expected);
}

/* Zeros, of which three fit. */
static const char *large(size_t len)
{
	static char text[331];

	memset(text, '0', sizeof(text));
	text[len] = '\0';
	return text;
}

static void the_oldest_give_room(void **state)
{
	peer_state peer;

	(void)state;
	open_slow(&peer, &drop_oldest);
	assert_int_equal(write_text(&peer, large(300)), PL_OK);
	assert_int_equal(write_text(&peer, large(301)), PL_OK);
	assert_int_equal(publish(&peer, large(302), "news", "", NULL), PL_OK);
	assert_int_equal(peer.conn->left_out, 0);
	assert_int_equal(write_text(&peer, large(303)), PL_OK);
	assert_int_equal(peer.conn->left_out, 1);
	assert_int_equal(publish(&peer, large(304), "other", "", NULL), PL_OK);
	assert_int_equal(peer.conn->left_out, 2);
	assert_int_equal(peer.conn->queue->count, 3);
	leaves(&peer, "text:first text#302 text#303 text#304 ");
	peer_close(&peer);
}

static void the_oldest_of_the_channel_give_room(void **state)
{
	int64_t dropped = pl_counters_own->value[PL_COUNT_MESSAGES_DROPPED];
	peer_state peer;

	(void)state;
	open_slow(&peer, &close_it);
	publish(&peer, "a1", "a", "", &two);
	publish(&peer, "b1", "b", "", &two);
	publish(&peer, "a2", "a", "", &two);
	write_text(&peer, "own");
	publish(&peer, "a3", "a", "x", &two);
	publish(&peer, "a4", "a", "y", &two);
	publish(&peer, "b2", "b", "", &two);
	assert_int_equal(peer.conn->left_out, 2);
	assert_int_equal(pl_counters_own->value[PL_COUNT_MESSAGES_DROPPED] - dropped, 2);
	leaves(&peer, "text:first text:b1 text:own text:a3 text:a4 text:b2 ");
	peer_close(&peer);
}

static void the_latest_of_a_key_is_sent(void **state)
{
	int64_t conflated = pl_counters_own->value[PL_COUNT_MESSAGES_CONFLATED];
	peer_state peer;

	(void)state;
	open_slow(&peer, &close_it);
	publish(&peer, "g1", "prices", "gold", &conflate);
	publish(&peer, "t1", "prices", "tin", &conflate);
	publish(&peer, "g2", "prices", "gold", &conflate);
	publish(&peer, "other", "price", "sgold", &conflate);
	publish(&peer, "n1", "prices", "", &conflate);
	publish(&peer, "g3", "prices", "gold", &conflate);
	publish(&peer, "n2", "prices", "", &conflate);
	assert_int_equal(peer.conn->left_out, 3);
	assert_int_equal(pl_counters_own->value[PL_COUNT_MESSAGES_CONFLATED] - conflated, 3);
	leaves(&peer, "text:first text:g3 text:t1 text:other text:n2 ");
	/* What does not wait is not left out. */
	publish(&peer, "1", "prices", "gold", &conflate);
	publish(&peer, "2", "prices", "gold", &conflate);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:1 text:2 ");
	peer_close(&peer);
}

static void a_connection_may_conflate_all(void **state)
{
	peer_state peer;

	(void)state;
	open_slow(&peer, &conflate);
	write_text(&peer, "a1");
	publish(&peer, "n1", "news", "", NULL);
	write_text(&peer, "a2");
	publish(&peer, "n2", "news", "", NULL);
	leaves(&peer, "text:first text:a2 text:n2 ");
	peer_close(&peer);
}

/* It is left out itself: nobody else of its kind waits. */
static void what_never_fits_is_left_out(void **state)
{
	peer_state peer;

	(void)state;
	open_slow(&peer, &close_it);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write_text(&peer, large(300)), PL_OK);
	assert_int_equal(publish(&peer, large(301), "a", "", &drop_oldest), PL_ELIMIT);
	assert_int_equal(publish(&peer, large(301), "a", "", &conflate), PL_ELIMIT);
	assert_int_equal(peer.conn->left_out, 2);
	assert_int_equal(peer.conn->queue->count, 3);
	/* One that waits makes room for its successor, not for a larger one. */
	assert_int_equal(publish(&peer, "small", "a", "", &conflate), PL_OK);
	assert_int_equal(publish(&peer, large(301), "a", "", &conflate), PL_ELIMIT);
	assert_int_equal(peer.conn->left_out, 4);
	assert_int_equal(peer.conn->queue->count, 3);
	assert_true(pl_conn_is_open(peer.conn));
	peer_close(&peer);
}

static void what_is_too_large_leaves_others(void **state)
{
	static char huge[2000];
	peer_state peer;

	(void)state;
	open_slow(&peer, &drop_oldest);
	assert_int_equal(write_text(&peer, "a"), PL_OK);
	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(write_text(&peer, huge), PL_ELIMIT);
	assert_int_equal(write_text(&peer, "b"), PL_OK);
	assert_int_equal(peer.conn->left_out, 1);
	leaves(&peer, "text:first text:a text:b ");
	peer_close(&peer);
}

static void what_may_not_be_left_out_takes_the_room(void **state)
{
	peer_state peer;

	(void)state;
	open_slow(&peer, &close_it);
	publish(&peer, large(300), "a", "", &drop_oldest);
	publish(&peer, large(301), "b", "", &conflate);
	assert_int_equal(write_text(&peer, large(302)), PL_OK);
	assert_int_equal(write_text(&peer, large(303)), PL_OK);
	assert_int_equal(peer.conn->left_out, 2);
	assert_int_equal(peer.conn->queue->count, 2);
	assert_int_equal(write_text(&peer, large(304)), PL_OK);
	assert_int_equal(write_text(&peer, large(305)), PL_ELIMIT);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

/* A flush that waits for a message is done when the one in its place has left. */
static void a_flush_outlives_what_is_left_out(void **state)
{
	peer_state peer;

	(void)state;
	open_slow(&peer, &close_it);
	publish(&peer, "1", "a", "", &conflate);
	publish(&peer, "x", "b", "", &two);
	assert_int_equal(pl_conn_flush(peer.conn, &peer.marks[0]), PL_BUFFERED);
	peer.waits[0] = true;
	publish(&peer, "2", "a", "", &conflate);
	publish(&peer, "y", "b", "", &two);
	publish(&peer, "z", "b", "", &two);
	leaves(&peer, "text:first text:2 text:y text:z ");
	assert_string_equal(journal(&peer), "flushed:0 ");
	peer_close(&peer);
}

static void without_memory_nothing_is_lost_but_the_message(void **state)
{
	int status = PL_ENOMEM;

	(void)state;
	for (int64_t nth = 1; status == PL_ENOMEM; nth++) {
		peer_state peer;

		assert_true(nth < 20);
		open_slow(&peer, &close_it);
		pl_alloc_fail_at(nth);
		status = publish(&peer, "1", "a", "k", &conflate);
		pl_alloc_fail_at(0);
		assert_int_equal(write_text(&peer, "2"), PL_OK);
		leaves(&peer, status ? "text:first text:2 " : "text:first text:1 text:2 ");
		peer_close(&peer);
	}
	assert_int_equal(status, PL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_give_room),
		cmocka_unit_test(the_oldest_of_the_channel_give_room),
		cmocka_unit_test(the_latest_of_a_key_is_sent),
		cmocka_unit_test(a_connection_may_conflate_all),
		cmocka_unit_test(what_never_fits_is_left_out),
		cmocka_unit_test(what_is_too_large_leaves_others),
		cmocka_unit_test(what_may_not_be_left_out_takes_the_room),
		cmocka_unit_test(a_flush_outlives_what_is_left_out),
		cmocka_unit_test(without_memory_nothing_is_lost_but_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
