#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "http/upload.h"
#include "net/fs.h"
#include "net/loop.h"

#define FORM                                                                                       \
	"--B\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n"                             \
	"--B\r\nContent-Disposition: form-data; name=f; filename=\"../x.txt\"\r\n"                 \
	"Content-Type: text/plain\r\n\r\n0123456789\r\n"                                           \
	"--B\r\nContent-Disposition: form-data; name=g; filename=empty\r\n\r\n\r\n"                \
	"--B\r\nContent-Disposition: form-data; name=none; filename=\"\"\r\n\r\n\r\n--B--\r\n"

#define HEAD_F "Content-Disposition: form-data; name=f; filename=f\r\n\r\n"

static char folder[32];

/* An exchange whose other side is the test. */
typedef struct side {
	pl_exchange exchange;
	pl_exchange_request request;
	pl_http_field type;
	pl_limits limits;
	pl_upload_settings settings;
	pl_upload *upload;
	int answered; /* the status */
	bool ended;
	bool paused;
	bool over;
	bool whole; /* over, and nothing was wrong */
	int status;
} side;

static side *side_of(pl_exchange *exchange)
{
	return (side *)exchange;
}

static int on_respond(pl_exchange *exchange, int status, const pl_http_field *fields, size_t count,
		      int64_t content_length)
{
	(void)fields, (void)count, (void)content_length;
	side_of(exchange)->answered = status;
	return PL_OK;
}

static int on_write(pl_exchange *exchange, const void *data, size_t len)
{
	(void)exchange, (void)data, (void)len;
	return PL_OK;
}

static void on_end(pl_exchange *exchange)
{
	side_of(exchange)->ended = true;
}

static void on_pause(pl_exchange *exchange, bool pause)
{
	side_of(exchange)->paused = pause;
}

static const pl_exchange_ops ops = {
	.respond = on_respond, .write = on_write, .end = on_end, .pause = on_pause
};

static void on_over(void *owner, pl_exchange *exchange, int status)
{
	side *self = owner;

	assert_false(self->over);
	self->over = true;
	self->whole = exchange == &self->exchange;
	self->status = status;
	assert_int_equal(self->whole, status == PL_OK);
}

static void side_init(side *self, const char *type)
{
	memset(self, 0, sizeof(*self));
	assert_int_equal(pl_loop_new(&self->exchange.loop), PL_OK);
	pl_limits_init(&self->limits);
	self->type = (pl_http_field){ PL_SLICE("Content-Type"), { type, strlen(type) } };
	self->request = (pl_exchange_request){ .method = PL_SLICE("POST"),
					       .path = PL_SLICE("/a/b%20c"),
					       .content_length = 1000,
					       .field_count = type[0] ? 1 : 0,
					       .fields = &self->type };
	self->exchange.ops = &ops;
	self->exchange.request = &self->request;
	self->settings = (pl_upload_settings){ .directory = folder, .limits = &self->limits };
}

static void begin(side *self)
{
	self->upload = pl_upload_begin(&self->settings, &self->exchange, on_over, self);
}

static bool feed(side *self, const void *data, size_t len)
{
	void *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data, len);
	if (!self->over)
		self->exchange.events->data(self->exchange.owner, &self->exchange, copy, len);
	free(copy);
	return !self->over;
}

/* The whole body in pieces, and its end. */
static void feed_all(side *self, const char *text, size_t len, size_t piece)
{
	for (size_t at = 0; at < len && !self->over; at += piece)
		feed(self, text + at, len - at < piece ? len - at : piece);
	if (!self->over)
		self->exchange.events->end(self->exchange.owner, &self->exchange);
	if (!self->over)
		pl_loop_run(self->exchange.loop);
	assert_true(self->over);
}

