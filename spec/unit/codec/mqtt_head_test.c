#include "mqtt.h"

static const struct {
	const pl_mqtt_rules *rules;
	pl_slice bytes;
	int result;
	uint32_t length;
	uint8_t type, flags;
} good[] = {
	{ &client3, BYTES("\xC0\0"), 2, 0, PL_MQTT_PINGREQ, 0 },
	{ &server5, BYTES("\xD0\0\xFF"), 2, 0, PL_MQTT_PINGRESP, 0 },
	{ &stranger, BYTES("\x10\x0D"), 2, 13, PL_MQTT_CONNECT, 0 },
	{ &server5, BYTES("\x30\x03"), 2, 3, PL_MQTT_PUBLISH, 0 },
	{ &server5, BYTES("\x31\x7F"), 2, 127, PL_MQTT_PUBLISH, 1 },
	{ &server5, BYTES("\x32\x80\x01"), 3, 128, PL_MQTT_PUBLISH, 2 },
	{ &server5, BYTES("\x34\xFF\x7F"), 3, 16383, PL_MQTT_PUBLISH, 4 },
	{ &client3, BYTES("\x3A\x80\x80\x01"), 4, 16384, PL_MQTT_PUBLISH, 10 },
	{ &client3, BYTES("\x3C\xFF\xFF\x7F"), 4, 2097151, PL_MQTT_PUBLISH, 12 },
	{ &client5, BYTES("\x3D\x80\x80\x80\x01"), 5, 2097152, PL_MQTT_PUBLISH, 13 },
	{ &client5, BYTES("\x3B\xFF\xFF\xFF\x7F"), 5, 268435455, PL_MQTT_PUBLISH, 11 },
	{ &client5, BYTES("\x62\x02"), 2, 2, PL_MQTT_PUBREL, 2 },
	{ &client5, BYTES("\x82\x08"), 2, 8, PL_MQTT_SUBSCRIBE, 2 },
	{ &client3, BYTES("\xE0\0"), 2, 0, PL_MQTT_DISCONNECT, 0 },
	{ &server5, BYTES("\xE0\0"), 2, 0, PL_MQTT_DISCONNECT, 0 },
	{ &client5, BYTES("\xF0\x02"), 2, 2, PL_MQTT_AUTH, 0 },
	/* 3.1.1 does not ask for the shortest form. */
	{ &client3, BYTES("\xC0\x80\0"), 3, 0, PL_MQTT_PINGREQ, 0 },
	{ &server3, BYTES("\x30\x83\x80\x80\0"), 5, 3, PL_MQTT_PUBLISH, 0 },
	{ &stranger, BYTES("\x10\x8D\0"), 3, 13, PL_MQTT_CONNECT, 0 },
};

static void test_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		pl_mqtt_head head = { 0 };
		pl_mqtt_fault fault;

		if (mqtt_head(&head, good[i].rules, good[i].bytes, &fault) != good[i].result)
			fail_msg("row %zu: %s", i, fault.text ? fault.text : "more");
		assert_int_equal(head.size, good[i].result);
		assert_int_equal(head.length, good[i].length);
		assert_int_equal(head.type, good[i].type);
		assert_int_equal(head.flags, good[i].flags);
	}
}

