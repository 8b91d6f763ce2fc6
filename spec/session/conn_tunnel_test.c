/*
 * A connection that is handed to another server: the answer, the bytes, the end.
 *
 * covers: conn/conn_tunnel.c conn/conn_mute.c
 */
#include "unit/net/turns.h"

#include "conn/conn_http.h"
#include "conn/conn_mute.h"
#include "conn/conn_tunnel.h"
#include "net/memory.h"

#define HEAD "HTTP/1.1 101 Switching Protocols\r\n\r\n"

static struct side {
	pl_loop *loop;
	pl_memory near, far;
	pl_limits limits;
	pl_http1_settings http1;
	pl_conn_settings settings;
	pl_conn *conn;
	pl_exchange *exchange;
	int closed, ended, status, result;
} side;

static void on_request(pl_conn *conn, pl_exchange *exchange);

static void on_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	side.closed++;
	side.conn = NULL;
	pl_conn_free(conn);
}

static const pl_conn_events conn_events = { .closed = on_closed };

static int open_side(void **state)
{
	(void)state;
	memset(&side, 0, sizeof(side));
	assert_int_equal(pl_loop_new(&side.loop), PL_OK);
	pl_memory_init(&side.near, side.loop);
	pl_memory_init(&side.far, side.loop);
	pl_limits_init(&side.limits);
	side.http1.limits = &side.limits;
	side.settings = (pl_conn_settings){ .loop = side.loop,
					    .events = &conn_events,
					    .limits = &side.limits };
	assert_int_equal(pl_conn_new(&side.conn, &side.near.stream, 1, &side.settings, NULL),
			 PL_OK);
	assert_int_equal(pl_conn_http_hold(side.conn), PL_OK);
	return pl_conn_http_start(side.conn, &side.near.stream, &side.http1, on_request);
}

static int close_side(void **state)
{
	(void)state;
	if (side.conn)
		side.conn->ops->abort(side.conn, PL_OK);
	for (int i = 0; i < 4; i++)
		pl_loop_turn(side.loop);
	assert_int_equal(side.closed, 1);
	pl_memory_deinit(&side.near);
	pl_memory_deinit(&side.far);
	pl_loop_free(side.loop);
	return 0;
}

static void on_ended(void *owner, int status)
{
	(void)owner;
	side.ended++;
	side.status = status;
	assert_int_equal(side.closed, 0);
}

static void open_tunnel(pl_exchange *exchange)
{
	const pl_conn_tunnel tunnel = { .head = PL_SLICE(HEAD),
					.stream = &side.far.stream,
					.rest = PL_SLICE("far "),
					.ended = on_ended };

	side.result = pl_conn_tunnel_open(side.conn, exchange, &tunnel);
}

static void on_nothing(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void on_body(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len;
}

static void on_aborted(void *owner, pl_exchange *exchange, int status)
{
	(void)owner, (void)exchange, (void)status;
	side.exchange = NULL;
}

static const pl_exchange_events events = {
	.data = on_body, .end = on_nothing, .drain = on_nothing, .aborted = on_aborted
};

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	(void)conn;
	if (pl_slice_equal(exchange->request->path, PL_SLICE("/now"))) {
		open_tunnel(exchange);
		return;
	}
	side.exchange = exchange;
	pl_exchange_own(exchange, &events, NULL);
	pl_exchange_pause(exchange, true);
}

static const char *sent(pl_memory *memory)
{
	pl_loop_turn(side.loop);
	assert_int_equal(pl_buffer_append(&memory->sent, "", 1), PL_OK);
	memory->sent.len--;
	return (const char *)memory->sent.data;
}

static void feed(pl_memory *memory, const char *text)
{
	assert_true(pl_memory_feed(memory, text, strlen(text)));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void bytes_go_both_ways(void **state)
{
	uint64_t received, written;
	uint32_t mark;

	(void)state;
	feed(&side.near, GET("/now") "near");
	assert_string_equal(sent(&side.near), HEAD "far ");
	assert_string_equal(sent(&side.far), "near");
	feed(&side.far, "answer");
	assert_string_equal(sent(&side.near), HEAD "far answer");
	assert_string_equal(side.conn->info->transport, "tunnel");
	side.conn->ops->counts(side.conn, &received, &written);
	assert_int_equal(received, 4);
	assert_int_equal(written, 10);
	assert_false(pl_conn_is_open(side.conn));
	assert_int_equal(pl_conn_write(side.conn, PL_KIND_TEXT, "x", 1, 0), PL_ECLOSED);
	assert_int_equal(pl_conn_flush(side.conn, &mark), PL_OK);
	assert_int_equal(pl_conn_mute_encoding(side.conn), PL_ENCODING_OWN);
	assert_null(pl_conn_mute_encode(side.conn, NULL));
	assert_int_equal(pl_conn_mute_send(side.conn, PL_KIND_TEXT, "x", 1, 0), PL_ENOTSUP);
	assert_int_equal(pl_conn_mute_send_frames(side.conn, NULL), PL_ENOTSUP);
	assert_int_equal(pl_conn_mute_ping(side.conn, "x", 1), PL_ENOTSUP);
	pl_conn_mute_pause(side.conn, true);
}

static void a_tunnel_may_begin_later(void **state)
{
	(void)state;
	feed(&side.near, GET("/late") "early");
	pl_loop_turn(side.loop);
	open_tunnel(side.exchange);
	assert_int_equal(side.result, PL_OK);
	assert_string_equal(sent(&side.near), HEAD "far ");
	assert_string_equal(sent(&side.far), "early");
	pl_stream_abort(&side.far.stream, PL_ECONNRESET);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(side.loop);
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.ended, 1);
	assert_int_equal(side.status, PL_ECONNRESET);
	assert_true(side.near.finished);
}

static void it_ends_with_the_server(void **state)
{
	(void)state;
	feed(&side.near, GET("/now"));
	pl_conn_close(side.conn, 1001, pl_slice_make(NULL, 0));
	for (int i = 0; i < 3; i++)
		pl_loop_turn(side.loop);
	assert_int_equal(side.closed, 1);
	assert_true(side.near.finished && side.far.finished);
	assert_int_equal(side.status, PL_OK);
}

static void without_memory_nothing_is_left_open(void **state)
{
	(void)state;
	feed(&side.near, GET("/late"));
	pl_alloc_fail_at(1);
	open_tunnel(side.exchange);
	pl_alloc_fail_at(0);
	assert_int_equal(side.result, PL_ENOMEM);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(side.loop);
	assert_int_equal(side.closed, 1);
	assert_int_equal(side.ended, 0);
	assert_true(side.far.closed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_side, close_side)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_both_ways),
		TEST(a_tunnel_may_begin_later),
		TEST(it_ends_with_the_server),
		TEST(without_memory_nothing_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
