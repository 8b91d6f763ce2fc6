#include "net/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/status.h"

/* A supervisor's socket; `name` as NOTIFY_SOCKET has it. */
static int supervise(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void assert_heard(int fd, const char *text)
{
	char room[100] = "";
	ssize_t len = recv(fd, room, sizeof(room) - 1, 0);

	assert_int_equal(len, strlen(text));
	assert_string_equal(room, text);
}

static void tells(const char *name)
{
	int fd = supervise(name);

	pl_notify_begin();
	assert_true(pl_notify_wanted());
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_int_equal(pl_notify_send("READY=1\nSTATUS=x"), PL_OK);
	assert_heard(fd, "READY=1\nSTATUS=x");
	pl_notify_end();
	assert_false(pl_notify_wanted());
	close(fd);
}

static void tells_a_path(void **state)
{
	char folder[] = "/tmp/perilune-notify-XXXXXX";
	char name[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/socket", folder);
	tells(name);
	unlink(name);
	rmdir(folder);
}

static void tells_an_abstract_name(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@perilune/notify/%d", (int)getpid());
	tells(name);
}

static void never_waits(void **state)
{
	char name[64];
	int status = PL_OK;
	int fd;
	int i;

	(void)state;
	snprintf(name, sizeof(name), "@perilune/notify/full/%d", (int)getpid());
	fd = supervise(name);
	pl_notify_begin();
	for (i = 0; i < 100000 && !status; i++)
		status = pl_notify_send("WATCHDOG=1");
	assert_int_equal(status, PL_EAGAIN);
	close(fd);
	assert_int_equal(pl_notify_send("WATCHDOG=1"), PL_ECONNREFUSED);
	pl_notify_end();
}

static void watchdog(const char *usec, const char *pid, uint64_t expected)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@perilune/notify/dog/%d", (int)getpid());
	fd = supervise(name);
	setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	pl_notify_begin();
	assert_int_equal(pl_notify_watchdog(), expected);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	pl_notify_end();
	close(fd);
}

static void knows_the_watchdog(void **state)
{
	char own[16];

	(void)state;
	snprintf(own, sizeof(own), "%d", (int)getpid());
	watchdog("30000000", NULL, 30000);
	watchdog("30000000", own, 30000);
	watchdog("30000000", "1", 0);
	watchdog("30000000", "x", 0);
	watchdog("-1", NULL, 0);
	watchdog("", NULL, 0);
	watchdog("3999", NULL, 0);
	watchdog("4000", NULL, 4);
	watchdog("99999999999999999999999", NULL, 0);
}

static void is_silent_without_a_supervisor(void **state)
{
	static const char *const names[] = { "", "@", "/", "relative", "unix:x" };
	char name[200] = "/";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		setenv("WATCHDOG_USEC", "1000000", 1);
		pl_notify_begin();
		assert_false(pl_notify_wanted());
		assert_int_equal(pl_notify_send("READY=1"), PL_OK);
		assert_int_equal(pl_notify_watchdog(), 0);
	}
	memset(name + 1, 'x', sizeof(name) - 2);
	setenv("NOTIFY_SOCKET", name, 1);
	pl_notify_begin();
	assert_false(pl_notify_wanted());
	pl_notify_begin();
	assert_false(pl_notify_wanted());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_path),
		cmocka_unit_test(tells_an_abstract_name),
		cmocka_unit_test(never_waits),
		cmocka_unit_test(knows_the_watchdog),
		cmocka_unit_test(is_silent_without_a_supervisor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
