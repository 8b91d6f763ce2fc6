/*
 * deflate-frame over memory: each frame says for itself whether it is deflated, however it is cut
 * and given out; limits over all frames of a message; what is sent.
 *
 * covers: ws/ws_message.c ws/ws_deflate.c
 */
#include "session/ws_side.h"

#include "unit/codec/bytes.h"

#define Z "\0\0\0\0" /* a mask that changes nothing */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define AGAIN "\xf2\x00\x11\x00\x00" /* Hello, as the frame before */
#define PING "\x89\x81" Z "p"
#define REFUSED(code) "closing closed:" code " ", "close:" code " "

static pl_loop *loop;
static pl_ws_deflate_pool *pool;

static const pl_ws_deflate_terms own_terms = { .server_window = 15,
					       .client_window = 15,
					       .server_fresh = true,
					       .form = PL_WS_X_WEBKIT_DEFLATE_FRAME };
static const pl_ws_deflate_terms fresh_terms = { .server_window = 15,
						 .client_window = 15,
						 .server_fresh = true,
						 .client_fresh = true,
						 .form = PL_WS_DEFLATE_FRAME };

static int open_all(void **state)
{
	(void)state;
	pool = pl_ws_deflate_pool_new(8, 6);
	return pool && pl_loop_new(&loop) == PL_OK ? 0 : -1;
}

static int free_all(void **state)
{
	(void)state;
	pl_loop_free(loop);
	pl_ws_deflate_pool_free(pool);
	return 0;
}

static void start(ws_side *side, const pl_ws_deflate_terms *terms, enum pl_ws_delivery delivery)
{
	assert_int_equal(pl_ws_session_new(&side->session, &side->memory.stream, true,
					   &side->limits, &ws_side_events, side),
			 PL_OK);
	pl_ws_session_deflate(side->session, pl_ws_deflate_new(pool, terms, true));
	pl_ws_session_deliver(side->session, delivery);
	pl_ws_session_start(side->session, NULL, 0);
}

typedef struct conversation {
	pl_slice input;
	const char *journal;
	const char *sent;
} conversation;

static void holds(const conversation *row, const pl_ws_deflate_terms *terms,
		  enum pl_ws_delivery delivery, int64_t limit)
{
	for (size_t cut = 1; cut <= row->input.len; cut++) {
		ws_side side;
		const char *got;

		ws_side_init(&side, loop, true);
		if (limit)
			side.limits.message = limit;
		start(&side, terms, delivery);
		ws_side_feed_cut(&side, row->input.at, row->input.len, cut);
		ws_side_turn(&side);
		got = ws_side_journal(&side);
		if (strcmp(got, row->journal) != 0)
			fail_msg("%s cut at %zu: %s", row->journal, cut, got);
		assert_string_equal(ws_side_sent(&side), row->sent);
		ws_side_close(&side);
	}
}

