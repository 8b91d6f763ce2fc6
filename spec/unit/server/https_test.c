#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/memory.h"
#include "server/https.h"

static void speaks_http(void **state)
{
	pl_tls_settings settings = { 0 };

	(void)state;
	pl_https_settings(&settings);
	assert_int_equal(settings.alpn_count, 1);
	assert_true(pl_slice_equal(settings.alpn[0], PL_SLICE("http/1.1")));
}

static void answers_plain_http(void **state)
{
	pl_tls_settings settings = { 0 };
	pl_memory memory;
	pl_loop *loop;
	const char *answer, *body;

	(void)state;
	pl_https_settings(&settings);
	assert_int_equal(pl_loop_new(&loop), 0);
	pl_memory_init(&memory, loop);
	settings.plain(&memory.stream);
	pl_loop_turn(loop);
	pl_buffer_append(&memory.sent, "", 1);
	answer = (const char *)memory.sent.data;
	assert_memory_equal(answer, "HTTP/1.1 400 Bad Request\r\nDate: ", 32);
	assert_non_null(strstr(answer, "\r\nContent-Length: 40\r\nConnection: close\r\n"));
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	assert_string_equal(body + 4, "This port speaks TLS: use https or wss.\n");
	assert_int_equal(strlen(body + 4), 40);
	pl_memory_deinit(&memory);
	pl_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_http),
		cmocka_unit_test(answers_plain_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
