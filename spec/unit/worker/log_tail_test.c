#include "worker/log_tail.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static void the_last_lines_are_kept(void **state)
{
	int before = dup(STDERR_FILENO);
	int pipes[2];
	pl_log_tail_line line;
	char room[256];
	ssize_t len;
	int i;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_false(pl_log_tail_next(0, &line));
	assert_int_equal(pl_log_tail_begin(), 0);
	assert_int_equal(pl_log_tail_begin(), 0);
	dup2(pipes[1], STDERR_FILENO);
	pl_log(PL_LOG_WARN, "one");
	dup2(before, STDERR_FILENO);
	len = read(pipes[0], room, sizeof(room));
	assert_true(len > 5 && memcmp(room + len - 5, " one\n", 5) == 0);
	assert_true(pl_log_tail_next(0, &line));
	assert_int_equal(line.number, 1);
	assert_int_equal(line.len, len - 1);
	assert_memory_equal(line.text, room, line.len);
	assert_false(pl_log_tail_next(1, &line));
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	for (i = 0; i < 2 * PL_LOG_TAIL_LINES; i++)
		pl_log(PL_LOG_WARN, "line %d", i);
	dup2(before, STDERR_FILENO);
	assert_true(pl_log_tail_next(0, &line));
	assert_int_equal(line.number, PL_LOG_TAIL_LINES + 2);
	for (i = 1; pl_log_tail_next(line.number, &line); i++)
		;
	assert_int_equal(i, PL_LOG_TAIL_LINES);
	assert_int_equal(line.number, 2 * PL_LOG_TAIL_LINES + 1);
	pl_log_tail_end();
	assert_false(pl_log_tail_next(0, &line));
	close(before);
}

static void long_lines_are_cut_between_characters(void **state)
{
	int before = dup(STDERR_FILENO);
	pl_log_tail_line line = { 0 };
	char text[2 * PL_LOG_TAIL_LINE];
	size_t i;
	uint64_t after = 0;

	(void)state;
	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	pl_log_tail_begin();
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	pl_log(PL_LOG_WARN, "%s", text);
	pl_log(PL_LOG_WARN, "x%s", text);
	dup2(before, STDERR_FILENO);
	while (pl_log_tail_next(after, &line)) {
		after = line.number;
		if (line.len < PL_LOG_TAIL_LINE - 1)
			continue;
		assert_true(line.len <= PL_LOG_TAIL_LINE);
		assert_int_equal((unsigned char)line.text[line.len - 1], 0xa9);
	}
	assert_true(line.len >= PL_LOG_TAIL_LINE - 1);
	pl_log_tail_end();
	close(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_lines_are_kept),
		cmocka_unit_test(long_lines_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
