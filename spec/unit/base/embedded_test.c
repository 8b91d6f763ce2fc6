#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/embedded.h"

static const unsigned char bytes[] = "return 1return 2";

static const pl_embedded files[] = {
	{ "perilune/server.lua", bytes, bytes + 8 },
	{ "perilune/web/empty.css", bytes + 8, bytes + 8 },
	{ "perilune/server", bytes + 8, bytes + 16 },
	{ NULL, NULL, NULL },
};

static void assert_file(const char *path, const char *text)
{
	pl_slice found = pl_embedded_find(pl_slice_make(path, strlen(path)));

	assert_non_null(found.at);
	assert_int_equal(found.len, strlen(text));
	assert_memory_equal(found.at, text, found.len);
}

static void without_a_table_there_are_no_files(void **state)
{
	(void)state;
	pl_embedded_use(NULL);
	assert_null(pl_embedded_find(PL_SLICE("perilune/server.lua")).at);
}

static void files_are_found_by_their_whole_path(void **state)
{
	(void)state;
	pl_embedded_use(files);
	assert_file("perilune/server.lua", "return 1");
	assert_file("perilune/server", "return 2");
	assert_file("perilune/web/empty.css", "");
	assert_null(pl_embedded_find(PL_SLICE("perilune/serve")).at);
	assert_null(pl_embedded_find(PL_SLICE("server.lua")).at);
	assert_null(pl_embedded_find(PL_SLICE("perilune/server.lua\0")).at);
	assert_null(pl_embedded_find(PL_SLICE("")).at);
	assert_int_equal(pl_embedded_find(PL_SLICE("none")).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_table_there_are_no_files),
		cmocka_unit_test(files_are_found_by_their_whole_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
