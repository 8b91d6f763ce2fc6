#include "unit/codec/bytes.h"

#include "conn/guid.h"

static void it_names_its_worker(void **state)
{
	static const uint16_t workers[] = { 0, 1, 255, 256, 0xABCD, 65535 };

	(void)state;
	for (size_t i = 0; i < COUNT(workers); i++) {
		pl_guid guid;

		pl_guid_new(&guid, workers[i]);
		assert_int_equal(pl_guid_worker(&guid), workers[i]);
	}
}

static void the_rest_is_random(void **state)
{
	uint8_t seen[PL_GUID_SIZE] = { 0 };
	pl_guid first, other;

	(void)state;
	pl_guid_new(&first, 1);
	for (int i = 0; i < 100; i++) {
		pl_guid_new(&other, 1);
		for (int k = 0; k < PL_GUID_SIZE; k++)
			seen[k] |= first.bytes[k] ^ other.bytes[k];
	}
	for (int k = 2; k < PL_GUID_SIZE; k++)
		assert_int_equal(seen[k], 0xFF);
}

static void text_and_back(void **state)
{
	static const char expected[] = "000102030405060708090A0B0C0D0EFF";
	pl_guid guid, back;
	char text[PL_GUID_TEXT];

	(void)state;
	for (int i = 0; i < PL_GUID_SIZE; i++)
		guid.bytes[i] = i == 15 ? 0xFF : (uint8_t)i;
	pl_guid_encode(text, &guid);
	assert_memory_equal(text, expected, PL_GUID_TEXT);
	assert_true(pl_guid_decode(&back, pl_slice_make(text, PL_GUID_TEXT)));
	assert_memory_equal(&back, &guid, sizeof(guid));
	assert_true(pl_guid_decode(&back, PL_SLICE("000102030405060708090a0b0c0d0eff")));
	assert_memory_equal(&back, &guid, sizeof(guid));
}

static void other_text_is_none(void **state)
{
	static const pl_slice rows[] = {
		BYTES(""),
		BYTES("000102030405060708090A0B0C0D0EF"),
		BYTES("000102030405060708090A0B0C0D0EFF0"),
		BYTES("000102030405060708090A0B0C0D0EFG"),
		BYTES("G00102030405060708090A0B0C0D0EFF"),
		BYTES("000102030405060708090A0B0C0D0E\0\0"),
		BYTES("00010203-0405-0607-0809-0A0B0C0D"),
		BYTES(" 00102030405060708090A0B0C0D0EFF"),
	};
	pl_guid guid;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_false(pl_guid_decode(&guid, rows[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_names_its_worker),
		cmocka_unit_test(the_rest_is_random),
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(other_text_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
