/*
 * The state machine of RFC 6455 over memory, as server and as client: the same frames give the same
 * events however they are cut.
 */
#include "session/ws_side.h"

#include "unit/codec/bytes.h"

#define Z "\0\0\0\0" /* a mask that changes nothing */
#define TEXT(length) "\x81" length Z
#define BEGIN(length) "\x01" length Z
#define MORE(length) "\x00" length Z
#define LAST(length) "\x80" length Z
#define PING(length) "\x89" length Z
#define CLOSE(length) "\x88" length Z
#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

typedef struct conversation {
	const char *name;
	pl_slice input;
	const char *journal;
	const char *sent;
} conversation;

static const conversation conversations[] = {
	{ "text", BYTES(TEXT("\x85") "hello"), "text:hello ", "" },
	{ "empty text", BYTES(TEXT("\x80")), "text: ", "" },
	{ "binary", BYTES("\x82\x83" Z "\x61\xff\x62"),
	  "binary:a\xff"
	  "b ",
	  "" },
	{ "binary with NUL", BYTES("\x82\x82" Z "\0\x01"), "binary#2 ", "" },
	{ "two in one", BYTES(TEXT("\x81") "a" TEXT("\x81") "b"), "text:a text:b ", "" },
	{ "126 bytes", BYTES("\x81\xfe\0\x7e" Z SIXTY SIXTY "012345"), "text#126 ", "" },
	{ "utf-8", BYTES(TEXT("\x89") "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "text:\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ", "" },
	{ "fragments", BYTES(BEGIN("\x83") "one" MORE("\x83") "two" LAST("\x85") "three"),
	  "text:onetwothree ", "" },
	{ "binary fragments", BYTES("\x02\x82" Z "\xff\xfe" LAST("\x81") "\xfd"),
	  "binary:\xff\xfe\xfd ", "" },
	{ "empty fragments", BYTES(BEGIN("\x80") MORE("\x80") LAST("\x80")), "text: ", "" },
	{ "empty fragments about text", BYTES(BEGIN("\x80") MORE("\x81") "x" LAST("\x80")),
	  "text:x ", "" },
	{ "a character in three fragments",
	  BYTES(BEGIN("\x81") "\xe2" MORE("\x81") "\x82" LAST("\x81") "\xac"), "text:\xe2\x82\xac ",
	  "" },
	{ "fragments, then a message", BYTES(BEGIN("\x81") "a" LAST("\x81") "b" TEXT("\x81") "c"),
	  "text:ab text:c ", "" },
	{ "ping", BYTES(PING("\x82") "hi"), "", "pong:hi " },
	{ "empty ping", BYTES(PING("\x80")), "", "pong: " },
	{ "longest ping", BYTES(PING("\xfd") SIXTY SIXTY "01234"), "", "pong#125 " },
	{ "ten pings",
	  BYTES(PING("\x80") PING("\x80") PING("\x80") PING("\x80") PING("\x80") PING("\x80")
			PING("\x80") PING("\x80") PING("\x80") PING("\x80")),
	  "", "pong: pong: pong: pong: pong: pong: pong: pong: pong: pong: " },
	{ "a pong that nobody asked for, then a ping", BYTES("\x8a\x81" Z "x" PING("\x81") "y"),
	  "pong:x ", "pong:y " },
	{ "pong", BYTES("\x8a\x83" Z "yes"), "pong:yes ", "" },
	{ "control frames between fragments",
	  BYTES(BEGIN("\x81") "a" PING("\x81") "1" MORE("\x81") "b\x8a\x81" Z "2" PING(
		  "\x81") "3" LAST("\x81") "c"),
	  "pong:2 text:abc ", "pong:1 pong:3 " },
	{ "ping within a character",
	  BYTES(BEGIN("\x81") "\xc3" PING("\x82") "\xff\xfe" LAST("\x81") "\xa9"), "text:\xc3\xa9 ",
	  "pong:\xff\xfe " },
	{ "close", BYTES(CLOSE("\x82") "\x03\xe8"), "closing closed:1000 ", "close:1000 " },
	{ "close without code", BYTES(CLOSE("\x80")), "closing closed:1005 ", "close: " },
	{ "close with reason",
	  BYTES(CLOSE("\x85") "\x0f\xa0"
			      "bye"),
	  "closing closed:4000 ", "close:4000 " },
	{ "close between fragments", BYTES(BEGIN("\x81") "a" CLOSE("\x82") "\x03\xe9"),
	  "closing closed:1001 ", "close:1001 " },
	{ "close with the longest reason", BYTES(CLOSE("\xfd") "\x03\xe8" SIXTY SIXTY "012"),
	  "closing closed:1000 ", "close:1000 " },
	{ "nothing counts after close",
	  BYTES(TEXT("\x81") "a" CLOSE("\x82") "\x03\xe8" TEXT("\x81") "b" PING("\x80") "\xff\xff"),
	  "text:a closing closed:1000 ", "close:1000 " },
	{ "nothing counts after an error",
	  BYTES(TEXT("\x81") "a\x83\x80" Z TEXT("\x81") "b" CLOSE("\x82") "\x03\xe8"),
	  "text:a closing closed:1002 ", "close:1002 " },
	{ "an unfinished frame", BYTES(TEXT("\x85") "hell"), "", "" },
	{ "an unfinished message", BYTES(BEGIN("\x85") "hello"), "", "" },
};

/* What is refused, and with which byte: `good` is read without complaint, `bad` is not. */
typedef struct violation {
	const char *name;
	pl_slice good;
	pl_slice bad;
	unsigned code;
} violation;

static const violation violations[] = {
	{ "RSV1", BYTES("\xc1"), BYTES("\x80"), 1002 },
	{ "RSV2", BYTES("\xa1"), BYTES("\x80"), 1002 },
	{ "RSV3", BYTES("\x91"), BYTES("\x80"), 1002 },
	{ "RSV1 on a control frame", BYTES("\xc9"), BYTES("\x80"), 1002 },
	{ "RSV1 on a continuation", BYTES(BEGIN("\x81") "a\x40"), BYTES("\x80"), 1002 },
	{ "opcode 3", BYTES("\x83"), BYTES("\x80"), 1002 },
	{ "opcode 4", BYTES("\x84"), BYTES("\x80"), 1002 },
	{ "opcode 5", BYTES("\x85"), BYTES("\x80"), 1002 },
	{ "opcode 6", BYTES("\x86"), BYTES("\x80"), 1002 },
	{ "opcode 7", BYTES("\x87"), BYTES("\x80"), 1002 },
	{ "opcode 12", BYTES("\x8c"), BYTES("\x80"), 1002 },
	{ "opcode 13", BYTES("\x8d"), BYTES("\x80"), 1002 },
	{ "opcode 14", BYTES("\x8e"), BYTES("\x80"), 1002 },
	{ "opcode 11", BYTES("\x8b"), BYTES("\x80"), 1002 },
	{ "opcode 15", BYTES("\x8f"), BYTES("\x80"), 1002 },
	{ "fragmented ping", BYTES("\x09"), BYTES("\x80"), 1002 },
	{ "fragmented close", BYTES("\x08"), BYTES("\x80"), 1002 },
	{ "ping of 126 bytes", BYTES("\x89"), BYTES("\xfe"), 1002 },
	{ "close of 2^16 bytes", BYTES("\x88"), BYTES("\xff"), 1002 },
	{ "continuation of nothing",
	  BYTES("\x80\x80"
		"\0\0\0"),
	  BYTES("\0"), 1002 },
	{ "continuation after the last",
	  BYTES(BEGIN("\x80") LAST("\x80") "\x80\x80"
					   "\0\0\0"),
	  BYTES("\0"), 1002 },
	{ "text within a message",
	  BYTES(BEGIN("\x80") "\x81\x80"
			      "\0\0\0"),
	  BYTES("\0"), 1002 },
	{ "binary within a message",
	  BYTES(BEGIN("\x80") "\x02\x80"
			      "\0\0\0"),
	  BYTES("\0"), 1002 },
	{ "length 125 in two bytes", BYTES("\x82\xfe\0"), BYTES("\x7d"), 1002 },
	{ "length 65535 in eight bytes", BYTES("\x82\xff\0\0\0\0\0\0\xff"), BYTES("\xff"), 1002 },
	{ "length 2^63", BYTES("\x82\xff\x80\0\0\0\0\0\0"), BYTES("\0"), 1002 },
	{ "length 2^64 - 1", BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff"), BYTES("\xff"), 1002 },
	{ "length 2^63 - 1", BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff"), BYTES("\xff"), 1009 },
	{ "length 2^32", BYTES("\x82\xff\0\0\0\x01\0\0\0"), BYTES("\0"), 1009 },
	{ "length over the limit", BYTES("\x82\xff\0\0\0\0\x01\0\0"), BYTES("\x01"), 1009 },
	{ "close of one byte", BYTES("\x88\x81" Z), BYTES("\x03"), 1002 },
	{ "close code 0", BYTES(CLOSE("\x82") "\0"), BYTES("\0"), 1002 },
	{ "close code 999", BYTES(CLOSE("\x82") "\x03"), BYTES("\xe7"), 1002 },
	{ "close code 1004", BYTES(CLOSE("\x82") "\x03"), BYTES("\xec"), 1002 },
	{ "close code 1005", BYTES(CLOSE("\x82") "\x03"), BYTES("\xed"), 1002 },
	{ "close code 1006", BYTES(CLOSE("\x82") "\x03"), BYTES("\xee"), 1002 },
	{ "close code 1015", BYTES(CLOSE("\x82") "\x03"), BYTES("\xf7"), 1002 },
	{ "close code 1016", BYTES(CLOSE("\x82") "\x03"), BYTES("\xf8"), 1002 },
	{ "close code 1100", BYTES(CLOSE("\x82") "\x04"), BYTES("\x4c"), 1002 },
	{ "close code 2000", BYTES(CLOSE("\x82") "\x07"), BYTES("\xd0"), 1002 },
	{ "close code 65535", BYTES(CLOSE("\x82") "\xff"), BYTES("\xff"), 1002 },
	{ "close code 2999", BYTES(CLOSE("\x82") "\x0b"), BYTES("\xb7"), 1002 },
	{ "close code 5000", BYTES(CLOSE("\x82") "\x13"), BYTES("\x88"), 1002 },
	{ "close reason not UTF-8", BYTES(CLOSE("\x83") "\x03\xe8"), BYTES("\xff"), 1007 },
	{ "close reason cut", BYTES(CLOSE("\x83") "\x03\xe8"), BYTES("\xc3"), 1007 },
	{ "text with a lone continuation", BYTES("\x81\x8a" Z "abc"), BYTES("\x80"), 1007 },
	{ "text with 0xff", BYTES("\x81\x8a" Z), BYTES("\xff"), 1007 },
	{ "overlong form", BYTES("\x81\x8a" Z "\xe0"), BYTES("\x9f"), 1007 },
	{ "overlong NUL", BYTES("\x81\x8a" Z), BYTES("\xc0"), 1007 },
	{ "surrogate", BYTES("\x81\x8a" Z "\xed"), BYTES("\xa0"), 1007 },
	{ "over U+10FFFF", BYTES("\x81\x8a" Z "\xf4"), BYTES("\x90"), 1007 },
	{ "a character is cut by ASCII", BYTES("\x81\x8a" Z "\xe2\x82"), BYTES("a"), 1007 },
	{ "text ends within a character", BYTES("\x81\x82" Z "a"), BYTES("\xc3"), 1007 },
	{ "message ends within a character",
	  BYTES(BEGIN("\x81") "\xc3"
			      "\x80\x80"
			      "\0\0\0"),
	  BYTES("\0"), 1007 },
	{ "bad byte in the second fragment",
	  BYTES(BEGIN("\x82") "a\xc3"
			      "\0\x85" Z),
	  BYTES("a"), 1007 },
	{ "bad byte behind a ping", BYTES(BEGIN("\x82") "a\xc3" PING("\x80") "\0\x85" Z),
	  BYTES("\xc3"), 1007 },
};

static pl_loop *loop;

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

/* Feeds the bytes in pieces: the first of `first` bytes, the others of `others`. */
static void feed_pieces(ws_side *side, const uint8_t *bytes, size_t len, size_t first,
			size_t others)
{
	size_t n = first < len ? first : len;

	while (n > 0) {
		ws_side_raw(side, bytes, n);
		bytes += n;
		len -= n;
		n = others < len ? others : len;
	}
}

static void check(const conversation *row, bool server, size_t first, size_t others)
{
	uint8_t bytes[512];
	size_t len = ws_frames_for(server, bytes, row->input.at, row->input.len);
	ws_side side;

	assert_true(row->input.len <= sizeof(bytes));
	ws_side_open(&side, loop, server);
	feed_pieces(&side, bytes, len, first, others);
	if (!server && strstr(row->journal, "closed"))
		ws_side_end(&side);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), row->journal);
	assert_string_equal(ws_side_sent(&side), row->sent);
	ws_side_close(&side);
}

static void conversations_do_not_depend_on_their_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(conversations); i++) {
		const conversation *row = &conversations[i / 2];
		bool server = i % 2;

		print_message("%s, %s\n", row->name, server ? "server" : "client");
		for (size_t cut = 1; cut <= row->input.len; cut++)
			check(row, server, cut, SIZE_MAX);
		check(row, server, 1, 1);
		check(row, server, 3, 3);
	}
}

