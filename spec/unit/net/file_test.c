/* covers: net/work.c */
#include "unit/net/turns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/file.h"
#include "net/work.h"

/* A folder with what files can be, beside a secret; and one reader. */
typedef struct folder {
	pl_loop *loop;
	char base[64];
	char root[80];
	pl_file *file;
	pl_buffer journal;
	pl_buffer content;
	bool read_on;	      /* read to the end */
	bool close_in_opened; /* close within the callback */
	bool close_in_read;
} folder;

static void on_opened(void *owner, pl_file *file, int status, int64_t size)
{
	folder *self = owner;

	note_status(&self->journal, "opened", status);
	if (status == PL_OK)
		assert_int_equal(pl_buffer_printf(&self->journal, "%lld ", (long long)size), PL_OK);
	if (status == PL_OK && self->close_in_opened)
		pl_file_close(file);
	else if (status == PL_OK && self->read_on)
		assert_int_equal(pl_file_read(file), PL_OK);
}

static void on_read(void *owner, pl_file *file, int status, const uint8_t *data, size_t len)
{
	folder *self = owner;

	assert_int_equal(status, PL_OK);
	assert_true(len <= PL_FILE_PIECE);
	if (len == 0 || self->close_in_read) {
		note(&self->journal, "end");
		pl_file_close(file);
		return;
	}
	assert_int_equal(pl_buffer_append(&self->content, data, len), PL_OK);
	assert_int_equal(pl_file_read(file), PL_OK);
}

static const pl_file_events events = { .opened = on_opened, .read = on_read };

static const char *in(const char *path, const char *name)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s/%s", path, name);
	return text;
}

static void write_file(const char *path, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(write(fd, &"0123456789"[i % 10], 1), 1);
	close(fd);
}

static void set_up(folder *self)
{
	memset(self, 0, sizeof(*self));
	strcpy(self->base, "/tmp/perilune-file-XXXXXX");
	assert_non_null(mkdtemp(self->base));
	snprintf(self->root, sizeof(self->root), "%s/root", self->base);
	assert_int_equal(mkdir(self->root, 0700), 0);
	assert_int_equal(mkdir(in(self->root, "sub"), 0700), 0);
	write_file(in(self->base, "secret"), 6);
	write_file(in(self->root, "ten"), 10);
	write_file(in(self->root, "sub/five"), 5);
	write_file(in(self->root, "empty"), 0);
	assert_int_equal(symlink("ten", in(self->root, "inside")), 0);
	assert_int_equal(symlink("../secret", in(self->root, "outside")), 0);
	assert_int_equal(symlink("/etc/passwd", in(self->root, "absolute")), 0);
	assert_int_equal(symlink("..", in(self->root, "up")), 0);
	assert_int_equal(symlink("loop", in(self->root, "loop")), 0);
	assert_int_equal(mkfifo(in(self->root, "fifo"), 0600), 0);
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
}

static void tear_down(folder *self)
{
	static const char *const files[] = { "ten",	 "sub/five", "empty", "inside", "outside",
					     "absolute", "up",	     "loop",  "fifo",	"large" };

	pl_loop_free(self->loop);
	pl_buffer_deinit(&self->content);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in(self->root, files[i]));
	rmdir(in(self->root, "sub"));
	rmdir(self->root);
	unlink(in(self->base, "secret"));
	assert_int_equal(rmdir(self->base), 0);
}

static const char *open_file(folder *self, const char *path)
{
	pl_slice name = pl_slice_make(path, strlen(path));

	assert_int_equal(pl_file_open(&self->file, self->loop, self->root, name, &events, self),
			 PL_OK);
	TURN_UNTIL(self->loop, self->journal.len > 0);
	return noted(&self->journal);
}

