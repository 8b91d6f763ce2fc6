#include "unit/codec/bytes.h"

#include "base/alloc.h"
#include "conn/message.h"

static void its_encodings_are_let_go(void **state)
{
	int64_t live = pl_alloc_live();
	pl_message message = { .kind = PL_KIND_TEXT, .payload = PL_SLICE("hello") };
	pl_block *shared;

	(void)state;
	for (int i = 0; i < PL_ENCODING_COUNT; i++)
		message.encoded[i] = pl_block_copy("x", 1);
	shared = pl_block_ref(message.encoded[0]);
	pl_message_deinit(&message);
	for (int i = 0; i < PL_ENCODING_COUNT; i++)
		assert_null(message.encoded[i]);
	assert_int_equal(shared->refs, 1);
	pl_block_unref(shared);
	pl_message_deinit(&message);
	assert_int_equal(pl_alloc_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_encodings_are_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