static void refuse(const violation *row, bool server, size_t piece)
{
	uint8_t input[64], bytes[64];
	char expected[64];
	ws_side side;
	size_t good, all;

	memcpy(input, row->good.at, row->good.len);
	memcpy(input + row->good.len, row->bad.at, row->bad.len);
	good = ws_frames_for(server, bytes, input, row->good.len);
	all = ws_frames_for(server, bytes, input, row->good.len + row->bad.len);
	/* Without masks, a head may be whole, and refused, a few bytes earlier. */
	if (good == all)
		good = all - 1;

	ws_side_init(&side, loop, server);
	side.limits.message = 65536;
	ws_side_start(&side);
	feed_pieces(&side, bytes, good, piece, piece);
	assert_true(pl_ws_session_open(side.session));
	ws_side_raw(&side, bytes + good, all - good);
	assert_false(pl_ws_session_open(side.session));
	ws_side_turn(&side);
	snprintf(expected, sizeof(expected), "closing closed:%u ", row->code);
	assert_string_equal(strstr(ws_side_journal(&side), "closing"), expected);
	assert_true(strlen(side.reason) > 0);
	snprintf(expected, sizeof(expected), "close:%u ", row->code);
	assert_non_null(strstr(ws_side_sent(&side), expected));
	ws_side_close(&side);
}

