/*
 * Messages over bytes alone, in memory.
 */
#include "session/tcp_side.h"

static void raw(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_NONE, NULL);
	tcp_side_feed(&side, "one");
	tcp_side_feed(&side, "two");
	tcp_side_expect(&side, "got:one got:two ");
	assert_int_equal(pl_tcp_session_received(side.session), 6);
	tcp_side_deinit(&side);
}

static void frames(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_ALL, ";;");
	tcp_side_feed(&side, "one;;two;;th");
	tcp_side_expect(&side, "got:one;; got:two;; ");
	tcp_side_feed(&side, "ree;");
	tcp_side_feed(&side, ";;;four");
	tcp_side_expect(&side, "got:three;; got:;; ");
	tcp_side_deinit(&side);

	tcp_side_init(&side, PL_FRAME_SCAN_ALL, ";;");
	side.end.strip = true;
	assert_int_equal(tcp_side_start(&side), PL_OK);
	tcp_side_feed(&side, "one;;;;tw");
	tcp_side_feed(&side, "o;;");
	tcp_side_expect(&side, "got:one got: got:two ");
	tcp_side_deinit(&side);
}

static void latest_bytes(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_LATEST, ";");
	tcp_side_feed(&side, "one;two;");
	tcp_side_feed(&side, "three;fo");
	tcp_side_feed(&side, "ur;");
	tcp_side_expect(&side, "got:one;two; got:three;four; ");
	tcp_side_deinit(&side);
}

/* What was read behind a handshake of something else. */
static void leftover(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_init(&side, PL_FRAME_SCAN_ALL, ";");
	assert_int_equal(pl_tcp_session_new(&side.session, &side.memory.stream, &side.end,
					    &side.limits, &tcp_side_events, &side),
			 PL_OK);
	pl_tcp_session_start(side.session, (const uint8_t *)"one;tw", 6);
	tcp_side_feed(&side, "o;");
	tcp_side_expect(&side, "got:one; got:two; ");
	tcp_side_deinit(&side);
}

/* Frames up to the limit pass, and what is longer is refused before it is collected. */
static void limit(void **state)
{
	tcp_side side;

	(void)state;
	for (size_t step = 1; step <= 5; step++) {
		static const char text[] = "1234;12345";

		tcp_side_init(&side, PL_FRAME_SCAN_ALL, ";");
		side.limits.message = 5;
		assert_int_equal(tcp_side_start(&side), PL_OK);
		for (size_t at = 0; at < 10; at += step)
			pl_memory_feed(&side.memory, text + at, step < 10 - at ? step : 10 - at);
		tcp_side_expect(&side, "got:1234; ");
		pl_memory_feed(&side.memory, ";", 1);
		pl_memory_end(&side.memory);
		tcp_side_expect(&side, "failed:ETOOBIG closed:ETOOBIG ");
		tcp_side_deinit(&side);
	}
	tcp_side_init(&side, PL_FRAME_SCAN_ALL, ";");
	side.limits.message = 5;
	assert_int_equal(tcp_side_start(&side), PL_OK);
	tcp_side_feed(&side, "1;123456;2;");
	tcp_side_expect(&side, "got:1; failed:ETOOBIG closed:ETOOBIG ");
	tcp_side_deinit(&side);
}

static void pause_it(tcp_side *side)
{
	pl_tcp_session_pause(side->session);
}

static void pauses(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_ALL, ";");
	side.on_message = pause_it;
	tcp_side_feed(&side, "one;two;three;fo");
	assert_false(pl_memory_feed(&side.memory, "ur;", 3));
	tcp_side_expect(&side, "got:one; ");
	pl_tcp_session_resume(side.session);
	assert_int_equal(side.journal.len, 0); /* not within the call */
	tcp_side_expect(&side, "got:two; ");
	pl_tcp_session_resume(side.session);
	pl_tcp_session_pause(side.session);
	tcp_side_expect(&side, "");
	side.on_message = NULL;
	pl_tcp_session_resume(side.session);
	tcp_side_expect(&side, "got:three; ");
	tcp_side_feed(&side, "ur;");
	tcp_side_expect(&side, "got:four; ");
	tcp_side_deinit(&side);
}

static void close_it(tcp_side *side)
{
	pl_tcp_session_close(side->session);
}

static void disconnect_it(tcp_side *side)
{
	pl_tcp_session_disconnect(side->session);
}

static void abort_it(tcp_side *side)
{
	pl_tcp_session_abort(side->session, PL_ETIMEDOUT);
}

/* No message comes after the owner has had enough. */
static void closing_within_a_message(void **state)
{
	static const struct {
		void (*how)(tcp_side *side);
		const char *words;
	} rows[] = { { close_it, "got:one; closed:OK " },
		     { disconnect_it, "got:one; closed:OK " },
		     { abort_it, "got:one; closed:ETIMEDOUT " } };
	tcp_side side;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tcp_side_open(&side, PL_FRAME_SCAN_ALL, ";");
		side.on_message = rows[i].how;
		tcp_side_feed(&side, "one;two;thr");
		pl_memory_end(&side.memory);
		tcp_side_expect(&side, rows[i].words);
		tcp_side_deinit(&side);
	}
}

