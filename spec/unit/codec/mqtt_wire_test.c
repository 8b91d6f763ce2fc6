#include "mqtt.h"

#include "codec/mqtt_wire.h"

static void test_read(void **state)
{
	static const char bytes[] = "\x07\x01\x02\x01\x02\x03\x04\xFF\x7F\0\3abcxyz";
	pl_mqtt_fault fault = { 0 };
	pl_mqtt_reader reader = { (const uint8_t *)bytes, sizeof(bytes) - 1, &fault };
	uint8_t byte;
	uint16_t two;
	uint32_t four, varint;
	pl_slice text, rest;

	(void)state;
	assert_int_equal(pl_mqtt_read_byte(&reader, &byte), PL_OK);
	assert_int_equal(pl_mqtt_read_two(&reader, &two), PL_OK);
	assert_int_equal(pl_mqtt_read_four(&reader, &four), PL_OK);
	assert_int_equal(pl_mqtt_read_varint(&reader, &varint), PL_OK);
	assert_int_equal(pl_mqtt_read_slice(&reader, &text), PL_OK);
	assert_int_equal(byte, 7);
	assert_int_equal(two, 0x0102);
	assert_int_equal(four, 0x01020304);
	assert_int_equal(varint, 16383);
	assert_true(pl_slice_equal(text, PL_SLICE("abc")));
	assert_null(fault.text);
	assert_int_equal(pl_mqtt_read_end(&reader), PL_EPROTO);
	assert_int_equal(pl_mqtt_read_bytes(&reader, 3, &rest), PL_OK);
	assert_true(pl_slice_equal(rest, PL_SLICE("xyz")));
	assert_int_equal(pl_mqtt_read_end(&reader), PL_OK);
}

/* Fails with `len` bytes left, and with fewer. */
#define EXPECT_END(call, len)                                                                      \
	for (size_t left = 0; left <= (len); left++) {                                             \
		uint8_t *memory = bytes_copy("\x00\x04\xFF\xFF\xFF", left);                        \
		pl_mqtt_fault fault = { 0 };                                                       \
		pl_mqtt_reader reader = { memory, left, &fault };                                  \
		assert_int_equal(call, PL_EPROTO);                                                 \
		assert_int_equal(fault.reason, PL_MQTT_MALFORMED_PACKET);                          \
		assert_non_null(fault.text);                                                       \
		free(memory);                                                                      \
	}

static void test_read_beyond(void **state)
{
	uint8_t byte;
	uint16_t two;
	uint32_t four;
	pl_slice slice;

	(void)state;
	EXPECT_END(pl_mqtt_read_byte(&reader, &byte), 0);
	EXPECT_END(pl_mqtt_read_two(&reader, &two), 1);
	EXPECT_END(pl_mqtt_read_four(&reader, &four), 3);
	EXPECT_END(pl_mqtt_read_slice(&reader, &slice), 5);
	EXPECT_END(pl_mqtt_read_bytes(&reader, 6, &slice), 5);
}

static const struct {
	pl_slice bytes;
	int status;
} integers[] = {
	{ BYTES("\0"), PL_OK },
	{ BYTES("\x80\1"), PL_OK },
	{ BYTES("\xFF\xFF\xFF\x7F"), PL_OK },
	{ BYTES(""), PL_EPROTO },
	{ BYTES("\x80"), PL_EPROTO },
	{ BYTES("\x80\0"), PL_EPROTO },
	{ BYTES("\xFF\0"), PL_EPROTO },
	{ BYTES("\x80\x80\x80\0"), PL_EPROTO },
	{ BYTES("\xFF\xFF\xFF\xFF\x7F"), PL_EPROTO },
};

static void test_integers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integers); i++) {
		uint8_t *memory = bytes_copy(integers[i].bytes.at, integers[i].bytes.len);
		pl_mqtt_fault fault = { 0 };
		pl_mqtt_reader reader = { memory, integers[i].bytes.len, &fault };
		uint32_t value;

		assert_int_equal(pl_mqtt_read_varint(&reader, &value), integers[i].status);
		free(memory);
	}
}

