#include "unit/net/turns.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/fs.h"
#include "net/watch.h"

static char top[] = "/tmp/perilune-watch-XXXXXX";
static const pl_fs_writing plain = { .mode = PL_FS_MODE_NONE };

static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void put(const char *name)
{
	assert_int_equal(pl_fs_write(at(name), "x", 1, &plain), PL_OK);
}

/* What was told, each word once. */
static void on_changed(void *owner, const char *name, int status)
{
	pl_buffer *journal = owner;
	char word[64];

	assert_int_equal(status, PL_OK);
	snprintf(word, sizeof(word), "%s ", name ? name : "?");
	if (!journal->len || !strstr((char *)journal->data, word)) {
		assert_int_equal(pl_buffer_printf(journal, "%s", word), PL_OK);
		assert_int_equal(pl_buffer_reserve(journal, 1), PL_OK);
		journal->data[journal->len] = '\0';
	}
}

static bool is_noted(const pl_buffer *journal, const char *words)
{
	return journal->len == strlen(words) && memcmp(journal->data, words, journal->len) == 0;
}

static void a_folder_tells_of_its_entries(void **state)
{
	pl_buffer journal = { 0 };
	pl_watch *watch;
	pl_loop *loop;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_watch_start(&watch, loop, top, NULL, on_changed, &journal), PL_OK);
	put("new");
	TURN_UNTIL(loop, is_noted(&journal, "new "));
	assert_int_equal(rename(at("new"), "/tmp/perilune-watch-moved"), 0);
	unlink("/tmp/perilune-watch-moved");
	put("second");
	TURN_UNTIL(loop, is_noted(&journal, "new second "));
	pl_watch_stop(watch);
	put("third");
	turn_some(loop);
	assert_string_equal(noted(&journal), "new second ");
	pl_loop_free(loop);
}

static void a_name_is_watched_through_replacement(void **state)
{
	pl_buffer journal = { 0 };
	pl_watch *watch;
	pl_loop *loop;
	char beside[256];

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_watch_start(&watch, loop, top, "f", on_changed, &journal), PL_OK);
	put("g");
	put("ff");
	turn_some(loop);
	assert_int_equal(journal.len, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(beside, sizeof(beside), "%s", at("g"));
		put("g");
		assert_int_equal(rename(beside, at("f")), 0);
		TURN_UNTIL(loop, is_noted(&journal, "f "));
		journal.len = 0;
	}
	assert_int_equal(unlink(at("f")), 0);
	TURN_UNTIL(loop, is_noted(&journal, "f "));
	pl_buffer_deinit(&journal);
	pl_watch_stop(watch);
	pl_loop_free(loop);
}

static void what_cannot_be_watched(void **state)
{
	int64_t live = pl_alloc_live();
	pl_watch *watch;
	pl_loop *loop;

	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_watch_start(&watch, loop, at("none"), NULL, on_changed, NULL),
			 PL_ENOENT);
	pl_alloc_fail_at(1);
	assert_int_equal(pl_watch_start(&watch, loop, top, NULL, on_changed, NULL), PL_ENOMEM);
	pl_alloc_fail_at(0);
	pl_watch_stop(NULL);
	pl_loop_run(loop); /* it is not held */
	pl_loop_free(loop);
	assert_int_equal(pl_alloc_live(), live);
}

static int make_top(void **state)
{
	(void)state;
	return pl_fs_temporary_folder(top);
}

static int remove_top(void **state)
{
	(void)state;
	return pl_fs_remove(top, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_tells_of_its_entries),
		cmocka_unit_test(a_name_is_watched_through_replacement),
		cmocka_unit_test(what_cannot_be_watched),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
