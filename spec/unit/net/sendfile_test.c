/* Parts of files over real sockets of the loopback: the client is the test itself. */
#include "unit/net/turns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/memory.h"
#include "net/sendfile.h"

enum { LARGE = (8 << 20) + 12345 }; /* more than the kernel takes at once */

typedef struct side {
	pl_loop *loop;
	pl_listener *listener; /* NULL after `closed` */
	pl_stream *stream;     /* NULL after `closed` */
	pl_file *file;
	int fd; /* the client's end */
	int drains;
	bool closed;
	int status;
} side_state;

static char top[] = "/tmp/perilune-sendfile-XXXXXX";

/* A pattern that shows lost, doubled and swapped pieces. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void make_large(void)
{
	FILE *file = fopen(path_of("large"), "w");

	assert_non_null(file);
	for (size_t i = 0; i < LARGE; i++)
		putc(pattern(i), file);
	assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(top));
	make_large();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path_of("large"));
	return rmdir(top);
}

static void side_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner, (void)data, (void)len;
}

static void side_end(void *owner)
{
	(void)owner;
}

static void side_drain(void *owner)
{
	((side_state *)owner)->drains++;
}

static void side_closed(void *owner, int status)
{
	side_state *side = owner;

	side->stream = NULL;
	side->closed = true;
	side->status = status;
}

static const pl_stream_events stream_events = {
	.data = side_data, .end = side_end, .drain = side_drain, .closed = side_closed
};

static void on_accept(void *owner, pl_stream *stream)
{
	side_state *side = owner;

	side->stream = stream;
	pl_stream_own(stream, &stream_events, side);
	pl_stream_resume(stream);
}

static void on_listener_closed(void *owner)
{
	((side_state *)owner)->listener = NULL;
}

static const pl_listener_events listener_events = { .accept = on_accept,
						    .closed = on_listener_closed };

static void side_open(side_state *side)
{
	static const pl_listener_options alone = { 0 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	pl_address address;

	memset(side, 0, sizeof(*side));
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	assert_true(pl_address_parse(&address, "127.0.0.1"));
	assert_int_equal(pl_listener_open(&side->listener, side->loop, &address, &alone,
					  &listener_events, side),
			 PL_OK);
	pl_listener_address(side->listener, &address);
	to.sin_port = htons(address.port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	side->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(side->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(fcntl(side->fd, F_SETFL, O_NONBLOCK), 0);
	TURN_UNTIL(side->loop, side->stream);
	assert_int_equal(pl_file_open(&side->file, top, "large", PL_FILE_WAIT), PL_OK);
}

static void side_close(side_state *side)
{
	if (side->stream)
		pl_stream_abort(side->stream, PL_ECANCELED);
	pl_listener_close(side->listener);
	TURN_UNTIL(side->loop, !side->stream && !side->listener);
	close(side->fd);
	pl_file_unref(side->file);
	pl_loop_free(side->loop);
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

/* Hears the bytes of the pattern from `at` on. */
static void hears_pattern(side_state *side, size_t at, size_t len)
{
	uint8_t *bytes = pl_alloc(len + 1);

	assert_int_equal(hear(side, bytes, len), len);
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != pattern(at + i))
			fail_msg("byte %zu is wrong", i);
	pl_free(bytes);
}

