/* TCP over real sockets of the loopback: the client is the test itself. */
#include "unit/net/turns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/tcp.h"

enum { LARGE = 8 << 20 }; /* more than the kernel takes at once */

static const pl_listener_options alone = { .shared = false };

typedef struct side {
	pl_loop *loop;
	pl_listener *listener; /* NULL after `closed` */
	pl_address address;
	pl_stream *stream; /* the latest accepted one; NULL after `closed` */
	int fd;		   /* the client's end */
	pl_buffer journal;
	pl_buffer got;
	size_t accepted;
	bool closed;
	int status; /* of `closed` */
	void (*on_accept)(struct side *side, pl_stream *stream);
	void (*on_data)(struct side *side);
	void (*on_end)(struct side *side);
	void (*on_drain)(struct side *side);
} side_state;

static void side_data(void *owner, uint8_t *data, size_t len)
{
	side_state *side = owner;

	assert_int_equal(pl_buffer_append(&side->got, data, len), PL_OK);
	memset(data, 0, len); /* which is allowed */
	if (side->on_data)
		side->on_data(side);
}

static void side_end(void *owner)
{
	side_state *side = owner;

	note(&side->journal, "end");
	if (side->on_end)
		side->on_end(side);
}

static void side_drain(void *owner)
{
	side_state *side = owner;

	note(&side->journal, "drain");
	if (side->on_drain)
		side->on_drain(side);
}

static void side_closed(void *owner, int status)
{
	side_state *side = owner;

	note_status(&side->journal, "closed", status);
	side->stream = NULL;
	side->closed = true;
	side->status = status;
}

static const pl_stream_events stream_events = {
	.data = side_data, .end = side_end, .drain = side_drain, .closed = side_closed
};

static void listener_accept(void *owner, pl_stream *stream)
{
	side_state *side = owner;

	side->accepted++;
	side->stream = stream;
	side->closed = false;
	pl_stream_own(stream, &stream_events, side);
	if (side->on_accept)
		side->on_accept(side, stream);
	else
		pl_stream_resume(stream);
}

static void listener_closed(void *owner)
{
	((side_state *)owner)->listener = NULL;
}

static const pl_listener_events listener_events = { .accept = listener_accept,
						    .closed = listener_closed };

/* The client's end. */

