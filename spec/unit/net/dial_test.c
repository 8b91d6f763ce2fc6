#include "unit/net/turns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dial.h"
#include "net/resolve.h"

static pl_loop *loop;
static pl_dial *dial;
static int status; /* 1: not done */
static pl_stream *stream;
static int closed;
static char refused[PL_ADDRESS_TEXT]; /* the address that is not allowed */

static void on_closed(void *owner, int how)
{
	(void)owner, (void)how;
	closed++;
}

static void on_done(void *owner, int how, pl_stream *winner)
{
	static const pl_stream_events events = { .closed = on_closed };

	(void)owner;
	status = how;
	stream = winner;
	assert_int_equal(how == PL_OK, winner != NULL);
	if (winner)
		pl_stream_own(winner, &events, NULL);
}

static bool allow(void *owner, const pl_address *address)
{
	char text[PL_ADDRESS_TEXT];

	(void)owner;
	pl_address_ip(address, text);
	return strcmp(text, refused) != 0;
}

/* A listening socket of the test's own; its port. */
static int listen_at(const char *ip, int backlog, uint16_t *port)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, ip, &name.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	*port = ntohs(name.sin_port);
	return fd;
}

static pl_dial_settings to(const char *host, uint16_t port)
{
	return (pl_dial_settings){ .host = pl_slice_make(host, strlen(host)),
				   .port = port,
				   .timeout = 10000,
				   .allow = allow,
				   .done = on_done };
}

static void begin(const pl_dial_settings *settings)
{
	status = 1;
	stream = NULL;
	assert_int_equal(pl_dial_start(&dial, loop, settings), PL_OK);
	assert_int_equal(status, 1);
}

static int finish_with(const pl_dial_settings *settings)
{
	begin(settings);
	TURN_UNTIL(loop, status != 1);
	return status;
}

static void hang_up(void)
{
	closed = 0;
	pl_stream_abort(stream, PL_OK);
	TURN_UNTIL(loop, closed == 1);
}

static int set_up(void **state)
{
	(void)state;
	refused[0] = '\0';
	return pl_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	pl_loop_free(loop);
	return 0;
}

static void it_connects(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_dial_settings settings = to("127.0.0.1", port);
	pl_address peer;

	(void)state;
	assert_int_equal(finish_with(&settings), PL_OK);
	pl_stream_peer(stream, &peer);
	assert_int_equal(peer.port, port);
	hang_up();
	close(fd);
}

static void the_next_address_is_tried_when_one_fails(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_dial_settings settings = to("localhost", port);

	(void)state;
	strcpy(refused, "127.0.0.1"); /* ::1 is left, where nobody listens */
	assert_int_not_equal(finish_with(&settings), PL_OK);
	strcpy(refused, "::1");
	assert_int_equal(finish_with(&settings), PL_OK);
	hang_up();
	close(fd);
}

static void the_last_reason_is_told(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_dial_settings settings = to("127.0.0.1", port);

	(void)state;
	close(fd);
	assert_int_equal(finish_with(&settings), PL_ECONNREFUSED);
	strcpy(refused, "127.0.0.1");
	assert_int_equal(finish_with(&settings), PL_EACCES);
	settings = to("nobody.invalid", 80);
	assert_int_equal(finish_with(&settings), PL_EHOST);
	settings = to("", 80);
	assert_int_equal(pl_dial_start(&dial, loop, &settings), PL_EINVAL);
}

/* Who has resolved the host already. The host is not looked at. */
static void addresses_are_dialled_as_they_are(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_address addresses[PL_RESOLVE_MAX + 1];
	pl_dial_settings settings = to("nobody.invalid", 1);

	(void)state;
	memset(addresses, 0, sizeof(addresses));
	assert_true(pl_address_parse(&addresses[0], "127.0.0.2")); /* where nobody listens */
	assert_true(pl_address_parse(&addresses[1], "127.0.0.1"));
	addresses[0].port = addresses[1].port = port;
	settings.addresses = addresses;
	settings.address_count = 2;
	assert_int_equal(finish_with(&settings), PL_OK);
	hang_up();
	strcpy(refused, "127.0.0.1");
	assert_int_equal(finish_with(&settings), PL_EACCES);
	settings.address_count = 1;
	assert_int_equal(finish_with(&settings), PL_ECONNREFUSED);
	settings.address_count = PL_RESOLVE_MAX + 1;
	assert_int_equal(pl_dial_start(&dial, loop, &settings), PL_EINVAL);
	close(fd);
}

