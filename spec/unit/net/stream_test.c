/* What all streams have in common, over one that only counts its calls. */
#include "unit/net/turns.h"

#include "net/stream.h"

typedef struct fake {
	pl_stream stream;
	pl_loop *loop;
	pl_buffer journal;
	pl_buffer sent;
	pl_chunk_pool pool;
} fake;

static fake *fake_of(pl_stream *stream)
{
	return PL_CONTAINER(stream, fake, stream);
}

static void fake_flush(pl_stream *stream)
{
	fake *self = fake_of(stream);
	pl_output_piece piece;

	note(&self->journal, "flush");
	while (pl_output_peek(&stream->output, &piece, 1)) {
		assert_int_equal(pl_buffer_append(&self->sent, piece.data, piece.len), PL_OK);
		pl_output_consume(&stream->output, &self->pool, piece.len);
	}
}

static void fake_pause(pl_stream *stream)
{
	note(&fake_of(stream)->journal, "pause");
}

static void fake_resume(pl_stream *stream)
{
	note(&fake_of(stream)->journal, "resume");
}

static void fake_finish(pl_stream *stream)
{
	note(&fake_of(stream)->journal, "finish");
}

static void fake_abort(pl_stream *stream, int status)
{
	note_status(&fake_of(stream)->journal, "abort", status);
}

static void fake_shut(pl_stream *stream)
{
	note(&fake_of(stream)->journal, "shut");
}

static void fake_address(pl_stream *stream, bool local, pl_address *address)
{
	(void)stream;
	*address = (pl_address){ .family = 4, .port = local ? 1 : 2 };
}

static const pl_stream_ops fake_ops = { .flush = fake_flush,
					.pause = fake_pause,
					.resume = fake_resume,
					.finish = fake_finish,
					.shut = fake_shut,
					.abort = fake_abort,
					.address = fake_address };

static int open_fake(void **state)
{
	static fake self;

	memset(&self, 0, sizeof(self));
	*state = &self;
	if (pl_loop_new(&self.loop))
		return -1;
	pl_stream_init(&self.stream, &fake_ops, self.loop);
	return 0;
}

static int close_fake(void **state)
{
	fake *self = *state;

	pl_deferred_cancel(&self->stream.flush);
	pl_output_clear(&self->stream.output, &self->pool);
	pl_chunk_pool_deinit(&self->pool);
	pl_buffer_deinit(&self->journal);
	pl_buffer_deinit(&self->sent);
	pl_loop_free(self->loop);
	return 0;
}

static void output_is_flushed_once_a_turn(void **state)
{
	fake *self = *state;
	pl_block *block = pl_block_copy("block", 5);
	uint8_t *room;

	assert_int_equal(pl_stream_write(&self->stream, "a", 1), PL_OK);
	assert_int_equal(pl_stream_write_block(&self->stream, block, 0, block->len), PL_OK);
	room = pl_stream_reserve(&self->stream, 10);
	memcpy(room, "bc", 2);
	pl_stream_commit(&self->stream, 2);
	assert_int_equal(pl_stream_queued(&self->stream), 8);
	assert_string_equal(noted(&self->journal), "");
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "flush ");
	assert_int_equal(self->sent.len, 8);
	assert_memory_equal(self->sent.data, "ablockbc", 8);
	assert_int_equal(block->refs, 1);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "");
	pl_block_unref(block);
}

static void nothing_to_write_is_no_flush(void **state)
{
	fake *self = *state;

	assert_int_equal(pl_stream_write(&self->stream, "", 0), PL_OK);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "");
}

static void blocked_output_waits_for_the_stream(void **state)
{
	fake *self = *state;

	self->stream.blocked = true;
	assert_int_equal(pl_stream_write(&self->stream, "a", 1), PL_OK);
	pl_stream_flush_now(&self->stream);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "");
	assert_int_equal(pl_stream_queued(&self->stream), 1);
}

