/* Streams that let pass a number of bits per second, over memory, on a clock that stands still. */
#include "unit/net/turns.h"

#include "net/memory.h"
#include "net/throttle.h"

enum { STREAMS = 4, RATE = 800000, BURST = 10000, PER_MS = 100, DATA = 200000 };

typedef struct side {
	pl_memory memory;
	pl_stream *stream;
	size_t received;
	pl_buffer journal;
	bool closed;
} side;

typedef struct bench {
	pl_loop *loop;
	pl_throttle_total *total;
	side sides[STREAMS];
	uint8_t *bytes;
} bench;

static void on_data(void *owner, uint8_t *data, size_t len)
{
	(void)data;
	((side *)owner)->received += len;
}

static void on_end(void *owner)
{
	note(&((side *)owner)->journal, "end");
}

static void on_drain(void *owner)
{
	note(&((side *)owner)->journal, "drain");
}

static void on_closed(void *owner, int status)
{
	side *self = owner;

	note_status(&self->journal, "closed", status);
	self->closed = true;
}

static const pl_stream_events events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

static void open_side(bench *self, int index, int64_t read, int64_t write)
{
	const pl_throttle_rates rates = { read, write };
	side *one = &self->sides[index];

	pl_memory_init(&one->memory, self->loop);
	assert_int_equal(pl_throttle_open(&one->stream, &one->memory.stream, &rates, self->total),
			 PL_OK);
	pl_stream_own(one->stream, &events, one);
	pl_stream_resume(one->stream);
}

static int set_up(void **state)
{
	bench *self = pl_calloc(1, sizeof(*self));

	*state = self;
	self->bytes = pl_calloc(1, DATA);
	if (pl_loop_new(&self->loop))
		return -1;
	pl_loop_still(self->loop);
	return 0;
}

static int tear_down(void **state)
{
	bench *self = *state;

	for (int i = 0; i < STREAMS; i++) {
		side *one = &self->sides[i];

		if (!one->stream)
			continue;
		if (!one->closed)
			pl_stream_abort(one->stream, PL_ECANCELED);
		pl_loop_turn(self->loop);
		pl_memory_deinit(&one->memory);
		pl_buffer_deinit(&one->journal);
	}
	pl_throttle_total_free(self->total);
	pl_loop_free(self->loop);
	pl_free(self->bytes);
	pl_free(self);
	return 0;
}

static void write_some(bench *self, int index, size_t len)
{
	assert_int_equal(pl_stream_write(self->sides[index].stream, self->bytes, len), PL_OK);
	pl_loop_turn(self->loop);
}

static void pass(bench *self, int ms)
{
	while (ms-- > 0) {
		pl_loop_skip(self->loop, 1);
		pl_loop_turn(self->loop);
	}
}

static void writes_at_its_rate(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, 0, RATE);
	write_some(self, 0, 60000);
	assert_int_equal(one->memory.sent.len, BURST);
	assert_true(one->stream->blocked);
	pass(self, 100);
	assert_in_range(one->memory.sent.len, BURST + 50 * PER_MS, BURST + 100 * PER_MS);
	pass(self, 399);
	assert_string_equal(noted(&one->journal), "");
	pass(self, 2);
	assert_int_equal(one->memory.sent.len, 60000);
	assert_false(one->stream->blocked);
	assert_string_equal(noted(&one->journal), "drain ");
	/* What was idle has a full bucket again, and no more. */
	pass(self, 5000);
	write_some(self, 0, 60000);
	assert_int_equal(one->memory.sent.len, 60000 + BURST);
}

static void is_not_blocked_by_little(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, RATE);
	for (int i = 0; i < 100; i++) {
		write_some(self, 0, 500);
		assert_false(one->stream->blocked);
		pass(self, 5);
	}
	assert_int_equal(one->memory.sent.len, 50000);
	assert_string_equal(noted(&one->journal), "");
}

