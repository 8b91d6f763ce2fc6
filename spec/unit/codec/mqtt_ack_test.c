#include "mqtt.h"

static const mqtt_good good[] = {
	{ &client3, BYTES("\x40\2\0\x0A") },
	{ &server5, BYTES("\x40\2\xFF\xFF") },
	{ &client5, BYTES("\x40\3\0\1\x99") },
	{ &client5, BYTES("\x50\3\0\1\x10") },
	{ &server5, BYTES("\x62\3\0\1\x92") },
	{ &server5, BYTES("\x70\x0B\0\1\0\7\x26\0\1k\0\1v") },
	{ &client5, BYTES("\x62\x0F\0\1\x92\x0B\x1F\0\1r\x26\0\1k\0\1v") },
	{ &client3, BYTES("\xE0\0") },
	{ &client5, BYTES("\xE0\1\4") },
	{ &client5, BYTES("\xE0\7\0\5\x11\0\0\0\0") },
	{ &server5, BYTES("\xE0\x11\x9C\x0F\x1C\0\1s\x1F\0\1r\x26\0\1k\0\1v") },
	{ &server5, BYTES("\xF0\0") },
	{ &server5, BYTES("\xF0\6\0\4\x15\0\1m") },
	{ &client5, BYTES("\xF0\x0A\x18\x08\x15\0\1m\x16\0\1d") },
	{ &client5, BYTES("\xF0\6\x19\4\x15\0\1m") },
};

static void test_there_and_back(void **state)
{
	(void)state;
	mqtt_expect_good(good, COUNT(good));
	for (size_t i = 0; i < COUNT(good); i++)
		mqtt_expect_cut(good[i].rules, good[i].bytes);
}

/* What may be left out may also be there: 3.4.2.2.1, 3.14.2.2.1, 3.15.2.1. */
static void test_longer_than_needed(void **state)
{
	static const struct {
		const pl_mqtt_rules *rules;
		pl_slice bytes, shortest;
	} rows[] = {
		{ &server5, BYTES("\x40\3\0\1\0"), BYTES("\x40\2\0\1") },
		{ &server5, BYTES("\x40\4\0\1\0\0"), BYTES("\x40\2\0\1") },
		{ &server5, BYTES("\x50\4\0\1\x87\0"), BYTES("\x50\3\0\1\x87") },
		{ &server5, BYTES("\xE0\1\0"), BYTES("\xE0\0") },
		{ &server5, BYTES("\xE0\2\0\0"), BYTES("\xE0\0") },
		{ &server5, BYTES("\xE0\2\x8B\0"), BYTES("\xE0\1\x8B") },
		{ &server5, BYTES("\xF0\2\0\0"), BYTES("\xF0\0") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		mqtt_case found = mqtt_decode(rows[i].rules, rows[i].bytes);

		assert_int_equal(found.status, PL_OK);
		mqtt_expect(&found.packet, rows[i].rules, rows[i].shortest);
		mqtt_free(&found);
	}
}

static const mqtt_bad bad[] = {
	{ &server3, BYTES("\x40\2\0\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x50\2\0\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x62\3\0\0\0"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\x70\2\0\0"), PL_EPROTO, 0x82 },
	/* reason codes */
	{ &server5, BYTES("\x40\3\0\1\x92"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x40\3\0\1\x01"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x50\3\0\1\xFF"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x62\3\0\1\x10"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x70\3\0\1\x80"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xE0\1\x04"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xE0\1\x8B"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xE0\1\x01"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xF0\6\x19\4\x15\0\1m"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xF0\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xF0\6\x80\4\x15\0\1m"), PL_EPROTO, 0x82 },
	/* properties */
	{ &server5, BYTES("\x40\5\0\1\0\1\x1F"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x40\4\0\1\0\1"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x40\5\0\1\0\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x40\7\0\1\0\3\x21\0\1"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\xE0\3\0\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\xE0\7\0\5\x11\0\0\0\1"), PL_EPROTO, 0x82 },
	/* AUTH: the method is never left out but with everything else */
	{ &server5, BYTES("\xF0\1\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\xF0\1\x18"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\xF0\2\x18\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xF0\6\0\4\x1F\0\1r"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xF0\6\x18\4\x16\0\1d"), PL_EPROTO, 0x82 },
};

static void test_bad(void **state)
{
	(void)state;
	mqtt_expect_bad(bad, COUNT(bad));
}

static void test_fields(void **state)
{
	mqtt_case found = mqtt_decode(&client5, good[6].bytes);
	const pl_mqtt_ack *ack = &found.packet.ack;

	(void)state;
	assert_int_equal(found.packet.type, PL_MQTT_PUBREL);
	assert_int_equal(ack->id, 1);
	assert_int_equal(ack->reason, PL_MQTT_PACKET_IDENTIFIER_NOT_FOUND);
	assert_true(pl_slice_equal(ack->properties.reason_string, PL_SLICE("r")));
	mqtt_free(&found);
	found = mqtt_decode(&server5, (pl_slice)BYTES("\xE0\0"));
	assert_int_equal(ack->id, 0);
	assert_int_equal(ack->reason, PL_MQTT_NORMAL_DISCONNECTION);
	assert_true(pl_mqtt_properties_empty(&ack->properties));
	mqtt_free(&found);
}

static void test_what_cannot_be_said(void **state)
{
	pl_mqtt_packet packet = { .type = PL_MQTT_PUBACK };
	pl_mqtt_pair pair = { PL_SLICE("k"), PL_SLICE("v") };

	(void)state;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL); /* identifier 0 */
	packet.ack.id = 1;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	packet.ack.reason = 0x87;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	packet.ack.reason = 0x92;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	packet.ack.reason = 0;
	packet.ack.properties.pairs = &pair;
	packet.ack.properties.pair_count = 1;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &client3), PL_ENOTSUP);
	packet.type = PL_MQTT_AUTH; /* something to say, but no method */
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL);
	packet.ack.properties.pair_count = 0;
	assert_int_equal(mqtt_refused(&packet, &server5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &server3), PL_EINVAL);
	packet.type = PL_MQTT_DISCONNECT;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &server3), PL_EINVAL);
	packet.ack.reason = PL_MQTT_DISCONNECT_WITH_WILL_MESSAGE;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	PL_MQTT_SET(&packet.ack.properties, server_reference, PL_SLICE("s"));
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	for (unsigned type = 16; type < 256; type++) {
		packet.type = (uint8_t)type;
		assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_longer_than_needed),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_what_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
