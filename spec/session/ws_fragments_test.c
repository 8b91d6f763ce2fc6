/*
 * Messages given out in fragments, plain and deflated; frames that are received where they belong.
 * However the bytes are cut, the owner is told the same.
 *
 * covers: ws/ws_message.c
 */
#include "session/ws_side.h"

#include "unit/base/prng.h"
#include "unit/codec/bytes.h"

#define Z "\0\0\0\0" /* a mask that changes nothing */
#define BEGIN(length) "\x01" length Z
#define MORE(length) "\x00" length Z
#define LAST(length) "\x80" length Z
#define PING "\x89\x81" Z "p"
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static pl_loop *loop;
static pl_ws_deflate_pool *pool;
static pl_ws_deflate_pool *peer_pool;

static const pl_ws_deflate_terms own_terms = { .server_window = 15, .client_window = 15 };
static const pl_ws_deflate_terms fresh_terms = {
	.server_window = 15, .client_window = 15, .server_fresh = true, .client_fresh = true
};

static int open_all(void **state)
{
	(void)state;
	pool = pl_ws_deflate_pool_new(8, 6);
	peer_pool = pl_ws_deflate_pool_new(8, 6);
	return pool && peer_pool && pl_loop_new(&loop) == PL_OK ? 0 : -1;
}

static int free_all(void **state)
{
	(void)state;
	pl_loop_free(loop);
	pl_ws_deflate_pool_free(pool);
	pl_ws_deflate_pool_free(peer_pool);
	return 0;
}

static void open_side(ws_side *side, enum pl_ws_delivery delivery, const pl_ws_deflate_terms *terms,
		      bool server)
{
	ws_side_init(side, loop, server);
	assert_int_equal(pl_ws_session_new(&side->session, &side->memory.stream, server,
					   &side->limits, &ws_side_events, side),
			 PL_OK);
	if (terms)
		pl_ws_session_deflate(side->session, pl_ws_deflate_new(pool, terms, server));
	pl_ws_session_deliver(side->session, delivery);
	pl_ws_session_start(side->session, NULL, 0);
}

typedef struct conversation {
	enum pl_ws_delivery delivery;
	const pl_ws_deflate_terms *terms;
	pl_slice input;
	const char *journal;
} conversation;

#define EACH PL_WS_FRAGMENTS
#define ALL PL_WS_ALL

