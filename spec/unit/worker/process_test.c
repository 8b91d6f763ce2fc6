#include "worker/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void tells_of_itself(void **state)
{
	pl_process before;
	pl_process after;
	int fd;

	(void)state;
	pl_process_read(&before);
	fd = dup(STDERR_FILENO);
	pl_process_read(&after);
	close(fd);
	assert_int_equal(after.files, before.files + 1);
	assert_true(before.files >= 3 && before.files < 100);
	assert_true(after.files_max == -1 || after.files_max > after.files);
	assert_true(after.resident > 100 * 1024 && after.virtual > after.resident);
	assert_true(after.cpu >= before.cpu && after.cpu < 60);
	assert_true(after.started > (double)time(NULL) - 600);
	assert_true(after.started <= (double)time(NULL) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tells_of_itself) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