static void violations_are_refused_at_their_first_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(violations); i++) {
		print_message("%s, %s\n", violations[i / 2].name, i % 2 ? "server" : "client");
		refuse(&violations[i / 2], i % 2, 1);
		refuse(&violations[i / 2], i % 2, SIZE_MAX);
	}
}

static void masks_are_the_clients(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	ws_side_raw(&side, "\x81\x00", 2);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1002 ");
	ws_side_close(&side);
	ws_side_open(&side, loop, false);
	ws_side_raw(&side, "\x81\x80", 2);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1002 ");
	ws_side_close(&side);
}

static void all_valid_close_codes_are_answered(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 65536; code += code < 5100 ? 1 : 997) {
		char frame[] = "\x88\x82" Z "..";
		char expected[32];
		ws_side side;

		if (!pl_ws_close_code_valid((uint16_t)code))
			continue;
		frame[6] = (char)(code >> 8);
		frame[7] = (char)code;
		ws_side_open(&side, loop, true);
		ws_side_feed(&side, frame, 8);
		ws_side_turn(&side);
		snprintf(expected, sizeof(expected), "close:%u ", code);
		assert_string_equal(ws_side_sent(&side), expected);
		assert_int_equal(side.code, code);
		ws_side_close(&side);
	}
}

static void the_reason_is_passed_on(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	WS_FEED(&side, CLOSE("\x85") "\x03\xe8"
				     "bye");
	ws_side_turn(&side);
	assert_string_equal(side.reason, "bye");
	assert_true(side.memory.finished);
	ws_side_close(&side);
}

