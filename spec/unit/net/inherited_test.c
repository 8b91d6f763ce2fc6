#include "net/inherited.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A listening socket of IPv4 at descriptor `at`. */
static uint16_t open_at(int at, bool listening)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	if (listening)
		assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	if (fd != at) {
		dup2(fd, at);
		close(fd);
	}
	return ntohs(name.sin_port);
}

static uint16_t open_both_at(int at)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(name);
	const int off = 0;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	if (fd != at) {
		dup2(fd, at);
		close(fd);
	}
	return ntohs(name.sin6_port);
}

static void give(const char *count, bool ours)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)(ours ? getpid() : getppid()));
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	pl_inherited_begin();
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

static int take(const char *ip, uint16_t port)
{
	pl_address address;

	assert_true(pl_address_parse(&address, ip));
	address.port = port;
	return pl_inherited_take(&address);
}

static void sockets_are_matched(void **state)
{
	uint16_t first = open_at(3, true);
	uint16_t both = open_both_at(4);
	int fd;
	int again;

	(void)state;
	open_at(5, false);
	give("3", true);
	fd = take("127.0.0.1", first);
	assert_true(fd >= 6);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
	close(fd);
	again = take("127.0.0.1", first);
	assert_true(again >= 6);
	close(again);
	assert_int_equal(take("127.0.0.1", (uint16_t)(first + 1)), -1);
	assert_int_equal(take("127.0.0.2", first), -1);
	assert_int_equal(take("::1", first), -1);
	assert_int_equal(take("127.0.0.1", 0), -1);
	fd = take("0.0.0.0", both);
	assert_true(fd >= 6);
	close(fd);
	fd = take("::", both);
	assert_true(fd >= 6);
	close(fd);
	assert_int_equal(take("127.0.0.1", both), -1);
	assert_int_equal(take("::1", both), -1);
	pl_inherited_tell_unused();
	close(4);
	close(5);
	close(3);
}

static void what_is_not_for_us_is_left_alone(void **state)
{
	uint16_t port = open_at(3, true);

	(void)state;
	give("1", false);
	assert_int_equal(take("127.0.0.1", port), -1);
	assert_int_equal(fcntl(3, F_GETFD), 0);
	give("x", true);
	assert_int_equal(take("127.0.0.1", port), -1);
	give("-1", true);
	assert_int_equal(take("127.0.0.1", port), -1);
	give("65", true);
	assert_int_equal(take("127.0.0.1", port), -1);
	give("0", true);
	assert_int_equal(take("127.0.0.1", port), -1);
	close(3);
	give("1", true);
	assert_int_equal(take("127.0.0.1", port), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_matched),
		cmocka_unit_test(what_is_not_for_us_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
