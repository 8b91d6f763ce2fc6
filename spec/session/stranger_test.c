/*
 * A port on which HTTP and plain TCP are spoken: who is asked about whom, and what comes of it.
 */
#include "session/server_side.h"

#include "server/stranger.h"

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

static void feed(server_side *side, server_client *client, const char *bytes, size_t len,
		 size_t step)
{
	for (size_t at = 0; at < len; at += step) {
		server_client_feed(client, bytes + at, step < len - at ? step : len - at);
		server_side_turn(side);
	}
}

static void http_is_http(void **state)
{
	static const char request[] = SERVER_SIDE_GET("/");
	server_side side;

	(void)state;
	for (size_t step = 1; step < sizeof(request); step++) {
		server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

		feed(&side, client, request, sizeof(request) - 1, step);
		assert_null(side.stranger);
		assert_true(was_sent(client, "hello"));
		/* It goes on as such. */
		client->memory.sent.len = 0;
		feed(&side, client, request, sizeof(request) - 1, step);
		assert_true(was_sent(client, "hello"));
		/* Its deadlines are those of HTTP. */
		pl_loop_skip(side.loop, (uint64_t)side.settings.limits.header_timeout);
		server_side_turn(&side);
		assert_false(client->memory.closed);
		server_side_close(&side);
	}
}

static void a_websocket_is_one(void **state)
{
	static const char handshake[] = SERVER_SIDE_HANDSHAKE("");
	server_side side;

	(void)state;
	for (size_t step = 1; step < 20; step += 6) {
		server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

		feed(&side, client, handshake, sizeof(handshake) - 1, step);
		server_client_say(client, "echo back");
		server_side_turn(&side);
		assert_true(was_sent(client, "back"));
		server_side_close(&side);
	}
}

static void a_stranger_is_let_in(void **state)
{
	server_side side;

	(void)state;
	for (size_t step = 1; step <= 9; step += 4) {
		server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

		feed(&side, client, "PU", 2, step); /* may be PUT */
		assert_null(side.stranger);
		feed(&side, client, "LL echo x", 9, 9);
		assert_non_null(side.stranger);
		assert_int_equal(side.said.len, 11);
		assert_memory_equal(side.said.data, "PULL echo x", 11);
		/* What comes meanwhile waits. */
		assert_false(SERVER_FEED(client, "later"));
		pl_stranger_end(side.stranger, side.strange, true);
		server_side_turn(&side);
		assert_string_equal(client->conn->info->transport, "tcp");
		assert_int_equal(pl_server_count(side.server), 1);
		assert_true(SERVER_FEED(client, "echo more"));
		server_side_turn(&side);
		assert_true(was_sent(client, "more"));
		assert_string_equal(server_client_journal(client), "open text:PULL echo x ");
		/* No deadline is left over. */
		pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
		server_side_turn(&side);
		assert_false(client->memory.closed);
		server_side_close(&side);
	}
}

static void a_stranger_is_refused(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

	(void)state;
	SERVER_FEED(client, "hello\n");
	pl_stranger_end(side.stranger, side.strange, false);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	assert_int_equal(client->memory.sent.len, 0);
	assert_int_equal(client->journal.len, 0);
	server_side_close(&side);
}

static void nobody_waits_for_ever(void **state)
{
	server_side side;
	server_client *client;

	(void)state;
	/* For the answer. */
	client = begin(&side, 1 << PL_ASKS_STRANGER);
	SERVER_FEED(client, "hello\n");
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.handshake_timeout);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	pl_stranger_end(side.stranger, NULL, true);
	server_side_close(&side);
	/* Which may take longer than what it says. */
	client = begin(&side, 1 << PL_ASKS_STRANGER);
	side.server->settings.limits.handshake_timeout = 3 * side.settings.limits.header_timeout;
	SERVER_FEED(client, "hello\n");
	pl_loop_skip(side.loop, 2 * (uint64_t)side.settings.limits.header_timeout);
	server_side_turn(&side);
	assert_false(client->memory.closed);
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.header_timeout);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	pl_stranger_end(side.stranger, NULL, true);
	server_side_close(&side);
	/* For bytes that tell what it is, and for any at all. */
	for (int said = 0; said < 2; said++) {
		client = begin(&side, 1 << PL_ASKS_STRANGER);
		if (said)
			SERVER_FEED(client, "GE");
		pl_loop_skip(side.loop, (uint64_t)side.settings.limits.header_timeout);
		server_side_turn(&side);
		assert_true(client->memory.closed);
		assert_null(side.stranger);
		server_side_close(&side);
	}
}