/* Limits. */

static void nothing_is_allocated_for_what_is_only_announced(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	WS_FEED(&side, "\x82\xff\0\0\0\0\x01\0\0\0" Z "ab"); /* 16 MiB, as allowed */
	assert_int_equal(side.session->partial->message.len, 2);
	assert_true(side.session->partial->message.cap <= 64);
	ws_side_close(&side);

	ws_side_open(&side, loop, true);
	WS_FEED(&side, "\x82\xff\0\0\0\0\x01\0\0\x01" Z "ab"); /* and a byte more */
	assert_null(side.session->partial);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
	ws_side_close(&side);
}

static void fragments_share_the_limit(void **state)
{
	ws_side side;

	(void)state;
	ws_side_init(&side, loop, true);
	side.limits.message = 10;
	ws_side_start(&side);
	WS_FEED(&side, BEGIN("\x86") "012345" LAST("\x84") "6789");
	assert_string_equal(ws_side_journal(&side), "text:0123456789 ");
	WS_FEED(&side, BEGIN("\x86") "012345"
				     "\x80\x85" Z);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
	ws_side_close(&side);
}

static void fragments_are_counted(void **state)
{
	ws_side side;

	(void)state;
	ws_side_init(&side, loop, true);
	side.limits.fragments = 3;
	ws_side_start(&side);
	WS_FEED(&side, BEGIN("\x80") MORE("\x80") PING("\x80") LAST("\x80"));
	WS_FEED(&side, BEGIN("\x81") "a" MORE("\x81") "b" LAST("\x81") "c");
	assert_string_equal(ws_side_journal(&side), "text: text:abc ");
	WS_FEED(&side, BEGIN("\x80") MORE("\x80") MORE("\x80"));
	assert_true(pl_ws_session_open(side.session));
	WS_FEED(&side, MORE("\x80"));
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
	ws_side_close(&side);
}

static void note_ping(void *owner, const uint8_t *payload, size_t len)
{
	ws_side *side = owner;

	/* What answers it is on its way. */
	assert_true(side->session->stream->output.len > 0);
	ws_words_payload(&side->journal, "ping", payload, len);
}

static void pings_are_told_when_somebody_wants_to_know(void **state)
{
	pl_ws_events events = ws_side_events;
	ws_side side;

	(void)state;
	events.ping = note_ping;
	ws_side_open(&side, loop, true);
	side.session->events = &events;
	WS_FEED_CUT(&side, PING("\x82") "xy" TEXT("\x81") "a" PING("\x80"), 9);
	assert_string_equal(ws_side_journal(&side), "ping:xy text:a ping: ");
	ws_side_turn(&side);
	assert_string_equal(ws_side_sent(&side), "pong:xy pong: ");
	ws_side_close(&side);
}

