#include "unit/net/turns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/file.h"

enum { LARGE = 200017, WAIT = PL_FILE_WAIT };

static char top[] = "/tmp/perilune-file-XXXXXX";
static char root[128];

/* The tree. */

static void at(char out[128], const char *folder, const char *name)
{
	assert_true(snprintf(out, 128, "%s/%s", folder, name) < 128);
}

static void make(const char *folder, const char *name, const char *text, size_t len)
{
	char path[128];
	FILE *file;

	at(path, folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void make_link(const char *target, const char *name)
{
	char path[128];

	at(path, root, name);
	assert_int_equal(symlink(target, path), 0);
}

static char large_text[LARGE];

static int make_tree(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(top));
	at(root, top, "tree");
	assert_int_equal(mkdir(root, 0755), 0);
	at(path, root, "dir");
	assert_int_equal(mkdir(path, 0755), 0);
	make(top, "secret", "secret", 6);
	make(root, "hello", "hello", 5);
	make(root, "empty", "", 0);
	make(root, "dir/inner", "inner", 5);
	for (size_t i = 0; i < LARGE; i++)
		large_text[i] = (char)(i * 7 + (i >> 9));
	make(root, "large", large_text, LARGE);
	at(path, root, "fifo");
	assert_int_equal(mkfifo(path, 0644), 0);
	make_link("dir/inner", "inside");
	make_link("../tree/hello", "out_and_back");
	make_link("../secret", "out");
	make_link("/etc/passwd", "absolute");
	make_link("..", "up");
	make_link("loop", "loop");
	make_link("/proc/self/root", "magic");
	return 0;
}

static int remove_tree(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", top);
	return system(command);
}

/* Opening. */

static int open_file(pl_file **file, const char *path, unsigned flags)
{
	*file = NULL;
	return pl_file_open(file, root, path, flags);
}

static const struct {
	const char *path;
	int status;
	int anywhere;
} rows[] = {
	{ "hello", PL_OK, PL_OK },
	{ "empty", PL_OK, PL_OK },
	{ "dir/inner", PL_OK, PL_OK },
	{ "inside", PL_OK, PL_OK },
	{ "dir/../hello", PL_OK, PL_OK },
	{ "missing", PL_ENOENT, PL_ENOENT },
	{ "hello/x", PL_ENOENT, PL_ENOENT },
	{ "../secret", PL_ENOENT, PL_OK },
	{ "../tree/hello", PL_ENOENT, PL_OK },
	{ "dir/../../secret", PL_ENOENT, PL_OK },
	{ "/etc/passwd", PL_ENOENT, PL_OK },
	{ "out", PL_ENOENT, PL_OK },
	{ "out_and_back", PL_ENOENT, PL_OK },
	{ "absolute", PL_ENOENT, PL_OK },
	{ "up/secret", PL_ENOENT, PL_OK },
	{ "loop", PL_ENOENT, PL_ENOENT },
	{ "", PL_EISDIR, PL_EISDIR },
	{ "dir", PL_EISDIR, PL_EISDIR },
	{ "dir/", PL_EISDIR, PL_EISDIR },
	{ "up", PL_ENOENT, PL_EISDIR },
	{ "fifo", PL_EACCES, PL_EACCES },
};

/* What cannot be opened, the kernel may not know without waiting. */
static void check_status(int status, int expected, unsigned flags)
{
	if (status != expected && (status != PL_EAGAIN || expected == PL_OK || flags & WAIT))
		fail_msg("%s instead of %s", pl_status_name(status), pl_status_name(expected));
}

/* A rename anywhere in the system, at that moment, makes the kernel unsure of what it knows. */
static int try_open(pl_file **file, const char *path, unsigned flags)
{
	int status = PL_EAGAIN;

	for (int tries = 0; status == PL_EAGAIN && tries < 100; tries++)
		status = open_file(file, path, flags);
	return status;
}

static int try_look(pl_file_info *info, const char *path, unsigned flags)
{
	int status = PL_EAGAIN;

	for (int tries = 0; status == PL_EAGAIN && tries < 100; tries++)
		status = pl_file_look(info, root, path, flags);
	return status;
}

static void check_row(size_t i, unsigned flags)
{
	int expected = flags & PL_FILE_ANYWHERE ? rows[i].anywhere : rows[i].status;
	pl_file_info info;
	pl_file *file;

	print_message("'%s' %u\n", rows[i].path, flags);
	check_status(try_open(&file, rows[i].path, flags), expected, flags);
	check_status(try_look(&info, rows[i].path, flags), expected, flags);
	if (expected == PL_OK)
		assert_true(pl_file_same(&info, &file->info));
	pl_file_unref(file);
}

/* With the caches warm the answer without waiting is the same. */
static void nothing_outside_is_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(i, WAIT);
		check_row(i, 0);
		check_row(i, WAIT | PL_FILE_ANYWHERE);
		check_row(i, PL_FILE_ANYWHERE);
	}
}