static const conversation conversations[] = {
	{ EACH, NULL, BYTES(BEGIN("\x81") "a" MORE("\x82") "bc" LAST("\x81") "d"),
	  "some-text:a some-text:bc last-text:d " },
	{ ALL, NULL, BYTES(BEGIN("\x81") "a" MORE("\x82") "bc" LAST("\x81") "d"),
	  "some-text:a some-text:abc last-text:abcd text:abcd " },
	{ EACH, NULL, BYTES("\x81\x82" Z "hi\x82\x81" Z "x"), "last-text:hi last-binary:x " },
	{ ALL, NULL, BYTES("\x81\x82" Z "hi\x82\x81" Z "x"),
	  "last-text:hi text:hi last-binary:x binary:x " },
	{ EACH, NULL, BYTES("\x02\x80" Z PING MORE("\x80") LAST("\x80")),
	  "some-binary: some-binary: last-binary: " },
	{ ALL, NULL, BYTES("\x02\x80" Z PING MORE("\x80") LAST("\x80") "\x81\x80" Z),
	  "some-binary: some-binary: last-binary: binary: last-text: text: " },
	/* A character in three fragments, and the next message begins anew. */
	{ EACH, NULL,
	  BYTES(BEGIN("\x81") "\xe2" MORE("\x81") "\x82" LAST("\x81") "\xac\x81\x81" Z "a"),
	  "some-text:\xe2 some-text:\x82 last-text:\xac last-text:a " },
	{ EACH, NULL, BYTES(BEGIN("\x81") "\xe2" LAST("\x81") "\x82"),
	  "some-text:\xe2 closing closed:1007 " },
	{ ALL, NULL, BYTES(BEGIN("\x81") "\xe2" LAST("\x81") "\x82"),
	  "some-text:\xe2 closing closed:1007 " },
	{ EACH, NULL, BYTES(BEGIN("\x81") "a\x80\x82" Z "\xff"),
	  "some-text:a closing closed:1007 " },
	{ EACH, NULL, BYTES(BEGIN("\x81") "a\x81\x81" Z "b"), "some-text:a closing closed:1002 " },
	{ EACH, NULL, BYTES("\x80\x81" Z "b"), "closing closed:1002 " },
	{ EACH, NULL, BYTES(BEGIN("\x81") "a\x88\x82" Z "\x03\xe8"),
	  "some-text:a closing closed:1000 " },
	/* RFC 7692 7.2.3.1 */
	{ EACH, &fresh_terms, BYTES("\xc1\x87" Z HELLO "\xc1\x87" Z HELLO),
	  "last-text:Hello last-text:Hello " },
	{ ALL, &fresh_terms, BYTES("\xc1\x87" Z HELLO), "last-text:Hello text:Hello " },
	{ EACH, &own_terms,
	  BYTES("\x41\x83" Z "\xf2\x48\xcd" PING "\x80\x84" Z "\xc9\xc9\x07\x00\xc1\x85" Z
		"\xf2\x00\x11\x00\x00\x81\x82" Z "hi"),
	  "some-text:He last-text:llo last-text:Hello last-text:hi " },
	{ ALL, &own_terms,
	  BYTES("\x41\x83" Z "\xf2\x48\xcd" PING "\x80\x84" Z "\xc9\xc9\x07\x00\xc1\x85" Z
		"\xf2\x00\x11\x00\x00"),
	  "some-text:He last-text:Hello text:Hello last-text:Hello text:Hello " },
	{ EACH, &own_terms,
	  BYTES("\x41\x80" Z MORE("\x83") "\xf2\x48\xcd" LAST("\x84") "\xc9\xc9\x07"
								      "\x00"),
	  "some-text: some-text:He last-text:llo " },
	{ EACH, &own_terms, BYTES("\xc1\x81" Z "\0"), "last-text: " },
	/* A character cut by deflate, one that does not end, text that is none. */
	{ EACH, &own_terms, BYTES("\x41\x86" Z "\x00\x02\x00\xfd\xff\xc3\x80\x82" Z "\xa9\x00"),
	  "some-text:\xc3 last-text:\xa9 " },
	{ EACH, &own_terms, BYTES("\xc1\x87" Z "\x00\x01\x00\xfe\xff\xc3\x00"),
	  "closing closed:1007 " },
	{ EACH, &own_terms, BYTES("\xc1\x87" Z "\x00\x01\x00\xfe\xff\xff\x00"),
	  "closing closed:1007 " },
	/* No deflate data; a message that ends within a block. */
	{ EACH, &own_terms, BYTES("\xc1\x84" Z "\xff\xff\xff\xff"), "closing closed:1007 " },
	{ ALL, &own_terms, BYTES("\xc2\x83" Z "\xf2\x48\xcd"), "closing closed:1007 " },
	{ EACH, &own_terms, BYTES("\x42\x83" Z "\xf2\x48\xcd\x80\x80" Z),
	  "some-binary:He closing closed:1007 " },
};

static void check(const conversation *row, bool server, size_t first, size_t others)
{
	uint8_t bytes[512];
	size_t len = ws_frames_for(server, bytes, row->input.at, row->input.len);
	size_t n = first < len ? first : len;
	const char *got;
	ws_side side;

	assert_true(row->input.len <= sizeof(bytes));
	open_side(&side, row->delivery, row->terms, server);
	for (size_t at = 0; n > 0; n = others < len - at ? others : len - at) {
		ws_side_raw(&side, bytes + at, n);
		at += n;
	}
	if (!server && strstr(row->journal, "closed"))
		ws_side_end(&side);
	ws_side_turn(&side);
	got = ws_side_journal(&side);
	if (strcmp(got, row->journal) != 0)
		fail_msg("%s in pieces of %zu and %zu: %s", row->journal, first, others, got);
	ws_side_close(&side);
}

static void fragments_do_not_depend_on_their_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(conversations); i++) {
		const conversation *row = &conversations[i / 2];

		for (size_t cut = 1; cut <= row->input.len; cut++)
			check(row, i % 2, cut, SIZE_MAX);
		check(row, i % 2, 1, 1);
		check(row, i % 2, 3, 3);
	}
}

/* Large ones. */

