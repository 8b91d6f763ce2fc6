#include "unit/net/turns.h"

#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/file.h"
#include "net/work.h"

enum { LARGE = 3 * PL_FILE_PIECE + 17, POOL_MAX = 16 };

typedef struct reader {
	pl_loop *loop;
	pl_file *file; /* NULL after it was closed or could not be opened */
	int status;
	int64_t size;
	pl_buffer got;
	int events;
	bool whole;
	bool close_in_opened;
	bool close_in_read;
	bool read_then_close;
} reader;

static char top[] = "/tmp/perilune-file-XXXXXX";
static char root[128];

static void close_file(reader *self)
{
	pl_file_close(self->file);
	self->file = NULL;
}

static void on_opened(void *owner, pl_file *file, int status, int64_t size)
{
	reader *self = owner;

	assert_ptr_equal(file, self->file);
	self->events++;
	self->status = status;
	self->size = size;
	if (status) {
		self->file = NULL;
		return;
	}
	if (!self->close_in_opened)
		assert_int_equal(pl_file_read(file), PL_OK);
	if (self->close_in_opened || self->read_then_close)
		close_file(self);
}

static void on_read(void *owner, pl_file *file, int status, const uint8_t *data, size_t len)
{
	reader *self = owner;

	assert_ptr_equal(file, self->file);
	assert_true(len <= PL_FILE_PIECE);
	self->events++;
	self->status = status;
	self->whole = len == 0;
	assert_int_equal(pl_buffer_append(&self->got, data, len), PL_OK);
	if (self->close_in_read || self->whole)
		close_file(self);
	else
		assert_int_equal(pl_file_read(file), PL_OK);
}

static const pl_file_events events = { .opened = on_opened, .read = on_read };

static void start(reader *self, const char *path)
{
	assert_int_equal(pl_file_open(&self->file, self->loop, root,
				      pl_slice_make(path, strlen(path)), &events, self),
			 PL_OK);
}

/* Opens, reads to the end, closes; the status. */
static int read_all(reader *self, const char *path)
{
	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_loop_new(&self->loop), PL_OK);
	start(self, path);
	pl_loop_run(self->loop);
	assert_null(self->file);
	pl_loop_free(self->loop);
	return self->status;
}

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

/* Reading. */

static void a_file_is_read(void **state)
{
	reader self;

	(void)state;
	assert_int_equal(read_all(&self, "hello"), PL_OK);
	assert_int_equal(self.size, 5);
	assert_int_equal(self.got.len, 5);
	assert_memory_equal(self.got.data, "hello", 5);
	assert_int_equal(self.events, 3);
	pl_buffer_deinit(&self.got);
	assert_int_equal(read_all(&self, "dir/inner"), PL_OK);
	assert_memory_equal(self.got.data, "inner", 5);
	pl_buffer_deinit(&self.got);
	assert_int_equal(read_all(&self, "empty"), PL_OK);
	assert_int_equal(self.size, 0);
	assert_int_equal(self.events, 2);
}

static void a_large_file_comes_in_pieces(void **state)
{
	reader self;

	(void)state;
	assert_int_equal(read_all(&self, "large"), PL_OK);
	assert_int_equal(self.got.len, LARGE);
	assert_memory_equal(self.got.data, large_text, LARGE);
	assert_int_equal(self.events, 1 + 4 + 1);
	pl_buffer_deinit(&self.got);
}

