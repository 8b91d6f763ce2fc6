#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { HEAD = 31, ENTRY_MAX = 4096, THREADS = 4, ROUNDS = 500 };

/* What the sink was given last. */
static struct {
	char line[ENTRY_MAX + 1];
	size_t len;
	enum pl_log_level level;
	unsigned count;
} got;

static void keep(void *context, enum pl_log_level level, const char *line, size_t len)
{
	assert_ptr_equal(context, &got);
	assert_true(len >= HEAD && len < ENTRY_MAX);
	memcpy(got.line, line, len);
	got.line[len] = '\0';
	got.len = len;
	got.level = level;
	got.count++;
}

static int begin(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	pl_log_set_level(PL_LOG_INFO);
	pl_log_set_sink(keep, &got);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pl_log_set_sink(NULL, NULL);
	return 0;
}

static void the_head_is_time_and_level(void **state)
{
	static const char *const heads[] = { "Z error text", "Z warn  text", "Z info  text",
					     "Z debug text" };
	time_t before = time(NULL);
	struct tm utc = { 0 };

	(void)state;
	pl_log_set_level(PL_LOG_DEBUG);
	for (int level = PL_LOG_ERROR; level <= PL_LOG_DEBUG; level++) {
		pl_log((enum pl_log_level)level, "text");
		assert_int_equal(got.level, level);
		assert_string_equal(got.line + 23, heads[level]);
	}
	assert_string_equal(strptime(got.line, "%Y-%m-%dT%H:%M:%S", &utc), got.line + 19);
	assert_in_range(timegm(&utc), before, before + 5);
	assert_int_equal(got.line[19], '.');
	assert_int_equal(strspn(got.line + 20, "0123456789"), 3);
}

static void levels_above_the_chosen_one_are_silent(void **state)
{
	(void)state;
	for (int chosen = PL_LOG_ERROR; chosen <= PL_LOG_DEBUG; chosen++) {
		pl_log_set_level((enum pl_log_level)chosen);
		for (int level = PL_LOG_ERROR; level <= PL_LOG_DEBUG; level++) {
			got.count = 0;
			pl_log((enum pl_log_level)level, "x");
			pl_log_text((enum pl_log_level)level, "x", 1);
			assert_int_equal(got.count, level <= chosen ? 2 : 0);
			assert_int_equal(pl_log_enabled((enum pl_log_level)level), level <= chosen);
		}
	}
}

static void levels_have_names(void **state)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	enum pl_log_level level = PL_LOG_INFO;

	(void)state;
	assert_false(pl_log_level_parse("", &level));
	assert_false(pl_log_level_parse("Warn", &level));
	assert_false(pl_log_level_parse("warning", &level));
	assert_int_equal(level, PL_LOG_INFO);
	for (int i = 0; i < 4; i++) {
		assert_true(pl_log_level_parse(names[i], &level));
		assert_int_equal(level, i);
	}
}

static void assert_written(const char *text, const char *written)
{
	pl_log(PL_LOG_INFO, "%s", text);
	assert_string_equal(got.line + HEAD, written);
}

static void control_characters_are_escaped(void **state)
{
	(void)state;
	assert_written("a\r\n2026-11-22T16:40:03.120Z info  forged",
		       "a\\x0d\\x0a2026-11-22T16:40:03.120Z info  forged");
	assert_written("\x1b]0;title\x07", "\\x1b]0;title\\x07");
	assert_written("\t\x7f\x01", "\\x09\\x7f\\x01");
	assert_written("100% \\x0a", "100% \\x0a");
	pl_log(PL_LOG_INFO, "a%cb", 0);
	assert_string_equal(got.line + HEAD, "a\\x00b");
}

static void text_beyond_ascii_passes(void **state)
{
	(void)state;
	assert_written("M\xc3\xb6nd \xe6\x9c\x88 \xf0\x9f\x8c\x95", "M\xc3\xb6nd \xe6\x9c\x88 "
								    "\xf0\x9f\x8c\x95");
	assert_written("\xff\x80\xc2", "\xff\x80\xc2");
	assert_written("\xc2\xa0\xc2\xbf", "\xc2\xa0\xc2\xbf");
}

/* U+009B is to a terminal what ESC [ is. */
static void control_characters_of_two_bytes_are_escaped_too(void **state)
{
	(void)state;
	assert_written("\xc2\x9b"
		       "2J",
		       "\\xc2\\x9b2J");
	assert_written("\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f");
	assert_written("\xc2\xc2\x85", "\xc2\\xc2\\x85");
}

