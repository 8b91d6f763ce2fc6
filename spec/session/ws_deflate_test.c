/*
 * permessage-deflate over memory: frames however they are cut, the rules on RSV1, limits, text that
 * is checked when it is inflated, one message for receivers of every kind, order under
 * back-pressure, no memory.
 *
 * covers: ws/ws_deflate.c conn/message.c
 */
#include "session/ws_side.h"

#include "conn/conn_http.h"
#include "conn/conn_ws.h"
#include "unit/base/prng.h"
#include "unit/codec/bytes.h"

#define Z "\0\0\0\0" /* a mask that changes nothing */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"
#define AGAIN "\xf2\x00\x11\x00\x00" /* Hello, as the message before */
#define PING "\x89\x81" Z "p"

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

/* A session. Limits may be changed between the two. */

static void start(ws_side *side, const pl_ws_deflate_terms *terms)
{
	assert_int_equal(pl_ws_session_new(&side->session, &side->memory.stream, side->server,
					   &side->limits, &ws_side_events, side),
			 PL_OK);
	if (terms)
		pl_ws_session_deflate(side->session, pl_ws_deflate_new(pool, terms, side->server));
	pl_ws_session_start(side->session, NULL, 0);
}

static void open_side(ws_side *side, const pl_ws_deflate_terms *terms)
{
	ws_side_init(side, loop, true);
	start(side, terms);
}

/* Receiving. */

typedef struct conversation {
	pl_slice input;
	const char *journal;
	const char *sent;
} conversation;

static void holds(const conversation *row, const pl_ws_deflate_terms *terms, size_t cut)
{
	ws_side side;
	const char *got;

	open_side(&side, terms);
	if (cut < row->input.len)
		ws_side_feed_cut(&side, row->input.at, row->input.len, cut);
	else
		ws_side_feed(&side, row->input.at, row->input.len);
	ws_side_turn(&side);
	got = ws_side_journal(&side);
	if (strcmp(got, row->journal) != 0)
		fail_msg("cut at %zu: %s, not %s", cut, got, row->journal);
	assert_string_equal(ws_side_sent(&side), row->sent);
	ws_side_close(&side);
}

