/*
 * A connection that carries messages over bytes alone, in memory: as a client begins it, and as a
 * server does, behind HTTP that has not begun.
 */
#include "session/ws_side.h"

#include "conn/conn_http.h"
#include "conn/conn_tcp.h"

typedef struct peer_state {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_conn_settings settings;
	pl_frame_end end;
	pl_conn *conn; /* NULL after `closed` */
	pl_buffer journal;
	char reason[128];
} peer_state;

static peer_state *peer_of(pl_conn *conn)
{
	return conn->server;
}

static void word(peer_state *peer, const char *text)
{
	assert_int_equal(pl_buffer_printf(&peer->journal, "%s ", text), PL_OK);
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	ws_words_payload(&peer_of(conn)->journal, kind == PL_KIND_TEXT ? "text" : "binary", data,
			 len);
}

static bool on_heartbeat(pl_conn *conn)
{
	word(peer_of(conn), "heartbeat");
	return false;
}

static void on_drain(pl_conn *conn)
{
	word(peer_of(conn), "drain");
}

static void on_error(pl_conn *conn, int status, const char *message)
{
	(void)message;
	word(peer_of(conn), pl_status_name(status));
}

static void on_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	peer_state *peer = peer_of(conn);

	ws_words_code(&peer->journal, "closed", code);
	snprintf(peer->reason, sizeof(peer->reason), "%.*s", (int)reason.len, reason.at);
	pl_conn_free(conn);
	peer->conn = NULL;
}

static const pl_conn_events conn_events = { .message = on_message,
					    .heartbeat = on_heartbeat,
					    .drain = on_drain,
					    .error = on_error,
					    .closed = on_closed };

static void peer_init(peer_state *peer)
{
	memset(peer, 0, sizeof(*peer));
	assert_int_equal(pl_loop_new(&peer->loop), PL_OK);
	pl_loop_still(peer->loop);
	pl_limits_init(&peer->limits);
	peer->settings = (pl_conn_settings){ .loop = peer->loop,
					     .events = &conn_events,
					     .limits = &peer->limits };
	assert_true(pl_frame_end_set(&peer->end, PL_FRAME_SCAN_ALL, PL_SLICE(";")));
	pl_memory_init(&peer->memory, peer->loop);
}

static void peer_new(peer_state *peer)
{
	assert_int_equal(pl_conn_new(&peer->conn, &peer->memory.stream, 1, &peer->settings, peer),
			 PL_OK);
}

static void peer_start(peer_state *peer)
{
	peer_new(peer);
	assert_int_equal(pl_conn_tcp_open(peer->conn, &peer->end), PL_OK);
	pl_conn_tcp_begin(peer->conn, NULL, 0);
}

static void peer_open(peer_state *peer)
{
	peer_init(peer);
	peer_start(peer);
}

static void peer_turn(peer_state *peer)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(peer->loop);
}

static void peer_feed(peer_state *peer, const char *text)
{
	assert_true(pl_memory_feed(&peer->memory, text, strlen(text)));
}

static void peer_expect(peer_state *peer, const char *words)
{
	peer_turn(peer);
	assert_string_equal(ws_words_take(&peer->journal), words);
}

static void peer_expect_sent(peer_state *peer, const char *text)
{
	peer_turn(peer);
	assert_int_equal(peer->memory.sent.len, strlen(text));
	if (*text)
		assert_memory_equal(peer->memory.sent.data, text, strlen(text));
	peer->memory.sent.len = 0;
}

static void peer_deinit(peer_state *peer)
{
	if (peer->conn)
		peer->conn->ops->abort(peer->conn, PL_ECLOSED);
	peer_turn(peer);
	assert_null(peer->conn);
	pl_buffer_deinit(&peer->journal);
	pl_memory_deinit(&peer->memory);
	pl_loop_free(peer->loop);
}

static int write_text(peer_state *peer, const char *text)
{
	return pl_conn_write(peer->conn, PL_KIND_TEXT, text, strlen(text), 0);
}