static void an_idle_session_owns_nothing(void **state)
{
	ws_side side;
	int64_t live;

	(void)state;
	ws_side_open(&side, loop, true);
	live = pl_alloc_live();
	for (int i = 0; i < 2; i++) {
		WS_FEED(&side, TEXT("\x81") "a" BEGIN("\x81") "b");
		assert_non_null(side.session->partial);
		WS_FEED_CUT(&side, PING("\x82") "xy" LAST("\x81") "c", 9);
		assert_null(side.session->partial);
		ws_side_turn(&side);
		assert_string_equal(ws_side_sent(&side), "pong:xy ");
		assert_string_equal(ws_side_journal(&side), "text:a text:bc ");
	}
	assert_true(pl_alloc_live() <= live + 1); /* a chunk in the loop's pool */
	ws_side_close(&side);
}

/* Sending. */

static void both_sides_frame_what_they_send(void **state)
{
	(void)state;
	for (int server = 0; server < 2; server++) {
		ws_side side;

		ws_side_open(&side, loop, server);
		assert_int_equal(pl_ws_session_send(side.session, PL_WS_TEXT, "hello", 5, 0), 0);
		assert_int_equal(pl_ws_session_send(side.session, PL_WS_TEXT, NULL, 0, 0), 0);
		assert_int_equal(pl_ws_session_send(side.session, PL_WS_BINARY, "abcdefg", 7, 3),
				 0);
		assert_int_equal(pl_ws_session_send(side.session, PL_WS_BINARY, "abc", 3, 3), 0);
		assert_int_equal(pl_ws_session_send_control(side.session, PL_WS_PING, "p", 1), 0);
		ws_side_turn(&side);
		assert_int_equal(pl_ws_session_sent(side.session), side.memory.sent.len);
		assert_string_equal(ws_side_sent(&side),
				    "text:hello text: more-binary:abc more-continued:def "
				    "continued:g binary:abc ping:p ");
		ws_side_close(&side);
	}
}

static void every_frame_has_its_own_mask(void **state)
{
	ws_side side;
	const uint8_t *sent;

	(void)state;
	ws_side_open(&side, loop, false);
	pl_ws_session_send(side.session, PL_WS_BINARY, "a", 1, 0);
	pl_ws_session_send(side.session, PL_WS_BINARY, "a", 1, 0);
	ws_side_turn(&side);
	sent = side.memory.sent.data;
	assert_int_equal(side.memory.sent.len, 14);
	assert_memory_not_equal(sent + 2, sent + 9, 4);
	ws_side_close(&side);
}

static void encoded_blocks_are_what_sending_makes(void **state)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 300, 65535, 65536 };
	static const size_t fragments[] = { 0, 1, 100, 126, 65535, 65536 };
	static uint8_t data[65536];

	(void)state;
	for (size_t i = 0; i < COUNT(lengths) * COUNT(fragments); i++) {
		size_t len = lengths[i / COUNT(fragments)];
		size_t fragment = fragments[i % COUNT(fragments)];
		pl_block *block = pl_ws_encode(NULL, PL_WS_BINARY, data, len, fragment);
		ws_side side;

		ws_side_open(&side, loop, true);
		assert_int_equal(
			pl_ws_session_send(side.session, PL_WS_BINARY, data, len, fragment), 0);
		assert_int_equal(block->len, pl_ws_encoded_size(len, fragment));
		ws_side_turn(&side);
		assert_int_equal(side.memory.sent.len, block->len);
		assert_memory_equal(side.memory.sent.data, block->data, block->len);
		assert_int_equal(pl_ws_session_send_block(side.session, block), PL_OK);
		ws_side_turn(&side);
		assert_int_equal(side.memory.sent.len, 2 * block->len);
		assert_int_equal(pl_ws_session_sent(side.session), 2 * block->len);
		pl_block_unref(block);
		ws_side_close(&side);
	}
}

static void what_cannot_be_sent_is_refused(void **state)
{
	char long_ping[PL_WS_CONTROL_MAX + 1] = "";
	pl_block *block = pl_ws_encode(NULL, PL_WS_TEXT, "a", 1, 0);
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	assert_int_equal(pl_ws_session_send(side.session, PL_WS_TEXT, "\xff", 1, 0), PL_EUTF8);
	assert_int_equal(
		pl_ws_session_send_control(side.session, PL_WS_PING, long_ping, sizeof(long_ping)),
		PL_EINVAL);
	pl_ws_session_close(side.session, 1000, PL_SLICE(""));
	assert_int_equal(pl_ws_session_send(side.session, PL_WS_TEXT, "a", 1, 0), PL_ECLOSED);
	assert_int_equal(pl_ws_session_send_control(side.session, PL_WS_PING, "", 0), PL_ECLOSED);
	assert_int_equal(pl_ws_session_send_block(side.session, block), PL_ECLOSED);
	ws_side_turn(&side);
	assert_string_equal(ws_side_sent(&side), "close:1000 ");
	pl_block_unref(block);
	ws_side_close(&side);
}