/* A frame for a server of so many bytes, which are not all alike. */
static pl_buffer frame_of(uint8_t first, const uint8_t *data, uint64_t len)
{
	pl_ws_frame head = { .length = len,
			     .opcode = first & 15,
			     .rsv = first >> 4 & 7,
			     .fin = first >> 7,
			     .masked = true,
			     .mask = { 1, 2, 3, 4 } };
	pl_buffer frame = { 0 };

	assert_int_equal(pl_buffer_reserve(&frame, PL_WS_HEAD_MAX + len), PL_OK);
	frame.len = pl_ws_frame_encode(frame.data, &head);
	memcpy(frame.data + frame.len, data, len);
	pl_ws_mask(frame.data + frame.len, len, head.mask, 0);
	frame.len += len;
	return frame;
}

static void fill(uint8_t *data, size_t len)
{
	uint64_t seed = len;

	for (size_t i = 0; i < len; i++)
		data[i] = "abcdefgh ijklmn\xc3\xa9"[i % 17];
	for (size_t i = 0; i + 17 < len; i += 17)
		data[i] = (uint8_t)('a' + prng_below(&seed, 26));
}

static pl_buffer collected;

static void collect(void *owner, uint8_t kind, const uint8_t *data, size_t len, bool more)
{
	assert_int_equal(pl_buffer_append(&collected, data, len), PL_OK);
	ws_side_fragment(owner, kind, data, len, more);
}

static void collect_whole(void *owner, uint8_t kind, const uint8_t *data, size_t len)
{
	assert_int_equal(pl_buffer_append(&collected, data, len), PL_OK);
	ws_side_message(owner, kind, data, len);
}

static void feed_in(ws_side *side, const pl_buffer *bytes, size_t piece)
{
	for (size_t at = 0; at < bytes->len; at += piece)
		ws_side_raw(side, bytes->data + at,
			    piece < bytes->len - at ? piece : bytes->len - at);
}

/* In one frame or two, in one read or many: the bytes are right, and no fragment is larger than a
 * piece. */
static void large_frames_come_whole_or_in_pieces(void **state)
{
	enum { LEN = 700 * 1000, REST = LEN - 2 * PL_WS_PIECE };
	static const size_t reads[] = { 1000, 65536, PL_WS_PIECE, LEN + 100 };
	pl_ws_events events = ws_side_events;
	uint8_t *data = malloc(LEN);
	char expected[128];

	(void)state;
	fill(data, LEN);
	events.fragment = collect;
	events.message = collect_whole;
	for (size_t i = 0; i < 3 * COUNT(reads); i++) {
		enum pl_ws_delivery delivery = (enum pl_ws_delivery)(i % 3);
		pl_buffer frame = frame_of(0x81, data, LEN);
		ws_side side;

		open_side(&side, delivery, NULL, true);
		side.session->events = &events;
		feed_in(&side, &frame, reads[i / 3]);
		if (delivery == PL_WS_FRAGMENTS)
			snprintf(expected, sizeof(expected),
				 "some-text#%d some-text#%d last-text#%d ", PL_WS_PIECE,
				 PL_WS_PIECE, REST);
		else
			snprintf(expected, sizeof(expected), "%stext#%d ",
				 delivery == PL_WS_ALL ? "last-text#700000 " : "", LEN);
		assert_string_equal(ws_side_journal(&side), expected);
		assert_int_equal(collected.len, delivery == PL_WS_ALL ? 2 * LEN : LEN);
		for (size_t at = 0; at < collected.len; at += LEN)
			assert_memory_equal(collected.data + at, data, LEN);
		assert_null(side.session->partial);
		ws_side_close(&side);
		pl_buffer_deinit(&frame);
		pl_buffer_deinit(&collected);
	}
	free(data);
}

static bool aimed(ws_side *side)
{
	size_t len;

	return pl_stream_room(&side->memory.stream, &len);
}

