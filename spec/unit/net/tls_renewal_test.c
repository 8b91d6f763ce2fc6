#include "unit/net/tls_files.h"
#include "unit/net/turns.h"

#include "base/log.h"
#include "net/tls_renewal.h"

enum { INTERVAL = 5 };

static pl_loop *loop;
static pl_tls_renewal *renewal;
static pl_tls_context *first, *told_former, *told_now;
static int told, warnings;

static void on_renewed(void *owner, const pl_tls_context *former, pl_tls_context *now)
{
	assert_ptr_equal(owner, &told);
	told++;
	told_former = (pl_tls_context *)(uintptr_t)former;
	told_now = now;
}

static void hear(void *context, enum pl_log_level level, const char *line, size_t len)
{
	(void)context, (void)line, (void)len;
	warnings += level == PL_LOG_WARN;
}

static void copy_file(const char *from, const char *to)
{
	char command[256];

	/* Another inode: a file system's clock may stand still between two writes. */
	snprintf(command, sizeof(command), "cd '%s' && cp %s new && mv new %s", tls_folder, from,
		 to);
	assert_int_equal(system(command), 0);
}

/* A site in two files and one in one, which the settings' owner forgets at once. */
static void begin(void)
{
	char cert[TLS_FILE_PATH], key[TLS_FILE_PATH], both[TLS_FILE_PATH];
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_identity other = { .name = "second.example", .cert_file = both };
	pl_tls_settings settings = { .identity = { .cert_file = cert, .key_file = key },
				     .others = &other,
				     .other_count = 1,
				     .verify_depth = -1 };

	copy_file("server.pem", "used.pem");
	copy_file("server-key.pem", "used-key.pem");
	copy_file("second-both.pem", "other.pem");
	tls_path(cert, "used.pem");
	tls_path(key, "used-key.pem");
	tls_path(both, "other.pem");
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	assert_int_equal(pl_tls_renewal_new(&renewal, &settings, error), PL_OK);
	memset(cert, 'x', sizeof(cert));
	memset(key, 'x', sizeof(key));
	memset(both, 'x', sizeof(both));
	first = pl_tls_renewal_context(renewal);
	assert_non_null(first);
	told = warnings = 0;
	told_former = told_now = NULL;
	pl_log_set_sink(hear, NULL);
	pl_tls_renewal_start(renewal, loop, INTERVAL, on_renewed, &told);
}

static void end(void)
{
	pl_tls_renewal_free(renewal);
	pl_loop_run(loop); /* what is still at work */
	pl_log_set_sink(NULL, NULL);
	pl_loop_free(loop);
}

static void some_looks(void)
{
	for (int i = 0; i < 10 * INTERVAL; i++) {
		pl_loop_turn(loop);
		poll(NULL, 0, 1);
	}
}

static void what_has_not_changed_stays(void **state)
{
	(void)state;
	begin();
	some_looks();
	assert_int_equal(told, 0);
	assert_int_equal(warnings, 0);
	assert_ptr_equal(pl_tls_renewal_context(renewal), first);
	end();
}

static void half_a_change_waits_for_the_other_half(void **state)
{
	(void)state;
	begin();
	copy_file("lasting.pem", "used.pem");
	TURN_UNTIL(loop, warnings > 0);
	some_looks();
	assert_int_equal(warnings, 1);
	assert_int_equal(told, 0);
	assert_ptr_equal(pl_tls_renewal_context(renewal), first);
	copy_file("lasting-key.pem", "used-key.pem");
	TURN_UNTIL(loop, told > 0);
	some_looks();
	assert_int_equal(told, 1);
	assert_ptr_equal(told_former, first);
	assert_ptr_equal(told_now, pl_tls_renewal_context(renewal));
	assert_int_equal(warnings, 1);
	end();
}

static void a_file_that_goes_and_comes_back(void **state)
{
	char path[TLS_FILE_PATH];

	(void)state;
	begin();
	tls_path(path, "other.pem");
	assert_int_equal(unlink(path), 0);
	TURN_UNTIL(loop, warnings > 0);
	copy_file("second-both.pem", "other.pem");
	TURN_UNTIL(loop, told > 0);
	assert_int_equal(warnings, 1);
	end();
}

static void one_that_is_freed_tells_nothing(void **state)
{
	(void)state;
	begin();
	copy_file("lasting-both.pem", "other.pem");
	/* The timer has fired, the thread pool is at work or done. */
	for (int i = 0; i < 2 * INTERVAL; i++) {
		poll(NULL, 0, 1);
		if (i == 2 * INTERVAL - 1)
			pl_loop_turn(loop);
	}
	end();
	assert_int_equal(told, 0);
}

static void what_is_wrong_is_said(void **state)
{
	char error[PL_TLS_ERROR_MAX] = "";
	pl_tls_settings settings = { .identity = { .cert_file = "/nowhere/at-all.pem" },
				     .verify_depth = -1 };
	pl_tls_renewal *none = NULL;

	(void)state;
	assert_int_equal(pl_tls_renewal_new(&none, &settings, error), PL_ENOENT);
	assert_non_null(strstr(error, "/nowhere/at-all.pem"));
	assert_null(none);
	pl_tls_renewal_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_not_changed_stays),
		cmocka_unit_test(half_a_change_waits_for_the_other_half),
		cmocka_unit_test(a_file_that_goes_and_comes_back),
		cmocka_unit_test(one_that_is_freed_tells_nothing),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
