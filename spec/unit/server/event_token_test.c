#include "unit/codec/bytes.h"

#include "base/status.h"
#include "server/event_token.h"

static void it_says_whose_it_is(void **state)
{
	char token[PL_EVENT_TOKEN_SIZE], again[PL_EVENT_TOKEN_SIZE];
	char text[PL_GUID_TEXT];
	pl_guid guid, got;

	(void)state;
	pl_guid_new(&guid, 3);
	assert_int_equal(pl_event_token_encode(token, &guid), PL_OK);
	assert_int_equal(pl_event_token_encode(again, &guid), PL_OK);
	assert_memory_equal(token, again, sizeof(token));
	pl_guid_encode(text, &guid);
	assert_memory_equal(token, text, sizeof(text));
	assert_true(pl_event_token_decode(&got, pl_slice_make(token, sizeof(token))));
	assert_memory_equal(got.bytes, guid.bytes, PL_GUID_SIZE);
}

/* A guid alone, which others may know, is no token; nor is one with another's proof. */
static void nothing_else_is_one(void **state)
{
	char token[PL_EVENT_TOKEN_SIZE + 1], other[PL_EVENT_TOKEN_SIZE];
	pl_guid guid, got;

	(void)state;
	pl_guid_new(&guid, 1);
	assert_int_equal(pl_event_token_encode(token, &guid), PL_OK);
	token[PL_EVENT_TOKEN_SIZE] = '0';
	for (size_t len = 0; len <= sizeof(token); len++)
		assert_int_equal(pl_event_token_decode(&got, pl_slice_make(token, len)),
				 len == PL_EVENT_TOKEN_SIZE);
	for (size_t i = 0; i < PL_EVENT_TOKEN_SIZE; i++) {
		char before = token[i];

		token[i] = before == '0' ? '1' : '0';
		assert_false(
			pl_event_token_decode(&got, pl_slice_make(token, PL_EVENT_TOKEN_SIZE)));
		token[i] = 'x';
		assert_false(
			pl_event_token_decode(&got, pl_slice_make(token, PL_EVENT_TOKEN_SIZE)));
		token[i] = before;
	}
	pl_guid_new(&guid, 1);
	assert_int_equal(pl_event_token_encode(other, &guid), PL_OK);
	memcpy(other, token, PL_GUID_TEXT);
	assert_true(pl_event_token_decode(&got, pl_slice_make(token, PL_EVENT_TOKEN_SIZE)));
	memcpy(token, other + PL_GUID_TEXT, PL_GUID_TEXT);
	assert_false(pl_event_token_decode(&got, pl_slice_make(token, PL_EVENT_TOKEN_SIZE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_whose_it_is),
		cmocka_unit_test(nothing_else_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