static void who_goes_is_not_asked_about(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

	(void)state;
	SERVER_FEED(client, "GE");
	pl_memory_end(&client->memory);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	assert_null(side.stranger);
	server_side_close(&side);
	/* While somebody is asked. */
	client = begin(&side, 1 << PL_ASKS_STRANGER);
	SERVER_FEED(client, "hello\n");
	pl_conn_disconnect(side.strange, 1000, pl_slice_make(NULL, 0));
	server_side_turn(&side);
	pl_stranger_end(side.stranger, NULL, true);
	server_side_close(&side);
	client = begin(&side, 1 << PL_ASKS_STRANGER);
	SERVER_FEED(client, "hello\n");
	pl_conn_disconnect(side.strange, 1000, pl_slice_make(NULL, 0));
	pl_stranger_end(side.stranger, side.strange, true);
	server_side_turn(&side);
	assert_int_equal(client->journal.len, 0);
	server_side_close(&side);
	client = begin(&side, 1 << PL_ASKS_STRANGER);
	SERVER_FEED(client, "hello\n");
	pl_server_stop(side.server);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	pl_stranger_end(side.stranger, NULL, true);
	server_side_close(&side);
}

static server_client *begin_flash(server_side *side, unsigned asks)
{
	server_side_init(side);
	side->asks = asks;
	side->settings.flash_policy = PL_SLICE("<policy/>");
	assert_int_equal(server_side_start(side), PL_OK);
	return server_side_dial(side, 0);
}

static void flash_is_answered(void **state)
{
	static const char request[] = "<policy-file-request/>"; /* and its zero byte */
	server_side side;

	(void)state;
	for (unsigned asks = 0; asks < 2; asks++) {
		for (size_t step = 1; step <= sizeof(request); step++) {
			server_client *client = begin_flash(&side, asks << PL_ASKS_STRANGER);

			feed(&side, client, request, sizeof(request) - 1, step);
			assert_int_equal(client->memory.sent.len, 0);
			feed(&side, client, "", 1, 1);
			assert_true(was_sent(client, "<policy/>"));
			pl_memory_end(&client->memory);
			server_side_turn(&side);
			assert_true(client->memory.closed);
			assert_null(side.stranger);
			server_side_close(&side);
		}
	}
}

static void what_only_begins_like_flash(void **state)
{
	server_side side;
	server_client *client = begin_flash(&side, 1 << PL_ASKS_STRANGER);

	(void)state;
	feed(&side, client, "<policy-file-reques ", 20, 1);
	assert_int_equal(side.said.len, 20);
	pl_stranger_end(side.stranger, side.strange, false);
	server_side_close(&side);
	/* Nobody is asked: it is taken for HTTP. */
	client = begin_flash(&side, 0);
	feed(&side, client, "<policy> \r\n\r\n", 13, 4);
	assert_true(was_sent(client, "HTTP/1.1 400"));
	server_side_close(&side);
	client = begin_flash(&side, 0);
	feed(&side, client, SERVER_SIDE_GET("/"), strlen(SERVER_SIDE_GET("/")), 3);
	assert_true(was_sent(client, "hello"));
	server_side_close(&side);
	/* And has to end. */
	client = begin_flash(&side, 0);
	SERVER_FEED(client, "<policy-file");
	pl_loop_skip(side.loop, (uint64_t)side.settings.limits.header_timeout);
	server_side_turn(&side);
	assert_true(client->memory.closed);
	server_side_close(&side);
}

static void tls_on_a_plain_port(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_STRANGER);

	(void)state;
	SERVER_FEED(client, "\x16\x03\x01\x02");
	server_side_turn(&side);
	assert_true(client->memory.closed);
	assert_null(side.stranger);
	assert_int_equal(side.errors, 1);
	server_side_close(&side);
}

static void an_arrival_may_be_tcp(void **state)
{
	server_side side;
	server_client *client = begin(&side, 1 << PL_ASKS_ARRIVAL | 1 << PL_ASKS_STRANGER);

	(void)state;
	pl_arrival_end(side.arrival, side.arrived, PL_ARRIVAL_TCP);
	assert_string_equal(server_client_journal(client), "open ");
	assert_int_equal(pl_conn_write(client->conn, PL_KIND_TEXT, "first", 5, 0), PL_OK);
	server_side_turn(&side);
	assert_true(was_sent(client, "first"));
	SERVER_FEED(client, SERVER_SIDE_GET("/"));
	server_side_turn(&side);
	assert_false(was_sent(client, "HTTP/1.1"));
	server_side_close(&side);
}

static void nobody_asks(void **state)
{
	server_side side;
	server_client *client = begin(&side, 0);

	(void)state;
	SERVER_FEED(client, "hello there\r\n\r\n");
	server_side_turn(&side);
	assert_true(was_sent(client, "HTTP/1.1 400 "));
	server_side_close(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_is_http),
		cmocka_unit_test(a_websocket_is_one),
		cmocka_unit_test(a_stranger_is_let_in),
		cmocka_unit_test(a_stranger_is_refused),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(who_goes_is_not_asked_about),
		cmocka_unit_test(flash_is_answered),
		cmocka_unit_test(what_only_begins_like_flash),
		cmocka_unit_test(tls_on_a_plain_port),
		cmocka_unit_test(an_arrival_may_be_tcp),
		cmocka_unit_test(nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
