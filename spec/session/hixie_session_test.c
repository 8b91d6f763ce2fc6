/*
 * A WebSocket of Hixie-76 in memory.
 */
#include "session/ws_side.h"

#include "ws/hixie_session.h"

#define KEY3 "WjN}|M(6"
#define PROOF "0123456789abcdef"
#define FEED(side, literal) feed(side, "" literal, sizeof(literal) - 1)
#define EXPECT_SENT(side, literal) expect_sent(side, "" literal, sizeof(literal) - 1)

typedef struct hixie_side {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_hixie_session *session; /* NULL after `closed` */
	pl_buffer journal;
	bool silent;				 /* key3 is answered with the end */
	void (*on_message)(struct hixie_side *); /* what the owner does then, or NULL */
} hixie_side;

static void word(hixie_side *side, const char *name, const char *value)
{
	assert_int_equal(pl_buffer_printf(&side->journal, "%s%s ", name, value), PL_OK);
}

static void on_key(void *owner, const uint8_t key3[PL_HIXIE_KEY3_SIZE])
{
	hixie_side *side = owner;

	assert_memory_equal(key3, KEY3, PL_HIXIE_KEY3_SIZE);
	word(side, "key", "");
	assert_false(pl_hixie_session_open(side->session));
	if (side->silent) {
		pl_hixie_session_abort(side->session, PL_ENOMEM);
		return;
	}
	assert_int_equal(pl_hixie_session_open_with(side->session, (const uint8_t *)PROOF), PL_OK);
	assert_true(pl_hixie_session_open(side->session));
}

static void on_message(void *owner, const uint8_t *data, size_t len)
{
	hixie_side *side = owner;

	ws_words_payload(&side->journal, "text", data, len);
	if (side->on_message)
		side->on_message(side);
}

static void on_alive(void *owner)
{
	(void)owner;
}

static void on_drain(void *owner)
{
	word(owner, "drain", "");
}

static void on_failed(void *owner, int status, const char *message)
{
	hixie_side *side = owner;

	assert_string_equal(message, pl_hixie_session_failure(side->session));
	word(side, "failed:", pl_status_name(status));
}

static void on_closing(void *owner)
{
	word(owner, "closing", "");
}

static void on_closed(void *owner, int status)
{
	hixie_side *side = owner;

	word(side, "closed:", pl_status_name(status));
	pl_hixie_session_free(side->session);
	side->session = NULL;
}

static const pl_hixie_events events = {
	.key = on_key,
	.message = on_message,
	.alive = on_alive,
	.drain = on_drain,
	.failed = on_failed,
	.closing = on_closing,
	.closed = on_closed,
};

static void side_init(hixie_side *side)
{
	memset(side, 0, sizeof(*side));
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	pl_loop_still(side->loop);
	pl_limits_init(&side->limits);
	pl_memory_init(&side->memory, side->loop);
	assert_int_equal(pl_hixie_session_new(&side->session, &side->memory.stream, &side->limits,
					      &events, side),
			 PL_OK);
}

static void turn(hixie_side *side)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(side->loop);
}

static void feed(hixie_side *side, const char *data, size_t len)
{
	assert_true(pl_memory_feed(&side->memory, data, len));
}

static void expect(hixie_side *side, const char *words)
{
	turn(side);
	assert_string_equal(ws_words_take(&side->journal), words);
}

static void expect_sent(hixie_side *side, const char *data, size_t len)
{
	turn(side);
	assert_int_equal(side->memory.sent.len, len);
	if (len > 0)
		assert_memory_equal(side->memory.sent.data, data, len);
	side->memory.sent.len = 0;
}

/* The handshake is done. */
static void side_open(hixie_side *side)
{
	side_init(side);
	pl_hixie_session_start(side->session, (const uint8_t *)KEY3, PL_HIXIE_KEY3_SIZE);
	expect(side, "key ");
	EXPECT_SENT(side, PROOF);
}

