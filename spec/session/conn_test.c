/*
 * A connection over memory: HTTP, the upgrade, messages under back-pressure, heartbeat, closing.
 *
 * covers: conn/conn_http.c conn/conn_ws.c
 */
#include "session/conn_peer.h"

/* HTTP and the upgrade. */

static void http_carries_no_messages(void **state)
{
	peer_state peer;
	pl_message message = { .payload = PL_SLICE("a") };

	(void)state;
	peer_init(&peer);
	peer_start(&peer);
	assert_false(pl_conn_is_open(peer.conn));
	assert_int_equal(write_text(&peer, "a"), PL_ECLOSED);
	assert_int_equal(pl_conn_publish(peer.conn, &message), PL_ECLOSED);
	assert_int_equal(pl_conn_ping(peer.conn, "", 0), PL_ECLOSED);
	FEED(&peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	turn(&peer);
	take_head(&peer, "HTTP/1.1 200 OK\r\n");
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:0 ");
	peer_close(&peer);
}

static void the_handshake_is_answered(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.protocol = PL_SLICE("chat");
	peer.software = PL_SLICE("Perilune");
	peer_start(&peer);
	FEED(&peer, PLAIN);
	turn(&peer);
	take_head(&peer, SWITCHING "Sec-WebSocket-Protocol: chat\r\nServer: Perilune\r\n\r\n");
	assert_int_equal(peer.memory.sent.len, 0);
	peer_close(&peer);
}

static pl_slice head_of(const pl_conn_info *info,
			size_t (*unpack)(const pl_conn_info *info, char *out))
{
	static char text[1024];

	assert_true(unpack(info, NULL) <= sizeof(text));
	return pl_slice_make(text, unpack(info, text));
}

static void it_stays_the_same_connection(void **state)
{
	peer_state peer;
	pl_conn_info *info;
	pl_guid guid;

	(void)state;
	peer_init(&peer);
	peer.protocol = PL_SLICE("chat");
	peer_start(&peer);
	guid = peer.conn->info->guid;
	FEED(&peer, PLAIN);
	info = pl_conn_info_ref(peer.conn->info);
	peer_close(&peer);
	assert_memory_equal(&info->guid, &guid, sizeof(guid));
	assert_int_equal(pl_guid_worker(&info->guid), 1);
	assert_string_equal(info->transport, "rfc6455");
	assert_int_equal(info->peer.port, 50000);
	assert_int_equal(info->local.port, 80);
	assert_true(pl_slice_equal(pl_conn_info_url(info), PL_SLICE("/chat?room=1")));
	assert_true(pl_slice_equal(pl_conn_info_protocol(info), PL_SLICE("chat")));
	assert_true(pl_slice_equal(head_of(info, pl_conn_info_request), PL_SLICE(PLAIN)));
	assert_true(pl_slice_equal(head_of(info, pl_conn_info_response),
				   PL_SLICE(SWITCHING "Sec-WebSocket-Protocol: chat\r\n\r\n")));
	pl_conn_info_unref(info);
}

#define EAGER PLAIN "\x81\x82" Z "hi\x89\x81" Z "p\x82\x80" Z

static void frames_may_come_with_the_handshake(void **state)
{
	(void)state;
	for (size_t cut = 1; cut <= sizeof(EAGER) - 1; cut++) {
		peer_state peer;

		peer_init(&peer);
		peer_start(&peer);
		feed(&peer, EAGER, cut);
		if (cut < sizeof(EAGER) - 1)
			feed(&peer, EAGER + cut, sizeof(EAGER) - 1 - cut);
		turn(&peer);
		assert_string_equal(journal(&peer), "open text:hi binary: ");
		take_head(&peer, SWITCHING "\r\n");
		assert_string_equal(sent(&peer), "pong:p ");
		peer_close(&peer);
	}
}

static void the_first_frames_wait_for_a_paused_owner(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.pause_first = true;
	peer_start(&peer);
	FEED(&peer, EAGER);
	turn(&peer);
	assert_string_equal(journal(&peer), "open ");
	pl_conn_pause(peer.conn, false);
	turn(&peer);
	assert_string_equal(journal(&peer), "text:hi binary: ");
	peer_close(&peer);
}

/* Back-pressure. */

static void what_waits_keeps_its_order(void **state)
{
	pl_message message = { .payload = PL_SLICE("third") };
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	assert_int_equal(write_text(&peer, "second"), PL_OK);
	assert_int_equal(pl_conn_publish(peer.conn, &message), PL_OK);
	assert_int_equal(pl_conn_write(peer.conn, PL_KIND_TEXT, "fourth", 6, 4), PL_OK);
	assert_int_equal(peer.conn->queue->count, 3);
	assert_int_equal(write_text(&peer, "\xff"), PL_EUTF8);
	assert_true(pl_conn_queued(peer.conn) > 20);
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_int_equal(write_text(&peer, "fifth"), PL_OK);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first text:second text:third more-text:four "
					 "continued:th text:fifth ");
	assert_null(peer.conn->queue);
	assert_int_equal(pl_conn_queued(peer.conn), 0);
	assert_string_equal(journal(&peer), "");
	pl_message_deinit(&message);
	peer_close(&peer);
}

