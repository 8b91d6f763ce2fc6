/*
 * A WebSocket whose peer reads slowly: control frames do not wait for messages, are never inside of
 * a frame, and cannot pile up.
 */
#include "session/ws_side.h"

#include "unit/codec/bytes.h"

#define Z "\0\0\0\0" /* a mask that changes nothing */
#define BEGIN(length) "\x01" length Z
#define LAST(length) "\x80" length Z
#define PING(length) "\x89" length Z
#define CLOSE(length) "\x88" length Z

enum { LARGE = 3 * PL_CHUNK_LARGE };

static pl_loop *loop;
static uint8_t payload[LARGE];

static int open_loop(void **state)
{
	(void)state;
	return pl_loop_new(&loop);
}

static int free_loop(void **state)
{
	(void)state;
	pl_loop_free(loop);
	return 0;
}

static void send_text(ws_side *side, const char *text)
{
	assert_int_equal(pl_ws_session_send(side->session, PL_WS_TEXT, text, strlen(text), 0),
			 PL_OK);
}

static void block_output(ws_side *side)
{
	side->memory.room = 1;
	send_text(side, "first");
	ws_side_turn(side);
	assert_true(side->memory.stream.blocked);
}

static void read_all(ws_side *side)
{
	pl_memory_open(&side->memory, SIZE_MAX);
	ws_side_turn(side);
}

static void a_flood_of_pings_gets_one_answer(void **state)
{
	ws_side side;
	size_t queued;
	int64_t live;

	(void)state;
	ws_side_open(&side, loop, true);
	block_output(&side);
	send_text(&side, "second");
	queued = pl_stream_queued(&side.memory.stream);
	WS_FEED(&side, PING("\x84") "none");
	live = pl_alloc_live();
	for (int i = 0; i < 10000; i++)
		WS_FEED(&side, PING("\x82") "no");
	WS_FEED(&side, PING("\x84") "last");
	assert_int_equal(pl_stream_queued(&side.memory.stream), queued + 6);
	assert_int_equal(pl_ws_session_sent(side.session), queued + 7);
	assert_int_equal(pl_alloc_live(), live);
	read_all(&side);
	assert_string_equal(ws_side_sent(&side), "text:first pong:last text:second ");
	assert_string_equal(ws_side_journal(&side), "drain ");
	assert_null(side.session->partial);
	ws_side_close(&side);
}

/* One that takes a little at a time costs a pong for each time, no more. */
static void answers_that_leave_make_room_for_the_next(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, false);
	block_output(&side);
	send_text(&side, "second");
	WS_FEED(&side, PING("\x81") "1");
	pl_memory_open(&side.memory, 10 + 1);
	WS_FEED(&side, PING("\x81") "2");
	WS_FEED(&side, PING("\x81") "3");
	read_all(&side);
	assert_string_equal(ws_side_sent(&side), "text:first pong:1 pong:3 text:second ");
	ws_side_close(&side);
}

static void a_ping_within_a_message_is_answered_too(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	block_output(&side);
	WS_FEED_CUT(&side, BEGIN("\x81") "a" PING("\x81") "x", 13);
	read_all(&side);
	assert_string_equal(ws_side_sent(&side), "text:first pong:x ");
	WS_FEED(&side, LAST("\x81") "b");
	assert_string_equal(ws_side_journal(&side), "drain text:ab ");
	ws_side_close(&side);
}

/* Bytes of what was sent until behind the first frame of this kind. */
static size_t behind(const pl_buffer *sent, bool masked, uint8_t opcode)
{
	pl_ws_rules rules = { .masked = masked, .max_length = UINT32_MAX };
	pl_ws_frame frame = { 0 };
	size_t used = 0;

	do {
		int head = pl_ws_frame_decode(&frame, &rules, sent->data + used, sent->len - used);

		assert_true(head > 0);
		used += (size_t)head + frame.length;
		assert_true(used <= sent->len);
	} while (frame.opcode != opcode);
	return used;
}

/* However much of a message has left: a ping follows within a frame, or a write's worth of them. */
static void check_overtaking(bool server, size_t room, size_t len, size_t fragment, bool block)
{
	ws_side side;
	size_t largest = fragment > PL_CHUNK_LARGE || !fragment ? len : PL_CHUNK_LARGE;

	ws_side_open(&side, loop, server);
	side.memory.room = room;
	if (block) {
		pl_block *frames = pl_ws_encode(NULL, PL_WS_BINARY, payload, len, fragment);

		assert_int_equal(pl_ws_session_send_block(side.session, frames), PL_OK);
		pl_block_unref(frames);
	} else {
		assert_int_equal(
			pl_ws_session_send(side.session, PL_WS_BINARY, payload, len, fragment),
			PL_OK);
	}
	assert_int_equal(pl_ws_session_send(side.session, PL_WS_BINARY, payload, len, fragment),
			 PL_OK);
	ws_side_turn(&side);
	assert_int_equal(pl_ws_session_send_control(side.session, PL_WS_PING, "p", 1), PL_OK);
	assert_int_equal(pl_ws_session_sent(side.session),
			 side.memory.sent.len + pl_stream_queued(&side.memory.stream));
	read_all(&side);
	if (room < len)
		assert_true(behind(&side.memory.sent, !server, PL_WS_PING) <=
			    room + largest + PL_WS_HEAD_MAX + 7);
	assert_non_null(strstr(ws_side_sent(&side), "ping:p "));
	ws_side_close(&side);
}