static void lets_control_frames_overtake(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, 0, RATE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pl_stream_write(one->stream, self->bytes, 16384), PL_OK);
	pl_loop_turn(self->loop);
	assert_int_equal(pl_stream_overtake(one->stream, 0, "ping", 4), PL_OK);
	pass(self, 200);
	/* Behind the chunk that had begun to leave, and ahead of all others. */
	assert_true(one->memory.sent.len > 16384 + 4);
	assert_memory_equal(one->memory.sent.data + 16384, "ping", 4);
}

static void waits_for_a_slow_peer_as_well(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, 0, RATE);
	one->memory.room = 1000;
	write_some(self, 0, BURST);
	assert_true(one->stream->blocked);
	pass(self, 1000);
	assert_int_equal(one->memory.sent.len, 1000);
	pl_memory_open(&one->memory, SIZE_MAX);
	assert_int_equal(one->memory.sent.len, BURST);
	assert_string_equal(noted(&one->journal), "drain ");
}

static void reads_at_its_rate(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, 0);
	/* As a socket that always has something. */
	for (int i = 0; i < 1000; i++) {
		pl_memory_feed(&one->memory, self->bytes, 777);
		pass(self, 1);
	}
	assert_in_range(one->received, 1000 * PER_MS - 1000, 1000 * PER_MS + BURST + 777);
}

static void asks_for_no_more_than_may_pass(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];
	size_t room = SIZE_MAX;

	open_side(self, 0, RATE, 0);
	assert_non_null(pl_stream_room(&one->memory.stream, &room));
	assert_int_equal(room, BURST);
	pl_memory_feed(&one->memory, self->bytes, 9000);
	room = SIZE_MAX;
	assert_non_null(pl_stream_room(&one->memory.stream, &room));
	assert_int_equal(room, 1000);
}

static void stays_paused_as_long_as_its_owner_wants(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, 0);
	assert_true(pl_memory_feed(&one->memory, self->bytes, 4 * BURST));
	assert_true(one->memory.stream.paused);
	pl_stream_pause(one->stream);
	pl_stream_resume(one->stream);
	assert_true(one->memory.stream.paused);
	pl_stream_pause(one->stream);
	pass(self, 1000);
	assert_true(one->memory.stream.paused);
	pl_stream_resume(one->stream);
	assert_false(one->memory.stream.paused);
}

static void shuts_at_its_rate(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, 0, RATE);
	write_some(self, 0, 30000);
	pl_stream_shut(one->stream);
	pass(self, 150);
	assert_false(one->memory.shut);
	pass(self, 60);
	assert_int_equal(one->memory.sent.len, 30000);
	assert_true(one->memory.shut);
	assert_false(one->closed);
}

static void finishes_at_its_rate(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, 0, RATE);
	write_some(self, 0, 30000);
	pl_stream_finish(one->stream);
	assert_int_equal(pl_stream_write(one->stream, "x", 1), PL_ECLOSED);
	pass(self, 150);
	assert_false(one->closed);
	assert_in_range(one->memory.sent.len, 20000, 29999);
	pass(self, 60);
	assert_int_equal(one->memory.sent.len, 30000);
	assert_true(one->memory.finished);
	assert_string_equal(noted(&one->journal), "closed:OK ");
}

static void finishes_at_once_without_output(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, RATE);
	pl_stream_finish(one->stream);
	pl_loop_turn(self->loop);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&one->journal), "closed:OK ");
}

static void drops_everything_at_an_abort(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, RATE);
	write_some(self, 0, 30000);
	pl_stream_abort(one->stream, PL_ETIMEDOUT);
	pass(self, 1000);
	assert_int_equal(one->memory.sent.len, BURST);
	assert_string_equal(noted(&one->journal), "closed:ETIMEDOUT ");
}

static void tells_of_the_end(void **state)
{
	bench *self = *state;
	side *one = &self->sides[0];

	open_side(self, 0, RATE, RATE);
	pl_memory_end(&one->memory);
	assert_string_equal(noted(&one->journal), "end ");
}

/* Totals. */

static void share_total(bench *self, int64_t read, int64_t write)
{
	const pl_throttle_rates rates = { read, write };

	assert_int_equal(pl_throttle_total_new(&self->total, self->loop, &rates), PL_OK);
}