static void every_byte_is_written_or_escaped(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char text[] = { (char)byte, 'z', '\0' };
		char escaped[8];

		snprintf(escaped, sizeof(escaped), "\\x%02xz", (unsigned)byte);
		assert_written(text, byte < 32 || byte == 127 ? escaped : text);
	}
}

static void assert_lines(const char *text, size_t len, const char *written)
{
	got.count = 0;
	pl_log_text(PL_LOG_ERROR, text, len);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.line + HEAD, written);
}

static void later_lines_are_indented(void **state)
{
	(void)state;
	assert_lines("one", 3, "one");
	assert_lines("one\ntwo\nthree\n\n", 15, "one\n    two\n    three");
	assert_lines("a\n\nb", 4, "a\n    \n    b");
	assert_lines("\na", 2, "\n    a");
	assert_lines("a\n\tb\n\t\tc", 8, "a\n    b\n    \\x09c");
	assert_lines("a\r\n\033[1mb", 8, "a\\x0d\n    \\x1b[1mb");
	assert_lines("a\0b", 3, "a\\x00b");
	assert_lines("cut here", 3, "cut");
	assert_lines("", 0, "");
	assert_lines(NULL, 0, "");
	assert_lines("\n\n", 2, "");
}

static bool is_cut(void)
{
	return strcmp(got.line + got.len - 6, " [cut]") == 0;
}

static void long_entries_are_cut(void **state)
{
	char text[2 * ENTRY_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int len = 3900; len < (int)sizeof(text); len += 1 + len / 300) {
		pl_log(PL_LOG_INFO, "%.*s", len, text);
		if (!is_cut())
			assert_int_equal(got.len, HEAD + len);
		else
			assert_int_equal(got.len, ENTRY_MAX - 1);
	}
	assert_true(is_cut());
	pl_log_text(PL_LOG_INFO, text, sizeof(text));
	assert_int_equal(got.len, ENTRY_MAX - 1);
	assert_true(is_cut());
}

/* No part of an escape, of a character or of an indent may stand before the mark. */
static void a_cut_falls_between_characters(void **state)
{
	static const char *const units[] = { "\n", "\xc2\x9b", "\xe6\x9c\x88", "\xf0\x9f\x8c\x95" };
	static const char *const written[] = { "\\x0a", "\\xc2\\x9b", "\xe6\x9c\x88",
					       "\xf0\x9f\x8c\x95" };

	(void)state;
	for (int unit = 0; unit < 4; unit++) {
		for (int shift = 0; shift < 8; shift++) {
			size_t len = strlen(written[unit]);
			char text[ENTRY_MAX * 2] = "";

			memset(text, 'x', (size_t)shift);
			for (int i = 0; i < ENTRY_MAX / 3; i++)
				memcpy(text + strlen(text), units[unit], strlen(units[unit]));
			pl_log(PL_LOG_INFO, "%s", text);
			assert_true(is_cut());
			assert_memory_equal(got.line + got.len - 6 - len, written[unit], len);
			assert_int_equal((got.len - 6 - HEAD - (size_t)shift) % len, 0);
		}
	}
}

static void many_lines_are_cut(void **state)
{
	char text[ENTRY_MAX];

	(void)state;
	memset(text, '\n', sizeof(text));
	text[sizeof(text) - 1] = 'x';
	pl_log_text(PL_LOG_INFO, text, sizeof(text));
	assert_true(is_cut());
	assert_memory_equal(got.line + got.len - 11, "\n     [cut]", 11);
}

static void spoil_errno(void *context, enum pl_log_level level, const char *line, size_t len)
{
	keep(context, level, line, len);
	errno = ERANGE;
}

static void errno_is_kept(void **state)
{
	(void)state;
	pl_log_set_sink(spoil_errno, &got);
	errno = EXDEV;
	pl_log(PL_LOG_INFO, "text");
	assert_int_equal(errno, EXDEV);
	pl_log_text(PL_LOG_INFO, "text", 4);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(got.count, 2);
}

/* Runs `log` with a pipe as standard error and gives what one read finds in it. */
static size_t read_stderr(void (*log)(void), char *out, size_t size)
{
	int ends[2];
	int original = dup(STDERR_FILENO);
	ssize_t len;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log();
	dup2(original, STDERR_FILENO);
	close(original);
	close(ends[1]);
	len = read(ends[0], out, size);
	close(ends[0]);
	assert_true(len >= 0);
	return (size_t)len;
}

static void log_two_entries(void)
{
	pl_log(PL_LOG_WARN, "a\nb");
	pl_log_text(PL_LOG_ERROR, "c\nd", 3);
}