static void messages_do_not_depend_on_their_pieces(void **state)
{
	static const conversation rows[] = {
		{ BYTES("\xc1\x87" Z HELLO), "text:Hello ", "" },
		{ BYTES("\xc2\x87" Z HELLO), "binary:Hello ", "" },
		{ BYTES("\xc1\x87" Z HELLO "\x81\x82" Z "hi\xc1\x85" Z AGAIN),
		  "text:Hello text:hi text:Hello ", "" },
		{ BYTES("\xc1\x81" Z "\0\x81\x80" Z), "text: text: ", "" },
		/* The RFC's 7.2.3.1: fragments are cut anywhere. */
		{ BYTES("\x41\x83" Z "\xf2\x48\xcd\x80\x84" Z "\xc9\xc9\x07\x00"), "text:Hello ",
		  "" },
		{ BYTES("\x41\x80" Z "\x00\x83" Z "\xf2\x48\xcd" PING "\x00\x80" Z PING "\x80\x84" Z
			"\xc9\xc9\x07\x00\xc1\x85" Z AGAIN),
		  "text:Hello text:Hello ", "pong:p pong:p " },
		{ BYTES("\x42\x81" Z "\xf2" PING "\x80\x86" Z "\x48\xcd\xc9\xc9\x07\x00\x01\x81" Z
			"x\x80\x81" Z "y"),
		  "binary:Hello text:xy ", "pong:p " },
		/* A character cut by deflate is none that is cut by a frame. */
		{ BYTES("\x41\x86" Z "\x00\x02\x00\xfd\xff\xc3\x80\x82" Z "\xa9\x00"),
		  "text:\xc3\xa9 ", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 1; cut <= rows[i].input.len; cut++)
			holds(&rows[i], &own_terms, cut);
}

static void what_starts_anew_is_held_to_it(void **state)
{
	static const conversation rows[] = {
		{ BYTES("\xc1\x87" Z HELLO "\xc1\x87" Z HELLO), "text:Hello text:Hello ", "" },
		{ BYTES("\xc1\x87" Z HELLO "\xc1\x85" Z AGAIN), "text:Hello closing closed:1007 ",
		  "close:1007 " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 1; cut <= rows[i].input.len; cut++)
			holds(&rows[i], &fresh_terms, cut);
}

/* RFC 7692 6, RFC 6455 5.2 */
static void reserved_bits_are_kept_to(void **state)
{
	static const conversation agreed[] = {
		{ BYTES("\x41\x83" Z "\xf2\x48\xcd\xc0\x84" Z "\xc9\xc9\x07\x00"),
		  "closing closed:1002 ", "close:1002 " },
		{ BYTES("\x01\x81" Z "a\xc0\x81" Z "b"), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xc9\x80" Z), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xca\x80" Z), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xc8\x82" Z "\x03\xe8"), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xa1\x81" Z "a"), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xe1\x87" Z HELLO), "closing closed:1002 ", "close:1002 " },
		{ BYTES("\xd1\x87" Z HELLO), "closing closed:1002 ", "close:1002 " },
	};
	static const conversation not_agreed = { BYTES("\xc1\x87" Z HELLO), "closing closed:1002 ",
						 "close:1002 " };

	(void)state;
	for (size_t i = 0; i < COUNT(agreed); i++)
		for (size_t cut = 1; cut <= agreed[i].input.len; cut++)
			holds(&agreed[i], &own_terms, cut);
	for (size_t cut = 1; cut <= not_agreed.input.len; cut++)
		holds(&not_agreed, NULL, cut);
}

static void bad_payloads_are_refused(void **state)
{
	static const conversation rows[] = {
		{ BYTES("\xc1\x87" Z "\x00\x01\x00\xfe\xff\xff\x00"), "closing closed:1007 ",
		  "close:1007 " },
		/* Ends within a character. */
		{ BYTES("\xc1\x87" Z "\x00\x01\x00\xfe\xff\xc3\x00"), "closing closed:1007 ",
		  "close:1007 " },
		{ BYTES("\xc2\x87" Z "\x00\x01\x00\xfe\xff\xff\x00"), "binary:\xff ", "" },
		{ BYTES("\xc1\x84" Z "\xff\xff\xff\xff"), "closing closed:1007 ", "close:1007 " },
		{ BYTES("\xc2\x80" Z), "closing closed:1007 ", "close:1007 " },
		{ BYTES("\xc2\x83" Z "\xf2\x48\xcd"), "closing closed:1007 ", "close:1007 " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 1; cut <= rows[i].input.len; cut++)
			holds(&rows[i], &own_terms, cut);
}

/* A deflated text of so many equal letters, as a frame. */
static size_t letters(uint8_t *frame, size_t count)
{
	char *text = malloc(count + 1);
	pl_ws_deflate *peer = pl_ws_deflate_new(peer_pool, &fresh_terms, false);
	pl_slice out;
	size_t at = 2;

	memset(text, 'a', count);
	assert_int_equal(pl_ws_deflate_encode(peer, text, count, &out), PL_OK);
	assert_true(out.len < 126 || out.len >= 256);
	frame[0] = 0xc1;
	frame[1] = out.len < 126 ? (uint8_t)(128 | out.len) : 128 | 126;
	if (out.len >= 126) {
		frame[at++] = (uint8_t)(out.len >> 8);
		frame[at++] = (uint8_t)out.len;
	}
	memset(frame + at, 0, 4);
	memcpy(frame + at + 4, out.at, out.len);
	pl_ws_deflate_free(peer);
	free(text);
	return at + 4 + out.len;
}

static void the_limit_counts_before_and_after_inflating(void **state)
{
	static const conversation on_the_wire = { BYTES("\xc1\xfe\x03\xe9" Z),
						  "closing closed:1009 ", "close:1009 " };
	uint8_t frame[1024];
	char fits[32];

	(void)state;
	snprintf(fits, sizeof(fits), "text#%d ", 1000);
	for (size_t count = 999; count <= 1001; count++) {
		size_t len = letters(frame, count);

		for (size_t cut = 1; cut <= len; cut++) {
			ws_side side;

			ws_side_init(&side, loop, true);
			side.limits.message = 1000;
			start(&side, &own_terms);
			ws_side_feed_cut(&side, frame, len, cut);
			ws_side_turn(&side);
			snprintf(fits, sizeof(fits), "text#%zu ", count);
			assert_string_equal(ws_side_journal(&side),
					    count <= 1000 ? fits : "closing closed:1009 ");
			ws_side_close(&side);
		}
	}
	for (size_t cut = 1; cut <= on_the_wire.input.len; cut++) {
		ws_side side;

		ws_side_init(&side, loop, true);
		side.limits.message = 1000;
		start(&side, &own_terms);
		ws_side_feed_cut(&side, on_the_wire.input.at, on_the_wire.input.len, cut);
		ws_side_turn(&side);
		assert_string_equal(ws_side_journal(&side), on_the_wire.journal);
		assert_string_equal(ws_side_sent(&side), on_the_wire.sent);
		ws_side_close(&side);
	}
}

/* 256 KiB into a session that takes 4096 bytes: almost nothing is allocated for it. */
static void a_bomb_is_stopped_while_it_is_inflated(void **state)
{
	uint8_t frame[1024];
	size_t len = letters(frame, 256 << 10);
	uint64_t calls;
	ws_side side;

	(void)state;
	ws_side_init(&side, loop, true);
	side.limits.message = 4096;
	start(&side, &own_terms);
	calls = pl_alloc_calls();
	ws_side_feed(&side, frame, len);
	assert_true(pl_alloc_calls() - calls < 16);
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closing closed:1009 ");
	assert_string_equal(side.reason, "message too big when inflated");
	ws_side_close(&side);
}

static void nothing_is_inflated_after_our_close(void **state)
{
	ws_side side;

	(void)state;
	open_side(&side, &own_terms);
	pl_ws_session_close(side.session, PL_WS_NORMAL, pl_slice_make(NULL, 0));
	WS_FEED(&side, "\xc1\x84" Z "\xff\xff\xff\xff\x88\x82" Z "\x03\xe8");
	ws_side_turn(&side);
	assert_string_equal(ws_side_journal(&side), "closed:1000 ");
	ws_side_close(&side);
}

/* What a peer reads. */

typedef struct reader {
	pl_ws_deflate *deflate; /* NULL: nothing was agreed on */
	pl_buffer message;
	pl_buffer words;
	bool deflated;
	size_t deflated_count; /* messages so far that were */
} reader;

static void read_payload(reader *self, const pl_ws_frame *frame, const uint8_t *payload)
{
	if (frame->opcode != PL_WS_CONTINUATION)
		self->deflated = frame->rsv != 0;
	else
		assert_int_equal(frame->rsv, 0);
	assert_int_equal(pl_buffer_append(&self->message, payload, frame->length), PL_OK);
}

static void read_message(reader *self)
{
	pl_slice text = pl_slice_make((char *)self->message.data, self->message.len);

	if (self->deflated) {
		assert_int_equal(
			pl_ws_deflate_decode(self->deflate, text.at, text.len, 1 << 24, &text),
			PL_OK);
		self->deflated_count++;
	}
	ws_words_payload(&self->words, "text", (const uint8_t *)text.at, text.len);
	pl_buffer_deinit(&self->message);
}

/* The messages in what was sent, in words; a frame that is not whole stays. */
static const char *read_sent(reader *self, pl_buffer *sent)
{
	pl_ws_rules rules = { .rsv = PL_WS_RSV1, .max_length = UINT32_MAX };
	pl_ws_frame frame;
	int head;

	while ((head = pl_ws_frame_decode(&frame, &rules, sent->data, sent->len)) > 0 &&
	       frame.length <= sent->len - (size_t)head) {
		assert_true(frame.opcode < PL_WS_CLOSE);
		read_payload(self, &frame, sent->data + head);
		if (frame.fin)
			read_message(self);
		pl_buffer_consume(sent, (size_t)head + frame.length);
	}
	assert_true(head >= 0);
	return ws_words_take(&self->words);
}

static void reader_init(reader *self, const pl_ws_deflate_terms *terms)
{
	memset(self, 0, sizeof(*self));
	if (terms)
		self->deflate = pl_ws_deflate_new(peer_pool, terms, false);
}

static void reader_deinit(reader *self)
{
	pl_ws_deflate_free(self->deflate);
	pl_buffer_deinit(&self->message);
	pl_buffer_deinit(&self->words);
}

/* Sending. */

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static int send_text(ws_side *side, const char *text, size_t fragment)
{
	return pl_ws_session_send(side->session, PL_WS_TEXT, text, strlen(text), fragment);
}

static void what_starts_anew_is_deflated_when_that_helps(void **state)
{
	ws_side side;
	reader peer;

	(void)state;
	open_side(&side, &fresh_terms);
	reader_init(&peer, &fresh_terms);
	send_text(&side, "short", 0);
	send_text(&side, "", 0);
	send_text(&side, "qwertyuiopasdfghjklzxcvbnmQWERTYUIOPASDFGHJKLZXCVBNM0987654321+-*/", 0);
	ws_side_turn(&side);
	assert_string_equal(read_sent(&peer, &side.memory.sent), "text:short text: text#66 ");
	assert_int_equal(peer.deflated_count, 0);
	send_text(&side, HUNDRED, 0);
	send_text(&side, HUNDRED, 7);
	ws_side_turn(&side);
	assert_true(side.memory.sent.len < 2 * sizeof(HUNDRED) / 3);
	assert_string_equal(read_sent(&peer, &side.memory.sent), "text#100 text#100 ");
	assert_int_equal(peer.deflated_count, 2);
	reader_deinit(&peer);
	ws_side_close(&side);
}

static void with_takeover_every_message_is_deflated(void **state)
{
	ws_side side;
	reader peer;

	(void)state;
	open_side(&side, &own_terms);
	reader_init(&peer, &own_terms);
	send_text(&side, "short", 0);
	send_text(&side, "", 0);
	send_text(&side, "", 1);
	send_text(&side, "short", 1);
	assert_int_equal(send_text(&side, "\xff", 0), PL_EUTF8);
	send_text(&side, "shorter", 0);
	ws_side_turn(&side);
	assert_string_equal(read_sent(&peer, &side.memory.sent),
			    "text:short text: text: text:short text:shorter ");
	assert_int_equal(peer.deflated_count, 5);
	reader_deinit(&peer);
	ws_side_close(&side);
}

/* A message is sent whole or not at all, and the next one is understood. */
static bool sends_without_memory(uint64_t nth, const pl_ws_deflate_terms *terms)
{
	static char text[60001];
	uint64_t seed = 1;
	ws_side side;
	reader peer;
	int status;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('0' + prng_below(&seed, 64));
	pl_ws_deflate_pool_free(pool);
	pool = pl_ws_deflate_pool_new(8, 6);
	open_side(&side, terms);
	reader_init(&peer, terms);
	send_text(&side, "before", 0);
	pl_alloc_fail_at(nth);
	status = send_text(&side, text, 0);
	pl_alloc_fail_at(0);
	assert_true(status == PL_OK || status == PL_ENOMEM);
	send_text(&side, text + 59900, 0);
	send_text(&side, "before", 0);
	ws_side_turn(&side);
	assert_string_equal(read_sent(&peer, &side.memory.sent),
			    status == PL_OK ? "text:before text#60000 text#100 text:before "
					    : "text:before text#100 text:before ");
	reader_deinit(&peer);
	ws_side_close(&side);
	return status == PL_OK;
}

static void sending_fails_as_a_whole(void **state)
{
	uint64_t nth = 1;

	(void)state;
	while (!sends_without_memory(nth, &own_terms))
		nth++;
	assert_true(nth > 1);
	for (nth = 1; !sends_without_memory(nth, &fresh_terms);)
		nth++;
}

/* Connections. */

typedef struct receiver {
	pl_memory memory;
	pl_limits limits;
	pl_conn_settings settings;
	pl_http1_settings http1;
	const pl_ws_deflate_terms *terms;
	pl_conn *conn; /* NULL after `closed` */
	reader peer;
} receiver;

static void conn_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	(void)conn, (void)kind, (void)data, (void)len;
}

static void conn_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	(void)conn, (void)payload, (void)len;
}