/* A message in fragments is sent whole or not at all: half of one would spoil what follows. */
static void a_message_is_never_sent_in_part(void **state)
{
	static uint8_t data[100000];
	uint64_t nth = 0;
	int status;

	(void)state;
	do {
		ws_side side;

		ws_side_open(&side, loop, false);
		pl_alloc_fail_at(++nth);
		status = pl_ws_session_send(side.session, PL_WS_BINARY, data, sizeof(data), 30000);
		pl_alloc_fail_at(0);
		if (status)
			assert_int_equal(pl_stream_queued(&side.memory.stream), 0);
		ws_side_close(&side);
	} while (status == PL_ENOMEM && nth < 10);
	assert_int_equal(status, PL_OK);
}

/* Closing. */

static void we_close_first(void **state)
{
	(void)state;
	for (int server = 0; server < 2; server++) {
		ws_side side;

		ws_side_open(&side, loop, server);
		pl_ws_session_close(side.session, 4001, PL_SLICE("enough"));
		pl_ws_session_close(side.session, 1000, PL_SLICE(""));
		WS_FEED(&side, TEXT("\x81") "a" PING("\x81") "x");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "");
		assert_false(side.memory.stream.closing);
		WS_FEED(&side, BEGIN("\x81") "b" CLOSE("\x82") "\x03\xe8" PING("\x80"));
		ws_side_turn(&side);
		/* The server ends the connection (7.1.1), and pings are answered until the peer's
		 * Close (5.5.2). */
		assert_int_equal(side.memory.finished, server);
		ws_side_end(&side);
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), "closed:1000 ");
		assert_string_equal(ws_side_sent(&side), "close:4001 pong:x ");
		assert_true(side.memory.finished);
		ws_side_close(&side);
	}
}

static void after_our_close_the_rules_still_hold(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	pl_ws_session_close(side.session, 1000, PL_SLICE(""));
	WS_FEED(&side, "\x83\x80");
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closed:1002 ");
	assert_string_equal(ws_side_sent(&side), "close:1000 ");
	ws_side_close(&side);
}

static void the_peer_ends_without_close(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	WS_FEED(&side, BEGIN("\x81") "a");
	pl_memory_end(&side.memory);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1006 ");
	assert_string_equal(ws_side_sent(&side), "");
	ws_side_close(&side);

	ws_side_open(&side, loop, true);
	pl_ws_session_close(side.session, 1000, PL_SLICE(""));
	pl_memory_end(&side.memory);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closed:1006 ");
	ws_side_close(&side);
}

static void the_stream_breaks(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	pl_stream_abort(&side.memory.stream, PL_ECONNRESET);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closed:1006 ");
	assert_string_equal(side.reason, pl_status_text(PL_ECONNRESET));
	ws_side_close(&side);
}

static void disconnect_does_not_wait(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	pl_ws_session_send(side.session, PL_WS_TEXT, "a", 1, 0);
	pl_ws_session_disconnect(side.session, 1001, PL_SLICE("going"));
	pl_ws_session_disconnect(side.session, 1001, PL_SLICE("going"));
	ws_side_turn(&side);
	assert_string_equal(ws_side_sent(&side), "text:a close:1001 ");
	assert_string_equal(ws_side_journal(&side), "closed:1001 ");
	ws_side_close(&side);

	ws_side_open(&side, loop, true);
	side.memory.room = 1;
	pl_ws_session_send(side.session, PL_WS_TEXT, "a", 1, 0);
	ws_side_turn(&side);
	pl_ws_session_disconnect(side.session, 1001, PL_SLICE("going"));
	ws_side_turn(&side);
	assert_int_equal(side.memory.sent.len, 1);
	assert_null(side.session);
	ws_side_close(&side);
}

static void message_closes(ws_side *side)
{
	pl_ws_session_close(side->session, 1000, PL_SLICE(""));
}

static void message_disconnects(ws_side *side)
{
	pl_ws_session_disconnect(side->session, 1000, PL_SLICE(""));
}

static void message_aborts(ws_side *side)
{
	pl_ws_session_abort(side->session, PL_ECANCELED);
}