static void each_frame_says_for_itself(void **state)
{
	static const conversation rows[] = {
		{ BYTES("\xc1\x87" Z HELLO), "text:Hello ", "" },
		{ BYTES("\xc2\x87" Z HELLO), "binary:Hello ", "" },
		{ BYTES("\xc1\x87" Z HELLO "\x81\x82" Z "hi\xc1\x85" Z AGAIN),
		  "text:Hello text:hi text:Hello ", "" },
		{ BYTES("\x41\x87" Z HELLO "\x00\x81" Z "," PING "\xc0\x85" Z AGAIN),
		  "text:Hello,Hello ", "pong:p " },
		{ BYTES("\x01\x82" Z "hi\x40\x87" Z HELLO "\x80\x80" Z), "text:hiHello ", "" },
		{ BYTES("\x41\x81" Z "\0\xc0\x87" Z HELLO), "text:Hello ", "" },
		/* A character cut between a frame that is deflated and one that is not. */
		{ BYTES("\x41\x87" Z "\x00\x01\x00\xfe\xff\xc3\x00\x80\x81" Z "\xa9"),
		  "text:\xc3\xa9 ", "" },
		{ BYTES("\x41\x83" Z "\xf2\x48\xcd\xc0\x84" Z "\xc9\xc9\x07\x00"),
		  REFUSED("1007") },
		{ BYTES("\x41\x87" Z "\x00\x01\x00\xfe\xff\xc3\x00\x80\x81" Z "x"),
		  REFUSED("1007") },
		{ BYTES("\x41\x87" Z HELLO "\xc0\x87" Z "\x00\x01\x00\xfe\xff\xc3\x00"),
		  REFUSED("1007") },
		{ BYTES("\xc1\x84" Z "\xff\xff\xff\xff"), REFUSED("1007") },
		{ BYTES("\xc2\x80" Z), REFUSED("1007") },
		{ BYTES("\xc0\x87" Z HELLO), REFUSED("1002") },
		{ BYTES("\xc9\x80" Z), REFUSED("1002") },
		{ BYTES("\xa1\x81" Z "a"), REFUSED("1002") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		holds(&rows[i], &own_terms, PL_WS_WHOLE, 0);
}

static void frames_that_start_anew_are_held_to_it(void **state)
{
	static const conversation rows[] = {
		{ BYTES("\x41\x87" Z HELLO "\xc0\x87" Z HELLO), "text:HelloHello ", "" },
		{ BYTES("\x41\x87" Z HELLO "\xc0\x85" Z AGAIN), REFUSED("1007") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		holds(&rows[i], &fresh_terms, PL_WS_WHOLE, 0);
}

static void fragments_are_given_out(void **state)
{
	static const conversation row = {
		BYTES("\xc1\x87" Z HELLO "\x41\x85" Z AGAIN "\x00\x81" Z ",\xc0\x85" Z AGAIN
		      "\x81\x81" Z "x"),
		"last-text:Hello some-text:Hello some-text:, last-text:Hello last-text:x ", ""
	};
	static const conversation all = {
		BYTES("\x41\x87" Z HELLO "\x80\x81" Z ","
		      "\xc1\x85" Z AGAIN),
		"some-text:Hello last-text:Hello, text:Hello, last-text:Hello text:Hello ", ""
	};

	(void)state;
	holds(&row, &own_terms, PL_WS_FRAGMENTS, 0);
	holds(&all, &own_terms, PL_WS_ALL, 0);
}

/* Each frame alone keeps to it. */
static void the_limit_is_the_message_s(void **state)
{
	static const conversation fits = { BYTES("\x41\x87" Z HELLO "\xc0\x85" Z AGAIN),
					   "text:HelloHello ", "" };
	static const conversation too_big = { BYTES("\x41\x87" Z HELLO "\xc0\x85" Z AGAIN),
					      REFUSED("1009") };
	static const conversation more = {
		BYTES("\x41\x87" Z HELLO "\x00\x83" Z "abc\x80\x83" Z "def"), REFUSED("1009")
	};

	(void)state;
	holds(&fits, &own_terms, PL_WS_WHOLE, 10);
	holds(&too_big, &own_terms, PL_WS_WHOLE, 9);
	holds(&too_big, &own_terms, PL_WS_FRAGMENTS, 4);
	holds(&more, &own_terms, PL_WS_WHOLE, 10);
}

static void nothing_is_inflated_after_our_close(void **state)
{
	static const pl_slice rest =
		BYTES("\xc9\xc9\x07\x00\xc0\x84" Z "\xff\xff\xff\xff\x88\x82" Z "\x03\xe8");
	ws_side side;

	(void)state;
	ws_side_init(&side, loop, true);
	start(&side, &own_terms, PL_WS_WHOLE);
	pl_memory_feed(&side.memory, "\x41\x87" Z "\xf2\x48\xcd", 9);
	pl_ws_session_close(side.session, PL_WS_NORMAL, pl_slice_make(NULL, 0));
	pl_memory_feed(&side.memory, rest.at, rest.len);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closed:1000 ");
	ws_side_close(&side);
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

/* The first byte of each frame that was sent. */
static const char *heads_sent(pl_buffer *sent)
{
	static char heads[64];
	pl_ws_rules rules = { .rsv = PL_WS_RSV1, .max_length = UINT32_MAX };
	size_t used = 0;
	size_t len = 0;

	while (used < sent->len) {
		pl_ws_frame frame;
		int head = pl_ws_frame_decode(&frame, &rules, sent->data + used, sent->len - used);

		assert_true(head > 0);
		len += (size_t)snprintf(heads + len, sizeof(heads) - len, "%02x ",
					sent->data[used]);
		used += (size_t)head + frame.length;
	}
	pl_buffer_deinit(sent);
	return heads;
}

static void only_single_frames_are_deflated(void **state)
{
	const pl_slice text = PL_SLICE(HUNDRED);
	ws_side side;
	pl_block *block;

	(void)state;
	ws_side_init(&side, loop, true);
	start(&side, &own_terms, PL_WS_WHOLE);
	pl_ws_session_send(side.session, PL_WS_TEXT, text.at, text.len, 0);
	pl_ws_session_send(side.session, PL_WS_TEXT, text.at, text.len, 50);
	pl_ws_session_send(side.session, PL_WS_TEXT, text.at, text.len, 100);
	block = pl_ws_encode(pl_ws_session_deflater(side.session), PL_WS_BINARY, text.at, text.len,
			     60);
	assert_int_equal(pl_ws_session_send_block(side.session, block), PL_OK);
	pl_block_unref(block);
	ws_side_turn(&side);
	assert_string_equal(heads_sent(&side.memory.sent), "c1 01 80 c1 02 80 ");
	ws_side_close(&side);
}

/* Without memory the session says so; nothing else happens. */
static void memory_may_fail(void **state)
{
	(void)state;
	for (uint64_t nth = 1; nth < 20; nth++) {
		uint8_t input[] = "\x41\x87" Z HELLO "\xc0\x85" Z AGAIN;
		ws_side side;
		const char *got;

		pl_ws_deflate_pool_free(pool);
		pool = pl_ws_deflate_pool_new(8, 6);
		ws_side_init(&side, loop, true);
		start(&side, &own_terms, PL_WS_WHOLE);
		assert_int_equal(pl_buffer_reserve(&side.journal, 256), PL_OK);
		pl_alloc_fail_at(nth);
		pl_ws_receive(side.session, input, sizeof(input) - 1);
		pl_alloc_fail_at(0);
		ws_side_turn(&side);
		got = ws_side_journal(&side);
		if (strcmp(got, "text:HelloHello ") != 0)
			assert_int_equal(side.code, PL_WS_INTERNAL_ERROR);
		ws_side_close(&side);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_says_for_itself),
		cmocka_unit_test(frames_that_start_anew_are_held_to_it),
		cmocka_unit_test(fragments_are_given_out),
		cmocka_unit_test(the_limit_is_the_message_s),
		cmocka_unit_test(nothing_is_inflated_after_our_close),
		cmocka_unit_test(only_single_frames_are_deflated),
		cmocka_unit_test(memory_may_fail),
	};

	return cmocka_run_group_tests(tests, open_all, free_all);
}