/* What is announced is not held; what has come is held not more than four times. */
static void memory_grows_with_what_comes(void **state)
{
	static uint8_t data[100000];
	static const uint8_t head[] = { 0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	ws_side side;

	(void)state;
	open_side(&side, PL_WS_WHOLE, NULL, true);
	ws_side_raw(&side, head, sizeof(head));
	assert_int_equal(side.session->partial->message.cap, 0);
	assert_false(aimed(&side));
	for (size_t sent = sizeof(data); sent <= 1 << 24; sent += sizeof(data)) {
		ws_side_raw(&side, data, sizeof(data));
		assert_int_equal(side.session->partial->message.len, sent);
		assert_true(side.session->partial->message.cap <= 4 * sent + 65536 * 4);
		assert_true(side.session->partial->message.cap <= 1 << 24);
		assert_true(aimed(&side));
	}
	ws_side_close(&side);

	open_side(&side, PL_WS_FRAGMENTS, NULL, true);
	ws_side_raw(&side, head, sizeof(head));
	for (size_t sent = sizeof(data); sent <= 1 << 24; sent += sizeof(data)) {
		ws_side_raw(&side, data, sizeof(data));
		assert_int_equal(side.session->partial->message.len, sent % PL_WS_PIECE);
		assert_true(side.session->partial->message.cap <= PL_WS_PIECE);
	}
	ws_side_close(&side);
}

/* The stream forgets where to put what comes: nothing is written into memory that is gone. */
static void an_aimed_read_ends_with_the_session(void **state)
{
	static uint8_t data[200000];
	pl_buffer frame = frame_of(0x82, data, sizeof(data));

	(void)state;
	for (int how = 0; how < 4; how++) {
		ws_side side;

		open_side(&side, PL_WS_WHOLE, NULL, true);
		ws_side_raw(&side, frame.data, 80000);
		assert_true(aimed(&side));
		if (how == 0)
			pl_ws_session_close(side.session, 1000, PL_SLICE(""));
		else if (how == 1)
			pl_ws_session_disconnect(side.session, 1000, PL_SLICE(""));
		else if (how == 2)
			pl_ws_session_abort(side.session, PL_ECANCELED);
		if (how == 1 || how == 2)
			assert_false(aimed(&side));
		ws_side_raw(&side, frame.data + 80000, frame.len - 80000);
		if (how == 0)
			WS_FEED(&side, "\x88\x82" Z "\x03\xe8");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), how == 0   ? "closed:1000 "
							    : how == 1 ? "closed:1000 "
							    : how == 2 ? "closed:1006 "
								       : "binary#200000 ");
		ws_side_close(&side);
	}
	pl_buffer_deinit(&frame);
}

static void bad_text_is_refused_where_it_was_received(void **state)
{
	enum { LEN = 400000 };
	uint8_t *data = malloc(LEN);
	pl_buffer frame;
	ws_side side;

	(void)state;
	fill(data, LEN);
	data[250000] = 0xff;
	frame = frame_of(0x81, data, LEN);
	open_side(&side, PL_WS_WHOLE, NULL, true);
	ws_side_raw(&side, frame.data, 240000);
	assert_true(aimed(&side));
	ws_side_raw(&side, frame.data + 240000, 10013);
	assert_true(pl_ws_session_open(side.session));
	ws_side_raw(&side, frame.data + 250013, 2);
	assert_false(pl_ws_session_open(side.session));
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1007 ");
	ws_side_close(&side);
	pl_buffer_deinit(&frame);
	free(data);
}

/* Deflated ones. */

static pl_buffer deflated(uint8_t first, const uint8_t *data, size_t len)
{
	pl_ws_deflate *peer = pl_ws_deflate_new(peer_pool, &fresh_terms, false);
	pl_buffer frame;
	pl_slice out;

	assert_int_equal(pl_ws_deflate_encode(peer, data, len, &out), PL_OK);
	frame = frame_of(first, (const uint8_t *)out.at, out.len);
	pl_ws_deflate_free(peer);
	return frame;
}

static void pause_it(ws_side *side)
{
	pl_ws_session_pause(side->session);
}