static void side_deinit(hixie_side *side)
{
	if (side->session)
		pl_hixie_session_abort(side->session, PL_ECLOSED);
	turn(side);
	assert_null(side->session);
	pl_buffer_deinit(&side->journal);
	pl_memory_deinit(&side->memory);
	pl_loop_free(side->loop);
}

/* Whatever comes together, of the leftover too. */
static void every_split(void **state)
{
	static const char flow[] = KEY3 "\x00one\xFF\x81\x02xx\x00t\xC3\xB6\xFF\xFF\x00more";
	const size_t size = sizeof(flow) - 1;

	(void)state;
	for (size_t left = 0; left <= size; left++) {
		for (size_t split = left; split <= size; split++) {
			hixie_side side;

			side_init(&side);
			pl_hixie_session_start(side.session, (const uint8_t *)flow, left);
			if (split > left)
				pl_memory_feed(&side.memory, flow + left, split - left);
			if (size > split)
				pl_memory_feed(&side.memory, flow + split, size - split);
			pl_memory_end(&side.memory);
			expect(&side, "key text:one text:t\xC3\xB6 closing closed:OK ");
			EXPECT_SENT(&side, PROOF "\xFF\x00");
			side_deinit(&side);
		}
	}
}

static void counts(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	FEED(&side, "\x00Hi\xFF\x80\x01x");
	assert_int_equal(pl_hixie_session_send(side.session, "Hello", 5), PL_OK);
	assert_int_equal(pl_hixie_session_received(side.session), 7);
	assert_int_equal(pl_hixie_session_sent(side.session), 7);
	EXPECT_SENT(&side, "\x00Hello\xFF");
	expect(&side, "text:Hi ");
	side_deinit(&side);
}

static void sending(void **state)
{
	hixie_side side;
	pl_block *frames;

	(void)state;
	side_init(&side);
	assert_int_equal(pl_hixie_session_send(side.session, "x", 1), PL_ECLOSED);
	side_deinit(&side);

	side_open(&side);
	frames = pl_hixie_block("Hi", 2);
	assert_int_equal(pl_hixie_session_send_block(side.session, frames), PL_OK);
	assert_int_equal(pl_hixie_session_send(side.session, NULL, 0), PL_OK);
	EXPECT_SENT(&side, "\x00Hi\xFF\x00\xFF");
	pl_hixie_session_close(side.session);
	assert_int_equal(pl_hixie_session_send_block(side.session, frames), PL_ECLOSED);
	assert_int_equal(pl_hixie_session_send(side.session, "x", 1), PL_ECLOSED);
	EXPECT_SENT(&side, "\xFF\x00");
	pl_block_unref(frames);
	side_deinit(&side);
}

/* We close: what comes before the peer's closing frame is nobody's. */
static void close_by_us(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	FEED(&side, "\x00half");
	pl_hixie_session_close(side.session);
	pl_hixie_session_close(side.session);
	EXPECT_SENT(&side, "\xFF\x00");
	FEED(&side, "way\xFF\x00\xFE\xFF\xFF");
	expect(&side, "");
	FEED(&side, "\x00");
	pl_memory_end(&side.memory);
	expect(&side, "closed:OK ");
	EXPECT_SENT(&side, "");
	side_deinit(&side);
}

static void ends_without_closing(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	FEED(&side, "\x00half");
	pl_memory_end(&side.memory);
	expect(&side, "closing closed:ECLOSED ");
	EXPECT_SENT(&side, "");
	side_deinit(&side);

	side_open(&side);
	pl_hixie_session_close(side.session);
	pl_memory_end(&side.memory);
	expect(&side, "closed:ECLOSED ");
	side_deinit(&side);

	side_init(&side);
	pl_hixie_session_start(side.session, (const uint8_t *)KEY3, 7);
	pl_memory_end(&side.memory);
	expect(&side, "closed:ECLOSED ");
	EXPECT_SENT(&side, "");
	side_deinit(&side);
}

