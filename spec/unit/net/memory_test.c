/* The stream of the tests must itself behave as streams do. */
#include "unit/net/turns.h"

#include "net/memory.h"

typedef struct side {
	pl_loop *loop;
	pl_memory memory;
	pl_buffer journal;
} side_state;

static void side_data(void *owner, uint8_t *data, size_t len)
{
	side_state *side = owner;

	assert_int_equal(pl_buffer_printf(&side->journal, "%.*s ", (int)len, (char *)data), PL_OK);
	memset(data, 0, len);
}

static void side_end(void *owner)
{
	note(&((side_state *)owner)->journal, "end");
}

static void side_drain(void *owner)
{
	note(&((side_state *)owner)->journal, "drain");
}

static void side_closed(void *owner, int status)
{
	note_status(&((side_state *)owner)->journal, "closed", status);
}

static const pl_stream_events events = {
	.data = side_data, .end = side_end, .drain = side_drain, .closed = side_closed
};

static int open_side(void **state)
{
	static side_state side;

	memset(&side, 0, sizeof(side));
	*state = &side;
	if (pl_loop_new(&side.loop))
		return -1;
	pl_memory_init(&side.memory, side.loop);
	pl_stream_own(&side.memory.stream, &events, &side);
	pl_stream_resume(&side.memory.stream);
	return 0;
}

static int close_side(void **state)
{
	side_state *side = *state;

	pl_memory_deinit(&side->memory);
	pl_buffer_deinit(&side->journal);
	pl_loop_free(side->loop);
	return 0;
}

static void sends(side_state *side, const char *expected)
{
	assert_int_equal(side->memory.sent.len, strlen(expected));
	assert_memory_equal(side->memory.sent.data, expected, strlen(expected));
}

static void input_is_given_from_a_copy(void **state)
{
	side_state *side = *state;
	char text[] = "hello";

	assert_true(pl_memory_feed(&side->memory, text, 5));
	assert_string_equal(text, "hello");
	pl_memory_end(&side->memory);
	assert_string_equal(noted(&side->journal), "hello end ");
}

static void paused_it_gives_nothing(void **state)
{
	side_state *side = *state;

	pl_stream_pause(&side->memory.stream);
	assert_false(pl_memory_feed(&side->memory, "a", 1));
	pl_stream_resume(&side->memory.stream);
	assert_true(pl_memory_feed(&side->memory, "b", 1));
	assert_string_equal(noted(&side->journal), "b ");
}

static void output_collects(void **state)
{
	side_state *side = *state;

	pl_stream_write(&side->memory.stream, "one", 3);
	assert_int_equal(side->memory.sent.len, 0);
	pl_loop_turn(side->loop);
	pl_stream_write(&side->memory.stream, "two", 3);
	pl_loop_turn(side->loop);
	sends(side, "onetwo");
	assert_string_equal(noted(&side->journal), "");
}

static void room_is_what_it_takes(void **state)
{
	side_state *side = *state;

	side->memory.room = 2;
	pl_stream_write(&side->memory.stream, "hello", 5);
	pl_loop_turn(side->loop);
	sends(side, "he");
	assert_true(side->memory.stream.blocked);
	pl_memory_open(&side->memory, 1);
	sends(side, "hel");
	assert_string_equal(noted(&side->journal), "");
	pl_memory_open(&side->memory, 2);
	sends(side, "hello");
	assert_false(side->memory.stream.blocked);
	assert_string_equal(noted(&side->journal), "drain ");
	pl_stream_write(&side->memory.stream, "!", 1);
	pl_loop_turn(side->loop);
	assert_true(side->memory.stream.blocked);
	pl_memory_open(&side->memory, SIZE_MAX);
	sends(side, "hello!");
}

static void shut_comes_after_the_output(void **state)
{
	side_state *side = *state;

	side->memory.room = 2;
	pl_stream_write(&side->memory.stream, "bye", 3);
	pl_stream_shut(&side->memory.stream);
	pl_loop_turn(side->loop);
	assert_false(side->memory.shut);
	pl_memory_open(&side->memory, SIZE_MAX);
	assert_true(side->memory.shut);
	assert_false(side->memory.closed);
	pl_stream_resume(&side->memory.stream);
	assert_true(pl_memory_feed(&side->memory, "a", 1));
	sends(side, "bye");
}

static void finish_comes_after_the_output(void **state)
{
	side_state *side = *state;

	side->memory.room = 2;
	pl_stream_write(&side->memory.stream, "bye", 3);
	pl_stream_finish(&side->memory.stream);
	pl_loop_turn(side->loop);
	assert_false(side->memory.finished);
	assert_false(pl_memory_feed(&side->memory, "a", 1));
	pl_memory_end(&side->memory);
	pl_memory_open(&side->memory, SIZE_MAX);
	assert_string_equal(noted(&side->journal), ""); /* never within a call */
	pl_loop_turn(side->loop);
	assert_true(side->memory.finished);
	assert_true(side->memory.closed);
	assert_int_equal(side->memory.status, PL_OK);
	assert_string_equal(noted(&side->journal), "closed:OK ");
	sends(side, "bye");
}

static void abort_drops_the_output(void **state)
{
	side_state *side = *state;

	pl_stream_write(&side->memory.stream, "bye", 3);
	pl_stream_abort(&side->memory.stream, PL_EPROTO);
	assert_string_equal(noted(&side->journal), "");
	pl_loop_turn(side->loop);
	assert_string_equal(noted(&side->journal), "closed:EPROTO ");
	assert_false(side->memory.finished);
	sends(side, "");
	pl_memory_open(&side->memory, 1);
	pl_loop_turn(side->loop);
	assert_string_equal(noted(&side->journal), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_side, close_side)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(input_is_given_from_a_copy),
		TEST(paused_it_gives_nothing),
		TEST(output_collects),
		TEST(room_is_what_it_takes),
		TEST(shut_comes_after_the_output),
		TEST(finish_comes_after_the_output),
		TEST(abort_drops_the_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