static void a_magic_link_leads_nowhere(void **state)
{
	pl_file *file;

	(void)state;
	assert_int_equal(open_file(&file, "magic/etc/passwd", WAIT), PL_ENOENT);
	check_status(open_file(&file, "magic/etc/passwd", 0), PL_ENOENT, 0);
}

static void a_long_name_is_no_file(void **state)
{
	char path[5000];
	pl_file *file;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(open_file(&file, path, WAIT), PL_ENOENT);
	check_status(open_file(&file, path, 0), PL_ENOENT, 0);
}

static void a_root_that_is_no_folder(void **state)
{
	char before[sizeof(root)];
	pl_file *file;

	(void)state;
	memcpy(before, root, sizeof(root));
	snprintf(root, sizeof(root), "%s/none", top);
	assert_int_equal(open_file(&file, "hello", WAIT), PL_ENOENT);
	snprintf(root, sizeof(root), "%s/secret", top);
	assert_int_equal(open_file(&file, "hello", WAIT), PL_ENOENT);
	check_status(open_file(&file, "hello", 0), PL_ENOENT, 0);
	memcpy(root, before, sizeof(root));
}

/* The root itself is trusted, wherever it leads. */
static void a_root_behind_a_magic_link(void **state)
{
	char before[sizeof(root)];
	pl_file *file;
	int folder = open(root, O_PATH | O_DIRECTORY);

	(void)state;
	assert_true(folder >= 0);
	memcpy(before, root, sizeof(root));
	snprintf(root, sizeof(root), "/proc/self/fd/%d", folder);
	for (unsigned flags = 0; flags <= (WAIT | PL_FILE_ANYWHERE); flags++) {
		int status = open_file(&file, "hello", flags);

		assert_true(status == PL_OK || (!(flags & WAIT) && status == PL_EAGAIN));
		pl_file_unref(file);
	}
	memcpy(root, before, sizeof(root));
	close(folder);
}

/* What is known. */

static void info_is_that_of_the_file(void **state)
{
	char path[128];
	struct stat info;
	pl_file *file;

	(void)state;
	at(path, root, "hello");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(open_file(&file, "hello", WAIT), PL_OK);
	assert_int_equal(file->info.size, 5);
	assert_int_equal(file->info.inode, info.st_ino);
	assert_int_equal(file->info.modified,
			 info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
	assert_int_equal(file->info.changed,
			 info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec);
	pl_file_unref(file);
}

static void a_change_shows(void **state)
{
	char path[128];
	pl_file_info before, after;
	pl_file *file;

	(void)state;
	make(root, "changing", "one", 3);
	assert_int_equal(open_file(&file, "changing", WAIT), PL_OK);
	before = file->info;
	assert_int_equal(pl_file_look_again(file, &after, WAIT), PL_OK);
	assert_true(pl_file_same(&before, &after));
	make(root, "changing", "four", 4);
	assert_int_equal(pl_file_look_again(file, &after, 0), PL_OK);
	assert_false(pl_file_same(&before, &after));
	assert_int_equal(after.size, 4);
	at(path, root, "changing");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(pl_file_look(&before, root, "changing", WAIT), PL_OK);
	assert_int_equal(before.size, 4);
	assert_int_equal(before.modified, after.modified);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pl_file_look(&after, root, "changing", WAIT), PL_ENOENT);
	pl_file_unref(file);
}

/* Reading. */

