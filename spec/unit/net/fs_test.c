#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/fs.h"

static char top[64];

static int make_top(void **state)
{
	(void)state;
	strcpy(top, "/tmp/perilune-fs-XXXXXX");
	umask(022);
	return pl_fs_temporary_folder(top);
}

static int remove_top(void **state)
{
	(void)state;
	return pl_fs_remove(top, true);
}

/* A path below the folder of the test; a few stay valid. */
static char *at(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, 512, "%s/%s", top, name);
	return path;
}

static const pl_fs_writing plain = { .mode = PL_FS_MODE_NONE };

static void put(const char *path, const char *text)
{
	assert_int_equal(pl_fs_write(path, text, strlen(text), &plain), PL_OK);
}

static void assert_holds(const char *path, const char *text)
{
	pl_buffer got = { 0 };

	assert_int_equal(pl_fs_read(path, 1 << 20, &got), PL_OK);
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.data ? (char *)got.data : "", text, got.len);
	pl_buffer_deinit(&got);
}

static int mode_of(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	return (int)(info.st_mode & 07777);
}

static void files_are_read_up_to_a_size(void **state)
{
	pl_buffer got = { 0 };

	(void)state;
	put(at("five"), "12345");
	assert_int_equal(pl_fs_read(at("five"), 5, &got), PL_OK);
	assert_int_equal(got.len, 5);
	assert_int_equal(pl_fs_read(at("five"), 4, &got), PL_ETOOBIG);
	assert_int_equal(pl_fs_read(at("none"), 4, &got), PL_ENOENT);
	assert_int_equal(pl_fs_read(top, 4, &got), PL_EISDIR);
	assert_int_equal(pl_fs_read(at("five/x"), 4, &got), PL_ENOTDIR);
	put(at("empty"), "");
	got.len = 0;
	assert_int_equal(pl_fs_read(at("empty"), 0, &got), PL_OK);
	assert_int_equal(got.len, 0);
	/* Sizes of /proc are 0, those of devices nothing. */
	assert_int_equal(pl_fs_read("/proc/self/stat", 1 << 20, &got), PL_OK);
	assert_true(got.len > 0);
	assert_int_equal(pl_fs_read("/proc/self/stat", 1, &got), PL_ETOOBIG);
	assert_int_equal(pl_fs_read("/dev/zero", 1 << 20, &got), PL_ETOOBIG);
	got.len = 0;
	assert_int_equal(pl_fs_read("/dev/null", 1 << 20, &got), PL_OK);
	assert_int_equal(got.len, 0);
	pl_buffer_deinit(&got);
}