static int files_left(void)
{
	DIR *dir = opendir(folder);
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void side_deinit(side *self)
{
	if (self->upload)
		pl_upload_free(self->upload);
	pl_loop_run(self->exchange.loop);
	assert_int_equal(files_left(), 0);
	pl_loop_free(self->exchange.loop);
}

static const pl_upload_item *item_at(const side *self, int index)
{
	const pl_list *node = pl_upload_items(self->upload)->next;

	while (index-- > 0)
		node = node->next;
	assert_ptr_not_equal(node, pl_upload_items(self->upload));
	return PL_CONTAINER(node, pl_upload_item, node);
}

static void check_bytes(const pl_upload_item *item, const char *text)
{
	pl_buffer bytes = { 0 };
	const pl_buffer *all = &item->bytes;

	assert_int_equal(item->size, strlen(text));
	if (item->path) {
		assert_string_equal(item->path + strlen(item->path) - 7, ".sgc_ps");
		assert_int_equal(pl_fs_read(item->path, 1 << 20, &bytes), PL_OK);
		all = &bytes;
	}
	assert_int_equal(all->len, strlen(text));
	if (all->len > 0)
		assert_memory_equal(all->data, text, all->len);
	pl_buffer_deinit(&bytes);
}

static void check_form(side *self, int on_disk)
{
	assert_true(self->whole);
	assert_true(pl_slice_equal(item_at(self, 0)->name, PL_SLICE("a")));
	assert_null(item_at(self, 0)->filename.at);
	check_bytes(item_at(self, 0), "one");
	assert_true(pl_slice_equal(item_at(self, 1)->name, PL_SLICE("f")));
	assert_true(pl_slice_equal(item_at(self, 1)->filename, PL_SLICE("x.txt")));
	assert_true(pl_slice_equal(item_at(self, 1)->content_type, PL_SLICE("text/plain")));
	check_bytes(item_at(self, 1), "0123456789");
	check_bytes(item_at(self, 2), "");
	assert_null(item_at(self, 2)->content_type.at);
	assert_ptr_equal(item_at(self, 2)->node.next, pl_upload_items(self->upload));
	assert_int_equal(files_left(), on_disk);
}

static void test_forms(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= sizeof(FORM); piece++)
		for (int disk = 0; disk < 2; disk++) {
			side self;

			side_init(&self, "multipart/form-data; boundary=B");
			self.settings.directory = disk ? folder : NULL;
			begin(&self);
			feed_all(&self, FORM, sizeof(FORM) - 1, piece);
			check_form(&self, disk ? 2 : 0);
			side_deinit(&self);
		}
}

static void test_small_files_stay_in_memory(void **state)
{
	static const char large[] =
		"--B\r\n" HEAD_F "0123456789012345678901234567890123456789\r\n--B--";
	side self;

	(void)state;
	side_init(&self, "multipart/form-data; boundary=B");
	self.settings.min_size = 10;
	begin(&self);
	feed_all(&self, FORM, sizeof(FORM) - 1, 7);
	check_form(&self, 1);
	assert_non_null(item_at(&self, 1)->path);
	assert_null(item_at(&self, 2)->path);
	side_deinit(&self);
	/* and those that memory has no room for do not */
	side_init(&self, "multipart/form-data; boundary=B");
	self.settings.min_size = 1000;
	self.limits.body = 20;
	begin(&self);
	feed_all(&self, large, sizeof(large) - 1, 7);
	assert_true(self.whole);
	assert_non_null(item_at(&self, 0)->path);
	check_bytes(item_at(&self, 0), "0123456789012345678901234567890123456789");
	side_deinit(&self);
}

static void test_raw_bodies(void **state)
{
	static const char *const types[] = { "", "image/png", "multipart/form-data; boundary=B" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		side self;

		side_init(&self, types[i]);
		self.settings.raw = i == 2;
		begin(&self);
		feed_all(&self, "--Bytes", 7, 3);
		assert_true(self.whole);
		assert_null(item_at(&self, 0)->name.at);
		assert_true(pl_slice_equal(item_at(&self, 0)->filename, PL_SLICE("b c")));
		assert_true(pl_slice_equal(item_at(&self, 0)->content_type,
					   pl_slice_make(types[i], strlen(types[i]))));
		check_bytes(item_at(&self, 0), "--Bytes");
		side_deinit(&self);
	}
}

/* What a request has to be like. */
static bool wants(const char *type, int64_t length, bool disk, int64_t min_size)
{
	side self;
	bool wanted;

	side_init(&self, type);
	self.request.content_length = length;
	self.request.chunked = length < 0;
	self.settings.directory = disk ? folder : NULL;
	self.settings.min_size = min_size;
	wanted = pl_upload_wants(&self.settings, &self.request);
	side_deinit(&self);
	return wanted;
}