static void a_file_is_read(void **state)
{
	static char got[LARGE + 10];
	pl_file *file;

	(void)state;
	for (int i = 0; i < 2; i++) {
		unsigned flags = i ? 0 : WAIT; /* what was read is in memory */

		assert_int_equal(open_file(&file, "large", WAIT), PL_OK);
		memset(got, 0, sizeof(got));
		assert_int_equal(pl_file_read(file, got, sizeof(got), 0, flags), LARGE);
		assert_memory_equal(got, large_text, LARGE);
		assert_int_equal(pl_file_read(file, got, 10, 5, flags), 10);
		assert_memory_equal(got, large_text + 5, 10);
		assert_int_equal(pl_file_read(file, got, 10, LARGE - 3, flags), 3);
		assert_memory_equal(got, large_text + LARGE - 3, 3);
		assert_int_equal(pl_file_read(file, got, 10, LARGE, flags), 0);
		assert_int_equal(pl_file_read(file, got, 10, LARGE + 100, flags), 0);
		pl_file_unref(file);
	}
}

static void evict(const char *name)
{
	char path[128];
	int fd;

	at(path, root, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void what_is_not_in_memory_has_to_wait(void **state)
{
	static char got[LARGE];
	pl_file *file;

	(void)state;
	evict("large");
	assert_int_equal(open_file(&file, "large", WAIT), PL_OK);
	assert_false(pl_file_cached(file, 0, LARGE, 0));
	assert_int_equal(pl_file_read(file, got, LARGE, 0, 0), PL_EAGAIN);
	assert_true(file->eager);
	assert_int_equal(pl_file_read(file, got, LARGE, 0, WAIT), LARGE);
	assert_memory_equal(got, large_text, LARGE);
	assert_true(pl_file_cached(file, 0, LARGE, 0));
	assert_true(pl_file_cached(file, LARGE - 1, 1, 0));
	assert_int_equal(pl_file_read(file, got, LARGE, 0, 0), LARGE);
	pl_file_unref(file);
}

/* What was in memory is taken to be there for a while, and what was not seen is not. */
static void what_was_seen_is_remembered(void **state)
{
	static char got[LARGE];
	pl_file *file;

	(void)state;
	assert_int_equal(open_file(&file, "large", WAIT), PL_OK);
	assert_int_equal(pl_file_read(file, got, LARGE, 0, WAIT), LARGE);
	assert_true(pl_file_cached(file, 0, 100000, 5000));
	assert_true(pl_file_cached(file, 100000, 10, 5500));
	evict("large");
	assert_true(pl_file_cached(file, 0, 100010, 5999));
	assert_true(pl_file_cached(file, 50, 100, 5999));
	assert_false(pl_file_cached(file, 100000, 50000, 5999));
	assert_false(pl_file_cached(file, 150000, 10, 5999));
	assert_false(pl_file_cached(file, 0, 100000, 6000));
	pl_file_unref(file);
}

static void references_are_counted(void **state)
{
	int before = descriptors();
	pl_file *file;

	(void)state;
	assert_int_equal(open_file(&file, "hello", WAIT), PL_OK);
	assert_ptr_equal(pl_file_ref(file), file);
	assert_int_equal(descriptors(), before + 1);
	pl_file_unref(file);
	assert_int_equal(descriptors(), before + 1);
	pl_file_unref(file);
	pl_file_unref(NULL);
	assert_int_equal(descriptors(), before);
}

static void without_memory_it_says_so(void **state)
{
	int before = descriptors();
	pl_file *file;

	(void)state;
	pl_alloc_fail_at(1);
	assert_int_equal(open_file(&file, "hello", WAIT), PL_ENOMEM);
	pl_alloc_fail_at(0);
	assert_int_equal(descriptors(), before);
}

static void nothing_is_left(void **state)
{
	int64_t live = pl_alloc_live();
	int open_before = descriptors();

	a_file_is_read(state);
	nothing_outside_is_opened(state);
	a_change_shows(state);
	assert_int_equal(pl_alloc_live(), live);
	assert_int_equal(descriptors(), open_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_outside_is_opened),
		cmocka_unit_test(a_magic_link_leads_nowhere),
		cmocka_unit_test(a_long_name_is_no_file),
		cmocka_unit_test(a_root_that_is_no_folder),
		cmocka_unit_test(a_root_behind_a_magic_link),
		cmocka_unit_test(info_is_that_of_the_file),
		cmocka_unit_test(a_change_shows),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(what_is_not_in_memory_has_to_wait),
		cmocka_unit_test(what_was_seen_is_remembered),
		cmocka_unit_test(references_are_counted),
		cmocka_unit_test(without_memory_it_says_so),
		cmocka_unit_test(nothing_is_left),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