static void nothing_outside_is_opened(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = {
		{ "inside", PL_OK },
		{ "dir/../hello", PL_OK },
		{ "missing", PL_ENOENT },
		{ "hello/x", PL_ENOENT },
		{ "../secret", PL_ENOENT },
		{ "../tree/hello", PL_ENOENT },
		{ "dir/../../secret", PL_ENOENT },
		{ "/etc/passwd", PL_ENOENT },
		{ "out", PL_ENOENT },
		{ "out_and_back", PL_ENOENT },
		{ "absolute", PL_ENOENT },
		{ "up/secret", PL_ENOENT },
		{ "loop", PL_ENOENT },
		{ "magic/etc/passwd", PL_ENOENT },
		{ "", PL_EISDIR },
		{ "dir", PL_EISDIR },
		{ "dir/", PL_EISDIR },
		{ "up", PL_ENOENT },
		{ "fifo", PL_EACCES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reader self;

		print_message("'%s'\n", rows[i].path);
		assert_int_equal(read_all(&self, rows[i].path), rows[i].status);
		if (rows[i].status)
			assert_int_equal(self.events, 1);
		pl_buffer_deinit(&self.got);
	}
}

static void a_long_name_is_no_file(void **state)
{
	char path[5000];
	reader self;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(read_all(&self, path), PL_ENOENT);
}

static void a_root_that_is_no_folder(void **state)
{
	char before[sizeof(root)];
	reader self;

	(void)state;
	memcpy(before, root, sizeof(root));
	snprintf(root, sizeof(root), "%s/none", top);
	assert_int_equal(read_all(&self, "hello"), PL_ENOENT);
	snprintf(root, sizeof(root), "%s/secret", top);
	assert_int_equal(read_all(&self, "hello"), PL_ENOENT);
	memcpy(root, before, sizeof(root));
}

/* Closing. */

static void it_may_be_closed_at_any_time(void **state)
{
	reader self = { 0 };

	(void)state;
	for (int when = 0; when < 4; when++) {
		memset(&self, 0, sizeof(self));
		assert_int_equal(pl_loop_new(&self.loop), PL_OK);
		self.close_in_opened = when == 1;
		self.read_then_close = when == 2;
		self.close_in_read = when == 3;
		start(&self, "large");
		if (when == 0)
			close_file(&self);
		pl_loop_run(self.loop);
		assert_int_equal(self.events, when == 0 ? 0 : when == 3 ? 2 : 1);
		assert_null(self.file);
		pl_loop_free(self.loop);
		pl_buffer_deinit(&self.got);
	}
}

static sem_t gate;

static void wait_for_gate(void *unused)
{
	(void)unused;
	sem_wait(&gate);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Keeps every thread of the pool busy until the gate opens. */
static void close_gate(pl_loop *loop)
{
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	for (int i = 0; i < POOL_MAX; i++)
		assert_int_equal(pl_work_start(loop, wait_for_gate, nothing, NULL), PL_OK);
}

static void open_gate(void)
{
	for (int i = 0; i < POOL_MAX; i++)
		sem_post(&gate);
}

/* The pool may look at it long after whoever asked is gone. */
static void the_root_need_not_last(void **state)
{
	char *copy = pl_alloc(sizeof(root));
	reader self = { 0 };

	(void)state;
	memcpy(copy, root, sizeof(root));
	assert_int_equal(pl_loop_new(&self.loop), PL_OK);
	close_gate(self.loop);
	assert_int_equal(
		pl_file_open(&self.file, self.loop, copy, PL_SLICE("hello"), &events, &self),
		PL_OK);
	memset(copy, 'x', sizeof(root));
	pl_free(copy);
	open_gate();
	pl_loop_run(self.loop);
	assert_int_equal(self.status, PL_OK);
	assert_int_equal(self.got.len, 5);
	pl_buffer_deinit(&self.got);
	pl_loop_free(self.loop);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		reader self = { 0 };

		assert_int_equal(pl_loop_new(&self.loop), PL_OK);
		pl_alloc_fail_at(nth);
		assert_int_equal(pl_file_open(&self.file, self.loop, root, PL_SLICE("hello"),
					      &events, &self),
				 PL_ENOMEM);
		pl_alloc_fail_at(0);
		pl_loop_run(self.loop);
		assert_int_equal(self.events, 0);
		pl_loop_free(self.loop);
	}
}

static void nothing_is_left(void **state)
{
	int64_t live = pl_alloc_live();
	int open_before = descriptors();

	a_file_is_read(state);
	nothing_outside_is_opened(state);
	it_may_be_closed_at_any_time(state);
	assert_int_equal(pl_alloc_live(), live);
	assert_int_equal(descriptors(), open_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_large_file_comes_in_pieces),
		cmocka_unit_test(nothing_outside_is_opened),
		cmocka_unit_test(a_long_name_is_no_file),
		cmocka_unit_test(a_root_that_is_no_folder),
		cmocka_unit_test(it_may_be_closed_at_any_time),
		cmocka_unit_test(the_root_need_not_last),
		cmocka_unit_test(without_memory_it_says_so),
		cmocka_unit_test(nothing_is_left),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