static void what_waits_leaves_by_levels(void **state)
{
	pl_message message = { .payload = PL_SLICE("b") };
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.settings.queue = (pl_queue_options){ .text = 2, .binary = 3, .ping = 1 };
	open_now(&peer);
	block(&peer);
	assert_int_equal(pl_conn_write(peer.conn, PL_KIND_BINARY, "late", 4, 2), PL_OK);
	assert_int_equal(write_text(&peer, "a"), PL_OK);
	assert_int_equal(pl_conn_ping(peer.conn, "ping", 4), PL_OK);
	assert_int_equal(pl_conn_publish(peer.conn, &message), PL_OK);
	assert_int_equal(pl_conn_write(peer.conn, PL_KIND_BINARY, "last", 4, 0), PL_OK);
	assert_int_equal(peer.conn->queue->count, 5);
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first ping:ping text:a text:b more-binary:la "
					 "continued:te binary:last ");
	/* What does not wait is not ordered. */
	write_text(&peer, "1");
	pl_conn_write(peer.conn, PL_KIND_BINARY, "2", 1, 0);
	pl_conn_ping(peer.conn, "3", 1);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:1 binary:2 ping:3 ");
	pl_message_deinit(&message);
	peer_close(&peer);
}

static void what_has_no_level_goes_first(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.settings.queue = (pl_queue_options){ .text = 1 };
	open_now(&peer);
	block(&peer);
	write_text(&peer, "a");
	pl_conn_write(peer.conn, PL_KIND_BINARY, "b", 1, 0);
	pl_conn_ping(peer.conn, "", 0);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "ping: text:first binary:b text:a close:1000 ");
	peer_close(&peer);
}

static void a_published_message_is_encoded_once(void **state)
{
	pl_message message = { .payload = PL_SLICE("all") };
	peer_state one, two;
	pl_block *frames;

	(void)state;
	open_with_defaults(&one);
	open_with_defaults(&two);
	block(&two);
	assert_int_equal(pl_conn_publish(one.conn, &message), PL_OK);
	frames = message.encoded[PL_ENCODING_WS];
	assert_int_equal(pl_conn_publish(two.conn, &message), PL_OK);
	assert_ptr_equal(message.encoded[PL_ENCODING_WS], frames);
	assert_int_equal(frames->refs, 3);
	pl_message_deinit(&message);
	turn(&one);
	assert_string_equal(sent(&one), "text:all ");
	peer_close(&one);
	peer_close(&two);
}

static void high_and_low_water(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.high_water = 100000;
	peer.limits.low_water = 50000;
	open_now(&peer);
	block(&peer);
	assert_int_equal(write_many(&peer, 40000), PL_OK);
	assert_int_equal(write_many(&peer, 60000), PL_BUFFERED);
	assert_int_equal(write_many(&peer, 10), PL_BUFFERED);
	pl_memory_open(&peer.memory, 7 + 40004 + 1000);
	turn(&peer);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(journal(&peer), "drain ");
	assert_string_equal(sent(&peer), "text:first binary#40000 binary#60000 binary#10 ");
	block(&peer); /* below the mark: nothing has to be told */
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(journal(&peer), "");
	peer_close(&peer);
}

