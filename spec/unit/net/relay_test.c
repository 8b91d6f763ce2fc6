/* Two streams that are one, over memory. */
#include "unit/net/turns.h"

#include "net/memory.h"
#include "net/relay.h"

static struct both {
	pl_loop *loop;
	pl_memory near, far;
	pl_relay *relay;
	int ended;
	int status;
} both;

static void on_ended(void *owner, int status)
{
	struct both *self = owner;

	self->ended++;
	self->status = status;
}

static int open_both(void **state)
{
	const pl_relay_settings settings = { 60000, on_ended, &both };

	(void)state;
	memset(&both, 0, sizeof(both));
	assert_int_equal(pl_loop_new(&both.loop), PL_OK);
	pl_memory_init(&both.near, both.loop);
	pl_memory_init(&both.far, both.loop);
	assert_int_equal(pl_relay_new(&both.relay, &both.near.stream, &both.far.stream, &settings),
			 PL_OK);
	assert_true(both.near.stream.paused);
	return 0;
}

static int close_both(void **state)
{
	(void)state;
	if (!both.near.closed || !both.far.closed)
		pl_relay_abort(both.relay, PL_OK);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(both.loop);
	assert_int_equal(both.ended, 1);
	assert_true(both.near.closed && both.far.closed);
	pl_memory_deinit(&both.near);
	pl_memory_deinit(&both.far);
	pl_loop_free(both.loop);
	return 0;
}

static void begin(void)
{
	pl_relay_start(both.relay, pl_slice_make(NULL, 0), pl_slice_make(NULL, 0));
}

static const char *sent(pl_memory *memory)
{
	pl_loop_turn(both.loop);
	assert_int_equal(pl_buffer_append(&memory->sent, "", 1), PL_OK);
	memory->sent.len--;
	return (const char *)memory->sent.data;
}

static void bytes_go_both_ways(void **state)
{
	uint64_t near, far;

	(void)state;
	pl_relay_start(both.relay, PL_SLICE("early "), PL_SLICE("first "));
	assert_true(pl_memory_feed(&both.near, "question", 8));
	assert_true(pl_memory_feed(&both.far, "answer", 6));
	assert_string_equal(sent(&both.far), "early question");
	assert_string_equal(sent(&both.near), "first answer");
	pl_relay_counts(both.relay, &near, &far);
	assert_int_equal(near, 14);
	assert_int_equal(far, 12);
}

static void who_is_slow_is_waited_for(void **state)
{
	static char large[300000];

	(void)state;
	begin();
	both.far.room = 1000;
	assert_true(pl_memory_feed(&both.near, large, sizeof(large)));
	assert_true(both.near.stream.paused);
	assert_true(pl_memory_feed(&both.far, "x", 1));
	assert_string_equal(sent(&both.near), "x");
	pl_memory_open(&both.far, SIZE_MAX);
	assert_false(both.near.stream.paused);
	assert_int_equal(both.far.sent.len, sizeof(large));
}

static void ends_are_handed_on_one_by_one(void **state)
{
	(void)state;
	begin();
	assert_true(pl_memory_feed(&both.near, "last", 4));
	pl_memory_end(&both.near);
	assert_string_equal(sent(&both.far), "last");
	assert_true(both.far.shut);
	assert_false(both.near.stream.closing);
	assert_true(pl_memory_feed(&both.far, "still", 5));
	assert_string_equal(sent(&both.near), "still");
	pl_memory_end(&both.far);
	pl_loop_turn(both.loop);
	pl_loop_turn(both.loop);
	assert_true(both.near.finished && both.far.finished);
	assert_int_equal(both.status, PL_OK);
}

static void a_failure_takes_the_other_with_it(void **state)
{
	(void)state;
	begin();
	assert_true(pl_memory_feed(&both.far, "last", 4));
	pl_stream_abort(&both.far.stream, PL_ECONNRESET);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(both.loop);
	assert_true(both.near.finished);
	assert_string_equal(sent(&both.near), "last");
	assert_int_equal(both.status, PL_ECONNRESET);
}

static void the_near_end_is_told_first(void **state)
{
	(void)state;
	begin();
	both.far.room = 0;
	assert_true(pl_memory_feed(&both.near, "x", 1));
	pl_loop_turn(both.loop);
	pl_stream_abort(&both.near.stream, PL_ECONNRESET);
	pl_loop_turn(both.loop);
	assert_int_equal(both.ended, 1);
	assert_false(both.far.closed);
	pl_memory_open(&both.far, SIZE_MAX);
	pl_loop_turn(both.loop);
	assert_true(both.far.finished);
}

static void silence_ends_it(void **state)
{
	(void)state;
	begin();
	pl_loop_skip(both.loop, 59000);
	assert_true(pl_memory_feed(&both.near, "x", 1));
	pl_loop_skip(both.loop, 59000);
	pl_loop_turn(both.loop);
	assert_int_equal(both.ended, 0);
	pl_loop_skip(both.loop, 2000);
	pl_loop_turn(both.loop);
	pl_loop_turn(both.loop);
	assert_int_equal(both.status, PL_ETIMEDOUT);
}

static void but_not_while_output_waits(void **state)
{
	(void)state;
	begin();
	both.far.room = 0;
	assert_true(pl_memory_feed(&both.near, "x", 1));
	pl_loop_turn(both.loop);
	assert_true(pl_memory_feed(&both.near, "y", 1));
	assert_true(both.near.stream.paused);
	pl_loop_skip(both.loop, 61000);
	pl_loop_turn(both.loop);
	assert_int_equal(both.ended, 0);
}

static void it_is_ended_in_order(void **state)
{
	(void)state;
	begin();
	assert_true(pl_memory_feed(&both.near, "last", 4));
	pl_relay_finish(both.relay);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(both.loop);
	assert_true(both.near.finished && both.far.finished);
	assert_string_equal(sent(&both.far), "last");
	assert_int_equal(both.status, PL_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_both_ways),
		TEST(who_is_slow_is_waited_for),
		TEST(ends_are_handed_on_one_by_one),
		TEST(a_failure_takes_the_other_with_it),
		TEST(the_near_end_is_told_first),
		TEST(silence_ends_it),
		TEST(but_not_while_output_waits),
		TEST(it_is_ended_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