static void without_a_sink_entries_go_to_standard_error(void **state)
{
	char out[256];
	size_t len;

	(void)state;
	pl_log_set_sink(NULL, NULL);
	len = read_stderr(log_two_entries, out, sizeof(out));
	assert_int_equal(got.count, 0);
	assert_int_equal(len, 2 * HEAD + 7 + 8);
	assert_memory_equal(out + HEAD, "a\\x0ab\n", 7);
	assert_memory_equal(out + 2 * HEAD + 7, "c\n    d\n", 8);
}

static void log_long(void)
{
	pl_log(PL_LOG_WARN, "%9000d", 1);
}

static void a_long_entry_is_4096_bytes_on_standard_error(void **state)
{
	static char out[10000];

	(void)state;
	pl_log_set_sink(NULL, NULL);
	assert_int_equal(read_stderr(log_long, out, sizeof(out)), ENTRY_MAX);
	assert_memory_equal(out + ENTRY_MAX - 7, " [cut]\n", 7);
}

static void log_back(void *context, enum pl_log_level level, const char *line, size_t len)
{
	pl_log(level, "from the sink");
	keep(context, level, line, len);
}

static void log_once(void)
{
	pl_log(PL_LOG_INFO, "to the sink");
}

static void a_sink_may_log(void **state)
{
	char out[256];
	size_t len;

	(void)state;
	pl_log_set_sink(log_back, &got);
	len = read_stderr(log_once, out, sizeof(out));
	assert_int_equal(got.count, 1);
	assert_string_equal(got.line + HEAD, "to the sink");
	assert_int_equal(len, HEAD + 14);
	assert_memory_equal(out + HEAD, "from the sink\n", 14);
}

static void *log_a_lot(void *context)
{
	for (int i = 0; i < ROUNDS; i++)
		pl_log(PL_LOG_INFO, "thread %p line %d", context, i);
	return NULL;
}

static unsigned lines_of_threads(void (*meanwhile)(int round))
{
	pthread_t threads[THREADS];

	got.count = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_a_lot, &got), 0);
	for (int i = 0; i < ROUNDS; i++)
		meanwhile(i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return got.count;
}

static void do_nothing(int round)
{
	(void)round;
}

static void change_level(int round)
{
	pl_log_set_level(round % 2 ? PL_LOG_INFO : PL_LOG_DEBUG);
}

/* The sink counts without a lock of its own: the thread sanitizer sees an overlap. */
static void calls_of_a_sink_do_not_overlap(void **state)
{
	(void)state;
	assert_int_equal(lines_of_threads(do_nothing), THREADS * ROUNDS);
	assert_int_equal(lines_of_threads(change_level), THREADS * ROUNDS);
}

static void count_heap(void *context, enum pl_log_level level, const char *line, size_t len)
{
	(void)level;
	(void)line;
	(void)len;
	++*(unsigned *)context;
}

/* After a change the old context is the caller's again: to free, here. */
static void no_call_is_under_way_after_a_change(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, log_a_lot, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned *context = calloc(1, sizeof(*context));

		pl_log_set_sink(count_heap, context);
		pl_log_set_sink(keep, &got);
		free(context);
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_head_is_time_and_level, begin, end),
		cmocka_unit_test_setup_teardown(levels_above_the_chosen_one_are_silent, begin, end),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test_setup_teardown(control_characters_are_escaped, begin, end),
		cmocka_unit_test_setup_teardown(text_beyond_ascii_passes, begin, end),
		cmocka_unit_test_setup_teardown(control_characters_of_two_bytes_are_escaped_too,
						begin, end),
		cmocka_unit_test_setup_teardown(every_byte_is_written_or_escaped, begin, end),
		cmocka_unit_test_setup_teardown(later_lines_are_indented, begin, end),
		cmocka_unit_test_setup_teardown(long_entries_are_cut, begin, end),
		cmocka_unit_test_setup_teardown(a_cut_falls_between_characters, begin, end),
		cmocka_unit_test_setup_teardown(many_lines_are_cut, begin, end),
		cmocka_unit_test_setup_teardown(errno_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(without_a_sink_entries_go_to_standard_error, begin,
						end),
		cmocka_unit_test_setup_teardown(a_long_entry_is_4096_bytes_on_standard_error, begin,
						end),
		cmocka_unit_test_setup_teardown(a_sink_may_log, begin, end),
		cmocka_unit_test_setup_teardown(calls_of_a_sink_do_not_overlap, begin, end),
		cmocka_unit_test_setup_teardown(no_call_is_under_way_after_a_change, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
