#include "bytes.h"

#include "codec/flash_policy.h"

static void it_is_told_however_it_is_cut(void **state)
{
	static const pl_slice request = BYTES("<policy-file-request/>\0GET / HTTP/1.1\r\n");

	(void)state;
	for (size_t len = 0; len <= request.len; len++) {
		char *bytes = bytes_copy(request.at, len);

		assert_int_equal(pl_flash_policy_begin((uint8_t *)bytes, len),
				 len >= PL_FLASH_POLICY_REQUEST);
		free(bytes);
	}
}

static void any_other_byte_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < PL_FLASH_POLICY_REQUEST; i++) {
		uint8_t bytes[PL_FLASH_POLICY_REQUEST] = "<policy-file-request/>";

		bytes[i] ^= 0x20;
		for (size_t len = i + 1; len <= sizeof(bytes); len++)
			assert_int_equal(pl_flash_policy_begin(bytes, len), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_however_it_is_cut),
		cmocka_unit_test(any_other_byte_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