static void bad_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = { { "\x00x\xC3\xFF", 4 },
		     { "\x00\x80\xFF", 3 },
		     { "\x00\xED\xA0\x80\xFF", 5 },
		     { "\x00\xFE\xFF", 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hixie_side side;

		side_open(&side);
		for (size_t at = 0; at < rows[i].len; at++)
			pl_memory_feed(&side.memory, rows[i].bytes + at, 1);
		pl_memory_end(&side.memory);
		expect(&side, "failed:EUTF8 closed:EUTF8 ");
		EXPECT_SENT(&side, "\xFF\x00");
		side_deinit(&side);
	}
}

static void too_big(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	side.limits.message = 4;
	FEED(&side, "\x00"
		    "1234\xFF\x00"
		    "123");
	FEED(&side, "45");
	pl_memory_end(&side.memory);
	expect(&side, "text:1234 failed:ETOOBIG closed:ETOOBIG ");
	EXPECT_SENT(&side, "\xFF\x00");
	side_deinit(&side);
}

static void pause_it(hixie_side *side)
{
	pl_hixie_session_pause(side->session);
}

static void pauses(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	side.on_message = pause_it;
	FEED(&side, "\x00one\xFF\x00two\xFF\x00thr");
	assert_false(pl_memory_feed(&side.memory, "ee\xFF", 3));
	expect(&side, "text:one ");
	pl_hixie_session_resume(side.session);
	assert_int_equal(side.journal.len, 0); /* not within the call */
	expect(&side, "text:two ");
	pl_hixie_session_resume(side.session);
	pl_hixie_session_pause(side.session);
	expect(&side, "");
	side.on_message = NULL;
	pl_hixie_session_resume(side.session);
	expect(&side, "");
	FEED(&side, "ee\xFF");
	expect(&side, "text:three ");
	side_deinit(&side);

	/* A paused one that we close hears the peer's closing frame. */
	side_open(&side);
	side.on_message = pause_it;
	FEED(&side, "\x00one\xFF\x00two\xFF\xFF\x00");
	pl_hixie_session_close(side.session);
	turn(&side);
	pl_memory_end(&side.memory);
	expect(&side, "text:one closed:OK ");
	side_deinit(&side);

	/* Before the handshake is whole. */
	side_init(&side);
	pl_hixie_session_pause(side.session);
	pl_hixie_session_start(side.session, (const uint8_t *)KEY3, PL_HIXIE_KEY3_SIZE);
	expect(&side, "");
	pl_hixie_session_resume(side.session);
	expect(&side, "key ");
	side_deinit(&side);
}

static void close_it(hixie_side *side)
{
	pl_hixie_session_close(side->session);
}

static void disconnect_it(hixie_side *side)
{
	pl_hixie_session_disconnect(side->session);
}

static void abort_it(hixie_side *side)
{
	pl_hixie_session_abort(side->session, PL_ETIMEDOUT);
}