static void blocking_within_the_turn_stops_the_flush(void **state)
{
	fake *self = *state;

	assert_int_equal(pl_stream_write(&self->stream, "a", 1), PL_OK);
	self->stream.blocked = true;
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "");
}

static void it_begins_paused(void **state)
{
	fake *self = *state;

	pl_stream_pause(&self->stream);
	pl_stream_resume(&self->stream);
	pl_stream_resume(&self->stream);
	pl_stream_pause(&self->stream);
	pl_stream_pause(&self->stream);
	assert_string_equal(noted(&self->journal), "resume pause ");
}

static void a_stream_that_is_shut_takes_no_more(void **state)
{
	fake *self = *state;

	pl_stream_shut(&self->stream);
	pl_stream_shut(&self->stream);
	assert_int_equal(pl_stream_write(&self->stream, "b", 1), PL_ECLOSED);
	assert_null(pl_stream_reserve(&self->stream, 1));
	pl_stream_resume(&self->stream);
	pl_stream_finish(&self->stream);
	pl_stream_shut(&self->stream);
	assert_string_equal(noted(&self->journal), "shut resume finish ");
}

static void a_finished_stream_takes_no_more(void **state)
{
	fake *self = *state;
	pl_block *block = pl_block_copy("block", 5);

	pl_stream_write(&self->stream, "a", 1);
	pl_stream_finish(&self->stream);
	pl_stream_finish(&self->stream);
	assert_int_equal(pl_stream_write(&self->stream, "b", 1), PL_ECLOSED);
	assert_int_equal(pl_stream_write(&self->stream, "", 0), PL_ECLOSED);
	assert_int_equal(pl_stream_write_block(&self->stream, block, 0, block->len), PL_ECLOSED);
	assert_null(pl_stream_reserve(&self->stream, 1));
	pl_stream_resume(&self->stream);
	assert_string_equal(noted(&self->journal), "finish ");
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "flush "); /* what was written before */
	pl_block_unref(block);
}

static void an_aborted_stream_sends_nothing(void **state)
{
	fake *self = *state;

	pl_stream_write(&self->stream, "a", 1);
	pl_stream_abort(&self->stream, PL_EPROTO);
	pl_stream_finish(&self->stream);
	pl_stream_flush_now(&self->stream);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "abort:EPROTO ");
	pl_stream_abort(&self->stream, PL_EIO);
	assert_string_equal(noted(&self->journal), "abort:EIO ");
}

static void without_memory_nothing_is_written(void **state)
{
	fake *self = *state;
	pl_block *block = pl_block_copy("block", 5);

	pl_alloc_fail_at(1);
	assert_int_equal(pl_stream_write(&self->stream, "a", 1), PL_ENOMEM);
	assert_int_equal(pl_stream_write_block(&self->stream, block, 0, block->len), PL_ENOMEM);
	assert_null(pl_stream_reserve(&self->stream, 1));
	pl_alloc_fail_at(0);
	assert_int_equal(pl_stream_queued(&self->stream), 0);
	pl_loop_turn(self->loop);
	assert_string_equal(noted(&self->journal), "");
	pl_block_unref(block);
}

static void addresses_are_the_streams(void **state)
{
	fake *self = *state;
	pl_address peer, local;

	pl_stream_peer(&self->stream, &peer);
	pl_stream_local(&self->stream, &local);
	assert_int_equal(peer.port, 2);
	assert_int_equal(local.port, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fake, close_fake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_is_flushed_once_a_turn),
		TEST(nothing_to_write_is_no_flush),
		TEST(blocked_output_waits_for_the_stream),
		TEST(blocking_within_the_turn_stops_the_flush),
		TEST(it_begins_paused),
		TEST(a_stream_that_is_shut_takes_no_more),
		TEST(a_finished_stream_takes_no_more),
		TEST(an_aborted_stream_sends_nothing),
		TEST(without_memory_nothing_is_written),
		TEST(addresses_are_the_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
