/* The log of messages: its lines, the file, what is wrong with it. */
#include "unit/net/turns.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "conn/message_log.h"

static pl_loop *loop;
static pl_limits limits;
static char path[64];
static char warned[512];
static const pl_guid guid = { { 0, 1, 0xAB } };

static void on_log(void *context, enum pl_log_level level, const char *line, size_t len)
{
	size_t at = strlen(warned);

	(void)context, (void)level;
	snprintf(warned + at, sizeof(warned) - at, "%.*s;", (int)len, line);
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/message_log_XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	warned[0] = '\0';
	pl_limits_init(&limits);
	pl_log_set_sink(on_log, NULL);
	return pl_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	pl_log_set_sink(NULL, NULL);
	unlink(path);
	pl_loop_free(loop);
	return 0;
}

/* The file without the times. */
static const char *content(void)
{
	static char text[8192], line[4096];
	FILE *file = fopen(path, "r");

	text[0] = '\0';
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_true(strlen(line) > 25 && line[10] == 'T' && line[23] == 'Z');
		strcat(text, line + 25);
	}
	fclose(file);
	return text;
}

static void put(pl_message_log *log, bool sent, const char *kind, const char *data, size_t len)
{
	const pl_message_line line = { .guid = &guid,
				       .sent = sent,
				       .kind = kind,
				       .is_text = kind[0] == 't',
				       .more = kind[0] == 't' && len == 1,
				       .data = data,
				       .len = len };

	pl_message_log_put(log, &line);
}

#define GUID "0001AB00000000000000000000000000 "

static void a_message_is_a_line(void **state)
{
	pl_message_log *log;

	(void)state;
	assert_int_equal(pl_message_log_new(&log, loop, path, false, &limits), PL_OK);
	put(log, false, "text", "hello", 5);
	put(log, true, "text", "a\nb\\c\x1b[1m\x7f\xc2\x9b\xc3\xa4", 14);
	put(log, true, "binary", "\x00\xff\n", 3);
	put(log, true, "ping", "", 0);
	put(log, false, "text", "x", 1);
	pl_loop_run(loop);
	assert_string_equal(content(),
			    GUID "< text 5 hello\n" GUID
				 "> text 14 a\\x0ab\\x5cc\\x1b[1m\\x7f\\xc2\x9b\xc3\xa4\n" GUID
				 "> binary 3 00ff0a\n" GUID "> ping 0 \n" GUID "< text... 1 x\n");
	put(log, false, "text", "more", 4);
	pl_message_log_free(log); /* is written still */
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "< text 4 more\n"));
	assert_int_equal(pl_message_log_new(&log, loop, path, true, &limits), PL_OK);
	put(log, false, "text", "raw", 3);
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "< text 4 more\n" GUID "< text 3 726177\n"));
	pl_message_log_free(log);
	assert_string_equal(warned, "");
}

static void it_may_end_with_the_loop(void **state)
{
	pl_message_log *log;

	(void)state;
	assert_int_equal(pl_message_log_new(&log, loop, path, false, &limits), PL_OK);
	put(log, false, "text", "one", 3);
	pl_loop_turn(loop); /* it is under way, or written */
	put(log, false, "text", "two", 3);
	pl_message_log_free(log);
	pl_loop_free(loop);
	assert_string_equal(content(), GUID "< text 3 one\n" GUID "< text 3 two\n");
	assert_int_equal(pl_loop_new(&loop), PL_OK);
}

static void what_does_not_fit_is_lost_and_told(void **state)
{
	static char large[2000];
	pl_message_log *log;

	(void)state;
	limits.message_log = 4096;
	memset(large, 'a', sizeof(large));
	assert_int_equal(pl_message_log_new(&log, loop, path, false, &limits), PL_OK);
	put(log, false, "text", large, sizeof(large));
	put(log, false, "text", "fits", 4);
	for (int i = 0; i < 10; i++)
		put(log, false, "binary", large, 1000); /* two digits each */
	put(log, false, "text", "too", 3);
	pl_loop_run(loop);
	assert_non_null(strstr(content(), "aaa\n" GUID "< text 4 fits\n" GUID "< text 3 too\n"));
	assert_null(strstr(content(), "binary"));
	assert_non_null(strstr(warned, ": 10 messages are not in it"));
	assert_int_equal(truncate(path, 0), 0);
	put(log, false, "text", "again", 5);
	pl_loop_run(loop);
	assert_string_equal(content(), GUID "< text 5 again\n");
	pl_message_log_free(log);
}

static void a_bad_file_is_told_of_once(void **state)
{
	pl_message_log *log;

	(void)state;
	assert_int_equal(pl_message_log_new(&log, loop, "/nowhere/at/all", false, &limits), PL_OK);
	put(log, false, "text", "one", 3);
	pl_loop_run(loop);
	assert_non_null(strstr(warned, "log_file '/nowhere/at/all': no such file or directory;"));
	warned[0] = '\0';
	put(log, false, "text", "two", 3);
	pl_loop_run(loop);
	assert_string_equal(warned, "");
	pl_message_log_free(log);
	pl_message_log_free(NULL);
}

static void without_memory_lines_are_lost(void **state)
{
	int64_t live = pl_alloc_live();

	(void)state;
	for (uint64_t nth = 1;; nth++) {
		pl_message_log *log = NULL;
		bool whole;

		assert_int_equal(truncate(path, 0), 0);
		warned[0] = '\0';
		pl_alloc_fail_at(nth);
		if (pl_message_log_new(&log, loop, path, false, &limits) == PL_OK) {
			put(log, false, "text", "one", 3);
			pl_loop_run(loop);
		}
		pl_alloc_fail_at(0);
		whole = strcmp(content(), GUID "< text 3 one\n") == 0;
		assert_true(whole || content()[0] == '\0');
		if (log && !whole) {
			put(log, false, "text", "two", 3);
			pl_loop_run(loop);
			assert_string_equal(content(), GUID "< text 3 two\n");
			assert_non_null(strstr(warned, "1 messages are not in it"));
		}
		pl_message_log_free(log);
		assert_int_equal(pl_alloc_live(), live);
		if (whole)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_message_is_a_line),
		TEST(it_may_end_with_the_loop),
		TEST(what_does_not_fit_is_lost_and_told),
		TEST(a_bad_file_is_told_of_once),
		TEST(without_memory_lines_are_lost),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