static void hears(side_state *side, const char *text)
{
	uint8_t got[64];

	assert_int_equal(hear(side, got, strlen(text)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void write_text(side_state *side, const char *text)
{
	assert_int_equal(pl_stream_write(side->stream, text, strlen(text)), PL_OK);
}

static void write_part(side_state *side, size_t at, size_t len)
{
	assert_int_equal(pl_stream_write_file(side->stream, side->file, at, len), PL_OK);
}

static void evict(void)
{
	int fd = open(path_of("large"), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void parts_and_bytes_keep_their_order(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_text(&side, "head ");
	write_part(&side, 0, 1);
	write_part(&side, 5, 0);
	write_text(&side, " middle ");
	write_part(&side, 1000, 100000);
	write_part(&side, 77, 3);
	write_text(&side, " tail");
	assert_int_equal(pl_stream_queued(side.stream), 5 + 1 + 8 + 100000 + 3 + 5);
	hears(&side, "head ");
	hears_pattern(&side, 0, 1);
	hears(&side, " middle ");
	hears_pattern(&side, 1000, 100000);
	hears_pattern(&side, 77, 3);
	hears(&side, " tail");
	assert_int_equal(pl_stream_queued(side.stream), 0);
	assert_int_equal(side.file->refs, 1);
	side_close(&side);
}

static void a_large_file_to_a_late_reader(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_text(&side, "head");
	write_part(&side, 0, LARGE);
	write_text(&side, "tail");
	for (int i = 0; i < 50; i++)
		turn_some(side.loop);
	assert_true(side.stream->blocked);
	assert_int_equal(side.drains, 0);
	hears(&side, "head");
	hears_pattern(&side, 0, LARGE);
	hears(&side, "tail");
	TURN_UNTIL(side.loop, side.drains == 1);
	side_close(&side);
}

/* However much the peer takes: the other connections get their turn. */
static void a_flush_is_bounded(void **state)
{
	side_state side;
	size_t queued;

	(void)state;
	side_open(&side);
	write_part(&side, 0, LARGE);
	pl_stream_flush_now(side.stream);
	queued = pl_stream_queued(side.stream);
	assert_true(queued >= LARGE - PL_SENDFILE_TURN - PL_CHUNK_LARGE);
	assert_true(side.stream->blocked);
	pl_stream_flush_now(side.stream);
	assert_int_equal(pl_stream_queued(side.stream), queued);
	hears_pattern(&side, 0, LARGE);
	TURN_UNTIL(side.loop, side.drains == 1);
	side_close(&side);
}

static void what_is_not_in_memory_is_read_in(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	evict();
	assert_false(pl_file_cached(side.file, 0, LARGE, 0));
	write_part(&side, 10, LARGE - 10);
	pl_stream_flush_now(side.stream);
	assert_int_equal(pl_stream_queued(side.stream), LARGE - 10);
	assert_true(side.stream->blocked);
	hears_pattern(&side, 10, LARGE - 10);
	side_close(&side);
}

/* The peer must not take what is missing for the end of the file. */
static void a_file_that_shrinks_closes(void **state)
{
	side_state side;
	uint8_t *bytes = pl_alloc(LARGE);
	size_t got;

	(void)state;
	side_open(&side);
	write_part(&side, 0, LARGE);
	write_text(&side, "tail");
	pl_stream_flush_now(side.stream);
	assert_int_equal(truncate(path_of("large"), 5 << 20), 0);
	got = hear(&side, bytes, LARGE);
	assert_true(got <= 5 << 20);
	TURN_UNTIL(side.loop, side.closed);
	assert_int_equal(side.status, PL_EIO);
	pl_free(bytes);
	side_close(&side);
	make_large();
}

static void a_file_that_is_shorter_at_once(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	write_part(&side, LARGE - 5, 10);
	TURN_UNTIL(side.loop, side.closed);
	assert_int_equal(side.status, PL_EIO);
	side_close(&side);
}

/* While it waits for the pool, for its next turn, for the socket. */
static void it_may_be_aborted(void **state)
{
	int64_t live = pl_alloc_live();
	int before = descriptors();
	side_state side;

	(void)state;
	for (int stage = 0; stage < 4; stage++) {
		side_open(&side);
		if (stage == 0)
			evict();
		write_part(&side, 0, LARGE);
		if (stage < 3)
			pl_stream_flush_now(side.stream);
		for (int i = 0; stage == 2 && i < 20; i++)
			turn_some(side.loop);
		pl_stream_abort(side.stream, PL_ECANCELED);
		assert_int_equal(pl_stream_write_file(side.stream, side.file, 0, 1), PL_ECLOSED);
		TURN_UNTIL(side.loop, side.closed);
		side_close(&side);
		assert_int_equal(pl_alloc_live(), live);
		assert_int_equal(descriptors(), before);
	}
}

static void the_peer_resets(void **state)
{
	struct linger none = { .l_onoff = 1 };
	side_state side;

	(void)state;
	side_open(&side);
	write_part(&side, 0, LARGE);
	for (int i = 0; i < 20; i++)
		turn_some(side.loop);
	setsockopt(side.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(side.fd);
	side.fd = dup(0);
	TURN_UNTIL(side.loop, side.closed);
	assert_true(side.status == PL_ECONNRESET || side.status == PL_EPIPE);
	side_close(&side);
}

static void finish_sends_it_all(void **state)
{
	side_state side;
	uint8_t byte;

	(void)state;
	side_open(&side);
	write_part(&side, 0, LARGE);
	pl_stream_finish(side.stream);
	hears_pattern(&side, 0, LARGE);
	assert_int_equal(hear(&side, &byte, 1), 0);
	close(side.fd);
	side.fd = dup(0);
	TURN_UNTIL(side.loop, side.closed);
	assert_int_equal(side.status, PL_OK);
	side_close(&side);
}

static void a_peer_that_never_reads_is_dropped(void **state)
{
	side_state side;

	(void)state;
	side_open(&side);
	side.stream->write_timeout = 300;
	write_part(&side, 0, LARGE);
	TURN_UNTIL(side.loop, side.closed);
	assert_int_equal(side.status, PL_ETIMEDOUT);
	side_close(&side);
}

static void without_memory_it_closes(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (uint64_t nth = 1; nth < 8; nth++) {
		side_state side;
		int status;

		side_open(&side);
		evict();
		pl_alloc_fail_at(nth);
		status = pl_stream_write_file(side.stream, side.file, 0, LARGE);
		if (status == PL_OK)
			for (int i = 0; i < 20 && !side.closed; i++)
				turn_some(side.loop);
		pl_alloc_fail_at(0);
		assert_true(status == PL_OK || status == PL_ENOMEM);
		if (side.closed)
			assert_int_equal(side.status, PL_ENOMEM);
		side_close(&side);
		assert_int_equal(pl_alloc_live(), live);
	}
}

static void a_stream_without_a_socket_says_so(void **state)
{
	side_state side;
	pl_memory memory;

	(void)state;
	side_open(&side);
	pl_memory_init(&memory, side.loop);
	pl_stream_own(&memory.stream, &stream_events, &side);
	assert_int_equal(pl_stream_write_file(&memory.stream, side.file, 0, 5), PL_ENOTSUP);
	assert_int_equal(pl_stream_queued(&memory.stream), 0);
	pl_memory_deinit(&memory);
	side_close(&side);
}

/* The output by itself. */

static void a_part_in_an_output(void **state)
{
	pl_chunk_pool pool = { 0 };
	pl_output output = { 0 };
	pl_output_piece pieces[4];
	pl_file *file;

	(void)state;
	assert_int_equal(pl_file_open(&file, top, "large", PL_FILE_WAIT), PL_OK);
	memset(pl_output_reserve(&output, &pool, 3), 'a', 3);
	pl_output_commit(&output, 3);
	assert_int_equal(pl_output_append_file(&output, &pool, file, 100, 50000), PL_OK);
	assert_int_equal(pl_output_append_file(&output, &pool, file, 0, 0), PL_OK);
	memset(pl_output_reserve(&output, &pool, 2), 'b', 2);
	pl_output_commit(&output, 2);
	assert_int_equal(output.len, 50005);
	assert_int_equal(file->refs, 2);
	assert_null(pl_output_file(&output));
	assert_int_equal(pl_output_peek(&output, pieces, 4), 1);
	pl_output_consume(&output, &pool, 3);
	assert_int_equal(pl_output_peek(&output, pieces, 4), 0);
	assert_int_equal(pl_output_file(&output)->at, 100);
	pl_output_consume(&output, &pool, 7);
	assert_int_equal(pl_output_read_file(&output, &pool), PL_CHUNK_LARGE);
	assert_null(pl_output_file(&output));
	assert_int_equal(pl_output_peek(&output, pieces, 4), 1);
	assert_int_equal(pieces[0].len, PL_CHUNK_LARGE);
	assert_int_equal(pieces[0].data[0], pattern(107));
	assert_int_equal(output.len, 50005 - 10);
	pl_output_consume(&output, &pool, PL_CHUNK_LARGE);
	assert_int_equal(pl_output_file(&output)->at + pl_output_file(&output)->start,
			 107 + PL_CHUNK_LARGE);
	pl_output_consume(&output, &pool, 50005 - 10 - PL_CHUNK_LARGE - 2);
	assert_int_equal(file->refs, 1);
	assert_int_equal(pl_output_peek(&output, pieces, 4), 1);
	assert_int_equal(pieces[0].data[0], 'b');
	assert_int_equal(pl_output_append_file(&output, &pool, file, LARGE - 1, 5), PL_OK);
	pl_output_consume(&output, &pool, 3);
	assert_int_equal(pl_output_read_file(&output, &pool), 0);
	pl_output_clear(&output, &pool);
	assert_int_equal(file->refs, 1);
	pl_chunk_pool_deinit(&pool);
	pl_file_unref(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_and_bytes_keep_their_order),
		cmocka_unit_test(a_large_file_to_a_late_reader),
		cmocka_unit_test(a_flush_is_bounded),
		cmocka_unit_test(what_is_not_in_memory_is_read_in),
		cmocka_unit_test(a_file_that_shrinks_closes),
		cmocka_unit_test(a_file_that_is_shorter_at_once),
		cmocka_unit_test(it_may_be_aborted),
		cmocka_unit_test(the_peer_resets),
		cmocka_unit_test(finish_sends_it_all),
		cmocka_unit_test(a_peer_that_never_reads_is_dropped),
		cmocka_unit_test(without_memory_it_closes),
		cmocka_unit_test(a_stream_without_a_socket_says_so),
		cmocka_unit_test(a_part_in_an_output),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
