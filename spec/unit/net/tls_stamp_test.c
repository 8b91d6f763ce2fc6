#include "unit/net/tls_files.h"

#include "net/tls_stamp.h"

static void stamps(void **state)
{
	char path[TLS_FILE_PATH], other[TLS_FILE_PATH];
	uint64_t stamp;
	FILE *file;

	(void)state;
	tls_path(path, "ca.pem");
	tls_path(other, "server-both.pem");
	stamp = pl_tls_stamp(path);
	assert_int_not_equal(stamp, 0);
	assert_int_equal(pl_tls_stamp(path), stamp);
	assert_int_not_equal(pl_tls_stamp(other), stamp);
	assert_int_equal(pl_tls_stamp("/nowhere/at-all.pem"), 0);
	file = fopen(path, "a");
	fputc('\n', file);
	fclose(file);
	assert_int_not_equal(pl_tls_stamp(path), stamp);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(stamps) };

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
