/* covers: net/stream.c */
#include "unit/net/turns.h"

#include "net/memory.h"

typedef struct owner_state {
	pl_loop *loop;
	pl_memory memory;
	pl_buffer journal;
} owner_state;

static void on_data(void *owner, uint8_t *data, size_t len)
{
	owner_state *self = owner;

	assert_int_equal(pl_buffer_printf(&self->journal, "data:%.*s ", (int)len, (char *)data),
			 PL_OK);
	data[0] = '!'; /* what is borrowed may be changed */
}

static void on_end(void *owner)
{
	note(&((owner_state *)owner)->journal, "end");
}

static void on_drain(void *owner)
{
	note(&((owner_state *)owner)->journal, "drain");
}

static void on_closed(void *owner, int status)
{
	note_status(&((owner_state *)owner)->journal, "closed", status);
}

static const pl_stream_events events = {
	.data = on_data, .end = on_end, .drain = on_drain, .closed = on_closed
};

static void set_up(owner_state *self)
{
	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	pl_memory_init(&self->memory, self->loop);
	pl_stream_own(&self->memory.stream, &events, self);
}

static void tear_down(owner_state *self)
{
	pl_memory_deinit(&self->memory);
	pl_buffer_deinit(&self->journal);
	pl_loop_free(self->loop);
}

static const char *sent(owner_state *self)
{
	return noted(&self->memory.sent);
}

static void test_input(void **state)
{
	owner_state self;

	(void)state;
	set_up(&self);
	assert_false(pl_memory_feed(&self.memory, "a", 1));
	pl_stream_resume(&self.memory.stream);
	assert_true(pl_memory_feed(&self.memory, "b", 1));
	pl_stream_pause(&self.memory.stream);
	assert_false(pl_memory_feed(&self.memory, "c", 1));
	pl_stream_resume(&self.memory.stream);
	pl_memory_end(&self.memory);
	assert_string_equal(noted(&self.journal), "data:b end ");
	tear_down(&self);
}

/* All writes of a turn leave at its end, in order. */
static void test_flush(void **state)
{
	owner_state self;
	pl_block *block = pl_block_copy("cd", 2);
	uint8_t *room;

	(void)state;
	set_up(&self);
	assert_int_equal(pl_stream_write(&self.memory.stream, "ab", 2), PL_OK);
	assert_int_equal(pl_stream_write_block(&self.memory.stream, block), PL_OK);
	room = pl_stream_reserve(&self.memory.stream, 10);
	assert_non_null(room);
	memcpy(room, "ef", 2);
	pl_stream_commit(&self.memory.stream, 2);
	assert_int_equal(pl_stream_write(&self.memory.stream, "", 0), PL_OK);
	assert_int_equal(pl_stream_queued(&self.memory.stream), 6);
	assert_int_equal(self.memory.sent.len, 0);
	pl_loop_turn(self.loop);
	assert_string_equal(sent(&self), "abcdef");
	assert_int_equal(pl_stream_queued(&self.memory.stream), 0);
	assert_int_equal(pl_stream_write(&self.memory.stream, "g", 1), PL_OK);
	pl_stream_flush_now(&self.memory.stream);
	assert_string_equal(sent(&self), "g");
	pl_block_unref(block);
	tear_down(&self);
}

static void test_blocked(void **state)
{
	owner_state self;

	(void)state;
	set_up(&self);
	self.memory.room = 3;
	assert_int_equal(pl_stream_write(&self.memory.stream, "abcdef", 6), PL_OK);
	pl_loop_turn(self.loop);
	assert_string_equal(sent(&self), "abc");
	assert_true(self.memory.stream.blocked);
	assert_int_equal(pl_stream_write(&self.memory.stream, "gh", 2), PL_OK);
	pl_loop_turn(self.loop);
	assert_int_equal(pl_stream_queued(&self.memory.stream), 5);
	pl_memory_open(&self.memory, 4);
	assert_string_equal(sent(&self), "defg");
	assert_string_equal(noted(&self.journal), "");
	pl_memory_open(&self.memory, 10);
	assert_string_equal(sent(&self), "h");
	assert_string_equal(noted(&self.journal), "drain ");
	tear_down(&self);
}

static void test_finish(void **state)
{
	owner_state self;

	(void)state;
	set_up(&self);
	assert_int_equal(pl_stream_write(&self.memory.stream, "last", 4), PL_OK);
	pl_stream_finish(&self.memory.stream);
	pl_stream_finish(&self.memory.stream);
	assert_int_equal(pl_stream_write(&self.memory.stream, "x", 1), PL_ECLOSED);
	assert_null(pl_stream_reserve(&self.memory.stream, 1));
	assert_false(pl_memory_feed(&self.memory, "x", 1));
	pl_loop_turn(self.loop);
	pl_loop_turn(self.loop);
	assert_string_equal(sent(&self), "last");
	assert_true(self.memory.finished);
	assert_string_equal(noted(&self.journal), "closed:OK ");
	tear_down(&self);
}

/* Never within the call: the owner may be anywhere. */
static void test_abort(void **state)
{
	owner_state self;

	(void)state;
	set_up(&self);
	assert_int_equal(pl_stream_write(&self.memory.stream, "lost", 4), PL_OK);
	pl_stream_abort(&self.memory.stream, PL_ETIMEDOUT);
	assert_string_equal(noted(&self.journal), "");
	pl_loop_turn(self.loop);
	pl_loop_turn(self.loop);
	assert_string_equal(noted(&self.journal), "closed:ETIMEDOUT ");
	assert_string_equal(sent(&self), "");
	tear_down(&self);
}

static void test_addresses(void **state)
{
	owner_state self;
	pl_address peer;
	pl_address local;

	(void)state;
	set_up(&self);
	pl_stream_peer(&self.memory.stream, &peer);
	pl_stream_local(&self.memory.stream, &local);
	assert_int_equal(peer.family, 4);
	assert_int_equal(local.family, 4);
	assert_int_not_equal(peer.port, local.port);
	tear_down(&self);
}

static void test_no_memory(void **state)
{
	owner_state self;
	pl_block *block = pl_block_copy("x", 1);

	(void)state;
	set_up(&self);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_stream_write(&self.memory.stream, "x", 1), PL_ENOMEM);
	assert_int_equal(pl_stream_write_block(&self.memory.stream, block), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(pl_stream_queued(&self.memory.stream), 0);
	pl_block_unref(block);
	tear_down(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input),	  cmocka_unit_test(test_flush),
		cmocka_unit_test(test_blocked),	  cmocka_unit_test(test_finish),
		cmocka_unit_test(test_abort),	  cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
