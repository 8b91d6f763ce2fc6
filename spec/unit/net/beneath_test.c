#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/beneath.h"

static char top[] = "/tmp/perilune-beneath-XXXXXX";
static char root[64];

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, name, strlen(name)), (ssize_t)strlen(name));
	close(fd);
}

/* 41 links in a row: link0 -> link1 -> ... -> hello. */
static void make_chain(void)
{
	char name[16], target[16];

	for (int i = 0; i < 41; i++) {
		snprintf(name, sizeof(name), "link%d", i);
		snprintf(target, sizeof(target), "link%d", i + 1);
		assert_int_equal(symlink(i == 40 ? "hello" : target, name), 0);
	}
}

static int make_tree(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/tree", top);
	assert_int_equal(chdir(top), 0);
	make_file("secret");
	assert_int_equal(mkdir("tree", 0755), 0);
	assert_int_equal(chdir("tree"), 0);
	make_file("hello");
	assert_int_equal(mkdir("dir", 0755), 0);
	make_file("dir/inner");
	assert_int_equal(mkdir("dir/deep", 0755), 0);
	assert_int_equal(symlink("dir/inner", "file_link"), 0);
	assert_int_equal(symlink("dir", "dir_link"), 0);
	assert_int_equal(symlink("../../hello", "dir/deep/back"), 0);
	assert_int_equal(symlink("deep/../inner", "dir/around"), 0);
	assert_int_equal(symlink("..", "up"), 0);
	assert_int_equal(symlink("../tree/hello", "out_and_back"), 0);
	assert_int_equal(symlink("../secret", "out"), 0);
	assert_int_equal(symlink("/etc/passwd", "absolute"), 0);
	assert_int_equal(symlink("nothing", "dangling"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	make_chain();
	return 0;
}

static int remove_tree(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", top);
	return system(command);
}

typedef int opener(const char *path);

static int by_kernel(const char *path)
{
	return pl_beneath_open(root, path);
}

static int by_steps(const char *path)
{
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = pl_beneath_walk(folder, path);
	int error = errno;

	close(folder);
	errno = error;
	return fd;
}

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* `text`: what the file has, its own name; NULL: it is a folder. */
static const struct {
	const char *path;
	const char *text;
	int error;
} rows[] = {
	{ "hello", "hello", 0 },
	{ "./hello", "hello", 0 },
	{ "dir/inner", "dir/inner", 0 },
	{ "dir//inner", "dir/inner", 0 },
	{ "dir/./inner", "dir/inner", 0 },
	{ "dir/deep/../inner", "dir/inner", 0 },
	{ "dir/deep/../../hello", "hello", 0 },
	{ "file_link", "dir/inner", 0 },
	{ "dir_link/inner", "dir/inner", 0 },
	{ "dir_link/../hello", "hello", 0 },
	{ "dir/deep/back", "hello", 0 },
	{ "dir_link/deep/back", "hello", 0 },
	{ "dir/around", "dir/inner", 0 },
	{ "link1", "hello", 0 },
	{ "", NULL, 0 },
	{ ".", NULL, 0 },
	{ "dir", NULL, 0 },
	{ "dir/", NULL, 0 },
	{ "dir/deep/..", NULL, 0 },
	{ "dir_link", NULL, 0 },
	{ "dir_link/", NULL, 0 },
	{ "nothing", NULL, ENOENT },
	{ "nothing/hello", NULL, ENOENT },
	{ "dangling", NULL, ENOENT },
	{ "hello/", NULL, ENOTDIR },
	{ "hello/x", NULL, ENOTDIR },
	{ "file_link/", NULL, ENOTDIR },
	{ "..", NULL, EXDEV },
	{ "../secret", NULL, EXDEV },
	{ "../tree/hello", NULL, EXDEV },
	{ "dir/../../secret", NULL, EXDEV },
	{ "dir_link/../../secret", NULL, EXDEV },
	{ "up", NULL, EXDEV },
	{ "up/secret", NULL, EXDEV },
	{ "out", NULL, EXDEV },
	{ "out_and_back", NULL, EXDEV },
	{ "absolute", NULL, EXDEV },
	{ "/etc/passwd", NULL, EXDEV },
	{ "/", NULL, EXDEV },
	{ "loop", NULL, ELOOP },
	{ "loop/x", NULL, ELOOP },
	{ "link0", NULL, ELOOP },
};

static void check_opened(int fd, const char *text)
{
	char got[32] = { 0 };
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(S_ISDIR(info.st_mode), text == NULL);
	if (text) {
		assert_int_equal(read(fd, got, sizeof(got) - 1), (ssize_t)strlen(text));
		assert_string_equal(got, text);
	}
	close(fd);
}

static void check(opener *open_path)
{
	int before = descriptors();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = open_path(rows[i].path);

		print_message("'%s'\n", rows[i].path);
		assert_int_equal(fd < 0 ? errno : 0, rows[i].error);
		if (fd >= 0)
			check_opened(fd, rows[i].text);
		assert_int_equal(descriptors(), before);
	}
}

static void the_kernel_opens(void **state)
{
	(void)state;
	check(by_kernel);
}

static void our_own_steps_open_the_same(void **state)
{
	(void)state;
	check(by_steps);
}

/* From now on the kernel does not know it. */
static void hide_openat2(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(3);
}

static int without_openat2(int error)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		hide_openat2(error);
		_exit(by_kernel("dir_link/inner") >= 0 && by_kernel("out") < 0 && errno == EXDEV
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_filter_that_hides_openat2_is_no_obstacle(void **state)
{
	(void)state;
	assert_int_equal(without_openat2(ENOSYS), 0);
	assert_int_equal(without_openat2(EPERM), 0);
}

static void long_and_deep_paths_are_refused(void **state)
{
	char path[PATH_MAX + 10];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(by_steps(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0'; /* fits, but no name is so long */
	assert_int_equal(by_steps(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);

	assert_int_equal(chdir(root), 0);
	for (int i = 0; i < 130; i++) {
		assert_int_equal(mkdir("d", 0755), 0);
		assert_int_equal(chdir("d"), 0);
	}
	for (size_t i = 0; i < 130; i++)
		memcpy(path + 2 * i, "d/", 3);
	assert_int_equal(by_steps(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	path[2 * 127] = '\0';
	check_opened(by_steps(path), NULL);
}

/* A target that fits no path any more with what comes behind it. */
static void a_link_cannot_make_a_path_too_long(void **state)
{
	char target[PATH_MAX - 1];
	char path[300];

	(void)state;
	for (size_t i = 0; i < sizeof(target); i++)
		target[i] = i % 2 ? '/' : '.';
	target[sizeof(target) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/long", root);
	assert_int_equal(symlink(target, path), 0);
	check_opened(by_steps("long"), NULL);
	memset(path, 'y', sizeof(path));
	memcpy(path, "long/", 5);
	path[200] = '\0';
	assert_int_equal(by_steps(path), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void no_root_no_file(void **state)
{
	char before[sizeof(root)];

	(void)state;
	memcpy(before, root, sizeof(root));
	snprintf(root, sizeof(root), "%s/none", top);
	assert_int_equal(by_kernel("hello"), -1);
	assert_int_equal(errno, ENOENT);
	snprintf(root, sizeof(root), "%s/secret", top);
	assert_int_equal(by_kernel("hello"), -1);
	assert_int_equal(errno, ENOTDIR);
	memcpy(root, before, sizeof(root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_opens),
		cmocka_unit_test(our_own_steps_open_the_same),
		cmocka_unit_test(a_filter_that_hides_openat2_is_no_obstacle),
		cmocka_unit_test(a_link_cannot_make_a_path_too_long),
		cmocka_unit_test(no_root_no_file),
		cmocka_unit_test(long_and_deep_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
