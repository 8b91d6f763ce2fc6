#include "worker/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

static char folder[] = "/tmp/perilune-control-XXXXXX";
static char path[64];
static char second[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/control", folder);
	snprintf(second, sizeof(second), "%s/control.2", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void each_worker_has_its_own(void **state)
{
	pl_control *control = pl_control_new(path, 2);
	int fd;

	(void)state;
	assert_non_null(control);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(second, F_OK), 0);
	fd = pl_control_take(control, 2);
	assert_true(fd >= 0);
	assert_int_equal(pl_control_take(control, 2), -1);
	close(fd);
	pl_control_free(control);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(second, F_OK), -1);
	pl_control_free(NULL);
}

/* What was made before goes again. */
static void all_or_none(void **state)
{
	FILE *file = fopen(second, "w");

	(void)state;
	fclose(file);
	assert_null(pl_control_new(path, 2));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(second, F_OK), 0);
	unlink(second);
	pl_alloc_fail_at(1);
	assert_null(pl_control_new(path, 2));
	pl_alloc_fail_at(0);
}

static void names_have_to_fit(void **state)
{
	char longest[108];
	pl_control *control;
	size_t len = strlen(folder);

	(void)state;
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, folder, len);
	longest[len] = '/';
	longest[106] = '\0'; /* with room for one more byte, not for ".2" */
	control = pl_control_new(longest, 1);
	assert_non_null(control);
	assert_null(pl_control_new(longest, 2));
	pl_control_free(control);
	assert_null(pl_control_new(longest, 2));
	assert_int_equal(access(longest, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_worker_has_its_own),
		cmocka_unit_test(all_or_none),
		cmocka_unit_test(names_have_to_fit),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