/* In the message's callback, with more behind it in the same read and in pieces. */
static void a_message_ends_it(void **state)
{
	static void (*const ends[])(ws_side *) = { message_closes, message_disconnects,
						   message_aborts };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(ends); i++) {
		ws_side side;

		ws_side_open(&side, loop, true);
		side.on_message = ends[i / 2];
		if (i % 2)
			WS_FEED(&side, TEXT("\x81") "a" TEXT("\x81") "b" BEGIN("\x81") "c"
										       "\x80");
		else
			WS_FEED(&side, BEGIN("\x81") "a" LAST("\x80") TEXT("\x81") "b");
		ws_side_turn(&side);
		assert_memory_equal(ws_side_journal(&side), "text:a ", i / 2 ? 7 : 8);
		ws_side_close(&side);
	}
}

/* Pausing. */

static void message_pauses(ws_side *side)
{
	pl_ws_session_pause(side->session);
}

#define THREE TEXT("\x81") "1" BEGIN("\x81") "2" LAST("\x80") PING("\x80") TEXT("\x81") "3"

static void pausing_keeps_what_was_read(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	side.on_message = message_pauses;
	WS_FEED(&side, THREE "\x81");
	assert_string_equal(ws_side_journal(&side), "text:1 ");
	ws_side_turn(&side);
	assert_true(side.memory.stream.paused);
	for (int i = 2; i <= 3; i++) {
		char expected[] = "text:? ";

		expected[5] = (char)('0' + i);
		pl_ws_session_resume(side.session);
		assert_string_equal(ws_side_journal(&side), "");
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), expected);
	}
	assert_true(side.memory.stream.paused);
	pl_ws_session_resume(side.session);
	ws_side_turn(&side);
	assert_false(side.memory.stream.paused);
	WS_FEED(&side, "\x80" Z);
	assert_string_equal(ws_side_sent(&side), "pong: ");
	ws_side_close(&side);
}

static void resuming_and_pausing_again_keeps_it(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	side.on_message = message_pauses;
	WS_FEED(&side, THREE);
	pl_ws_session_resume(side.session);
	pl_ws_session_pause(side.session);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "text:1 ");
	side.on_message = NULL;
	pl_ws_session_resume(side.session);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "text:2 text:3 ");
	ws_side_close(&side);
}

static void it_may_be_paused_before_it_starts(void **state)
{
	uint8_t leftover[64];
	size_t len = ws_frames_for(true, leftover, THREE, sizeof(THREE) - 1);
	ws_side side;

	(void)state;
	ws_side_init(&side, loop, true);
	assert_int_equal(pl_ws_session_new(&side.session, &side.memory.stream, true, &side.limits,
					   &ws_side_events, &side),
			 PL_OK);
	pl_ws_session_pause(side.session);
	pl_ws_session_start(side.session, leftover, len);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "");
	assert_true(side.memory.stream.paused);
	pl_ws_session_resume(side.session);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "text:1 text:2 text:3 ");
	assert_int_equal(side.alive, 1);
	assert_int_equal(pl_ws_session_received(side.session), len);
	ws_side_close(&side);
}

static void closing_ends_a_pause(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	side.on_message = message_pauses;
	WS_FEED(&side, THREE);
	pl_ws_session_close(side.session, 1000, PL_SLICE(""));
	pl_ws_session_pause(side.session); /* as a handler that still waits may do */
	ws_side_turn(&side);
	assert_false(side.memory.stream.paused);
	WS_FEED(&side, CLOSE("\x82") "\x03\xe8");
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "text:1 closed:1000 ");
	ws_side_close(&side);
}

static void the_end_waits_for_what_was_read(void **state)
{
	ws_side side;

	(void)state;
	ws_side_open(&side, loop, true);
	side.on_message = message_pauses;
	WS_FEED(&side, TEXT("\x81") "1" TEXT("\x81") "2" CLOSE("\x82") "\x03\xe8");
	pl_ws_session_resume(side.session);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "text:1 text:2 ");
	assert_true(pl_ws_session_open(side.session));
	pl_ws_session_resume(side.session);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1000 ");
	ws_side_close(&side);
}

/* Both roles. */

static uint32_t random_below(uint32_t *seed, uint32_t bound)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % bound;
}

/* Carries bytes over in random pieces, as far as the receiver takes them. */
static void carry(ws_side *from, ws_side *to, uint32_t *seed)
{
	while (from->memory.sent.len > 0 && !to->memory.stream.paused &&
	       !to->memory.stream.closing) {
		size_t len = 1 + random_below(seed, 3000);

		if (len > from->memory.sent.len)
			len = from->memory.sent.len;
		ws_side_raw(to, from->memory.sent.data, len);
		pl_buffer_consume(&from->memory.sent, len);
	}
	if (from->memory.finished)
		ws_side_end(to);
}