static void nobody_waits_for_a_fifo(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pl_buffer got = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(pl_fs_read(at("fifo"), 5, &got), PL_ENOTSUP);
	assert_int_equal(pl_fs_write(at("fifo"), "x", 1, &plain), PL_ENOTSUP);
	strcpy(address.sun_path, at("socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(pl_fs_read(at("socket"), 5, &got), PL_ENOTSUP);
	close(fd);
}

static void writing_replaces_appends_or_refuses(void **state)
{
	pl_fs_writing how = plain;

	(void)state;
	put(at("w"), "longer than before");
	put(at("w"), "short");
	assert_holds(at("w"), "short");
	how.append = true;
	assert_int_equal(pl_fs_write(at("w"), "er", 2, &how), PL_OK);
	assert_holds(at("w"), "shorter");
	how = plain;
	how.exclusive = true;
	assert_int_equal(pl_fs_write(at("w"), "x", 1, &how), PL_EEXIST);
	assert_holds(at("w"), "shorter");
	how.mode = 0640;
	how.sync = true;
	assert_int_equal(pl_fs_write(at("w2"), "x", 1, &how), PL_OK);
	assert_int_equal(mode_of(at("w2")), 0640);
	assert_int_equal(mode_of(at("w")), 0644);
	assert_int_equal(pl_fs_write(at("no/such"), "x", 1, &plain), PL_ENOENT);
	assert_int_equal(pl_fs_write("/dev/full", "x", 1, &plain), PL_ENOSPC);
}

static size_t entries(const char *path)
{
	pl_buffer out = { 0 };
	size_t count = 0;
	size_t i;

	assert_int_equal(pl_fs_list(path, 1000, &out), PL_OK);
	for (i = 0; i < out.len; i++)
		count += out.data[i] == '\0';
	pl_buffer_deinit(&out);
	return count;
}

static void atomic_writing_leaves_the_old_or_the_new(void **state)
{
	pl_fs_writing how = plain;
	pl_buffer target = { 0 };

	(void)state;
	how.atomic = true;
	assert_int_equal(pl_fs_make_folder(at("atomic"), PL_FS_MODE_NONE, false), PL_OK);
	assert_int_equal(pl_fs_write(at("atomic/f"), "one", 3, &how), PL_OK);
	assert_int_equal(mode_of(at("atomic/f")), 0644);
	assert_int_equal(chmod(at("atomic/f"), 0600), 0);
	assert_int_equal(pl_fs_write(at("atomic/f"), "two", 3, &how), PL_OK);
	assert_int_equal(mode_of(at("atomic/f")), 0600);
	assert_holds(at("atomic/f"), "two");
	/* Through a link: that stays one. */
	assert_int_equal(symlink("f", at("atomic/link")), 0);
	assert_int_equal(pl_fs_write(at("atomic/link"), "three", 5, &how), PL_OK);
	assert_int_equal(pl_fs_read_link(at("atomic/link"), &target), PL_OK);
	pl_buffer_deinit(&target);
	assert_holds(at("atomic/f"), "three");
	how.exclusive = true;
	assert_int_equal(pl_fs_write(at("atomic/f"), "four", 4, &how), PL_EEXIST);
	assert_int_equal(pl_fs_write(at("atomic"), "four", 4, &how), PL_EISDIR);
	assert_holds(at("atomic/f"), "three");
	how.mode = 0606;
	assert_int_equal(pl_fs_write(at("atomic/g"), "new", 3, &how), PL_OK);
	assert_int_equal(mode_of(at("atomic/g")), 0604);
	assert_int_equal(entries(at("atomic")), 3); /* nothing was left behind */
	assert_int_equal(pl_fs_write(at("no/such"), "x", 1, &how), PL_ENOENT);
}

static void pieces_are_read_and_written_anywhere(void **state)
{
	pl_buffer got = { 0 };
	int fd;

	(void)state;
	assert_int_equal(pl_fs_open(at("p"), O_RDWR | O_CREAT, 0600, &fd), PL_OK);
	assert_int_equal(pl_fs_write_at(fd, "world", 5, 6), PL_OK);
	assert_int_equal(pl_fs_write_at(fd, "hello ", 6, 0), PL_OK);
	assert_int_equal(pl_fs_read_at(fd, 3, 100, &got), PL_OK);
	assert_int_equal(got.len, 8);
	assert_memory_equal(got.data, "lo world", 8);
	assert_int_equal(pl_fs_read_at(fd, 11, 1, &got), PL_OK);
	assert_int_equal(got.len, 8);
	close(fd);
	assert_int_equal(pl_fs_write_at(fd, "x", 1, 0), PL_EACCES);
	pl_buffer_deinit(&got);
}

static void copies_have_contents_and_permissions(void **state)
{
	char *large = malloc(300000);

	(void)state;
	memset(large, 'x', 299999);
	large[299999] = '\0';
	put(at("large"), large);
	assert_int_equal(chmod(at("large"), 0750), 0);
	assert_int_equal(pl_fs_copy(at("large"), at("copy"), false), PL_OK);
	assert_holds(at("copy"), large);
	assert_int_equal(mode_of(at("copy")), 0750);
	put(at("small"), "small");
	assert_int_equal(pl_fs_copy(at("small"), at("copy"), false), PL_EEXIST);
	assert_int_equal(pl_fs_copy(at("small"), at("copy"), true), PL_OK);
	assert_holds(at("copy"), "small");
	/* Onto itself, under whichever name: it is not emptied. */
	assert_int_equal(link(at("small"), at("hard")), 0);
	assert_int_equal(pl_fs_copy(at("small"), at("hard"), true), PL_EINVAL);
	assert_holds(at("small"), "small");
	assert_int_equal(pl_fs_copy(top, at("c2"), true), PL_EISDIR);
	assert_int_equal(pl_fs_copy(at("small"), top, true), PL_EISDIR);
	assert_int_equal(pl_fs_copy(at("none"), at("c2"), true), PL_ENOENT);
	assert_int_equal(pl_fs_copy("/dev/zero", at("c2"), true), PL_ENOTSUP);
	assert_int_equal(access(at("c2"), F_OK), -1);
	/* What the kernel does not send. */
	assert_int_equal(pl_fs_copy("/proc/self/cmdline", at("c3"), true), PL_OK);
	assert_int_equal(access(at("c3"), F_OK), 0);
	free(large);
}

static void folders_are_made_with_their_parents(void **state)
{
	(void)state;
	assert_int_equal(pl_fs_make_folder(at("a/b/c"), PL_FS_MODE_NONE, false), PL_ENOENT);
	assert_int_equal(pl_fs_make_folder(at("a/b/c"), 0700, true), PL_OK);
	assert_int_equal(mode_of(at("a/b/c")), 0700);
	assert_int_equal(mode_of(at("a/b")), 0755);
	assert_int_equal(pl_fs_make_folder(at("a/b/c"), PL_FS_MODE_NONE, true), PL_OK);
	assert_int_equal(pl_fs_make_folder(at("a/b/c"), PL_FS_MODE_NONE, false), PL_EEXIST);
	assert_int_equal(pl_fs_make_folder(at("a//d/./e/"), PL_FS_MODE_NONE, true), PL_OK);
	put(at("a/file"), "");
	assert_int_equal(pl_fs_make_folder(at("a/file"), PL_FS_MODE_NONE, true), PL_EEXIST);
	assert_int_equal(pl_fs_make_folder(at("a/file/x"), PL_FS_MODE_NONE, true), PL_ENOTDIR);
	assert_int_equal(pl_fs_make_folder("/proc/x/y", PL_FS_MODE_NONE, true), PL_ENOENT);
}

static void lists_are_sorted_and_typed(void **state)
{
	pl_buffer out = { 0 };

	(void)state;
	assert_int_equal(pl_fs_make_folder(at("l/folder"), PL_FS_MODE_NONE, true), PL_OK);
	put(at("l/b"), "");
	put(at("l/a\nb"), "");
	assert_int_equal(symlink("nowhere", at("l/link")), 0);
	assert_int_equal(pl_fs_list(at("l"), 4, &out), PL_OK);
	assert_int_equal(out.len, 22);
	assert_memory_equal(out.data, "fa\nb\0fb\0dfolder\0llink\0", 22);
	out.len = 0;
	assert_int_equal(pl_fs_list(at("l"), 3, &out), PL_ELIMIT);
	assert_int_equal(pl_fs_list(at("l/b"), 3, &out), PL_ENOTDIR);
	assert_int_equal(pl_fs_list(at("l/folder"), 3, &out), PL_OK);
	assert_int_equal(out.len, 0);
	pl_buffer_deinit(&out);
	assert_int_equal(pl_fs_type_of(S_IFIFO), PL_FS_FIFO);
	assert_int_equal(pl_fs_type_of(S_IFSOCK), PL_FS_SOCKET);
	assert_int_equal(pl_fs_type_of(S_IFBLK), PL_FS_BLOCK);
	assert_int_equal(pl_fs_type_of(S_IFCHR), PL_FS_CHARACTER);
	assert_int_equal(pl_fs_type_of(0), PL_FS_UNKNOWN);
}

static void removing_does_not_follow_links(void **state)
{
	(void)state;
	assert_int_equal(pl_fs_make_folder(at("keep"), PL_FS_MODE_NONE, false), PL_OK);
	put(at("keep/this"), "kept");
	assert_int_equal(pl_fs_make_folder(at("r/s/t"), PL_FS_MODE_NONE, true), PL_OK);
	put(at("r/s/file"), "");
	assert_int_equal(symlink("../../keep", at("r/s/link")), 0);
	assert_int_equal(pl_fs_remove(at("r"), false), PL_ENOTEMPTY);
	assert_int_equal(pl_fs_remove(at("r"), true), PL_OK);
	assert_int_equal(access(at("r"), F_OK), -1);
	assert_int_equal(symlink("keep", at("alias")), 0);
	assert_int_equal(pl_fs_remove(at("alias"), true), PL_OK);
	assert_holds(at("keep/this"), "kept");
	assert_int_equal(pl_fs_remove(at("r"), true), PL_ENOENT);
	assert_int_equal(pl_fs_remove(at("r"), false), PL_ENOENT);
	assert_int_equal(pl_fs_make_folder(at("e"), PL_FS_MODE_NONE, false), PL_OK);
	assert_int_equal(pl_fs_remove(at("e"), false), PL_OK);
	assert_int_equal(pl_fs_remove(at("keep/this/x"), true), PL_ENOTDIR);
}

static void removing_goes_down_only_so_far(void **state)
{
	int fd = open(top, O_RDONLY | O_DIRECTORY);
	int depth;

	(void)state;
	assert_int_equal(mkdirat(fd, "deep", 0755), 0);
	for (depth = 0; depth < PL_FS_DEPTH; depth++) {
		int below = openat(fd, depth ? "x" : "deep", O_RDONLY | O_DIRECTORY);

		assert_int_equal(mkdirat(below, "x", 0755), 0);
		close(fd);
		fd = below;
	}
	close(fd);
	assert_int_equal(pl_fs_remove(at("deep"), true), PL_ELIMIT);
	fd = open(at("deep"), O_RDONLY | O_DIRECTORY);
	assert_int_equal(renameat(fd, "x", AT_FDCWD, at("less deep")), 0);
	close(fd);
	assert_int_equal(pl_fs_remove(at("less deep"), true), PL_OK);
}

static void names_are_told(void **state)
{
	pl_buffer out = { 0 };
	char *path = at("t-XXXXXX");
	int fd;

	(void)state;
	assert_int_equal(pl_fs_temporary_file(path, 0, &fd), PL_OK);
	assert_int_equal(mode_of(path), 0600);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(pl_fs_temporary_file(at("no/t-XXXXXX"), 0, &fd), PL_ENOENT);
	assert_int_equal(pl_fs_temporary_folder(at("no/t-XXXXXX")), PL_ENOENT);
	assert_int_equal(pl_fs_real_path(at("./keep/../keep"), &out), PL_OK);
	assert_int_equal(out.len, strlen(at("keep")));
	assert_memory_equal(out.data, at("keep"), out.len);
	assert_int_equal(pl_fs_real_path(at("none"), &out), PL_ENOENT);
	assert_int_equal(pl_fs_read_link(at("keep"), &out), PL_EINVAL);
	assert_int_equal(symlink("loop", at("loop")), 0);
	assert_int_equal(pl_fs_real_path(at("loop"), &out), PL_ELOOP);
	pl_buffer_deinit(&out);
}

/* Each allocation fails once: an error, nothing leaks, and the old file stays. */
static void without_memory_nothing_is_lost(void **state)
{
	pl_fs_writing how = { .mode = PL_FS_MODE_NONE, .atomic = true };
	int64_t live = pl_alloc_live();
	uint64_t nth;

	(void)state;
	put(at("keep/this"), "kept");
	for (nth = 1; nth < 10; nth++) {
		pl_buffer out = { 0 };
		int status[3];

		pl_alloc_fail_at(nth);
		status[0] = pl_fs_list(at("keep"), 10, &out);
		pl_alloc_fail_at(nth);
		status[1] = pl_fs_read(at("keep/this"), 10, &out);
		pl_alloc_fail_at(nth);
		status[2] = pl_fs_make_folder(at("m/n"), PL_FS_MODE_NONE, true);
		pl_alloc_fail_at(0);
		assert_true(status[0] == PL_OK || (status[0] == PL_ENOMEM && nth < 9));
		assert_true(status[1] == PL_OK || status[1] == PL_ENOMEM);
		assert_true(status[2] == PL_OK || status[2] == PL_ENOMEM);
		assert_int_equal(status[1], nth == 1 ? PL_ENOMEM : PL_OK);
		pl_buffer_deinit(&out);
		if (nth > 1)
			assert_int_equal(pl_fs_remove(at("m"), true), PL_OK);
	}
	pl_alloc_fail_at(1);
	assert_int_equal(pl_fs_write(at("keep/this"), "new", 3, &how), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_holds(at("keep/this"), "kept");
	assert_int_equal(entries(at("keep")), 1);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_up_to_a_size),
		cmocka_unit_test(nobody_waits_for_a_fifo),
		cmocka_unit_test(writing_replaces_appends_or_refuses),
		cmocka_unit_test(atomic_writing_leaves_the_old_or_the_new),
		cmocka_unit_test(pieces_are_read_and_written_anywhere),
		cmocka_unit_test(copies_have_contents_and_permissions),
		cmocka_unit_test(folders_are_made_with_their_parents),
		cmocka_unit_test(lists_are_sorted_and_typed),
		cmocka_unit_test(removing_does_not_follow_links),
		cmocka_unit_test(removing_goes_down_only_so_far),
		cmocka_unit_test(names_are_told),
		cmocka_unit_test(without_memory_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