static void a_socket_is_told_what_it_is_to_do(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_dial_settings settings = to("127.0.0.1", port);

	(void)state;
	settings.tcp.keepalive_time = 1 << 20; /* more than the system takes */
	assert_int_equal(finish_with(&settings), PL_EINVAL);
	settings.tcp.keepalive_time = 10;
	settings.tcp.keepalive_interval = 1;
	settings.tcp.keepalive_count = 1;
	assert_int_equal(finish_with(&settings), PL_OK);
	hang_up();
	close(fd);
}

/* A listener whose backlog is full does not answer. */
static int listen_deaf(uint16_t *port, int fillers[3])
{
	int fd = listen_at("127.0.0.1", 0, port);

	for (int i = 0; i < 3; i++) {
		struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(*port) };

		assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &name.sin_addr), 1);
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&name, sizeof(name));
	}
	return fd;
}

static void it_takes_only_so_long(void **state)
{
	int fillers[3];
	uint16_t port;
	int fd = listen_deaf(&port, fillers);
	pl_dial_settings settings = to("127.0.0.1", port);

	(void)state;
	begin(&settings);
	turn_some(loop);
	assert_int_equal(status, 1);
	pl_loop_skip(loop, settings.timeout);
	TURN_UNTIL(loop, status != 1);
	assert_int_equal(status, PL_ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		close(fillers[i]);
	close(fd);
}

static void it_can_be_cancelled(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 8, &port);
	pl_dial_settings settings = to("127.0.0.1", port);
	int before;

	(void)state;
	assert_int_equal(finish_with(&settings), PL_OK); /* libuv keeps one for itself now */
	hang_up();
	before = descriptors();
	for (int turns = 0; turns < 6; turns++) {
		begin(&settings);
		for (int i = 0; i < turns && status == 1; i++)
			pl_loop_turn(loop);
		if (status == 1)
			pl_dial_cancel(dial);
		else
			hang_up();
		turn_some(loop);
	}
	assert_int_equal(descriptors(), before);
	close(fd);
	pl_loop_run(loop); /* nothing holds it */
}

static void it_connects_from_where_it_is_told(void **state)
{
	uint16_t port;
	uint16_t taken;
	int fd = listen_at("127.0.0.1", 8, &port);
	int taker = listen_at("127.0.0.2", 8, &taken);
	pl_dial_settings settings = to("127.0.0.1", port);
	pl_address local;
	char text[PL_ADDRESS_TEXT];

	(void)state;
	assert_true(pl_address_parse(&settings.local, "127.0.0.2"));
	assert_int_equal(finish_with(&settings), PL_OK);
	pl_stream_local(stream, &local);
	pl_address_ip(&local, text);
	assert_string_equal(text, "127.0.0.2");
	hang_up();
	settings.local_first = settings.local_last = taken;
	assert_int_equal(finish_with(&settings), PL_EADDRINUSE);
	settings.local_last = (uint16_t)(taken + 20);
	assert_int_equal(finish_with(&settings), PL_OK);
	pl_stream_local(stream, &local);
	assert_in_range(local.port, taken + 1, taken + 20);
	hang_up();
	close(taker);
	assert_true(pl_address_parse(&settings.local, "::1"));
	assert_int_equal(finish_with(&settings), PL_EADDRNOTAVAIL);
	close(fd);
}

static void without_memory_it_fails(void **state)
{
	uint16_t port;
	int fd = listen_at("127.0.0.1", 64, &port);
	pl_dial_settings settings = to("127.0.0.1", port);
	int before = descriptors();

	(void)state;
	for (uint64_t nth = 1;; nth++) {
		int started;

		status = 1;
		pl_alloc_fail_at(nth);
		started = pl_dial_start(&dial, loop, &settings);
		if (started == PL_OK)
			TURN_UNTIL(loop, status != 1);
		pl_alloc_fail_at(0);
		if (started == PL_OK && status == PL_OK)
			break;
		assert_int_equal(started == PL_OK ? status : started, PL_ENOMEM);
		turn_some(loop);
		assert_int_equal(descriptors(), before);
	}
	hang_up();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(it_connects),
		TEST(the_next_address_is_tried_when_one_fails),
		TEST(the_last_reason_is_told),
		TEST(addresses_are_dialled_as_they_are),
		TEST(a_socket_is_told_what_it_is_to_do),
		TEST(it_takes_only_so_long),
		TEST(it_can_be_cancelled),
		TEST(it_connects_from_where_it_is_told),
		TEST(without_memory_it_fails),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