static void conn_drain(pl_conn *conn)
{
	(void)conn;
}

static void conn_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)code, (void)reason;
	((receiver *)conn->server)->conn = NULL;
	pl_conn_free(conn);
}

static const pl_conn_events conn_events = {
	.message = conn_message, .pong = conn_pong, .drain = conn_drain, .closed = conn_closed
};

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	receiver *self = conn->server;
	const pl_exchange_request *head = exchange->request;
	pl_ws_request asked = { head->method, head->minor, false, head->fields, head->field_count };
	pl_conn_ws_terms terms = { .deflate = self->terms, .pool = pool };
	pl_conn_leftover leftover;
	pl_ws_offer offer;

	assert_int_equal(pl_ws_offer_decode(&offer, &asked), PL_OK);
	terms.offer = &offer;
	assert_int_equal(pl_conn_ws_accept(conn, exchange, &terms, &leftover), PL_OK);
	pl_conn_ws_begin(conn, &leftover);
}

static void receiver_turn(void)
{
	pl_loop_turn(loop);
	pl_loop_turn(loop);
}

static void receiver_open(receiver *self, const pl_ws_deflate_terms *terms)
{
	static const char handshake[] =
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

	memset(self, 0, sizeof(*self));
	pl_limits_init(&self->limits);
	self->settings.limits = self->http1.limits = &self->limits;
	self->settings.events = &conn_events;
	self->settings.loop = loop;
	self->terms = terms;
	reader_init(&self->peer, terms);
	pl_memory_init(&self->memory, loop);
	assert_int_equal(pl_conn_new(&self->conn, &self->memory.stream, 1, &self->settings, self),
			 PL_OK);
	assert_int_equal(pl_conn_http_hold(self->conn), PL_OK);
	assert_int_equal(
		pl_conn_http_start(self->conn, self->conn->stream, &self->http1, on_request),
		PL_OK);
	assert_true(pl_memory_feed(&self->memory, handshake, sizeof(handshake) - 1));
	receiver_turn();
	assert_memory_equal(self->memory.sent.data, "HTTP/1.1 101", 12);
	pl_buffer_deinit(&self->memory.sent);
}