/* Flushing. */

static int flush(peer_state *peer, size_t i)
{
	int status = pl_conn_flush(peer->conn, &peer->marks[i]);

	peer->waits[i] = status == PL_BUFFERED;
	return status;
}

static void a_flush_does_not_wait_for_the_turn(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	assert_int_equal(flush(&peer, 0), PL_OK);
	assert_int_equal(write_text(&peer, "first"), PL_OK);
	assert_int_equal(flush(&peer, 0), PL_OK);
	assert_string_equal(sent(&peer), "text:first ");
	assert_string_equal(journal(&peer), "");
	peer_close(&peer);
}

/* Each waits for what was written before, not for what comes behind. */
static void a_flush_waits_for_what_was_written_before(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	peer.conn->queued = UINT32_MAX - 1; /* it wraps around */
	assert_int_equal(flush(&peer, 0), PL_BUFFERED);
	assert_int_equal(write_many(&peer, 1000), PL_OK);
	assert_int_equal(flush(&peer, 1), PL_BUFFERED);
	assert_int_equal(write_many(&peer, 100000), PL_OK);
	assert_int_equal(write_many(&peer, 100000), PL_OK);
	assert_int_equal(flush(&peer, 2), PL_BUFFERED);
	turn(&peer);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, 7);
	assert_string_equal(journal(&peer), "flushed:0 ");
	pl_memory_open(&peer.memory, 50000);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, 50000 + 1004 + 10);
	assert_string_equal(journal(&peer), "flushed:1 ");
	assert_int_equal(flush(&peer, 3), PL_BUFFERED);
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_string_equal(journal(&peer), "flushed:2 flushed:3 ");
	peer_close(&peer);
}

/* What is written later, and goes first, does not count. */
static void a_flush_waits_for_what_others_overtake(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.settings.queue = (pl_queue_options){ .text = 1, .binary = 2 };
	open_now(&peer);
	block(&peer);
	assert_int_equal(write_many(&peer, 1000), PL_OK);
	assert_int_equal(flush(&peer, 0), PL_BUFFERED);
	for (int i = 0; i < 4; i++)
		assert_int_equal(write_text(&peer, "overtakes"), PL_OK);
	pl_memory_open(&peer.memory, 7 + 4 * 11);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_string_equal(journal(&peer), "flushed:0 ");
	peer_close(&peer);
}

static void a_flush_of_a_closing_connection(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	assert_int_equal(write_text(&peer, "second"), PL_OK);
	assert_int_equal(flush(&peer, 0), PL_BUFFERED);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	assert_int_equal(flush(&peer, 1), PL_ECLOSED);
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_string_equal(journal(&peer), "flushed:0 ");
	peer_close(&peer);
}