static void exchange_all(ws_side *client, ws_side *server, uint32_t *seed)
{
	for (int i = 0; i < 4; i++) {
		pl_loop_turn(loop);
		carry(client, server, seed);
		carry(server, client, seed);
	}
}

static void speak(ws_side *side, uint32_t *seed, pl_buffer *expected)
{
	static uint8_t data[70000];
	size_t len = random_below(seed, random_below(seed, 9) ? 200 : sizeof(data));
	size_t fragment = random_below(seed, 2) ? 0 : 1 + random_below(seed, 5000);
	bool text = random_below(seed, 2);

	memset(data, 'a' + (int)random_below(seed, 26), len);
	ws_words_payload(expected, text ? "text" : "binary", data, len);
	assert_int_equal(pl_ws_session_send(side->session, text ? PL_WS_TEXT : PL_WS_BINARY, data,
					    len, fragment),
			 PL_OK);
}

static void client_and_server_understand_each_other(void **state)
{
	ws_side client, server;
	pl_buffer to_client = { 0 };
	pl_buffer to_server = { 0 };
	uint32_t seed = 7;

	(void)state;
	ws_side_open(&client, loop, false);
	ws_side_open(&server, loop, true);
	for (int i = 0; i < 300; i++) {
		speak(&client, &seed, &to_server);
		if (random_below(&seed, 2))
			speak(&server, &seed, &to_client);
		exchange_all(&client, &server, &seed);
	}
	ws_words_payload(&to_client, "pong", (const uint8_t *)"p", 1);
	pl_ws_session_send_control(client.session, PL_WS_PING, "p", 1);
	exchange_all(&client, &server, &seed);
	pl_ws_session_close(client.session, 1000, PL_SLICE("done"));
	exchange_all(&client, &server, &seed);
	ws_words_code(&to_client, "closed", 1000);
	assert_int_equal(pl_buffer_append(&to_server, "closing closed:1000 ", 20), PL_OK);
	assert_int_equal(server.journal.len, to_server.len);
	assert_memory_equal(server.journal.data, to_server.data, to_server.len);
	assert_int_equal(client.journal.len, to_client.len);
	assert_memory_equal(client.journal.data, to_client.data, to_client.len);
	assert_string_equal(server.reason, "done");
	pl_buffer_deinit(&to_client);
	pl_buffer_deinit(&to_server);
	ws_side_close(&client);
	ws_side_close(&server);
}

static void both_close_at_once(void **state)
{
	ws_side client, server;
	uint32_t seed = 1;

	(void)state;
	ws_side_open(&client, loop, false);
	ws_side_open(&server, loop, true);
	pl_ws_session_close(client.session, 4001, PL_SLICE(""));
	pl_ws_session_close(server.session, 4002, PL_SLICE(""));
	exchange_all(&client, &server, &seed);
	assert_string_equal(ws_side_journal(&client), "closed:4002 ");
	assert_string_equal(ws_side_journal(&server), "closed:4001 ");
	ws_side_close(&client);
	ws_side_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_do_not_depend_on_their_pieces),
		cmocka_unit_test(violations_are_refused_at_their_first_byte),
		cmocka_unit_test(masks_are_the_clients),
		cmocka_unit_test(all_valid_close_codes_are_answered),
		cmocka_unit_test(the_reason_is_passed_on),
		cmocka_unit_test(nothing_is_allocated_for_what_is_only_announced),
		cmocka_unit_test(fragments_share_the_limit),
		cmocka_unit_test(fragments_are_counted),
		cmocka_unit_test(pings_are_told_when_somebody_wants_to_know),
		cmocka_unit_test(an_idle_session_owns_nothing),
		cmocka_unit_test(both_sides_frame_what_they_send),
		cmocka_unit_test(every_frame_has_its_own_mask),
		cmocka_unit_test(encoded_blocks_are_what_sending_makes),
		cmocka_unit_test(what_cannot_be_sent_is_refused),
		cmocka_unit_test(a_message_is_never_sent_in_part),
		cmocka_unit_test(we_close_first),
		cmocka_unit_test(after_our_close_the_rules_still_hold),
		cmocka_unit_test(the_peer_ends_without_close),
		cmocka_unit_test(the_stream_breaks),
		cmocka_unit_test(disconnect_does_not_wait),
		cmocka_unit_test(a_message_ends_it),
		cmocka_unit_test(pausing_keeps_what_was_read),
		cmocka_unit_test(resuming_and_pausing_again_keeps_it),
		cmocka_unit_test(it_may_be_paused_before_it_starts),
		cmocka_unit_test(closing_ends_a_pause),
		cmocka_unit_test(the_end_waits_for_what_was_read),
		cmocka_unit_test(client_and_server_understand_each_other),
		cmocka_unit_test(both_close_at_once),
	};

	return cmocka_run_group_tests(tests, open_loop, free_loop);
}
