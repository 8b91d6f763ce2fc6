#include "net/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/status.h"

static char folder[] = "/tmp/perilune-local-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/control", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static bool is_there(void)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

static void whoever_connects_is_known(void **state)
{
	pl_local local;
	pl_local_peer peer;
	struct stat info;
	int fd;
	int other;

	(void)state;
	assert_int_equal(pl_local_open(&local, path), PL_OK);
	assert_int_equal(lstat(path, &info), 0);
	assert_int_equal(info.st_mode, S_IFSOCK | 0600);
	assert_int_equal(pl_local_connect(path, &fd), PL_OK);
	other = accept(local.fd, NULL, NULL);
	assert_true(pl_local_trusted(other, &peer));
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	close(fd);
	close(other);
	pl_local_close(&local);
	assert_int_equal(local.fd, -1);
	assert_false(is_there());
	pl_local_close(&local);
	assert_int_equal(pl_local_connect(path, &fd), PL_ENOENT);
}

static void what_is_stale_is_replaced(void **state)
{
	pl_local first;
	pl_local second;
	pl_local third;
	int fd;

	(void)state;
	assert_int_equal(pl_local_open(&first, path), PL_OK);
	assert_int_equal(pl_local_open(&second, path), PL_EADDRINUSE);
	assert_int_equal(second.fd, -1);
	pl_local_close(&second);
	assert_true(is_there());
	close(first.fd); /* its process is gone */
	first.fd = -1;
	assert_int_equal(pl_local_connect(path, &fd), PL_ECONNREFUSED);
	assert_int_equal(pl_local_open(&third, path), PL_OK);
	pl_local_close(&first); /* what is there now is another's */
	assert_true(is_there());
	pl_local_close(&third);
	assert_false(is_there());
}

static void what_is_full_is_alive(void **state)
{
	pl_local local;
	pl_local other;
	int fds[PL_LOCAL_BACKLOG + 2];
	int count = 0;

	(void)state;
	assert_int_equal(pl_local_open(&local, path), PL_OK);
	while (count < PL_LOCAL_BACKLOG + 2 && pl_local_connect(path, &fds[count]) == PL_OK)
		count++;
	assert_in_range(count, 1, PL_LOCAL_BACKLOG + 1);
	assert_int_equal(pl_local_connect(path, &fds[count]), PL_EAGAIN);
	assert_int_equal(pl_local_open(&other, path), PL_EADDRINUSE);
	while (count > 0)
		close(fds[--count]);
	pl_local_close(&local);
}

static void other_files_stay(void **state)
{
	char longest[200];
	pl_local local;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	close(fd);
	assert_int_equal(pl_local_open(&local, path), PL_EEXIST);
	assert_true(is_there());
	unlink(path);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(pl_local_open(&local, path), PL_EEXIST);
	unlink(path);
	memset(longest, 'x', sizeof(longest));
	longest[PL_LOCAL_PATH_MAX + 1] = '\0';
	assert_int_equal(pl_local_open(&local, longest), PL_ETOOBIG);
	assert_int_equal(pl_local_open(&local, ""), PL_ENOENT);
	assert_int_equal(pl_local_open(&local, "/nowhere/at/all"), PL_ENOENT);
	assert_int_equal(pl_local_connect("", &fd), PL_ENOENT);
	assert_int_equal(pl_local_connect(longest, &fd), PL_ETOOBIG);
}

static void one_at_a_time_looks(void **state)
{
	pl_local local;
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pl_local_open(&local, path), PL_EBUSY);
	close(fd);
	assert_int_equal(pl_local_open(&local, path), PL_OK);
	pl_local_close(&local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_connects_is_known),
		cmocka_unit_test(what_is_stale_is_replaced),
		cmocka_unit_test(what_is_full_is_alive),
		cmocka_unit_test(other_files_stay),
		cmocka_unit_test(one_at_a_time_looks),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