/* Three times the piece and a bit from a few bytes: the pieces wait for the owner, one by one. */
static void what_inflates_to_much_waits_for_its_owner(void **state)
{
	enum { LEN = 3 * PL_WS_PIECE + 1000 };
	static const char *const words[] = { "some-binary#262144 ", "some-binary#262144 ",
					     "some-binary#262144 ", "last-binary#1000 ",
					     "last-text:x " };
	uint8_t *data = malloc(LEN);
	pl_buffer frame;

	(void)state;
	memset(data, 'a', LEN);
	frame = deflated(0xc2, data, LEN);
	assert_int_equal(pl_buffer_append(&frame, "\x81\x81" Z "x", 7), PL_OK);
	for (size_t piece = 1; piece <= frame.len; piece += piece < 20 ? 1 : 97) {
		ws_side side;
		size_t at = 0;

		open_side(&side, PL_WS_FRAGMENTS, &fresh_terms, true);
		side.on_message = pause_it;
		for (size_t i = 0; i < COUNT(words); i++) {
			while (!side.memory.stream.paused && at < frame.len) {
				size_t n = piece < frame.len - at ? piece : frame.len - at;

				ws_side_raw(&side, frame.data + at, n);
				at += n;
				ws_side_turn(&side);
			}
			assert_string_equal(ws_side_journal(&side), words[i]);
			pl_ws_session_resume(side.session);
			ws_side_turn(&side);
			if (i + 1 < COUNT(words) && side.journal.len == 0)
				assert_false(side.memory.stream.paused);
		}
		assert_string_equal(ws_side_journal(&side), "");
		assert_null(side.session->partial);
		ws_side_close(&side);
	}
	pl_buffer_deinit(&frame);
	free(data);
}

/* One that comes slowly does not disturb those of other connections, nor they it. */
static void messages_of_two_connections_may_come_together(void **state)
{
	ws_side one, other;

	(void)state;
	open_side(&one, PL_WS_FRAGMENTS, &fresh_terms, true);
	open_side(&other, PL_WS_ALL, &fresh_terms, true);
	WS_FEED(&one, "\x41\x83" Z "\xf2\x48\xcd");
	WS_FEED(&other, "\x41\x83" Z "\xf2\x48\xcd");
	WS_FEED(&one, LAST("\x84") "\xc9\xc9\x07\x00");
	WS_FEED(&one, "\xc1\x87" Z HELLO);
	WS_FEED(&other, LAST("\x84") "\xc9\xc9\x07\x00");
	assert_string_equal(ws_side_journal(&one), "some-text:He last-text:llo last-text:Hello ");
	assert_string_equal(ws_side_journal(&other), "some-text:He last-text:Hello text:Hello ");
	ws_side_close(&one);
	ws_side_close(&other);
}

/* Limits. */

static void the_limits_hold_for_the_message(void **state)
{
	uint8_t data[5000];
	pl_buffer small = deflated(0xc2, memset(data, 'a', 4000), 4000);
	pl_buffer large = deflated(0xc2, data, 4001);

	(void)state;
	for (int delivery = 0; delivery < 3; delivery++) {
		ws_side side;

		memset(data, 'a', sizeof(data));
		open_side(&side, (enum pl_ws_delivery)delivery, &fresh_terms, true);
		side.limits.message = 4000;
		ws_side_raw(&side, small.data, small.len);
		assert_non_null(strstr(ws_side_journal(&side), "binary#4000 "));
		ws_side_raw(&side, large.data, large.len);
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
		ws_side_close(&side);

		open_side(&side, (enum pl_ws_delivery)delivery, NULL, true);
		side.limits.message = 5;
		WS_FEED(&side, "\x02\x83" Z "abc");
		ws_side_journal(&side);
		WS_FEED(&side, LAST("\x83") "def");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
		ws_side_close(&side);

		open_side(&side, (enum pl_ws_delivery)delivery, NULL, true);
		side.limits.fragments = 2;
		WS_FEED(&side, "\x02\x81" Z "a" MORE("\x81") "b");
		ws_side_journal(&side);
		WS_FEED(&side, LAST("\x80"));
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
		ws_side_close(&side);
	}
	pl_buffer_deinit(&small);
	pl_buffer_deinit(&large);
}

/* 1 + 2 + 3 bytes for three. */
static void what_all_shows_is_bounded(void **state)
{
	(void)state;
	for (int limit = 5; limit < 7; limit++) {
		ws_side side;

		open_side(&side, PL_WS_ALL, NULL, true);
		side.limits.fragmented_bytes = limit;
		WS_FEED(&side, "\x02\x81" Z "a" MORE("\x81") "b" LAST("\x81") "c");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side),
				    limit == 6
					    ? "some-binary:a some-binary:ab last-binary:abc "
					      "binary:abc "
					    : "some-binary:a some-binary:ab closing closed:1009 ");
		ws_side_close(&side);
	}
	for (size_t cut = 1; cut < 10; cut++) {
		ws_side side;

		open_side(&side, PL_WS_ALL, NULL, true);
		side.limits.fragmented_bytes = 2;
		WS_FEED_CUT(&side, "\x82\x83" Z "abc", cut);
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
		ws_side_close(&side);
	}
}