static void test_beneath(void **state)
{
	static const struct {
		const char *path;
		const char *journal;
	} rows[] = {
		{ "nothing", "opened:ENOENT " },
		{ "sub", "opened:EISDIR " },
		{ "", "opened:EISDIR " },
		{ "sub/", "opened:EISDIR " },
		{ "ten/", "opened:ENOENT " },
		{ "ten/more", "opened:ENOENT " },
		{ "outside", "opened:ENOENT " },
		{ "absolute", "opened:ENOENT " },
		{ "up/secret", "opened:ENOENT " },
		{ "../secret", "opened:ENOENT " },
		{ "sub/../ten", "opened:OK 10 " },
		{ "sub/../../secret", "opened:ENOENT " },
		{ "/etc/passwd", "opened:ENOENT " },
		{ "loop", "opened:ENOENT " },
		{ "fifo", "opened:EACCES " },
		{ "inside", "opened:OK 10 " },
		{ "ten", "opened:OK 10 " },
		{ "sub/five", "opened:OK 5 " },
		{ "empty", "opened:OK 0 " },
	};
	folder self;
	int before;

	(void)state;
	set_up(&self);
	before = descriptors();
	self.close_in_opened = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = open_file(&self, rows[i].path);

		if (strcmp(got, rows[i].journal) != 0)
			fail_msg("%s: %s", rows[i].path, got);
	}
	assert_int_equal(descriptors(), before);
	tear_down(&self);
}

static void test_read(void **state)
{
	enum { SIZE = 3 * PL_FILE_PIECE + 17 };
	folder self;

	(void)state;
	set_up(&self);
	write_file(in(self.root, "large"), SIZE);
	self.read_on = true;
	assert_string_equal(open_file(&self, "large"), "opened:OK 196625 ");
	TURN_UNTIL(self.loop, self.journal.len > 0);
	assert_string_equal(noted(&self.journal), "end ");
	assert_int_equal(self.content.len, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(self.content.data[i], '0' + i % 10);
	tear_down(&self);
}

static void test_close_while_busy(void **state)
{
	folder self;
	pl_slice name = PL_SLICE("ten");
	int before;

	(void)state;
	set_up(&self);
	before = descriptors();
	assert_int_equal(pl_file_open(&self.file, self.loop, self.root, name, &events, &self),
			 PL_OK);
	pl_file_close(self.file);
	self.close_in_read = true;
	self.read_on = true;
	assert_string_equal(open_file(&self, "ten"), "opened:OK 10 ");
	TURN_UNTIL(self.loop, self.journal.len > 0);
	assert_string_equal(noted(&self.journal), "end ");
	TURN_UNTIL(self.loop, descriptors() == before);
	tear_down(&self);
}

/* The caller's strings may go while the pool has the file. */
static void test_names_are_copied(void **state)
{
	char root[80];
	char name[4] = "ten";
	folder self;

	(void)state;
	set_up(&self);
	memcpy(root, self.root, sizeof(root));
	self.close_in_opened = true;
	assert_int_equal(
		pl_file_open(&self.file, self.loop, root, pl_slice_make(name, 3), &events, &self),
		PL_OK);
	memset(root, 'x', sizeof(root));
	memset(name, 'x', sizeof(name));
	TURN_UNTIL(self.loop, self.journal.len > 0);
	assert_string_equal(noted(&self.journal), "opened:OK 10 ");
	tear_down(&self);
}

static void test_no_memory(void **state)
{
	folder self;
	int64_t live;

	(void)state;
	set_up(&self);
	live = pl_alloc_live();
	for (uint64_t nth = 1; nth <= 2; nth++) {
		pl_alloc_fail_at(nth);
		assert_int_equal(pl_file_open(&self.file, self.loop, self.root, PL_SLICE("ten"),
					      &events, &self),
				 PL_ENOMEM);
		pl_alloc_fail_at(0);
		assert_int_equal(pl_alloc_live(), live);
	}
	tear_down(&self);
}

static void run_work(void *context)
{
	*(int *)context += 1;
}

static void done_work(void *context)
{
	*(int *)context += 10;
}

/* Work holds the loop until it is done. */
static void test_work(void **state)
{
	pl_loop *loop = NULL;
	int count = 0;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_work_start(loop, run_work, done_work, &count), PL_OK);
	pl_loop_run(loop);
	assert_int_equal(count, 11);
	pl_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beneath),		 cmocka_unit_test(test_read),
		cmocka_unit_test(test_close_while_busy), cmocka_unit_test(test_names_are_copied),
		cmocka_unit_test(test_no_memory),	 cmocka_unit_test(test_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