static int dial(const pl_address *to)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(to->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
	bool six = to->family == 6;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	memcpy(&v4.sin_addr, to->ip, 4);
	memcpy(&v6.sin6_addr, to->ip, 16);
	if (connect(fd, six ? (void *)&v6 : (void *)&v4, six ? sizeof(v6) : sizeof(v4)) < 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void hang_up(side_state *side)
{
	if (side->fd >= 0)
		close(side->fd);
	side->fd = -1;
}

/* Closes so that the other end sees a reset. */
static void reset(side_state *side)
{
	struct linger none = { .l_onoff = 1 };

	setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	hang_up(side);
}

static void say(side_state *side, const char *text)
{
	assert_int_equal(send(side->fd, text, strlen(text), 0), strlen(text));
}

/* Reads while turning, up to `len` bytes or the end; returns how many came. */
static size_t hear(side_state *side, uint8_t *out, size_t len)
{
	size_t got = 0;

	for (int turns = 0; got < len && turns < TURNS_MAX; turns++) {
		ssize_t n = recv(side->fd, out + got, len - got, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0)
			got += (size_t)n;
		pl_loop_turn(side->loop);
		if (n < 0 && turns > 100)
			poll(NULL, 0, 1);
	}
	return got;
}

static void hears(side_state *side, const char *expected)
{
	uint8_t text[256];

	assert_int_equal(hear(side, text, strlen(expected)), strlen(expected));
	assert_memory_equal(text, expected, strlen(expected));
}

/* Whether the stream has ended for the client: 0; or was reset: -1. */
static ssize_t hears_end(side_state *side)
{
	uint8_t byte;
	ssize_t n = -1;

	for (int turns = 0; turns < TURNS_MAX; turns++) {
		n = recv(side->fd, &byte, 1, 0);
		if (n >= 0 || errno != EAGAIN)
			break;
		pl_loop_turn(side->loop);
		if (turns > 100)
			poll(NULL, 0, 1);
	}
	assert_true(n <= 0);
	return n;
}

/* Life. */

static void listen_at(side_state *side, const char *ip)
{
	pl_address address;

	memset(side, 0, sizeof(*side));
	side->fd = -1;
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	assert_true(pl_address_parse(&address, ip));
	assert_int_equal(pl_listener_open(&side->listener, side->loop, &address, &alone,
					  &listener_events, side),
			 PL_OK);
	pl_listener_address(side->listener, &side->address);
	assert_true(side->address.port > 0);
}

static void side_open(side_state *side)
{
	listen_at(side, "127.0.0.1");
	side->fd = dial(&side->address);
	TURN_UNTIL(side->loop, side->accepted == 1);
}

static void side_close(side_state *side)
{
	if (side->stream)
		pl_stream_abort(side->stream, PL_ECANCELED);
	if (side->listener)
		pl_listener_close(side->listener);
	TURN_UNTIL(side->loop, !side->stream && !side->listener);
	hang_up(side);
	pl_buffer_deinit(&side->journal);
	pl_buffer_deinit(&side->got);
	pl_loop_free(side->loop);
}

static void until_closed(side_state *side)
{
	TURN_UNTIL(side->loop, side->closed);
}

/* Not only because the time of lingering is over. */
static void until_closed_early(side_state *side)
{
	uint64_t began = pl_loop_now(side->loop);

	until_closed(side);
	assert_true(pl_loop_now(side->loop) - began < PL_STREAM_LINGER - 200);
}

/* What goes through. */

static void bytes_go_both_ways(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	say(&side, "ping");
	TURN_UNTIL(side.loop, side.got.len == 4);
	assert_memory_equal(side.got.data, "ping", 4);
	assert_int_equal(pl_stream_write(side.stream, "po", 2), PL_OK);
	assert_int_equal(pl_stream_write(side.stream, "", 0), PL_OK);
	assert_int_equal(pl_stream_write(side.stream, "ng", 2), PL_OK);
	assert_int_equal(pl_stream_queued(side.stream), 4);
	hears(&side, "pong");
	assert_int_equal(pl_stream_queued(side.stream), 0);
	side_close(&side);
}

static void addresses_are_known(void **state)
{
	side_state side;
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	pl_address peer, local;
	char text[PL_ADDRESS_TEXT];

	(void)state;
	side_open(&side);
	pl_stream_peer(side.stream, &peer);
	pl_stream_local(side.stream, &local);
	getsockname(side.fd, (struct sockaddr *)&name, &len);
	assert_int_equal(peer.port, ntohs(name.sin_port));
	assert_int_equal(local.port, side.address.port);
	pl_address_ip(&peer, text);
	assert_string_equal(text, "127.0.0.1");
	side_close(&side);
}

static void a_flush_takes_what_is_there(void **state)
{
	side_state side;
	uint8_t text[8];

	(void)state;
	side_open(&side);
	pl_stream_write(side.stream, "now", 3);
	assert_int_equal(recv(side.fd, text, sizeof(text), 0), -1);
	pl_stream_flush_now(side.stream);
	assert_int_equal(pl_stream_queued(side.stream), 0);
	assert_int_equal(recv(side.fd, text, sizeof(text), 0), 3);
	side_close(&side);
}

/* A pattern that shows lost, doubled and swapped pieces. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static uint8_t *pattern_new(size_t len)
{
	uint8_t *bytes = pl_alloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(i);
	return bytes;
}

static void hears_pattern(side_state *side, size_t len)
{
	uint8_t *bytes = pl_alloc(len);

	assert_int_equal(hear(side, bytes, len), len);
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != pattern(i))
			fail_msg("byte %zu is wrong", i);
	pl_free(bytes);
}

/* Writes the pattern in pieces and shared blocks of many sizes. */
static void write_pattern(side_state *side, size_t len)
{
	uint8_t *bytes = pattern_new(len);
	size_t at = 0;

	for (size_t n = 1; at < len; n = n * 3 % 70001 + 1) {
		size_t piece = n < len - at ? n : len - at;

		if (n % 2) {
			assert_int_equal(pl_stream_write(side->stream, bytes + at, piece), PL_OK);
		} else {
			pl_block *block = pl_block_copy(bytes + at, piece);

			assert_int_equal(pl_stream_write_block(side->stream, block, 0, block->len),
					 PL_OK);
			pl_block_unref(block);
		}
		at += piece;
	}
	pl_free(bytes);
}

static void a_peer_that_reads_late_gets_everything(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	assert_true(side.stream->blocked);
	assert_true(pl_stream_queued(side.stream) > 0);
	assert_int_equal(pl_stream_write(side.stream, "end", 3), PL_OK);
	hears_pattern(&side, LARGE);
	hears(&side, "end");
	turn_some(side.loop);
	assert_string_equal(noted(&side.journal), "drain ");
	assert_false(side.stream->blocked);
	assert_int_equal(pl_stream_queued(side.stream), 0);
	side_close(&side);
}

static void write_on(side_state *side)
{
	side->on_drain = NULL;
	pl_stream_write(side->stream, "more", 4);
}

static void drain_may_write(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.on_drain = write_on;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	hears_pattern(&side, LARGE);
	hears(&side, "more");
	side_close(&side);
}

/* Time. */

static void a_peer_that_never_reads_is_dropped(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.stream->write_timeout = 30000;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	for (int i = 0; i < 29; i++)
		pl_loop_skip(side.loop, 1000);
	turn_some(side.loop);
	assert_false(side.closed);
	pl_loop_skip(side.loop, 1500);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:ETIMEDOUT ");
	side_close(&side);
}

/* What we write meanwhile is no progress of the peer's. */
static void writing_more_does_not_keep_it(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.stream->write_timeout = 30000;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	for (int i = 0; i < 31; i++) {
		pl_stream_write(side.stream, "more", 4);
		pl_loop_skip(side.loop, 1000);
	}
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:ETIMEDOUT ");
	side_close(&side);
}

static void progress_keeps_it(void **state)
{
	static uint8_t sink[1 << 20];
	side_state side;

	(void)state;
	side_open(&side);
	side.stream->write_timeout = 30000;
	write_pattern(&side, 4 * LARGE);
	turn_some(side.loop);
	for (int i = 0; i < 4; i++) {
		size_t before = pl_stream_queued(side.stream);

		/* The kernel wants more only when a good part of what it has is gone. */
		do {
			assert_int_equal(hear(&side, sink, sizeof(sink)), sizeof(sink));
			turn_some(side.loop);
		} while (pl_stream_queued(side.stream) >= before);
		for (int s = 0; s < 20; s++)
			pl_loop_skip(side.loop, 1000);
	}
	turn_some(side.loop);
	assert_false(side.closed);
	assert_true(side.stream->blocked);
	side_close(&side);
}

static void without_write_timeout_it_may_take_forever(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	for (int i = 0; i < 100; i++)
		pl_loop_skip(side.loop, 60000);
	turn_some(side.loop);
	assert_false(side.closed);
	side_close(&side);
}

/* Finishing. */

static void finish_sends_what_is_queued(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	pl_stream_finish(side.stream);
	pl_stream_finish(side.stream);
	assert_int_equal(pl_stream_write(side.stream, "x", 1), PL_ECLOSED);
	assert_null(pl_stream_reserve(side.stream, 1));
	turn_some(side.loop);
	hears_pattern(&side, LARGE);
	assert_int_equal(hears_end(&side), 0);
	turn_some(side.loop);
	assert_false(side.closed);
	hang_up(&side);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

static void finish_waits_only_so_long(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_write(side.stream, "bye", 3);
	pl_stream_finish(side.stream);
	hears(&side, "bye");
	assert_int_equal(hears_end(&side), 0);
	pl_loop_skip(side.loop, PL_STREAM_LINGER - 1000);
	turn_some(side.loop);
	assert_false(side.closed);
	pl_loop_skip(side.loop, 1000);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

/* Sends until the other end has had enough; true when it has. */
static bool pour(side_state *side, size_t len)
{
	static const uint8_t bytes[65536];

	while (len > 0) {
		ssize_t n = send(side->fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes), 0);

		if (n < 0 && errno != EAGAIN)
			return true;
		if (n > 0)
			len -= (size_t)n;
		pl_loop_turn(side->loop);
	}
	return false;
}

static void finish_reads_only_so_much(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_finish(side.stream);
	assert_false(pour(&side, PL_STREAM_LINGER_BYTES - 65536));
	turn_some(side.loop);
	assert_false(side.closed);
	assert_true(pour(&side, 64 << 20));
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	assert_int_equal(side.got.len, 0);
	side_close(&side);
}

/* What we never read would make the system send a reset, which makes the peer lose our answer. */
static void last_words_survive_unread_input(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_pause(side.stream);
	pour(&side, 300000);
	pl_stream_write(side.stream, "bye", 3);
	pl_stream_finish(side.stream);
	turn_some(side.loop);
	hears(&side, "bye");
	assert_int_equal(hears_end(&side), 0);
	shutdown(side.fd, SHUT_WR);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	assert_int_equal(side.got.len, 0);
	side_close(&side);
}

static void finish_with_a_peer_that_never_reads(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.stream->write_timeout = 30000;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	pl_stream_finish(side.stream);
	turn_some(side.loop);
	assert_false(side.closed);
	for (int i = 0; i < 31; i++)
		pl_loop_skip(side.loop, 1000);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:ETIMEDOUT ");
	side_close(&side);
}

static void abort_ends_a_finish(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_finish(side.stream);
	turn_some(side.loop);
	pl_stream_abort(side.stream, PL_ECANCELED);
	pl_stream_abort(side.stream, PL_EIO);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:ECANCELED ");
	side_close(&side);
}

/* The peer's end. */

static void our_end_leaves_the_peer_its_own(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	pl_stream_shut(side.stream);
	assert_int_equal(pl_stream_write(side.stream, "x", 1), PL_ECLOSED);
	turn_some(side.loop);
	hears_pattern(&side, LARGE);
	assert_int_equal(hears_end(&side), 0);
	noted(&side.journal);
	side.got.len = 0;
	say(&side, "still");
	TURN_UNTIL(side.loop, side.got.len == 5);
	shutdown(side.fd, SHUT_WR);
	TURN_UNTIL(side.loop, side.journal.len > 0);
	assert_string_equal(noted(&side.journal), "end ");
	pl_stream_finish(side.stream);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

static void a_half_closed_peer_still_gets_answers(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	say(&side, "question");
	shutdown(side.fd, SHUT_WR);
	TURN_UNTIL(side.loop, side.journal.len > 0);
	assert_string_equal(noted(&side.journal), "end ");
	assert_int_equal(side.got.len, 8);
	pl_stream_write(side.stream, "answer", 6);
	hears(&side, "answer");
	pl_stream_finish(side.stream);
	until_closed_early(&side);
	assert_int_equal(hears_end(&side), 0);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

static void a_half_closed_peer_may_read_late(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	shutdown(side.fd, SHUT_WR);
	TURN_UNTIL(side.loop, side.journal.len > 0);
	assert_string_equal(noted(&side.journal), "end ");
	pl_stream_finish(side.stream);
	hears_pattern(&side, LARGE);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

static void the_peer_resets(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	reset(&side);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:ECONNRESET ");
	side_close(&side);
}

static void the_peer_resets_while_output_waits(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	reset(&side);
	until_closed(&side);
	assert_true(side.status == PL_ECONNRESET || side.status == PL_EPIPE);
	side_close(&side);
}

/* A server that refuses what it is sent says so and closes, which is a reset: what it said is read,
 * and the end is none. */
static void last_words_before_a_reset_are_read(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	assert_true(side.stream->blocked);
	assert_int_equal(send(side.fd, "no", 2, 0), 2);
	close(side.fd); /* with unread input */
	side.fd = -1;
	until_closed(&side);
	assert_true(side.status == PL_ECONNRESET || side.status == PL_EPIPE);
	assert_int_equal(side.got.len, 2);
	assert_memory_equal(side.got.data, "no", 2);
	assert_null(strstr(noted(&side.journal), "end"));
	side_close(&side);
}

/* The same when the write comes first that finds it out, and is not the last one. */
static void a_write_does_not_take_last_words_away(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_write(side.stream, "x", 1);
	turn_some(side.loop);
	assert_int_equal(send(side.fd, "no", 2, 0), 2);
	close(side.fd);
	side.fd = -1;
	pl_stream_write(side.stream, "y", 1);
	pl_stream_flush_now(side.stream);
	pl_stream_write(side.stream, "z", 1);
	pl_stream_flush_now(side.stream);
	until_closed(&side);
	assert_int_equal(side.got.len, 2);
	assert_null(strstr(noted(&side.journal), "end"));
	side_close(&side);
}

/* Paused, it is only seen by a write. */
static void writing_to_a_peer_that_is_gone(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_pause(side.stream);
	reset(&side);
	turn_some(side.loop);
	assert_false(side.closed);
	pl_stream_write(side.stream, "x", 1);
	until_closed(&side);
	assert_true(side.status == PL_ECONNRESET || side.status == PL_EPIPE);
	side_close(&side);
}

static void a_reset_while_finishing_is_no_error(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	pl_stream_finish(side.stream);
	turn_some(side.loop);
	reset(&side);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:OK ");
	side_close(&side);
}

/* Pausing. */

static void pause_in_callback(side_state *side)
{
	pl_stream_pause(side->stream);
}

static void nothing_comes_while_paused(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.on_data = pause_in_callback;
	say(&side, "one");
	TURN_UNTIL(side.loop, side.got.len == 3);
	say(&side, "two");
	shutdown(side.fd, SHUT_WR);
	turn_some(side.loop);
	assert_int_equal(side.got.len, 3);
	pl_stream_resume(side.stream);
	TURN_UNTIL(side.loop, side.got.len == 6);
	turn_some(side.loop);
	assert_string_equal(noted(&side.journal), "");
	pl_stream_resume(side.stream);
	TURN_UNTIL(side.loop, side.journal.len > 0);
	assert_string_equal(noted(&side.journal), "end ");
	pl_stream_pause(side.stream);
	pl_stream_resume(side.stream);
	turn_some(side.loop);
	assert_string_equal(noted(&side.journal), "");
	side_close(&side);
}

/* Calls from within callbacks. */

static void abort_now(side_state *side)
{
	pl_stream_abort(side->stream, PL_EPROTO);
}

static void finish_now(side_state *side)
{
	pl_stream_finish(side->stream);
}

static void abort_accepted(side_state *side, pl_stream *stream)
{
	(void)side;
	pl_stream_abort(stream, PL_ELIMIT);
}

static void aborting_within_callbacks(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.on_data = abort_now;
	pour(&side, 1 << 20);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "closed:EPROTO ");
	side_close(&side);

	side_open(&side);
	side.on_end = abort_now;
	hang_up(&side);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "end closed:EPROTO ");
	side_close(&side);

	side_open(&side);
	side.on_drain = abort_now;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	hears_pattern(&side, LARGE);
	until_closed(&side);
	assert_string_equal(noted(&side.journal), "drain closed:EPROTO ");
	side_close(&side);
}

static void finishing_within_callbacks(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.on_data = finish_now;
	say(&side, "x");
	assert_int_equal(hears_end(&side), 0);
	hang_up(&side);
	until_closed_early(&side);
	side_close(&side);

	side_open(&side);
	side.on_end = finish_now;
	hang_up(&side);
	until_closed_early(&side);
	assert_string_equal(noted(&side.journal), "end closed:OK ");
	side_close(&side);

	side_open(&side);
	side.on_drain = finish_now;
	write_pattern(&side, LARGE);
	turn_some(side.loop);
	hears_pattern(&side, LARGE);
	assert_int_equal(hears_end(&side), 0);
	side_close(&side);
}

static void an_accepted_stream_may_be_refused(void **state)
{
	side_state side;

	(void)state;
	listen_at(&side, "127.0.0.1");
	side.on_accept = abort_accepted;
	side.fd = dial(&side.address);
	TURN_UNTIL(side.loop, side.accepted == 1 && side.closed);
	assert_string_equal(noted(&side.journal), "closed:ELIMIT ");
	side_close(&side);
}

static void later_data(void *owner, uint8_t *data, size_t len)
{
	(void)data, (void)len;
	note(&((side_state *)owner)->journal, "later");
}

static const pl_stream_events later_events = {
	.data = later_data, .end = side_end, .drain = side_drain, .closed = side_closed
};

static void hand_on(side_state *side)
{
	pl_stream_own(side->stream, &later_events, side);
}

static void a_stream_changes_hands(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.on_data = hand_on;
	say(&side, "one");
	TURN_UNTIL(side.loop, side.got.len == 3);
	say(&side, "two");
	TURN_UNTIL(side.loop, side.journal.len > 0);
	assert_string_equal(noted(&side.journal), "later ");
	assert_int_equal(side.got.len, 3);
	side_close(&side);
}

/* Listening. */

static void close_listener(side_state *side, pl_stream *stream)
{
	pl_listener_close(side->listener);
	pl_stream_resume(stream);
}

static void a_listener_closes_in_its_callback(void **state)
{
	side_state side;

	(void)state;
	listen_at(&side, "127.0.0.1");
	side.on_accept = close_listener;
	side.fd = dial(&side.address);
	TURN_UNTIL(side.loop, side.accepted == 1 && !side.listener);
	assert_int_equal(dial(&side.address), -1);
	say(&side, "still there");
	TURN_UNTIL(side.loop, side.got.len == 11);
	side_close(&side);
}

static void addresses_in_use_are_refused(void **state)
{
	side_state side;
	pl_listener *second;
	pl_address nowhere;

	(void)state;
	listen_at(&side, "127.0.0.1");
	assert_int_equal(pl_listener_open(&second, side.loop, &side.address, &alone,
					  &listener_events, &side),
			 PL_EADDRINUSE);
	assert_true(pl_address_parse(&nowhere, "192.0.2.1"));
	assert_int_equal(
		pl_listener_open(&second, side.loop, &nowhere, &alone, &listener_events, &side),
		PL_EADDRNOTAVAIL);
	side_close(&side);
}

static bool have_ipv6(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool have = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;

	if (fd >= 0)
		close(fd);
	return have;
}

static void ipv6_is_its_own(void **state)
{
	side_state side, four;
	pl_listener *other;
	pl_address address;
	char text[PL_ADDRESS_TEXT];

	(void)state;
	if (!have_ipv6()) {
		print_message("this machine has no IPv6\n");
		return;
	}
	listen_at(&side, "::");
	assert_true(pl_address_parse(&address, "::1"));
	address.port = side.address.port;
	side.fd = dial(&address);
	TURN_UNTIL(side.loop, side.accepted == 1);
	pl_stream_peer(side.stream, &address);
	assert_int_equal(address.family, 6);
	pl_address_ip(&address, text);
	assert_string_equal(text, "::1");

	/* The same port of IPv4 is free. */
	four = side;
	assert_true(pl_address_parse(&address, "0.0.0.0"));
	address.port = side.address.port;
	assert_int_equal(
		pl_listener_open(&other, side.loop, &address, &alone, &listener_events, &four),
		PL_OK);
	four.listener = other;
	pl_listener_close(other);
	TURN_UNTIL(side.loop, !four.listener);
	side_close(&side);
}

static void a_burst_is_accepted(void **state)
{
	enum { BURST = 100 };
	side_state side;
	int fds[BURST];

	(void)state;
	listen_at(&side, "127.0.0.1");
	side.on_accept = abort_accepted;
	for (int i = 0; i < BURST; i++)
		fds[i] = dial(&side.address);
	TURN_UNTIL(side.loop, side.accepted == BURST);
	for (int i = 0; i < BURST; i++)
		close(fds[i]);
	turn_some(side.loop);
	side_close(&side);
}

/* A connection that finds no memory waits; the listener goes on when there is some. */
static void a_listener_outlives_a_lack_of_memory(void **state)
{
	side_state side;

	(void)state;
	listen_at(&side, "127.0.0.1");
	pl_alloc_fail_at(1);
	side.fd = dial(&side.address);
	turn_some(side.loop);
	pl_alloc_fail_at(0);
	assert_int_equal(side.accepted, 0);
	pl_loop_skip(side.loop, 1000);
	TURN_UNTIL(side.loop, side.accepted == 1);
	say(&side, "hello");
	TURN_UNTIL(side.loop, side.got.len == 5);
	pl_stream_abort(side.stream, PL_OK);
	until_closed(&side);
	hang_up(&side);
	side.fd = dial(&side.address);
	TURN_UNTIL(side.loop, side.accepted == 2);
	side_close(&side);

	/* Closing it meanwhile. */
	listen_at(&side, "127.0.0.1");
	pl_alloc_fail_at(1);
	side.fd = dial(&side.address);
	turn_some(side.loop);
	pl_alloc_fail_at(0);
	pl_listener_close(side.listener);
	TURN_UNTIL(side.loop, !side.listener);
	pl_loop_skip(side.loop, 1000);
	turn_some(side.loop);
	assert_int_equal(side.accepted, 0);
	side_close(&side);
}

static void a_listener_outlives_a_lack_of_descriptors(void **state)
{
	struct rlimit before, none;
	side_state side;

	(void)state;
	listen_at(&side, "127.0.0.1");
	side.fd = dial(&side.address);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn_some(side.loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(side.accepted, 0);
	pl_loop_skip(side.loop, 1000);
	TURN_UNTIL(side.loop, side.accepted == 1);
	say(&side, "hello");
	TURN_UNTIL(side.loop, side.got.len == 5);
	side_close(&side);
}

static void nothing_is_left(void **state)
{
	int64_t live = pl_alloc_live();
	int open_before = descriptors();

	bytes_go_both_ways(state);
	a_peer_that_reads_late_gets_everything(state);
	finish_waits_only_so_long(state);
	the_peer_resets_while_output_waits(state);
	a_burst_is_accepted(state);
	addresses_in_use_are_refused(state);
	assert_int_equal(pl_alloc_live(), live);
	assert_int_equal(descriptors(), open_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(addresses_are_known),
		cmocka_unit_test(a_flush_takes_what_is_there),
		cmocka_unit_test(a_peer_that_reads_late_gets_everything),
		cmocka_unit_test(drain_may_write),
		cmocka_unit_test(a_peer_that_never_reads_is_dropped),
		cmocka_unit_test(writing_more_does_not_keep_it),
		cmocka_unit_test(progress_keeps_it),
		cmocka_unit_test(without_write_timeout_it_may_take_forever),
		cmocka_unit_test(finish_sends_what_is_queued),
		cmocka_unit_test(finish_waits_only_so_long),
		cmocka_unit_test(finish_reads_only_so_much),
		cmocka_unit_test(last_words_survive_unread_input),
		cmocka_unit_test(finish_with_a_peer_that_never_reads),
		cmocka_unit_test(abort_ends_a_finish),
		cmocka_unit_test(our_end_leaves_the_peer_its_own),
		cmocka_unit_test(a_half_closed_peer_still_gets_answers),
		cmocka_unit_test(a_half_closed_peer_may_read_late),
		cmocka_unit_test(the_peer_resets),
		cmocka_unit_test(the_peer_resets_while_output_waits),
		cmocka_unit_test(last_words_before_a_reset_are_read),
		cmocka_unit_test(a_write_does_not_take_last_words_away),
		cmocka_unit_test(writing_to_a_peer_that_is_gone),
		cmocka_unit_test(a_reset_while_finishing_is_no_error),
		cmocka_unit_test(nothing_comes_while_paused),
		cmocka_unit_test(aborting_within_callbacks),
		cmocka_unit_test(finishing_within_callbacks),
		cmocka_unit_test(an_accepted_stream_may_be_refused),
		cmocka_unit_test(a_stream_changes_hands),
		cmocka_unit_test(a_listener_closes_in_its_callback),
		cmocka_unit_test(addresses_in_use_are_refused),
		cmocka_unit_test(ipv6_is_its_own),
		cmocka_unit_test(a_burst_is_accepted),
		cmocka_unit_test(a_listener_outlives_a_lack_of_memory),
		cmocka_unit_test(a_listener_outlives_a_lack_of_descriptors),
		cmocka_unit_test(nothing_is_left),
	};

	pl_log_set_level(PL_LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