static void control_frames_leave_between_frames(void **state)
{
	static const size_t fragments[] = { 0, 1000, PL_CHUNK_LARGE, PL_CHUNK_LARGE + 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(fragments); i++) {
		for (size_t room = 0; room < LARGE; room += 997) {
			check_overtaking(true, room, LARGE, fragments[i], false);
			check_overtaking(true, room, LARGE, fragments[i], true);
			check_overtaking(false, room, LARGE, fragments[i], false);
		}
		for (size_t room = 0; room < 40; room++)
			check_overtaking(true, room, 10, 3, room % 2);
	}
}

/* The application's last words come before its Close; what it has not read the answer to does
 * not. */
static void our_close_comes_behind_what_was_sent(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	block_output(&side);
	send_text(&side, "second");
	pl_ws_session_close(side.session, 1000, PL_SLICE(""));
	WS_FEED(&side, PING("\x81") "x");
	read_all(&side);
	assert_string_equal(ws_side_sent(&side), "text:first pong:x text:second close:1000 ");
	ws_side_close(&side);
}

static void other_closes_do_not_wait(void **state)
{
	(void)state;
	for (int broken = 0; broken < 2; broken++) {
		ws_side side;

		ws_side_open(&side, loop, true);
		block_output(&side);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pl_ws_session_send(side.session, PL_WS_BINARY, payload,
							    LARGE, 1000),
					 PL_OK);
		WS_FEED(&side, PING("\x81") "x");
		if (broken)
			WS_FEED(&side, "\x83\x80" Z);
		else
			WS_FEED(&side, CLOSE("\x82") "\x03\xe9");
		assert_int_equal(pl_ws_session_sent(side.session), 7 + 4 + (broken ? 15 : 0));
		read_all(&side);
		assert_string_equal(ws_side_sent(&side),
				    broken ? "text:first close:1002 " : "text:first close:1001 ");
		assert_string_equal(ws_side_journal(&side),
				    broken ? "closing closed:1002 " : "closing closed:1001 ");
		ws_side_close(&side);
	}
}

/* Pongs to a burst of pings leave before they are many. */
static void a_burst_of_pings_does_not_fill_the_output(void **state)
{
	pl_buffer frames = { 0 };
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(pl_buffer_append(&frames, "\x89\xfd" Z, 6), PL_OK);
		assert_int_equal(pl_buffer_append(&frames, payload, PL_WS_CONTROL_MAX), PL_OK);
	}
	side.memory.room = 0;
	ws_side_feed(&side, frames.data, frames.len);
	assert_true(side.memory.stream.blocked);
	assert_in_range(pl_stream_queued(&side.memory.stream), 64 * 1024, 64 * 1024 + 300);
	pl_buffer_deinit(&frames);
	ws_side_close(&side);
}

/* Half of a message would spoil what follows. */
static void without_memory_nothing_of_a_message_is_sent(void **state)
{
	(void)state;
	for (uint64_t nth = 1;; nth++) {
		ws_side side;
		int status;

		ws_side_open(&side, loop, true);
		send_text(&side, "first");
		pl_alloc_fail_at(nth);
		status = pl_ws_session_send(side.session, PL_WS_BINARY, payload, LARGE,
					    PL_CHUNK_LARGE + 1);
		pl_alloc_fail_at(0);
		send_text(&side, "last");
		assert_int_equal(pl_ws_session_sent(side.session),
				 pl_stream_queued(&side.memory.stream));
		ws_side_turn(&side);
		if (status == PL_OK) {
			assert_true(nth > 2);
			ws_side_close(&side);
			return;
		}
		assert_int_equal(status, PL_ENOMEM);
		assert_string_equal(ws_side_sent(&side), "text:first text:last ");
		ws_side_close(&side);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_pings_gets_one_answer),
		cmocka_unit_test(answers_that_leave_make_room_for_the_next),
		cmocka_unit_test(a_ping_within_a_message_is_answered_too),
		cmocka_unit_test(control_frames_leave_between_frames),
		cmocka_unit_test(our_close_comes_behind_what_was_sent),
		cmocka_unit_test(other_closes_do_not_wait),
		cmocka_unit_test(a_burst_of_pings_does_not_fill_the_output),
		cmocka_unit_test(without_memory_nothing_of_a_message_is_sent),
	};

	return cmocka_run_group_tests(tests, open_loop, free_loop);
}