static void messages(void **state)
{
	uint64_t received, sent;
	peer_state peer;

	(void)state;
	peer_open(&peer);
	assert_string_equal(peer.conn->info->transport, "tcp");
	assert_true(pl_conn_is_open(peer.conn));
	peer_feed(&peer, "one;two;th");
	peer_expect(&peer, "binary:one; binary:two; ");
	assert_int_equal(write_text(&peer, "text;"), PL_OK);
	assert_int_equal(pl_conn_write(peer.conn, PL_KIND_BINARY, "\xFF;", 2, 1), PL_OK);
	assert_int_equal(write_text(&peer, "\xFF;"), PL_EUTF8);
	peer_expect_sent(&peer, "text;\xFF;");
	peer.conn->ops->counts(peer.conn, &received, &sent);
	assert_int_equal(received, 10);
	assert_int_equal(sent, 7);
	peer_deinit(&peer);
}

/* A server has read something and has found that it is no HTTP. */
static void behind_http(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer_new(&peer);
	assert_int_equal(pl_conn_http_hold(peer.conn), PL_OK);
	assert_int_equal(pl_conn_tcp_open(peer.conn, &peer.end), PL_OK);
	pl_conn_tcp_begin(peer.conn, (const uint8_t *)"one;t", 5);
	peer_feed(&peer, "wo;");
	peer_expect(&peer, "binary:one; binary:two; ");
	peer_deinit(&peer);
}

static void published(void **state)
{
	pl_message message = { .kind = PL_KIND_TEXT, .payload = PL_SLICE("to all;") };
	peer_state one, other;

	(void)state;
	peer_open(&one);
	peer_open(&other);
	assert_int_equal(pl_conn_publish(one.conn, &message), PL_OK);
	other.memory.room = 0;
	assert_int_equal(write_text(&other, "first;"), PL_OK);
	peer_turn(&other);
	assert_int_equal(pl_conn_publish(other.conn, &message), PL_OK);
	assert_non_null(message.encoded[PL_ENCODING_BYTES]);
	pl_message_deinit(&message);
	peer_expect_sent(&one, "to all;");
	pl_memory_open(&other.memory, SIZE_MAX);
	peer_expect_sent(&other, "first;to all;");
	peer_deinit(&one);
	peer_deinit(&other);
}