static void receiver_close(receiver *self)
{
	if (self->conn)
		pl_conn_disconnect(self->conn, 0, pl_slice_make(NULL, 0));
	receiver_turn();
	pl_loop_skip(loop, PL_STREAM_LINGER);
	receiver_turn();
	assert_null(self->conn);
	pl_memory_deinit(&self->memory);
	reader_deinit(&self->peer);
}

static int conn_text(receiver *self, const char *text)
{
	return pl_conn_write(self->conn, PL_KIND_TEXT, text, strlen(text), 0);
}

static void publish(receiver *receivers, size_t count, const char *text, size_t fragment)
{
	pl_message message = { .kind = PL_KIND_TEXT,
			       .payload = pl_slice_make(text, strlen(text)),
			       .fragment = fragment };

	for (size_t i = 0; i < count; i++)
		assert_int_equal(pl_conn_publish(receivers[i].conn, &message), PL_OK);
	/* Plain, deflated with 9 bits (as 8), with 15: each was encoded once. */
	assert_non_null(message.encoded[PL_ENCODING_WS]);
	assert_non_null(message.encoded[PL_ENCODING_WS_DEFLATE]);
	assert_non_null(message.encoded[PL_ENCODING_WS_DEFLATE + 6]);
	assert_null(message.encoded[PL_ENCODING_WS_DEFLATE + 3]);
	pl_message_deinit(&message);
}

