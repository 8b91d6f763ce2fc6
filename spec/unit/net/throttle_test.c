#include "unit/net/turns.h"

#include "net/memory.h"
#include "net/throttle.h"

static pl_loop *loop;
static pl_memory memory;
static pl_stream *stream; /* NULL after `closed` */
static pl_buffer journal;
static size_t received;

static void on_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner, (void)data;
	received += len;
}

static void on_end(void *owner)
{
	(void)owner;
	note(&journal, "end");
}

static void on_drain(void *owner)
{
	(void)owner;
	note(&journal, "drain");
}

static void on_closed(void *owner, int status)
{
	(void)owner;
	note_status(&journal, "closed", status);
	stream = NULL;
}

static const pl_stream_events events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

static void start(uint64_t out, uint64_t in)
{
	const pl_throttle_rates rates = { .out = out, .in = in };

	pl_memory_init(&memory, loop);
	assert_int_equal(pl_throttle_open(&stream, &memory.stream, &rates), PL_OK);
	pl_stream_own(stream, &events, NULL);
	pl_stream_resume(stream);
	received = 0;
}

static int set_up(void **state)
{
	(void)state;
	return pl_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	if (stream)
		pl_stream_abort(stream, PL_OK);
	pl_loop_turn(loop);
	pl_memory_deinit(&memory);
	pl_buffer_deinit(&journal);
	pl_loop_free(loop);
	return 0;
}

static void later(uint64_t ms)
{
	pl_loop_skip(loop, ms);
	pl_loop_turn(loop);
}

static void write_some(size_t len)
{
	static const uint8_t bytes[100000];

	assert_int_equal(pl_stream_write(stream, bytes, len), PL_OK);
	pl_loop_turn(loop);
}

static void without_a_rate_all_goes_at_once(void **state)
{
	(void)state;
	start(0, 0);
	write_some(100000);
	assert_int_equal(memory.sent.len, 100000);
	assert_false(stream->blocked);
	for (int i = 0; i < 10; i++)
		assert_true(pl_memory_feed(&memory, "0123456789", 10));
	assert_int_equal(received, 100);
}

/* 80,000 bits are 10,000 bytes a second; 2,500 are in reserve. */
static void output_takes_its_time(void **state)
{
	uint64_t began = pl_loop_now(loop);

	(void)state;
	start(80000, 0);
	write_some(20000);
	assert_int_equal(memory.sent.len, 2500);
	assert_true(stream->blocked);
	assert_int_equal(pl_stream_queued(stream), 17500);
	while (stream->blocked) {
		uint64_t passed;

		later(10);
		passed = pl_loop_now(loop) - began;
		assert_true(memory.sent.len <= 2500 + passed * 10);
		assert_true(passed < 2500);
	}
	assert_int_equal(memory.sent.len, 20000);
	assert_true(pl_loop_now(loop) - began >= 1750);
	assert_string_equal(noted(&journal), "drain ");
	/* What was not used comes back, up to the reserve. */
	later(10000);
	write_some(20000);
	assert_in_range(memory.sent.len, 22500, 22600);
}

static void the_slowest_is_a_byte_a_second(void **state)
{
	(void)state;
	start(8, 8);
	write_some(3);
	assert_int_equal(memory.sent.len, 1);
	later(900);
	assert_int_equal(memory.sent.len, 1);
	later(200);
	assert_int_equal(memory.sent.len, 2);
	later(1100);
	assert_int_equal(memory.sent.len, 3);
}

static void a_slow_peer_is_waited_for_as_well(void **state)
{
	(void)state;
	start(80000, 0);
	memory.room = 1000;
	write_some(2000);
	assert_int_equal(memory.sent.len, 1000);
	assert_true(stream->blocked);
	later(5000);
	assert_int_equal(memory.sent.len, 1000);
	pl_memory_open(&memory, SIZE_MAX);
	assert_int_equal(memory.sent.len, 2000);
	assert_false(stream->blocked);
	assert_string_equal(noted(&journal), "drain ");
}

static void input_is_made_up_for_by_a_pause(void **state)
{
	static const uint8_t bytes[12500];

	(void)state;
	start(0, 80000);
	assert_true(pl_memory_feed(&memory, bytes, 1000));
	assert_true(pl_memory_feed(&memory, bytes, 12500)); /* as TCP reads: 11,000 too many */
	assert_int_equal(received, 13500);
	assert_false(pl_memory_feed(&memory, bytes, 1));
	later(1000);
	assert_false(pl_memory_feed(&memory, bytes, 1));
	later(300);
	assert_true(pl_memory_feed(&memory, bytes, 1));
}

static void the_owners_pause_and_ours(void **state)
{
	static const uint8_t bytes[12500];

	(void)state;
	start(0, 80000);
	assert_true(pl_memory_feed(&memory, bytes, 12500));
	pl_stream_pause(stream);
	pl_stream_resume(stream); /* ours goes on */
	assert_false(pl_memory_feed(&memory, bytes, 1));
	pl_stream_pause(stream);
	later(2000);
	assert_false(pl_memory_feed(&memory, bytes, 1)); /* the owner's goes on */
	pl_stream_resume(stream);
	assert_true(pl_memory_feed(&memory, bytes, 1));
}

static void it_ends_behind_what_was_written(void **state)
{
	pl_address address;

	(void)state;
	start(80000, 0);
	pl_stream_peer(stream, &address);
	assert_int_equal(address.port, 50000);
	write_some(5000);
	pl_stream_finish(stream);
	assert_int_equal(pl_stream_write(stream, "x", 1), PL_ECLOSED);
	pl_loop_turn(loop);
	assert_false(memory.finished);
	for (int i = 0; i < 50; i++)
		later(10);
	assert_int_equal(memory.sent.len, 5000);
	assert_true(memory.finished);
	assert_string_equal(noted(&journal), "closed:OK ");
}

static void it_ends_at_once_when_it_has_to(void **state)
{
	(void)state;
	start(80000, 0);
	pl_memory_end(&memory);
	write_some(5000);
	pl_stream_abort(stream, PL_ETIMEDOUT);
	assert_string_equal(noted(&journal), "end ");
	pl_loop_turn(loop);
	assert_string_equal(noted(&journal), "closed:ETIMEDOUT ");
	later(10000);
}

static void without_memory_it_ends(void **state)
{
	const pl_throttle_rates rates = { .out = 8 };

	(void)state;
	start(80000, 0);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_throttle_open(&stream, &memory.stream, &rates), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(pl_stream_write(stream, "hello", 5), PL_OK);
	assert_int_equal(pl_buffer_reserve(&journal, 100), PL_OK);
	pl_alloc_fail_at(1);
	pl_loop_turn(loop);
	pl_alloc_fail_at(0);
	pl_loop_turn(loop);
	assert_null(stream);
	assert_string_equal(noted(&journal), "closed:ENOMEM ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(without_a_rate_all_goes_at_once), TEST(output_takes_its_time),
		TEST(the_slowest_is_a_byte_a_second),  TEST(a_slow_peer_is_waited_for_as_well),
		TEST(input_is_made_up_for_by_a_pause), TEST(the_owners_pause_and_ours),
		TEST(it_ends_behind_what_was_written), TEST(it_ends_at_once_when_it_has_to),
		TEST(without_memory_it_ends),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