static void back_pressure(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.high_water = 10;
	peer.limits.low_water = 2;
	peer.limits.send_queue = 20;
	peer_start(&peer);
	peer.memory.room = 0;
	assert_int_equal(write_text(&peer, "12345;"), PL_OK);
	assert_int_equal(write_text(&peer, "67890;"), PL_BUFFERED);
	assert_int_equal(pl_conn_queued(peer.conn), 12);
	pl_memory_open(&peer.memory, 11);
	peer_expect(&peer, "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	peer_expect(&peer, "drain ");
	peer_expect_sent(&peer, "12345;67890;");
	peer.memory.room = 0;
	assert_int_equal(write_text(&peer, "12345678901234567890"), PL_BUFFERED);
	assert_int_equal(write_text(&peer, "1"), PL_ELIMIT);
	peer_expect(&peer, "closed:1006 ");
	peer_deinit(&peer);
}

/* All that was written leaves before our end. */
static void closing(void **state)
{
	peer_state peer;

	(void)state;
	peer_open(&peer);
	peer.memory.room = 0;
	assert_int_equal(write_text(&peer, "one;"), PL_OK);
	peer_turn(&peer);
	assert_int_equal(write_text(&peer, "two;"), PL_OK);
	pl_conn_close(peer.conn, 1000, PL_SLICE("bye"));
	assert_int_equal(write_text(&peer, "three;"), PL_ECLOSED);
	peer_expect(&peer, "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	peer_expect_sent(&peer, "one;two;");
	assert_true(peer.memory.finished);
	pl_memory_end(&peer.memory);
	peer_expect(&peer, "closed:1000 ");
	assert_string_equal(peer.reason, "");
	peer_deinit(&peer);
}

/* A peer that never ends has so long. */
static void closing_takes_too_long(void **state)
{
	peer_state peer;

	(void)state;
	peer_open(&peer);
	peer.memory.room = 0;
	assert_int_equal(write_text(&peer, "one;"), PL_OK);
	peer_turn(&peer);
	peer.limits.message = 4;
	peer_feed(&peer, "toolong");
	peer_expect(&peer, "ETOOBIG ");
	pl_loop_skip(peer.loop, (uint64_t)peer.limits.close_timeout);
	peer_expect(&peer, "closed:1009 ");
	peer_deinit(&peer);
}

static void disconnecting(void **state)
{
	peer_state peer;

	(void)state;
	peer_open(&peer);
	assert_int_equal(write_text(&peer, "one;"), PL_OK);
	pl_conn_disconnect(peer.conn, 1000, PL_SLICE(""));
	peer_expect_sent(&peer, "one;");
	pl_memory_end(&peer.memory);
	peer_expect(&peer, "closed:1000 ");
	peer_deinit(&peer);
}

static void the_peer_ends(void **state)
{
	peer_state peer;

	(void)state;
	peer_open(&peer);
	assert_int_equal(write_text(&peer, "answer;"), PL_OK);
	peer_feed(&peer, "one;");
	pl_memory_end(&peer.memory);
	peer_expect(&peer, "binary:one; closed:1000 ");
	peer_expect_sent(&peer, "answer;");
	peer_deinit(&peer);

	peer_open(&peer);
	peer_feed(&peer, "on");
	pl_memory_end(&peer.memory);
	peer_expect(&peer, "EPROTO closed:1006 ");
	assert_string_equal(peer.reason, "the peer has ended within a frame");
	peer_deinit(&peer);

	peer_open(&peer);
	peer.conn->ops->abort(peer.conn, PL_ECONNRESET);
	peer_expect(&peer, "closed:1006 ");
	assert_string_equal(peer.reason, pl_status_text(PL_ECONNRESET));
	peer_deinit(&peer);
}

static void too_long(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.message = 4;
	peer_start(&peer);
	peer_feed(&peer, "1234567;");
	peer_expect(&peer, "ETOOBIG closed:1009 ");
	assert_string_equal(peer.reason, "a frame is longer than limits.message");
	peer_deinit(&peer);
}

static void pauses(void **state)
{
	peer_state peer;

	(void)state;
	peer_open(&peer);
	pl_conn_pause(peer.conn, true);
	assert_false(pl_memory_feed(&peer.memory, "one;", 4));
	pl_conn_pause(peer.conn, false);
	peer_turn(&peer);
	peer_feed(&peer, "one;");
	peer_expect(&peer, "binary:one; ");
	peer_deinit(&peer);
}

/* There are no pings: the heartbeat asks the owner again and again, and drops nobody. */
static void heartbeat(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.settings.heartbeat = (pl_heartbeat){ .interval = 1000, .timeout = 500 };
	peer_start(&peer);
	assert_int_equal(pl_conn_ping(peer.conn, NULL, 0), PL_ENOTSUP);
	assert_int_equal(pl_conn_demand(peer.conn, 100), PL_ENOTSUP);
	for (int i = 0; i < 3; i++) {
		pl_loop_skip(peer.loop, 999);
		peer_expect(&peer, "");
		pl_loop_skip(peer.loop, 1);
		peer_expect(&peer, "heartbeat ");
	}
	peer_expect_sent(&peer, "");
	peer_deinit(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),	 cmocka_unit_test(behind_http),
		cmocka_unit_test(published),	 cmocka_unit_test(back_pressure),
		cmocka_unit_test(closing),	 cmocka_unit_test(closing_takes_too_long),
		cmocka_unit_test(disconnecting), cmocka_unit_test(the_peer_ends),
		cmocka_unit_test(too_long),	 cmocka_unit_test(pauses),
		cmocka_unit_test(heartbeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
