#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/status.h"
#include "server/protocols.h"

static int as_it_is(pl_buffer *out, pl_slice channel, pl_slice text)
{
	(void)channel;
	return pl_buffer_append(out, text.at, text.len);
}

static void each_name_once(void **state)
{
	pl_protocols protocols = { 0 };
	char name[] = "chat";

	(void)state;
	assert_null(pl_protocols_find(&protocols, PL_SLICE("chat")));
	assert_int_equal(pl_protocols_add(&protocols, pl_slice_make(name, 4), NULL), PL_OK);
	name[0] = 'X'; /* the name is a copy */
	assert_non_null(pl_protocols_find(&protocols, PL_SLICE("chat")));
	assert_null(pl_protocols_find(&protocols, PL_SLICE("Chat")));
	assert_null(pl_protocols_find(&protocols, PL_SLICE("cha")));
	assert_int_equal(protocols.dialects, 0);
	assert_int_equal(pl_protocols_add(&protocols, PL_SLICE("chat"), as_it_is), PL_OK);
	assert_int_equal(protocols.count, 1);
	assert_int_equal(protocols.dialects, 1);
	assert_ptr_equal(pl_protocols_find(&protocols, PL_SLICE("chat"))->dialect, as_it_is);
	assert_int_equal(pl_protocols_add(&protocols, PL_SLICE("chat"), NULL), PL_OK);
	assert_int_equal(protocols.dialects, 0);
	pl_protocols_deinit(&protocols);
}

static void not_any_number(void **state)
{
	pl_protocols protocols = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < PL_PROTOCOLS_MAX; i++) {
		int len = snprintf(name, sizeof(name), "p%d", i);

		assert_int_equal(
			pl_protocols_add(&protocols, pl_slice_make(name, (size_t)len), NULL),
			PL_OK);
	}
	assert_int_equal(pl_protocols_add(&protocols, PL_SLICE("more"), NULL), PL_ELIMIT);
	assert_int_equal(pl_protocols_add(&protocols, PL_SLICE("p0"), NULL), PL_OK);
	pl_protocols_deinit(&protocols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_once),
		cmocka_unit_test(not_any_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