static void close_it(ws_side *side)
{
	pl_ws_session_close(side->session, 1000, PL_SLICE(""));
}

/* The owner closes within a fragment: it gets no more of the message, and the peer's Close counts.
 */
static void the_owner_may_close_within_a_message(void **state)
{
	uint8_t data[1000];
	pl_buffer frame = deflated(0x42, memset(data, 'a', sizeof(data)), sizeof(data));

	(void)state;
	for (int i = 0; i < 6; i++) {
		bool plain = i % 2;
		ws_side side;

		open_side(&side, (enum pl_ws_delivery)(i / 2), &fresh_terms, true);
		side.on_message = i / 2 ? close_it : NULL;
		if (plain)
			WS_FEED(&side, "\x02\x83" Z "abc");
		else
			ws_side_raw(&side, frame.data, frame.len);
		if (i / 2 == 0)
			close_it(&side);
		ws_side_journal(&side);
		WS_FEED(&side, MORE("\x81") "\xff" PING LAST("\x83") "\xff\xff\xff");
		WS_FEED(&side, "\x82\x81" Z "x\xc2\x81" Z "\xff\x88\x82" Z "\x03\xe9");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closed:1001 ");
		assert_string_equal(ws_side_sent(&side), "close:1000 pong:p ");
		ws_side_close(&side);
	}
	pl_buffer_deinit(&frame);
}

static void ignore(void *owner, uint8_t kind, const uint8_t *data, size_t len)
{
	(void)owner, (void)kind, (void)data, (void)len;
}

static void ignore_fragment(void *owner, uint8_t kind, const uint8_t *data, size_t len, bool more)
{
	(void)owner, (void)kind, (void)data, (void)len, (void)more;
}

static void ignore_closing(void *owner)
{
	(void)owner;
}

/* No memory: 1011, or all is well; nothing leaks. */
static void without_memory_the_session_ends(void **state)
{
	enum { LEN = 600 * 1000 };
	uint8_t *data = malloc(LEN);
	pl_ws_events events = ws_side_events;
	pl_buffer plain, packed;

	(void)state;
	events.message = ignore;
	events.fragment = ignore_fragment;
	events.closing = ignore_closing;
	fill(data, LEN);
	plain = frame_of(0x81, data, LEN);
	packed = deflated(0xc1, data, LEN);
	for (int i = 0; i < 6; i++) {
		const pl_buffer *frame = i % 2 ? &packed : &plain;
		int64_t live = pl_alloc_live();
		bool failed = true;

		for (uint64_t nth = 1; failed && nth < 200; nth++) {
			ws_side side;

			open_side(&side, (enum pl_ws_delivery)(i / 2), &own_terms, true);
			side.session->events = &events;
			for (size_t at = 0; at < frame->len; at += 50000) {
				size_t n = frame->len - at < 50000 ? frame->len - at : 50000;
				uint8_t *copy = malloc(n);

				memcpy(copy, frame->data + at, n);
				if (at == 0)
					pl_alloc_fail_at(nth);
				if (side.session && pl_ws_session_open(side.session))
					pl_ws_receive(side.session, copy, n);
				free(copy);
			}
			failed = !pl_ws_session_open(side.session);
			pl_alloc_fail_at(0);
			ws_side_close(&side);
		}
		assert_false(failed);
		if (i > 1)
			assert_true(pl_alloc_live() <= live + 16);
	}
	pl_buffer_deinit(&plain);
	pl_buffer_deinit(&packed);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_do_not_depend_on_their_pieces),
		cmocka_unit_test(large_frames_come_whole_or_in_pieces),
		cmocka_unit_test(memory_grows_with_what_comes),
		cmocka_unit_test(an_aimed_read_ends_with_the_session),
		cmocka_unit_test(bad_text_is_refused_where_it_was_received),
		cmocka_unit_test(what_inflates_to_much_waits_for_its_owner),
		cmocka_unit_test(messages_of_two_connections_may_come_together),
		cmocka_unit_test(the_limits_hold_for_the_message),
		cmocka_unit_test(what_all_shows_is_bounded),
		cmocka_unit_test(the_owner_may_close_within_a_message),
		cmocka_unit_test(without_memory_the_session_ends),
	};

	return cmocka_run_group_tests(tests, open_all, free_all);
}