static void receivers_of_every_kind_get_the_same(void **state)
{
	static const pl_ws_deflate_terms narrow = { .server_window = 8,
						    .client_window = 8,
						    .server_fresh = true };
	static const pl_ws_deflate_terms *const kinds[] = { NULL,	  &fresh_terms, &own_terms,
							    &narrow,	  NULL,		&own_terms,
							    &fresh_terms, &narrow };
	receiver receivers[COUNT(kinds)];

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++)
		receiver_open(&receivers[i], kinds[i]);
	publish(receivers, COUNT(kinds), HUNDRED, 0);
	publish(receivers, COUNT(kinds), "short", 0);
	for (size_t i = 0; i < COUNT(kinds); i++)
		assert_int_equal(conn_text(&receivers[i], "alone"), PL_OK);
	publish(receivers, COUNT(kinds), HUNDRED HUNDRED, 3);
	receiver_turn();
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_string_equal(read_sent(&receivers[i].peer, &receivers[i].memory.sent),
				    "text#100 text:short text:alone text#200 ");
		assert_int_equal(receivers[i].peer.deflated_count, kinds[i] == &own_terms ? 4
								   : kinds[i]		  ? 2
											  : 0);
		receiver_close(&receivers[i]);
	}
}

/* Deflated when it is queued, sent later: what refers to it comes behind it. */
static void order_is_kept_when_the_peer_is_slow(void **state)
{
	pl_buffer wanted = { 0 };
	pl_buffer got = { 0 };
	receiver slow;

	(void)state;
	receiver_open(&slow, &own_terms);
	slow.memory.room = 0;
	for (unsigned i = 0; i < 300; i++) {
		pl_message message = { .kind = PL_KIND_TEXT };
		char text[64];
		int len = snprintf(text, sizeof(text), "message-%u-of-the-moon", i * i);

		message.payload = pl_slice_make(text, (size_t)len);
		if (i % 3 == 0)
			assert_int_equal(pl_conn_publish(slow.conn, &message), PL_OK);
		else
			assert_int_equal(conn_text(&slow, text), PL_OK);
		pl_message_deinit(&message);
		pl_buffer_printf(&wanted, "text:%s ", text);
		if (i % 5 == 0)
			pl_memory_open(&slow.memory, i % 4);
		if (i % 7 == 0)
			receiver_turn();
	}
	while (slow.memory.stream.blocked) {
		const char *words;

		pl_memory_open(&slow.memory, 11);
		receiver_turn();
		words = read_sent(&slow.peer, &slow.memory.sent);
		pl_buffer_append(&got, words, strlen(words));
	}
	assert_int_equal(got.len, wanted.len);
	assert_memory_equal(got.data, wanted.data, got.len);
	pl_buffer_deinit(&got);
	pl_buffer_deinit(&wanted);
	slow.memory.room = SIZE_MAX;
	receiver_close(&slow);
}

