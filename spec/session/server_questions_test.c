/*
 * What the script is asked while a connection waits: whether it may come in, whether it may become
 * a WebSocket. Answers come at once, late, too late and never.
 *
 * covers: server/accept.c server/upgrade.c server/hold.c server/request.c
 */
#include "session/server_side.h"

static const char hello_frame[] = "\x81\x85\0\0\0\0hello";

static server_client *begin(server_side *side, unsigned asks)
{
	server_side_init(side);
	side->asks = asks;
	assert_int_equal(server_side_start(side), PL_OK);
	return server_side_dial(side, 0);
}

static bool was_sent(server_client *client, const char *text)
{
	const pl_buffer *sent = &client->memory.sent;

	return memmem(sent->data, sent->len, text, strlen(text)) != NULL;
}

/* Arrivals. */

static void nothing_is_read_until_the_answer(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_ARRIVAL);

	(void)state;
	assert_non_null(side.arrival);
	assert_false(SERVER_FEED(client, SERVER_SIDE_GET("/")));
	pl_arrival_end(side.arrival, side.arrived, PL_ARRIVAL_LET_IN);
	assert_true(SERVER_FEED(client, SERVER_SIDE_GET("/")));
	server_side_turn(&side);
	assert_true(was_sent(client, "hello"));
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
	assert_false(client->memory.closed);
	server_side_close(&side);
}

static void an_arrival_is_refused(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_ARRIVAL);

	(void)state;
	pl_arrival_end(side.arrival, side.arrived, PL_ARRIVAL_REFUSED);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	assert_int_equal(client->memory.sent.len, 0);
	server_side_close(&side);
}

static void an_arrival_does_not_wait_for_ever(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_ARRIVAL);

	(void)state;
	/* Turns take real time too. */
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout - 5000);
	server_side_turn(&side);
	assert_false(client->memory.closed);
	pl_loop_skip(side.loop, 5000);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	assert_int_equal(client->memory.status, PL_ETIMEDOUT);
	pl_arrival_end(side.arrival, NULL, PL_ARRIVAL_LET_IN);
	server_side_close(&side);
}

static void an_arrival_is_ended_by_a_stop(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_ARRIVAL);

	(void)state;
	server_side_stop(&side);
	assert_true(client->memory.closed);
	pl_arrival_end(side.arrival, NULL, PL_ARRIVAL_LET_IN);
	server_side_close(&side);
}

/* Handshakes. */

static server_client *begin_handshake(server_side *side)
{
	server_client *client = begin(side, 1 << PL_ASKS_HANDSHAKE);

	assert_true(SERVER_FEED(client, SERVER_SIDE_HANDSHAKE("")));
	server_side_turn(side);
	assert_non_null(side->upgrade);
	assert_int_equal(client->memory.sent.len, 0);
	return client;
}

static void a_late_yes_opens_with_what_came_meanwhile(void **state)
{
	const pl_http_field field = { PL_SLICE("X-Late"), PL_SLICE("1") };
	server_side side;
	server_client *client = begin_handshake(&side);
	pl_conn_ws_answer answer;

	(void)state;
	assert_true(SERVER_FEED(client, hello_frame));
	assert_false(SERVER_FEED(client, hello_frame)); /* it waits, unread */
	assert_int_equal(pl_upgrade_answer(side.upgrade, &answer), PL_OK);
	assert_int_equal(answer.count, 3);
	assert_int_equal(pl_upgrade_end(side.upgrade, 0, &field, 1), PL_OK);
	assert_string_equal(server_client_journal(client), "open text:hello ");
	server_side_turn(&side);
	assert_true(was_sent(client, "HTTP/1.1 101 "));
	assert_true(was_sent(client, "\r\nX-Late: 1\r\n\r\n"));
	assert_true(SERVER_FEED(client, hello_frame));
	assert_string_equal(server_client_journal(client), "text:hello ");
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
	assert_int_equal(pl_server_count(side.server), 1);
	server_side_close(&side);
}

