/* A connection's messages as a stream, over bytes alone in memory. */
#include <stdlib.h>

#include "session/ws_side.h"

#include "conn/conn_stream.h"
#include "conn/conn_tcp.h"

typedef struct fixture {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_conn_settings settings;
	pl_frame_end end;
	pl_conn *conn;	   /* NULL after its end */
	pl_stream *stream; /* NULL after `closed` */
	pl_buffer journal;
} fixture;

static fixture *of(pl_conn *conn)
{
	return conn->server;
}

/* The connection's owner hands on. */

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	(void)kind;
	pl_conn_stream_received(of(conn)->stream, data, len);
}

static void on_conn_drain(pl_conn *conn)
{
	pl_conn_stream_drained(of(conn)->stream);
}

static void on_conn_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	fixture *fix = of(conn);

	(void)reason;
	fix->conn = NULL;
	pl_conn_stream_ended(fix->stream, code == 1000 ? PL_OK : PL_ECONNRESET);
	pl_conn_free(conn);
}

static const pl_conn_events conn_events = { .message = on_message,
					    .drain = on_conn_drain,
					    .closed = on_conn_closed };

/* The stream's owner. */

static void on_data(void *owner, uint8_t *data, size_t len)
{
	ws_words_payload(&((fixture *)owner)->journal, "data", data, len);
}

static void word(fixture *fix, const char *text)
{
	assert_int_equal(pl_buffer_printf(&fix->journal, "%s ", text), PL_OK);
}

static void on_end(void *owner)
{
	word(owner, "end");
}

static void on_drain(void *owner)
{
	word(owner, "drain");
}

static void on_closed(void *owner, int status)
{
	fixture *fix = owner;

	fix->stream = NULL;
	word(fix, "closed");
	word(fix, pl_status_name(status));
}

static const pl_stream_events stream_events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

static void turn(fixture *fix)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(fix->loop);
}

static int setup(void **state)
{
	fixture *fix = calloc(1, sizeof(*fix));

	assert_int_equal(pl_loop_new(&fix->loop), PL_OK);
	pl_loop_still(fix->loop);
	pl_limits_init(&fix->limits);
	fix->limits.high_water = 1024;
	fix->limits.low_water = 512;
	fix->settings = (pl_conn_settings){ .loop = fix->loop,
					    .events = &conn_events,
					    .limits = &fix->limits };
	pl_memory_init(&fix->memory, fix->loop);
	assert_int_equal(pl_conn_new(&fix->conn, &fix->memory.stream, 1, &fix->settings, fix),
			 PL_OK);
	assert_int_equal(pl_conn_tcp_open(fix->conn, &fix->end), PL_OK);
	assert_int_equal(pl_conn_stream_new(&fix->stream, fix->conn), PL_OK);
	pl_stream_own(fix->stream, &stream_events, fix);
	pl_conn_tcp_begin(fix->conn, NULL, 0);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	fixture *fix = *state;

	if (fix->stream)
		pl_stream_drop(fix->stream);
	turn(fix);
	assert_null(fix->conn);
	pl_buffer_deinit(&fix->journal);
	pl_memory_deinit(&fix->memory);
	pl_loop_free(fix->loop);
	free(fix);
	return 0;
}

static void feed(fixture *fix, const char *text)
{
	assert_true(pl_memory_feed(&fix->memory, text, strlen(text)));
}

static void expect(fixture *fix, const char *words)
{
	turn(fix);
	assert_string_equal(ws_words_take(&fix->journal), words);
}

static void expect_sent(fixture *fix, const char *text)
{
	turn(fix);
	assert_int_equal(fix->memory.sent.len, strlen(text));
	if (*text)
		assert_memory_equal(fix->memory.sent.data, text, strlen(text));
	fix->memory.sent.len = 0;
}

static void bytes_both_ways(void **state)
{
	fixture *fix = *state;
	pl_block *block = pl_block_copy("shared", 6);
	pl_address address;

	feed(fix, "hello");
	expect(fix, "data:hello ");
	assert_int_equal(pl_stream_write(fix->stream, "one ", 4), PL_OK);
	assert_int_equal(pl_stream_write_block(fix->stream, block, 0, 6), PL_OK);
	pl_block_unref(block);
	/* It leaves in this turn, not in the next. */
	pl_loop_turn(fix->loop);
	assert_int_equal(fix->memory.sent.len, 10);
	expect_sent(fix, "one shared");
	pl_stream_peer(fix->stream, &address);
	assert_int_equal(address.port, 50000);
	assert_ptr_equal(pl_conn_stream_conn(fix->stream), fix->conn);
}

static void pauses_the_connection(void **state)
{
	fixture *fix = *state;

	pl_stream_pause(fix->stream);
	turn(fix);
	assert_false(pl_memory_feed(&fix->memory, "x", 1));
	pl_stream_resume(fix->stream);
	turn(fix);
	feed(fix, "y");
	expect(fix, "data:y ");
}

static void blocks_as_the_connection_does(void **state)
{
	fixture *fix = *state;
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	fix->memory.room = 100;
	assert_int_equal(pl_stream_write(fix->stream, bytes, sizeof(bytes)), PL_OK);
	turn(fix);
	assert_true(fix->stream->blocked);
	assert_int_equal(pl_stream_write(fix->stream, "behind", 6), PL_OK);
	turn(fix);
	assert_int_equal(pl_stream_queued(fix->stream), 6);
	expect(fix, "");
	pl_memory_open(&fix->memory, SIZE_MAX);
	expect(fix, "drain ");
	assert_int_equal(fix->memory.sent.len, sizeof(bytes) + 6);
	assert_memory_equal(fix->memory.sent.data + sizeof(bytes), "behind", 6);
	assert_false(fix->stream->blocked);
}

static void finishes_with_all_that_was_written(void **state)
{
	fixture *fix = *state;
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	fix->memory.room = 100;
	assert_int_equal(pl_stream_write(fix->stream, bytes, sizeof(bytes)), PL_OK);
	turn(fix);
	assert_int_equal(pl_stream_write(fix->stream, "last", 4), PL_OK);
	pl_stream_finish(fix->stream);
	assert_int_equal(pl_stream_write(fix->stream, "late", 4), PL_ECLOSED);
	turn(fix);
	pl_memory_open(&fix->memory, SIZE_MAX);
	expect(fix, "closed OK ");
	assert_int_equal(fix->memory.sent.len, sizeof(bytes) + 4);
}

static void ends_with_the_connection(void **state)
{
	fixture *fix = *state;

	assert_int_equal(pl_stream_write(fix->stream, "one", 3), PL_OK);
	pl_stream_abort(fix->stream, PL_ETIMEDOUT);
	pl_conn_stream_received(fix->stream, (const uint8_t *)"nobody hears it", 15);
	expect(fix, "closed ETIMEDOUT ");
	expect_sent(fix, "");
}

static void the_peer_ends(void **state)
{
	fixture *fix = *state;

	pl_memory_end(&fix->memory);
	expect(fix, "closed OK ");
}

static void the_connection_breaks(void **state)
{
	fixture *fix = *state;

	pl_stream_abort(&fix->memory.stream, PL_ECONNRESET);
	assert_int_equal(pl_stream_write(fix->stream, "x", 1), PL_OK);
	expect(fix, "closed ECONNRESET ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(pauses_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(blocks_as_the_connection_does, setup, teardown),
		cmocka_unit_test_setup_teardown(finishes_with_all_that_was_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ends_with_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(the_peer_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(the_connection_breaks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