static void sending(void **state)
{
	pl_block *block = pl_block_copy("block ", 6), *empty = pl_block_copy("", 0);
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_NONE, NULL);
	assert_int_equal(pl_tcp_session_send(side.session, "text ", 5), PL_OK);
	assert_int_equal(pl_tcp_session_send(side.session, "", 0), PL_OK);
	assert_int_equal(pl_tcp_session_send_block(side.session, block), PL_OK);
	assert_int_equal(pl_tcp_session_send_block(side.session, empty), PL_OK);
	pl_block_unref(block);
	tcp_side_expect_sent(&side, "text block ");
	assert_int_equal(pl_tcp_session_sent(side.session), 11);
	assert_int_equal(pl_tcp_session_send(side.session, "last", 4), PL_OK);
	pl_tcp_session_close(side.session);
	assert_int_equal(pl_tcp_session_send(side.session, "late", 4), PL_ECLOSED);
	assert_int_equal(pl_tcp_session_send_block(side.session, empty), PL_ECLOSED);
	pl_block_unref(empty);
	assert_false(pl_tcp_session_open(side.session));
	tcp_side_expect_sent(&side, "last");
	assert_true(side.memory.finished);
	pl_memory_end(&side.memory);
	tcp_side_expect(&side, "closed:OK ");
	tcp_side_deinit(&side);
}

static void the_peer_ends(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_ALL, ";");
	tcp_side_feed(&side, "one;");
	pl_memory_end(&side.memory);
	tcp_side_expect(&side, "got:one; ended closed:OK ");
	tcp_side_deinit(&side);

	tcp_side_open(&side, PL_FRAME_SCAN_ALL, ";");
	tcp_side_feed(&side, "one;tw");
	pl_memory_end(&side.memory);
	tcp_side_expect(&side, "got:one; failed:EPROTO closed:EPROTO ");
	tcp_side_deinit(&side);
}

static void blocked_output(void **state)
{
	tcp_side side;

	(void)state;
	tcp_side_open(&side, PL_FRAME_SCAN_NONE, NULL);
	side.memory.room = 3;
	assert_int_equal(pl_tcp_session_send(side.session, "abcdef", 6), PL_OK);
	tcp_side_expect_sent(&side, "abc");
	pl_memory_open(&side.memory, SIZE_MAX);
	tcp_side_expect(&side, "drain ");
	tcp_side_expect_sent(&side, "def");
	side.memory.room = 0;
	assert_int_equal(pl_tcp_session_send(side.session, "lost", 4), PL_OK);
	tcp_side_turn(&side);
	pl_tcp_session_disconnect(side.session);
	tcp_side_expect(&side, "closed:OK ");
	tcp_side_expect_sent(&side, "");
	tcp_side_deinit(&side);
}

/* The Nth allocation and all after it fail. */
static void without_memory(void **state)
{
	uint64_t nth = 1;
	bool whole = false;

	(void)state;
	for (; !whole; nth++) {
		tcp_side side;

		tcp_side_init(&side, PL_FRAME_SCAN_ALL, ";");
		assert_int_equal(pl_buffer_reserve(&side.journal, 256), PL_OK);
		pl_alloc_fail_at(nth);
		whole = tcp_side_start(&side) == PL_OK;
		if (whole) {
			side.on_message = pause_it;
			pl_memory_feed(&side.memory, "one;two;thr", 11);
			whole = side.session && pl_tcp_session_open(side.session);
			side.on_message = NULL;
			if (whole)
				pl_tcp_session_resume(side.session);
			tcp_side_turn(&side);
			pl_memory_feed(&side.memory, "ee;", 3);
			tcp_side_turn(&side);
		}
		pl_alloc_fail_at(0);
		whole = whole && side.session && side.journal.len > 0 &&
			strncmp((char *)side.journal.data, "got:one; got:two; got:three; ",
				side.journal.len) == 0;
		if (!side.session)
			assert_true(nth == 1 || memmem(side.journal.data, side.journal.len,
						       "closed:ENOMEM", 13));
		side.journal.len = 0;
		tcp_side_deinit(&side);
	}
	assert_true(nth > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw),
		cmocka_unit_test(frames),
		cmocka_unit_test(latest_bytes),
		cmocka_unit_test(leftover),
		cmocka_unit_test(limit),
		cmocka_unit_test(pauses),
		cmocka_unit_test(closing_within_a_message),
		cmocka_unit_test(sending),
		cmocka_unit_test(the_peer_ends),
		cmocka_unit_test(blocked_output),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