static size_t sent_by_all(const bench *self)
{
	size_t sum = 0;

	for (int i = 0; i < STREAMS; i++)
		sum += self->sides[i].memory.sent.len;
	return sum;
}

static void shares_a_total_among_all(void **state)
{
	bench *self = *state;

	share_total(self, 0, RATE);
	for (int i = 0; i < STREAMS; i++)
		open_side(self, i, 0, 0);
	for (int i = 0; i < STREAMS; i++)
		write_some(self, i, DATA);
	pass(self, 1000);
	assert_in_range(sent_by_all(self), 1000 * PER_MS, 1000 * PER_MS + BURST);
	/* Who came first had the full bucket; what came since is shared alike. */
	for (int i = 1; i < STREAMS; i++)
		assert_in_range(self->sides[i].memory.sent.len, 20000, 30000);
	/* Who goes leaves its part to the others. */
	pl_stream_abort(self->sides[0].stream, PL_ECANCELED);
	pl_stream_abort(self->sides[1].stream, PL_ECANCELED);
	self->sides[0].memory.sent.len = self->sides[1].memory.sent.len = 0;
	self->sides[2].memory.sent.len = self->sides[3].memory.sent.len = 0;
	pass(self, 1000);
	assert_in_range(sent_by_all(self), 1000 * PER_MS - BURST, 1000 * PER_MS + BURST);
	assert_in_range(self->sides[3].memory.sent.len, 45000, 55000);
}

static void has_bounds_of_its_own_within_a_total(void **state)
{
	bench *self = *state;

	share_total(self, 0, RATE);
	open_side(self, 0, 0, RATE / 8);
	open_side(self, 1, 0, 0);
	write_some(self, 0, DATA);
	write_some(self, 1, DATA);
	pass(self, 1000);
	assert_in_range(self->sides[0].memory.sent.len, 12000, 14000);
	assert_in_range(sent_by_all(self), 1000 * PER_MS, 1000 * PER_MS + BURST);
}

static void reads_all_at_the_total(void **state)
{
	bench *self = *state;
	size_t sum = 0;

	share_total(self, RATE, 0);
	for (int i = 0; i < STREAMS; i++)
		open_side(self, i, 0, 0);
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < STREAMS; i++)
			pl_memory_feed(&self->sides[i].memory, self->bytes, 500);
		pass(self, 1);
	}
	for (int i = 0; i < STREAMS; i++) {
		sum += self->sides[i].received;
		assert_in_range(self->sides[i].received, 15000, 40000);
	}
	assert_in_range(sum, 1000 * PER_MS - BURST, 1000 * PER_MS + BURST + 2000);
}

static void needs_memory(void **state)
{
	bench *self = *state;
	const pl_throttle_rates rates = { RATE, RATE };
	side *one = &self->sides[0];

	pl_memory_init(&one->memory, self->loop);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_throttle_total_new(&self->total, self->loop, &rates), PL_ENOMEM);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_throttle_open(&one->stream, &one->memory.stream, &rates, NULL),
			 PL_ENOMEM);
	pl_alloc_fail_at(0);
	open_side(self, 0, 0, RATE);
	pl_stream_write(one->stream, self->bytes, 30000);
	pl_alloc_fail_at(1);
	pl_stream_flush_now(one->stream);
	pl_alloc_fail_at(0);
	pass(self, 1000);
	assert_true(one->closed);
	assert_string_equal(noted(&one->journal), "closed:ENOMEM ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(writes_at_its_rate),
		TEST(is_not_blocked_by_little),
		TEST(lets_control_frames_overtake),
		TEST(waits_for_a_slow_peer_as_well),
		TEST(reads_at_its_rate),
		TEST(asks_for_no_more_than_may_pass),
		TEST(stays_paused_as_long_as_its_owner_wants),
		TEST(shuts_at_its_rate),
		TEST(finishes_at_its_rate),
		TEST(finishes_at_once_without_output),
		TEST(drops_everything_at_an_abort),
		TEST(tells_of_the_end),
		TEST(shares_a_total_among_all),
		TEST(has_bounds_of_its_own_within_a_total),
		TEST(reads_all_at_the_total),
		TEST(needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
