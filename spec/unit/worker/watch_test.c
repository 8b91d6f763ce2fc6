#include "worker/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/counters.h"
#include "net/notify.h"

static void busy(uint16_t worker, uint64_t since)
{
	pl_counters_begin(worker);
	atomic_store(&pl_counters_own->busy_since, since);
	pl_counters_begin(0);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void a_worker_in_one_turn_is_not_alive(void **state)
{
	(void)state;
	assert_true(pl_watch_alive(1, 2, 100));
	busy(2, now_ms());
	assert_true(pl_watch_alive(1, 2, 60000));
	busy(2, now_ms() - 70000);
	assert_false(pl_watch_alive(1, 2, 60000));
	assert_true(pl_watch_alive(1, 1, 60000));
	busy(2, now_ms() + 70000);
	assert_true(pl_watch_alive(1, 2, 60000));
	busy(2, 0);
	assert_true(pl_watch_alive(1, 2, 0));
}

/* How many times WATCHDOG=1 was said. */
static int heard(int fd)
{
	char room[32] = "";
	int count = 0;

	while (recv(fd, room, sizeof(room) - 1, MSG_DONTWAIT) > 0) {
		assert_string_equal(room, "WATCHDOG=1");
		count++;
	}
	return count;
}

static void the_supervisor_hears_while_all_get_on(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	pl_watch watch = { 0 };
	char name[64];
	pl_loop *loop;

	(void)state;
	snprintf(name, sizeof(name), "@perilune/watch/%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "60000000", 1);
	pl_notify_begin();
	assert_int_equal(pl_loop_new(&loop), 0);
	pl_watch_begin(&watch, loop, 2);
	assert_false(pl_loop_held(loop));
	pl_loop_skip(loop, 14000);
	assert_int_equal(heard(fd), 0);
	pl_loop_skip(loop, 1000);
	assert_int_equal(heard(fd), 1);
	pl_loop_skip(loop, 15000);
	assert_int_equal(heard(fd), 1);
	busy(2, now_ms() - 31000);
	pl_loop_skip(loop, 15000);
	assert_int_equal(heard(fd), 0);
	busy(2, now_ms());
	pl_loop_skip(loop, 15000);
	assert_int_equal(heard(fd), 1);
	busy(2, 0);
	pl_watch_end(&watch);
	pl_loop_skip(loop, 60000);
	assert_int_equal(heard(fd), 0);
	pl_loop_free(loop);
	pl_notify_end();
	close(fd);
}

static void the_looker_ends_at_once(void **state)
{
	uint64_t began = now_ms();
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		pl_looker_free(pl_looker_new(2));
	assert_true(now_ms() - began < 20 * PL_WATCH_LOOK / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_in_one_turn_is_not_alive),
		cmocka_unit_test(the_supervisor_hears_while_all_get_on),
		cmocka_unit_test(the_looker_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