static void an_end_that_came_meanwhile_is_told(void **state)
{
	server_side side;
	server_client *client = begin_handshake(&side);

	(void)state;
	assert_true(SERVER_FEED(client, hello_frame));
	client->memory.stream.events->end(client->memory.stream.owner);
	assert_int_equal(pl_upgrade_end(side.upgrade, 0, NULL, 0), PL_OK);
	server_side_turn(&side);
	assert_string_equal(server_client_journal(client), "open text:hello closed:1006 ");
	server_side_close(&side);
}

static void a_no_leaves_http(void **state)
{
	server_side side;
	server_client *client = begin_handshake(&side);

	(void)state;
	assert_int_equal(pl_upgrade_end(side.upgrade, 403, NULL, 0), PL_OK);
	server_side_turn(&side);
	assert_true(was_sent(client, "HTTP/1.1 403 "));
	assert_true(SERVER_FEED(client, SERVER_SIDE_GET("/")));
	server_side_turn(&side);
	assert_true(was_sent(client, "hello"));
	side.asks = 0;
	assert_true(SERVER_FEED(client, SERVER_SIDE_HANDSHAKE("")));
	assert_string_equal(server_client_journal(client), "open ");
	server_side_close(&side);
}

static void wrong_fields_are_not_sent(void **state)
{
	const pl_http_field fields[] = {
		{ PL_SLICE("X-A"), PL_SLICE("a\r\nX-B: c") },
		{ PL_SLICE("X A"), PL_SLICE("a") },
		{ PL_SLICE(""), PL_SLICE("a") },
		{ PL_SLICE("upgrade"), PL_SLICE("a") },
		{ PL_SLICE("Connection"), PL_SLICE("a") },
		{ PL_SLICE("date"), PL_SLICE("a") },
		{ PL_SLICE("SEC-WEBSOCKET-ACCEPT"), PL_SLICE("a") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		server_side side;
		server_client *client = begin_handshake(&side);

		assert_int_equal(pl_upgrade_end(side.upgrade, 0, &fields[i], 1), PL_EINVAL);
		server_side_turn(&side);
		assert_true(was_sent(client, "HTTP/1.1 500 "));
		assert_false(was_sent(client, "X-B"));
		server_side_close(&side);
	}
}

static void a_handshake_does_not_wait_for_ever(void **state)
{
	server_side side;
	server_client *client = begin_handshake(&side);

	(void)state;
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
	server_side_turn(&side);
	assert_true(was_sent(client, "HTTP/1.1 503 "));
	assert_int_equal(pl_upgrade_end(side.upgrade, 0, NULL, 0), PL_OK);
	server_side_turn(&side);
	assert_int_equal(pl_server_count(side.server), 0);
	assert_false(client->memory.closed);
	server_side_close(&side);
}

static void the_client_may_go_meanwhile(void **state)
{
	server_side side;
	server_client *client = begin_handshake(&side);

	(void)state;
	pl_stream_abort(&client->memory.stream, PL_ECONNRESET);
	server_side_turn(&side);
	assert_int_equal(pl_upgrade_end(side.upgrade, 0, NULL, 0), PL_OK);
	assert_string_equal(server_client_journal(client), "");
	server_side_close(&side);
}

static void a_stop_refuses_what_waits(void **state)
{
	server_side side;
	server_client *client = begin_handshake(&side);

	(void)state;
	pl_server_stop(side.server);
	server_side_turn(&side);
	assert_int_equal(pl_upgrade_end(side.upgrade, 0, NULL, 0), PL_OK);
	server_side_turn(&side);
	assert_true(was_sent(client, "HTTP/1.1 503 "));
	assert_int_equal(side.stopped, 1);
	pl_server_free(side.server);
	side.server = NULL;
	server_side_close(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_read_until_the_answer),
		cmocka_unit_test(an_arrival_is_refused),
		cmocka_unit_test(an_arrival_does_not_wait_for_ever),
		cmocka_unit_test(an_arrival_is_ended_by_a_stop),
		cmocka_unit_test(a_late_yes_opens_with_what_came_meanwhile),
		cmocka_unit_test(an_end_that_came_meanwhile_is_told),
		cmocka_unit_test(a_no_leaves_http),
		cmocka_unit_test(wrong_fields_are_not_sent),
		cmocka_unit_test(a_handshake_does_not_wait_for_ever),
		cmocka_unit_test(the_client_may_go_meanwhile),
		cmocka_unit_test(a_stop_refuses_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