static const struct {
	const pl_mqtt_rules *rules;
	pl_slice bytes; /* of which the last shows what is wrong */
	uint8_t reason;
} bad[] = {
	{ &client3, BYTES("\x00"), 0x81 },
	{ &server5, BYTES("\x0F"), 0x81 },
	{ &client3, BYTES("\xF0"), 0x81 },
	{ &server3, BYTES("\xF0"), 0x81 },
	/* flags */
	{ &client5, BYTES("\x11"), 0x81 },
	{ &server5, BYTES("\x28"), 0x81 },
	{ &server5, BYTES("\x41"), 0x81 },
	{ &server5, BYTES("\x52"), 0x81 },
	{ &server5, BYTES("\x60"), 0x81 },
	{ &server5, BYTES("\x63"), 0x81 },
	{ &server5, BYTES("\x72"), 0x81 },
	{ &client5, BYTES("\x80"), 0x81 },
	{ &server5, BYTES("\x92"), 0x81 },
	{ &client5, BYTES("\xA0"), 0x81 },
	{ &server5, BYTES("\xB2"), 0x81 },
	{ &client5, BYTES("\xC1"), 0x81 },
	{ &server5, BYTES("\xD4"), 0x81 },
	{ &server5, BYTES("\xE1"), 0x81 },
	{ &server5, BYTES("\xF2"), 0x81 },
	/* QoS 3; DUP with QoS 0 */
	{ &server5, BYTES("\x36"), 0x81 },
	{ &client3, BYTES("\x3F"), 0x81 },
	{ &client3, BYTES("\x38"), 0x81 },
	{ &server5, BYTES("\x39"), 0x81 },
	/* the wrong side */
	{ &server5, BYTES("\x10"), 0x82 },
	{ &client5, BYTES("\x20"), 0x82 },
	{ &server5, BYTES("\x82"), 0x82 },
	{ &client5, BYTES("\x90"), 0x82 },
	{ &server5, BYTES("\xA2"), 0x82 },
	{ &client5, BYTES("\xB0"), 0x82 },
	{ &server5, BYTES("\xC0"), 0x82 },
	{ &client5, BYTES("\xD0"), 0x82 },
	{ &server3, BYTES("\xE0"), 0x82 },
	{ &stranger, BYTES("\x30"), 0x82 },
	{ &stranger, BYTES("\xC0"), 0x82 },
	{ &stranger, BYTES("\x20"), 0x82 },
	/* lengths */
	{ &client3, BYTES("\x30\xFF\xFF\xFF\xFF"), 0x81 },
	{ &client5, BYTES("\x30\x80\x80\x80\x80"), 0x81 },
	{ &server5, BYTES("\xD0\x80\0"), 0x81 },
	{ &server5, BYTES("\x30\x83\x80\0"), 0x81 },
	{ &server5, BYTES("\x30\xFF\xFF\xFF\0"), 0x81 },
	{ &client5, BYTES("\xC0\1"), 0x81 },
	{ &server3, BYTES("\xD0\xFF\xFF\xFF\x7F"), 0x81 },
	{ &client3, BYTES("\x10\x0B"), 0x81 },
	{ &server3, BYTES("\x20\3"), 0x81 },
	{ &server5, BYTES("\x20\1"), 0x81 },
	{ &server3, BYTES("\x30\2"), 0x81 },
	{ &server3, BYTES("\x40\1"), 0x81 },
	{ &server3, BYTES("\x40\3"), 0x81 },
	{ &server3, BYTES("\x50\3"), 0x81 },
	{ &server3, BYTES("\x62\0"), 0x81 },
	{ &server3, BYTES("\x70\4"), 0x81 },
	{ &server5, BYTES("\x40\1"), 0x81 },
	{ &server5, BYTES("\x90\2"), 0x81 },
	{ &server3, BYTES("\xB0\3"), 0x81 },
	{ &server5, BYTES("\xB0\2"), 0x81 },
	{ &client3, BYTES("\xE0\1"), 0x81 },
};

static void test_bad_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		pl_mqtt_head head;
		pl_mqtt_fault fault;
		pl_slice before = { bad[i].bytes.at, bad[i].bytes.len - 1 };

		if (mqtt_head(&head, bad[i].rules, bad[i].bytes, &fault) != PL_EPROTO ||
		    fault.reason != bad[i].reason)
			fail_msg("row %zu: %02x", i, fault.reason);
		assert_int_equal(mqtt_head(&head, bad[i].rules, before, &fault), 0);
	}
}

static void test_integers(void **state)
{
	static const uint32_t borders[] = {
		0, 127, 128, 16383, 16384, 2097151, 2097152, 268435455
	};

	(void)state;
	for (size_t i = 0; i < COUNT(borders); i++) {
		uint8_t out[4];
		uint32_t value = 1;
		size_t size = pl_mqtt_varint_encode(out, borders[i]);

		assert_int_equal(size, 1 + i / 2);
		assert_int_equal(size, pl_mqtt_varint_size(borders[i]));
		for (size_t len = 0; len < size; len++)
			assert_int_equal(pl_mqtt_varint_decode(&value, out, len), 0);
		assert_int_equal(pl_mqtt_varint_decode(&value, out, size), size);
		assert_int_equal(value, borders[i]);
	}
}

static void test_types(void **state)
{
	(void)state;
	assert_string_equal(pl_mqtt_type_name(PL_MQTT_CONNECT), "CONNECT");
	assert_string_equal(pl_mqtt_type_name(PL_MQTT_AUTH), "AUTH");
	assert_null(pl_mqtt_type_name(0));
	assert_null(pl_mqtt_type_name(16));
	for (unsigned type = 0; type < 256; type++) {
		bool sent = pl_mqtt_type_sent((uint8_t)type, &client5) ||
			    pl_mqtt_type_sent((uint8_t)type, &server5);

		assert_int_equal(sent, type >= PL_MQTT_CONNECT && type <= PL_MQTT_AUTH);
	}
	assert_false(pl_mqtt_type_sent(PL_MQTT_AUTH, &client3));
	assert_false(pl_mqtt_type_sent(PL_MQTT_DISCONNECT, &server3));
	assert_true(pl_mqtt_type_sent(PL_MQTT_DISCONNECT, &server5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