/* The queue counts what is really in it: deflated bytes. */
static void the_queue_counts_deflated_bytes(void **state)
{
	static char text[50001];
	receiver slow;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	receiver_open(&slow, &fresh_terms);
	slow.limits.send_queue = 2000;
	slow.memory.room = 0;
	conn_text(&slow, "first");
	receiver_turn();
	for (int i = 0; i < 10; i++)
		assert_int_equal(conn_text(&slow, text), PL_OK);
	assert_in_range(pl_conn_queued(slow.conn), 500, 2000);
	for (int i = 0; i < 100 && slow.conn && pl_conn_is_open(slow.conn); i++)
		conn_text(&slow, text);
	receiver_turn();
	assert_null(slow.conn);
	receiver_close(&slow);
}

/* While the output is blocked, without memory: what the peer gets is whole and in order, or the
 * connection ends. */
static bool queues_without_memory(uint64_t nth)
{
	receiver slow;
	int status;

	receiver_open(&slow, &own_terms);
	slow.memory.room = 0;
	conn_text(&slow, "first");
	receiver_turn();
	pl_alloc_fail_at(nth);
	status = conn_text(&slow, HUNDRED);
	pl_alloc_fail_at(0);
	if (slow.conn && pl_conn_is_open(slow.conn)) {
		assert_int_equal(conn_text(&slow, HUNDRED HUNDRED), PL_OK);
		pl_memory_open(&slow.memory, SIZE_MAX / 2);
		receiver_turn();
		assert_string_equal(read_sent(&slow.peer, &slow.memory.sent),
				    status == PL_OK ? "text:first text#100 text#200 "
						    : "text:first text#200 ");
	} else {
		assert_int_equal(status, PL_ENOMEM);
	}
	receiver_close(&slow);
	return status == PL_OK;
}

static void queueing_fails_as_a_whole(void **state)
{
	uint64_t nth = 1;

	(void)state;
	while (!queues_without_memory(nth))
		nth++;
	assert_true(nth > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_do_not_depend_on_their_pieces),
		cmocka_unit_test(what_starts_anew_is_held_to_it),
		cmocka_unit_test(reserved_bits_are_kept_to),
		cmocka_unit_test(bad_payloads_are_refused),
		cmocka_unit_test(the_limit_counts_before_and_after_inflating),
		cmocka_unit_test(a_bomb_is_stopped_while_it_is_inflated),
		cmocka_unit_test(nothing_is_inflated_after_our_close),
		cmocka_unit_test(what_starts_anew_is_deflated_when_that_helps),
		cmocka_unit_test(with_takeover_every_message_is_deflated),
		cmocka_unit_test(sending_fails_as_a_whole),
		cmocka_unit_test(receivers_of_every_kind_get_the_same),
		cmocka_unit_test(order_is_kept_when_the_peer_is_slow),
		cmocka_unit_test(the_queue_counts_deflated_bytes),
		cmocka_unit_test(queueing_fails_as_a_whole),
	};

	return cmocka_run_group_tests(tests, open_all, free_all);
}