/* No message comes after the owner has had enough. */
static void ending_within_a_message(void **state)
{
	static const struct {
		void (*how)(hixie_side *side);
		const char *words;
		const char *sent;
		size_t len;
	} rows[] = { { close_it, "text:one closed:OK ", "\xFF\x00", 2 },
		     { disconnect_it, "text:one closed:OK ", "\xFF\x00", 2 },
		     { abort_it, "text:one closed:ETIMEDOUT ", "", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hixie_side side;

		side_open(&side);
		side.on_message = rows[i].how;
		FEED(&side, "\x00on");
		FEED(&side, "e\xFF\x00two\xFF\xFF\x00");
		pl_memory_end(&side.memory);
		expect(&side, rows[i].words);
		expect_sent(&side, rows[i].sent, rows[i].len);
		side_deinit(&side);
	}
}

/* Each way to end before the handshake is whole, or in place of its answer. */
static void ending_within_the_handshake(void **state)
{
	hixie_side side;

	(void)state;
	for (int i = 0; i < 3; i++) {
		static void (*const ways[])(hixie_side *) = { close_it, disconnect_it, abort_it };

		side_init(&side);
		pl_hixie_session_start(side.session, (const uint8_t *)KEY3, 7);
		ways[i](&side);
		pl_memory_feed(&side.memory, "6\x00x\xFF", 4);
		pl_memory_end(&side.memory);
		expect(&side, i < 2 ? "closed:OK " : "closed:ETIMEDOUT ");
		EXPECT_SENT(&side, "");
		side_deinit(&side);
	}
	side_init(&side);
	side.silent = true;
	pl_hixie_session_start(side.session, (const uint8_t *)KEY3 "\x00x\xFF", 11);
	expect(&side, "key closed:ENOMEM ");
	EXPECT_SENT(&side, "");
	side_deinit(&side);
}

/* What waits behind blocked output is not for a peer that has closed: its answer comes next. */
static void blocked(void **state)
{
	hixie_side side;

	(void)state;
	side_open(&side);
	side.memory.room = 2;
	assert_int_equal(pl_hixie_session_send(side.session, "one", 3), PL_OK);
	turn(&side);
	assert_true(side.memory.stream.blocked);
	assert_int_equal(pl_hixie_session_send(side.session, "two", 3), PL_OK);
	FEED(&side, "\xFF\x00");
	assert_int_equal(pl_hixie_session_sent(side.session), 5 + 2);
	pl_memory_open(&side.memory, SIZE_MAX);
	pl_memory_end(&side.memory);
	expect(&side, "closing closed:OK ");
	EXPECT_SENT(&side, "\x00one\xFF\xFF\x00");
	side_deinit(&side);

	side_open(&side);
	side.memory.room = 2;
	assert_int_equal(pl_hixie_session_send(side.session, "one", 3), PL_OK);
	turn(&side);
	pl_hixie_session_disconnect(side.session);
	expect(&side, "closed:OK ");
	side_deinit(&side);

	side_open(&side);
	side.memory.room = 2;
	assert_int_equal(pl_hixie_session_send(side.session, "one", 3), PL_OK);
	turn(&side);
	pl_memory_open(&side.memory, SIZE_MAX);
	expect(&side, "drain ");
	side_deinit(&side);
}

/* Whatever fails, the owner is told and nothing is left over. */
static void without_memory(void **state)
{
	(void)state;
	for (uint64_t nth = 1; nth < 12; nth++) {
		int64_t live = pl_alloc_live();
		hixie_side side;

		side_open(&side);
		assert_int_equal(pl_buffer_reserve(&side.journal, 256), PL_OK);
		pl_alloc_fail_at(nth);
		pl_memory_feed(&side.memory, "\x00on", 3);
		pl_memory_feed(&side.memory,
			       "e\xFF\x00"
			       "2\xFF",
			       5);
		if (side.session)
			pl_hixie_session_pause(side.session);
		turn(&side);
		pl_alloc_fail_at(0);
		side_deinit(&side);
		assert_int_equal(pl_alloc_live(), live);
	}
}

/* The text that there is no memory for is not given out, and the peer is told of the end. */
static void text_without_memory(void **state)
{
	hixie_side side;
	uint8_t half[] = { 0, 'x' };

	(void)state;
	side_open(&side);
	assert_int_equal(pl_buffer_reserve(&side.journal, 256), PL_OK);
	pl_alloc_fail_at(1);
	side.memory.stream.events->data(side.memory.stream.owner, half, sizeof(half));
	pl_alloc_fail_at(0);
	pl_memory_end(&side.memory);
	expect(&side, "failed:ENOMEM closed:ENOMEM ");
	side_deinit(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split),
		cmocka_unit_test(counts),
		cmocka_unit_test(sending),
		cmocka_unit_test(close_by_us),
		cmocka_unit_test(ends_without_closing),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(too_big),
		cmocka_unit_test(pauses),
		cmocka_unit_test(ending_within_a_message),
		cmocka_unit_test(ending_within_the_handshake),
		cmocka_unit_test(blocked),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(text_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