static void test_checks(void **state)
{
	pl_mqtt_fault fault = { 0 };
	char *text = calloc(1, 65536);

	(void)state;
	assert_non_null(text);
	assert_int_equal(pl_mqtt_check_text(PL_SLICE(""), &fault), PL_OK);
	assert_int_equal(pl_mqtt_check_text(pl_slice_make(NULL, 0), &fault), PL_OK);
	assert_int_equal(pl_mqtt_check_text(PL_SLICE("\x01\x7F"), &fault), PL_OK);
	assert_int_equal(pl_mqtt_check_text(PL_SLICE("\xFF"), &fault), PL_EUTF8);
	assert_int_equal(pl_mqtt_check_text(PL_SLICE("x\0"), &fault), PL_EUTF8);
	assert_int_equal(fault.reason, PL_MQTT_MALFORMED_PACKET);
	assert_int_equal(pl_mqtt_check_binary(pl_slice_make(text, 65535), &fault), PL_OK);
	assert_int_equal(pl_mqtt_check_binary(pl_slice_make(text, 65536), &fault), PL_ETOOBIG);
	assert_int_equal(pl_mqtt_check_id(1, &fault), PL_OK);
	assert_int_equal(pl_mqtt_check_id(0, &fault), PL_EPROTO);
	assert_int_equal(fault.reason, PL_MQTT_PROTOCOL_ERROR);
	assert_int_equal(pl_mqtt_unsayable(&fault, fault.status), PL_EINVAL);
	assert_int_equal(fault.status, PL_EINVAL);
	free(text);
}

static void write_all(pl_mqtt_writer *writer)
{
	pl_mqtt_write_byte(writer, 7);
	pl_mqtt_write_two(writer, 0x0102);
	pl_mqtt_write_four(writer, 0x01020304);
	pl_mqtt_write_varint(writer, 16383);
	pl_mqtt_write_slice(writer, PL_SLICE("abc"));
	pl_mqtt_write_bytes(writer, PL_SLICE("xyz"));
	pl_mqtt_write_slice(writer, pl_slice_make(NULL, 0));
}

static void test_write(void **state)
{
	static const char bytes[] = "\x07\x01\x02\x01\x02\x03\x04\xFF\x7F\0\3abcxyz\0\0";

	(void)state;
	for (size_t room = 0; room < sizeof(bytes); room++) {
		uint8_t *out = bytes_copy(bytes, room);
		pl_mqtt_writer writer = { out, room, 0 };

		write_all(&writer);
		assert_int_equal(writer.used, sizeof(bytes) - 1);
		assert_int_equal(pl_mqtt_write_end(&writer),
				 room == sizeof(bytes) - 1 ? PL_OK : PL_EINVAL);
		assert_memory_equal(out, bytes, room);
		free(out);
	}
}

static void test_measure(void **state)
{
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;

	(void)state;
	assert_int_equal(pl_mqtt_measure(&sizes, 100, 28, &fault), PL_OK);
	assert_int_equal(sizes.length, 128);
	assert_int_equal(sizes.head, 103);
	assert_int_equal(sizes.total, 131);
	assert_int_equal(pl_mqtt_measure(&sizes, 5, PL_MQTT_LENGTH_MAX - 5, &fault), PL_OK);
	assert_int_equal(sizes.total, PL_MQTT_LENGTH_MAX + 5);
	assert_int_equal(pl_mqtt_measure(&sizes, 5, PL_MQTT_LENGTH_MAX - 4, &fault), PL_ETOOBIG);
	assert_int_equal(pl_mqtt_measure(&sizes, 5, SIZE_MAX, &fault), PL_ETOOBIG);
	assert_int_equal(pl_mqtt_measure(&sizes, PL_MQTT_LENGTH_MAX + 1, 0, &fault), PL_ETOOBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),	 cmocka_unit_test(test_read_beyond),
		cmocka_unit_test(test_integers), cmocka_unit_test(test_checks),
		cmocka_unit_test(test_write),	 cmocka_unit_test(test_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