static void http_is_flushed_too(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer_start(&peer);
	assert_int_equal(flush(&peer, 0), PL_OK);
	peer.memory.room = 0;
	feed(&peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	assert_int_equal(flush(&peer, 0), PL_BUFFERED);
	pl_memory_open(&peer.memory, 10);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_string_equal(journal(&peer), "flushed:0 ");
	pl_stream_abort(&peer.memory.stream, PL_EPIPE);
	assert_int_equal(flush(&peer, 0), PL_ECLOSED);
	peer_close(&peer);
}

static void write_again(peer_state *peer)
{
	peer->on_drain = NULL;
	assert_int_equal(write_text(peer, "again"), PL_OK);
}

static void drain_may_write(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	peer.on_drain = write_again;
	block(&peer);
	assert_int_equal(write_many(&peer, 1 << 20), PL_BUFFERED);
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first binary#1048576 text:again ");
	assert_string_equal(journal(&peer), "drain ");
	peer_close(&peer);
}

/* With marks below what is flushed at once: a peer that reads makes no write "buffered". */
static void small_marks_need_no_drain(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.high_water = 1024;
	peer.limits.low_water = 0;
	open_now(&peer);
	for (int i = 0; i < 10; i++)
		assert_int_equal(write_many(&peer, 2000), PL_OK);
	peer_close(&peer);
}

static void every_buffered_write_is_followed_by_drain(void **state)
{
	static const int64_t marks[] = { 0, 1, 1000, 65535, 65536, 100000 };

	(void)state;
	for (size_t i = 0; i < COUNT(marks); i++) {
		peer_state peer;

		peer_init(&peer);
		peer.limits.high_water = 100000;
		peer.limits.low_water = marks[i];
		open_now(&peer);
		block(&peer);
		for (int n = 0; n < 25; n++)
			write_many(&peer, 5000);
		pl_memory_open(&peer.memory, SIZE_MAX);
		turn(&peer);
		assert_string_equal(journal(&peer), "drain ");
		peer_close(&peer);
	}
}

static void a_full_queue_drops_the_connection(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.send_queue = 10000;
	open_now(&peer);
	block(&peer);
	for (int i = 0; i < 9; i++)
		assert_int_equal(write_many(&peer, 1000), PL_OK);
	assert_int_equal(write_many(&peer, 1000), PL_ELIMIT);
	assert_int_equal(write_many(&peer, 1), PL_ECLOSED);
	assert_false(pl_conn_is_open(peer.conn));
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1006 ");
	assert_string_equal(peer.reason, pl_status_text(PL_ELIMIT));
	peer_close(&peer);
}

static void a_message_larger_than_the_queue_never_fits(void **state)
{
	peer_state peer;

	(void)state;
	peer_init(&peer);
	peer.limits.send_queue = 10000;
	open_now(&peer);
	block(&peer);
	assert_int_equal(write_many(&peer, 100000), PL_ELIMIT);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void large_output_leaves_within_the_turn(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	assert_int_equal(write_many(&peer, 1000), PL_OK);
	assert_int_equal(peer.memory.sent.len, 0);
	assert_int_equal(write_many(&peer, 1 << 20), PL_OK);
	assert_int_equal(pl_conn_queued(peer.conn), 0);
	peer_close(&peer);
}

/* Closing. */

static void close_sends_what_waits_first(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	write_text(&peer, "second");
	write_text(&peer, "third");
	pl_conn_close(peer.conn, 1000, PL_SLICE("done"));
	pl_conn_close(peer.conn, 1001, PL_SLICE(""));
	assert_false(pl_conn_is_open(peer.conn));
	assert_int_equal(write_text(&peer, "late"), PL_ECLOSED);
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first text:second text:third close:1000 ");
	FEED(&peer, "\x81\x81" Z "x" CLOSE_1000);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1000 ");
	peer_close(&peer);
}

static void the_peer_has_some_time_to_close(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pass(&peer, (uint64_t)peer.limits.close_timeout - 1000);
	assert_non_null(peer.conn);
	pass(&peer, 1000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	assert_string_equal(peer.reason, pl_status_text(PL_ETIMEDOUT));
	peer_close(&peer);
}

static void write_and_close(peer_state *peer)
{
	assert_int_equal(write_many(peer, 100000), PL_OK);
	assert_true(peer->conn->stream->blocked);
	pl_conn_close(peer->conn, 1000, PL_SLICE(""));
}

/* It begins when the Close has left, also when its way out is blocked anew. */
static void the_time_to_close_begins_with_the_close(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	peer.memory.room = 0;
	assert_int_equal(write_text(&peer, "first"), PL_OK);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pass(&peer, 10 * (uint64_t)peer.limits.close_timeout);
	assert_non_null(peer.conn);
	pl_memory_open(&peer.memory, SIZE_MAX);
	pass(&peer, (uint64_t)peer.limits.close_timeout);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);

	open_with_defaults(&peer);
	block(&peer);
	peer.on_flushed = write_and_close;
	assert_int_equal(flush(&peer, 0), PL_BUFFERED);
	pl_memory_open(&peer.memory, 1000);
	assert_string_equal(journal(&peer), "flushed:0 ");
	pass(&peer, 10 * (uint64_t)peer.limits.close_timeout);
	assert_non_null(peer.conn);
	pl_memory_open(&peer.memory, SIZE_MAX);
	assert_string_equal(sent(&peer), "text:first binary#100000 close:1000 ");
	pass(&peer, (uint64_t)peer.limits.close_timeout - 1000);
	assert_non_null(peer.conn);
	pass(&peer, 1000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void a_paused_connection_closes_too(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	pl_conn_pause(peer.conn, true);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pl_conn_pause(peer.conn, false);
	pl_conn_pause(peer.conn, true);
	turn(&peer);
	FEED(&peer, CLOSE_1000);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1000 ");
	peer_close(&peer);
}

static void the_peer_closes_while_messages_wait(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	write_text(&peer, "never");
	FEED(&peer, CLOSE_1000);
	assert_false(pl_conn_is_open(peer.conn));
	pl_conn_close(peer.conn, 1001, PL_SLICE(""));
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "close:1000 ");
	assert_string_equal(journal(&peer), "closed:1000 ");
	peer_close(&peer);
}

static void open_beating(peer_state *peer, uint32_t interval, uint32_t timeout,
			 enum pl_heartbeat_type type)
{
	peer_init(peer);
	peer->settings.heartbeat = (pl_heartbeat){ interval, timeout, type };
	open_now(peer);
}

/* Whoever broke the rules, or said goodbye, and then takes nothing is not waited for. */
static void a_peer_that_takes_no_answer_has_some_time(void **state)
{
	(void)state;
	for (int broken = 0; broken < 2; broken++) {
		peer_state peer;

		open_with_defaults(&peer);
		block(&peer);
		if (broken)
			FEED(&peer, "\x83\x80");
		else
			FEED(&peer, CLOSE_1000);
		pass(&peer, 4999);
		assert_string_equal(journal(&peer), "");
		pass(&peer, 1);
		assert_string_equal(journal(&peer), broken ? "closed:1002 " : "closed:1000 ");
		peer_close(&peer);
	}
}

/* The time to answer begins when our Close has left: what was written before is not cut off. */
static void what_was_written_has_its_time(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_ALWAYS);
	block(&peer);
	write_text(&peer, "second");
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pass(&peer, 60000);
	assert_string_equal(journal(&peer), "");
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first text:second close:1000 ");
	pass(&peer, 4999);
	assert_string_equal(journal(&peer), "");
	pass(&peer, 1);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void pings_do_not_wait_for_messages(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 25000, PL_HEARTBEAT_ALWAYS);
	peer.limits.send_queue = 1024;
	peer.memory.room = 2;
	write_text(&peer, "first");
	turn(&peer);
	write_text(&peer, "second");
	pass(&peer, 20000);
	FEED(&peer, "\x89\x81" Z "x");
	assert_int_equal(pl_conn_ping(peer.conn, "mine", 4), PL_OK);
	pl_memory_open(&peer.memory, SIZE_MAX);
	turn(&peer);
	assert_string_equal(sent(&peer), "text:first ping: pong:x ping:mine text:second ");
	peer_close(&peer);
}

static void our_pings_cannot_fill_the_memory(void **state)
{
	peer_state peer;
	int status;

	(void)state;
	open_with_defaults(&peer);
	peer.limits.send_queue = 1024;
	block(&peer);
	for (int i = 0; i < 1024; i++)
		assert_true((status = pl_conn_ping(peer.conn, &i, sizeof(i))) == PL_OK ||
			    status == PL_ELIMIT || status == PL_ECLOSED);
	assert_int_equal(status, PL_ECLOSED);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void our_pings_cannot_fill_the_queue(void **state)
{
	peer_state peer;
	int status = PL_OK;
	int i;

	(void)state;
	peer_init(&peer);
	peer.settings.queue = (pl_queue_options){ .ping = 3 };
	open_now(&peer);
	peer.limits.send_queue = 1024;
	block(&peer);
	for (i = 0; i < 1024 && status == PL_OK; i++)
		status = pl_conn_ping(peer.conn, NULL, 0);
	assert_int_equal(status, PL_ELIMIT);
	assert_in_range(i, 10, 40);
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void disconnect_drops_what_waits(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	block(&peer);
	write_text(&peer, "never");
	pl_conn_disconnect(peer.conn, 1001, PL_SLICE(""));
	pl_conn_disconnect(peer.conn, 1001, PL_SLICE(""));
	turn(&peer);
	assert_string_equal(journal(&peer), "closed:1001 ");
	assert_int_equal(peer.memory.sent.len, 0);
	peer_close(&peer);
}

static void disconnect_after_close_does_not_wait(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	pl_conn_close(peer.conn, 1000, PL_SLICE(""));
	pl_conn_disconnect(peer.conn, 1001, PL_SLICE(""));
	turn(&peer);
	assert_string_equal(sent(&peer), "close:1000 ");
	assert_string_equal(journal(&peer), "closed:1001 ");
	peer_close(&peer);
}

/* The heartbeat. The loop's clock also goes by itself, so a second more or less is left. */

static void silence_is_pinged_then_dropped(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_IF_NO_MESSAGE);
	pass(&peer, 19000);
	assert_string_equal(sent(&peer), "");
	pass(&peer, 1000);
	assert_string_equal(sent(&peer), "ping: ");
	pass(&peer, 4000);
	assert_true(pl_conn_is_open(peer.conn));
	pass(&peer, 1000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	assert_string_equal(peer.reason, pl_status_text(PL_ETIMEDOUT));
	peer_close(&peer);
}

static void any_byte_is_a_sign_of_life(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_IF_NO_MESSAGE);
	pass(&peer, 15000);
	FEED(&peer, "\x81");
	pass(&peer, 5000);
	assert_string_equal(sent(&peer), "");
	pass(&peer, 14000);
	assert_string_equal(sent(&peer), "");
	pass(&peer, 1000);
	assert_string_equal(sent(&peer), "ping: ");
	pass(&peer, 4000);
	FEED(&peer, "\x80");
	pass(&peer, 1000);
	assert_true(pl_conn_is_open(peer.conn));
	pass(&peer, 18000);
	assert_string_equal(sent(&peer), "");
	pass(&peer, 1000);
	assert_string_equal(sent(&peer), "ping: ");
	peer_close(&peer);
}

static void always_pings_whatever_comes(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_ALWAYS);
	for (int i = 0; i < 3; i++) {
		pass(&peer, 19000);
		FEED(&peer, "\x81\x80" Z);
		assert_string_equal(sent(&peer), "");
		pass(&peer, 1000);
		assert_string_equal(sent(&peer), "ping: ");
		FEED(&peer, "\x8a\x80" Z);
		assert_string_equal(journal(&peer), "text: pong: ");
	}
	pass(&peer, 20000);
	pass(&peer, 5000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void without_a_timeout_it_only_pings(void **state)
{
	(void)state;
	for (int type = PL_HEARTBEAT_IF_NO_MESSAGE; type <= PL_HEARTBEAT_ALWAYS; type++) {
		peer_state peer;

		open_beating(&peer, 20000, 0, (enum pl_heartbeat_type)type);
		for (int i = 0; i < 5; i++) {
			pass(&peer, 20000);
			assert_string_equal(sent(&peer), "ping: ");
		}
		assert_true(pl_conn_is_open(peer.conn));
		peer_close(&peer);
	}
}

static void without_an_interval_it_is_off(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 0, 5000, PL_HEARTBEAT_ALWAYS);
	pass(&peer, 1000000000);
	assert_string_equal(sent(&peer), "");
	assert_true(pl_conn_is_open(peer.conn));
	peer_close(&peer);
}

static bool owner_asks;
static int owner_asked;

static bool ask_owner(pl_conn *conn)
{
	(void)conn;
	owner_asked++;
	return owner_asks;
}

/* Asked at 20 s; the answer may come at once, later, never. */
static void the_owner_decides_about_the_ping(void **state)
{
	pl_conn_events events = conn_events;
	peer_state peer;

	(void)state;
	events.heartbeat = ask_owner;
	owner_asked = 0;
	owner_asks = false;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_IF_NO_MESSAGE);
	peer.settings.events = &events;
	pass(&peer, 20000);
	assert_int_equal(owner_asked, 1);
	assert_string_equal(sent(&peer), "ping: ");
	FEED(&peer, "\x8a\x80" Z);
	journal(&peer);

	owner_asks = true;
	pass(&peer, 20000);
	pl_conn_heartbeat(peer.conn, true);
	pass(&peer, 19999);
	assert_int_equal(owner_asked, 2);
	pass(&peer, 1);
	assert_int_equal(owner_asked, 3);
	assert_string_equal(sent(&peer), "");
	pass(&peer, 100);
	pl_conn_heartbeat(peer.conn, false);
	pl_conn_heartbeat(peer.conn, false);
	turn(&peer);
	assert_string_equal(sent(&peer), "ping: ");
	FEED(&peer, "\x8a\x80" Z);

	pass(&peer, 20000);
	assert_int_equal(owner_asked, 4);
	pass(&peer, 20000);
	assert_int_equal(owner_asked, 4);
	assert_string_equal(sent(&peer), "ping: ");
	pl_conn_heartbeat(peer.conn, true);
	pass(&peer, 5000);
	assert_non_null(strstr(journal(&peer), "closed:1006 "));
	peer_close(&peer);
}

/* With a heartbeat and without, which goes on afterwards as before. */
static void a_sign_of_life_is_demanded(void **state)
{
	(void)state;
	for (uint32_t interval = 0; interval <= 20000; interval += 20000) {
		peer_state peer;

		open_beating(&peer, interval, 5000, PL_HEARTBEAT_IF_NO_MESSAGE);
		assert_int_equal(pl_conn_demand(peer.conn, 3000), PL_OK);
		turn(&peer);
		assert_string_equal(sent(&peer), "ping: ");
		pass(&peer, 2000);
		FEED(&peer, "\x8a\x80" Z);
		journal(&peer);
		pass(&peer, 18000);
		assert_string_equal(sent(&peer), "");
		pass(&peer, 2000);
		assert_string_equal(sent(&peer), interval ? "ping: " : "");
		FEED(&peer, "\x8a\x80" Z);
		journal(&peer);
		assert_int_equal(pl_conn_demand(peer.conn, 3000), PL_OK);
		assert_int_equal(pl_conn_demand(peer.conn, 60000), PL_OK);
		pass(&peer, 3000);
		assert_string_equal(journal(&peer), "closed:1006 ");
		peer_close(&peer);
	}
}

/* A ping of the heartbeat that comes meanwhile, with no time limit of its own, gives no more time.
 */
static void a_demand_outlasts_the_heartbeats_ping(void **state)
{
	pl_conn_events events = conn_events;
	peer_state peer;

	(void)state;
	events.heartbeat = ask_owner;
	owner_asks = true;
	open_beating(&peer, 20000, 0, PL_HEARTBEAT_IF_NO_MESSAGE);
	peer.settings.events = &events;
	pass(&peer, 20000);
	assert_int_equal(pl_conn_demand(peer.conn, 3000), PL_OK);
	pass(&peer, 1000);
	pl_conn_heartbeat(peer.conn, false);
	pass(&peer, 1000);
	assert_true(pl_conn_is_open(peer.conn));
	pass(&peer, 1000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void time_while_paused_does_not_count(void **state)
{
	peer_state peer;

	(void)state;
	open_beating(&peer, 20000, 5000, PL_HEARTBEAT_IF_NO_MESSAGE);
	pl_conn_pause(peer.conn, true);
	pass(&peer, 20000);
	pass(&peer, 20000);
	assert_string_equal(sent(&peer), "");
	pl_conn_pause(peer.conn, false);
	pass(&peer, 20000);
	assert_string_equal(sent(&peer), "ping: ");

	/* The answer may be there, unread, when the ping's time is over. */
	pl_conn_pause(peer.conn, true);
	pass(&peer, 4000);
	pl_conn_pause(peer.conn, false);
	pass(&peer, 1000);
	assert_true(pl_conn_is_open(peer.conn));
	pass(&peer, 5000);
	assert_string_equal(journal(&peer), "closed:1006 ");
	peer_close(&peer);
}

static void our_pings_are_told_of(void **state)
{
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	assert_int_equal(pl_conn_ping(peer.conn, "abc", 3), PL_OK);
	FEED(&peer, "\x8a\x83" Z "abc");
	turn(&peer);
	assert_string_equal(sent(&peer), "ping:abc ");
	assert_string_equal(journal(&peer), "pong:abc ");
	peer_close(&peer);
}

static void bytes_are_counted(void **state)
{
	uint64_t received, out;
	peer_state peer;

	(void)state;
	open_with_defaults(&peer);
	FEED(&peer, "\x81\x83" Z "abc");
	write_text(&peer, "abcd");
	peer.conn->ops->counts(peer.conn, &received, &out);
	assert_int_equal(received, 9);
	assert_int_equal(out, 6);
	peer_close(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_carries_no_messages),
		cmocka_unit_test(the_handshake_is_answered),
		cmocka_unit_test(it_stays_the_same_connection),
		cmocka_unit_test(frames_may_come_with_the_handshake),
		cmocka_unit_test(the_first_frames_wait_for_a_paused_owner),
		cmocka_unit_test(what_waits_keeps_its_order),
		cmocka_unit_test(what_waits_leaves_by_levels),
		cmocka_unit_test(what_has_no_level_goes_first),
		cmocka_unit_test(a_published_message_is_encoded_once),
		cmocka_unit_test(high_and_low_water),
		cmocka_unit_test(a_flush_does_not_wait_for_the_turn),
		cmocka_unit_test(a_flush_waits_for_what_was_written_before),
		cmocka_unit_test(a_flush_waits_for_what_others_overtake),
		cmocka_unit_test(a_flush_of_a_closing_connection),
		cmocka_unit_test(http_is_flushed_too),
		cmocka_unit_test(drain_may_write),
		cmocka_unit_test(small_marks_need_no_drain),
		cmocka_unit_test(every_buffered_write_is_followed_by_drain),
		cmocka_unit_test(a_full_queue_drops_the_connection),
		cmocka_unit_test(a_message_larger_than_the_queue_never_fits),
		cmocka_unit_test(large_output_leaves_within_the_turn),
		cmocka_unit_test(close_sends_what_waits_first),
		cmocka_unit_test(the_peer_has_some_time_to_close),
		cmocka_unit_test(the_time_to_close_begins_with_the_close),
		cmocka_unit_test(a_paused_connection_closes_too),
		cmocka_unit_test(the_peer_closes_while_messages_wait),
		cmocka_unit_test(a_peer_that_takes_no_answer_has_some_time),
		cmocka_unit_test(what_was_written_has_its_time),
		cmocka_unit_test(pings_do_not_wait_for_messages),
		cmocka_unit_test(our_pings_cannot_fill_the_memory),
		cmocka_unit_test(our_pings_cannot_fill_the_queue),
		cmocka_unit_test(disconnect_drops_what_waits),
		cmocka_unit_test(disconnect_after_close_does_not_wait),
		cmocka_unit_test(silence_is_pinged_then_dropped),
		cmocka_unit_test(any_byte_is_a_sign_of_life),
		cmocka_unit_test(always_pings_whatever_comes),
		cmocka_unit_test(without_a_timeout_it_only_pings),
		cmocka_unit_test(without_an_interval_it_is_off),
		cmocka_unit_test(the_owner_decides_about_the_ping),
		cmocka_unit_test(a_sign_of_life_is_demanded),
		cmocka_unit_test(a_demand_outlasts_the_heartbeats_ping),
		cmocka_unit_test(time_while_paused_does_not_count),
		cmocka_unit_test(our_pings_are_told_of),
		cmocka_unit_test(bytes_are_counted),
	};

	pl_log_set_level(PL_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