static void test_wants(void **state)
{
	(void)state;
	assert_true(wants("multipart/form-data; boundary=B", 5, false, 0));
	assert_true(wants("Multipart/Form-Data", 5, true, 1000));
	assert_true(wants("multipart/form-data", -1, false, 0));
	assert_false(wants("multipart/form-data", 0, true, 0));
	assert_false(wants("image/png", 5, false, 0));
	assert_true(wants("image/png", 5, true, 5));
	assert_false(wants("image/png", 5, true, 6));
	assert_true(wants("", -1, true, 6));
	assert_false(wants("application/x-www-form-urlencoded; charset=utf-8", 5, true, 0));
}

/* What fails, and how. */
static void fails(side *self, const char *text, int answer, int status)
{
	begin(self);
	feed_all(self, text, strlen(text), 16);
	assert_false(self->whole);
	assert_int_equal(self->answered, answer);
	assert_true(self->ended);
	assert_int_equal(self->status, status);
	side_deinit(self);
}

static void test_failures(void **state)
{
	side self;

	(void)state;
	side_init(&self, "multipart/form-data");
	fails(&self, FORM, 400, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	fails(&self, "", 400, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	fails(&self, "--B\r\n" HEAD_F "01234567890123", 400, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	fails(&self, "--B\r\n" HEAD_F "0123456789012345678901234567890123\r\n--Bx", 400, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	self.limits.upload = sizeof(FORM) - 2;
	fails(&self, FORM, 413, PL_ETOOBIG);
	side_init(&self, "multipart/form-data; boundary=B");
	self.limits.upload_parts = 2;
	fails(&self, FORM, 413, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	self.limits.upload_part_head = 64;
	fails(&self, FORM, 431, PL_EPROTO);
	side_init(&self, "multipart/form-data; boundary=B");
	self.limits.body = 25;
	self.settings.directory = NULL;
	fails(&self, FORM, 413, PL_ETOOBIG);
	side_init(&self, "");
	self.settings.directory = "/nowhere at all";
	fails(&self, FORM, 500, PL_ENOENT);
}

static void test_full_disk(void **state)
{
	struct rlimit before, small = { 8, 8 };
	side self;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	side_init(&self, "multipart/form-data; boundary=B");
	fails(&self, FORM, 507, PL_ENOSPC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void test_cut(void **state)
{
	side self;

	(void)state;
	for (int turns = 0; turns < 4; turns++) {
		side_init(&self, "multipart/form-data; boundary=B");
		begin(&self);
		feed(&self, FORM, sizeof(FORM) - 40);
		for (int i = 0; i < turns; i++)
			pl_loop_turn(self.exchange.loop);
		self.exchange.events->aborted(self.exchange.owner, &self.exchange, PL_ECLOSED);
		assert_true(self.over);
		assert_int_equal(self.status, PL_ECLOSED);
		side_deinit(&self);
	}
}

/* While the disk is behind, no more than so much is held. */
static void test_waits_for_the_disk(void **state)
{
	static char piece[65536];
	int count = 0;
	side self;

	(void)state;
	side_init(&self, "");
	begin(&self);
	while (!self.paused && count < 100) {
		feed(&self, piece, sizeof(piece));
		count++;
	}
	assert_in_range(count, 16, 17);
	while (self.paused)
		pl_loop_wait(self.exchange.loop);
	self.exchange.events->end(self.exchange.owner, &self.exchange);
	pl_loop_run(self.exchange.loop);
	assert_true(self.whole);
	assert_int_equal(item_at(&self, 0)->size, (int64_t)count * (int64_t)sizeof(piece));
	side_deinit(&self);
}

static void test_no_memory(void **state)
{
	bool done = false;

	(void)state;
	for (uint64_t nth = 1; !done; nth++) {
		int64_t live;
		side self;

		side_init(&self, "multipart/form-data; boundary=B");
		live = (int64_t)pl_alloc_live();
		pl_alloc_fail_at(nth);
		begin(&self);
		if (self.upload)
			feed_all(&self, FORM, sizeof(FORM) - 1, 50);
		done = self.whole;
		if (self.upload && !done)
			assert_int_equal(self.answered, 503);
		if (self.upload)
			pl_upload_free(self.upload);
		self.upload = NULL;
		pl_loop_run(self.exchange.loop);
		pl_alloc_fail_at(0);
		assert_int_equal((int64_t)pl_alloc_live(), live);
		side_deinit(&self);
	}
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pl-upload-XXXXXX");
	return pl_fs_temporary_folder(folder);
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_small_files_stay_in_memory),
		cmocka_unit_test(test_raw_bodies),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_waits_for_the_disk),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
