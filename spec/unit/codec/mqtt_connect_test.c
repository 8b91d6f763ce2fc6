#include "mqtt.h"

static const mqtt_good good[] = {
	/* will QoS 1 retained, user, password */
	{ &stranger, BYTES("\x10\x1B\0\4MQTT\4\xEE\0\0\0\1c\0\1w\0\2hi\0\1u\0\2\0\xFF") },
	{ &stranger, BYTES("\x10\x13\0\4MQTT\4\x86\xFF\xFF\0\0\0\1w\0\0\0\0") },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\2\0\0\0\0") },
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\5\0\0\0\0\0\0") },
	/* a password alone */
	{ &stranger, BYTES("\x10\x0F\0\4MQTT\5\x42\0\0\0\0\0\0\0") },
	/* properties, and those of a will */
	{ &stranger, BYTES("\x10\x56\0\4MQTT\5\xF6\0\x3C"
			   "\x1C\x11\0\0\0\x0A\x15\0\1m\x16\0\1d\x17\0\x19\1\x21\0\x0A\x22\0\5"
			   "\x27\0\0\1\0\0\1c"
			   "\x1F\x01\1\x02\0\0\0\1\x03\0\1t\x08\0\1r\x09\0\1c\x18\0\0\0\2"
			   "\x26\0\1k\0\1v\0\1w\0\1p\0\1u\0\1p") },
	{ &server3, BYTES("\x20\2\0\4") },
	{ &server5, BYTES("\x20\3\1\0\0") },
	{ &server5, BYTES("\x20\2\0\5") },
	{ &server5,
	  BYTES("\x20\x3F\1\0\x3C\x11\0\0\0\1\x12\0\1a\x13\0\1\x15\0\1m\x16\0\1d\x1A\0\1r\x1C\0\1s"
		"\x1F\0\1e\x21\0\1\x22\0\1\x24\0\x25\1\x27\0\0\0\1\x28\1\x29\0\x2A\0"
		"\x26\0\1k\0\1v") },
};

static void test_there_and_back(void **state)
{
	(void)state;
	mqtt_expect_good(good, COUNT(good));
	for (size_t i = 0; i < COUNT(good); i++)
		mqtt_expect_cut(good[i].rules, good[i].bytes);
}

static const mqtt_bad bad[] = {
	/* name and level */
	{ &stranger, BYTES("\x10\x0C\0\4MQTX\4\2\0\0\0\0"), PL_EPROTO, 0x84 },
	{ &stranger, BYTES("\x10\x0C\0\4mqtt\4\2\0\0\0\0"), PL_EPROTO, 0x84 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\6\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\3\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\x84\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &stranger, BYTES("\x10\x0E\0\6MQIsdp\3\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &stranger, BYTES("\x10\x0E\0\6MQIsdp\4\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &client3, BYTES("\x10\x0D\0\4MQTT\5\2\0\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &client5, BYTES("\x10\x0C\0\4MQTT\4\2\0\0\0\0"), PL_ENOTSUP, 0x84 },
	{ &stranger, BYTES("\x10\x8D\0\0\4MQTT\5\2\0\0\0\0\0"), PL_EPROTO, 0x81 },
	/* flags */
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\3\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\5\1\0\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\x22\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\x0A\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\5\x12\0\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x11\0\4MQTT\4\x1E\0\0\0\0\0\1w\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0E\0\4MQTT\4\x42\0\0\0\0\0\0"), PL_EPROTO, 0x81 },
	/* client identifier */
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\0\0\0\0\0"), PL_EPROTO, 0x85 },
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\4\2\0\0\0\1\0"), PL_EUTF8, 0x81 },
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\4\2\0\0\0\1\xFF"), PL_EUTF8, 0x81 },
	/* will, user */
	{ &stranger, BYTES("\x10\x10\0\4MQTT\4\6\0\0\0\0\0\0\0\0"), PL_EPROTO, 0x82 },
	{ &stranger, BYTES("\x10\x11\0\4MQTT\4\6\0\0\0\0\0\1#\0\0"), PL_EPROTO, 0x90 },
	{ &stranger, BYTES("\x10\x11\0\4MQTT\4\6\0\0\0\0\0\1\0\0\0"), PL_EUTF8, 0x81 },
	{ &stranger, BYTES("\x10\x0F\0\4MQTT\4\x82\0\0\0\0\0\1\0"), PL_EUTF8, 0x81 },
	/* one that is wrong, with a good user and password behind it */
	{ &stranger, BYTES("\x10\x16\0\4MQTT\5\xC6\0\0\0\0\0\2\x17\0\0\0\0\0\0\0"), PL_EPROTO,
	  0x81 },
	{ &stranger, BYTES("\x10\x15\0\4MQTT\4\xC6\0\0\0\0\0\1+\0\0\0\0\0\0"), PL_EPROTO, 0x90 },
	/* something behind, something missing */
	{ &stranger, BYTES("\x10\x0D\0\4MQTT\4\2\0\0\0\0x"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\2\0\0\0\1"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\4\x82\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x0C\0\4MQTT\5\2\0\0\0\0"), PL_EPROTO, 0x81 },
	/* properties */
	{ &stranger, BYTES("\x10\x10\0\4MQTT\5\2\0\0\3\x21\0\0\0\0"), PL_EPROTO, 0x82 },
	{ &stranger, BYTES("\x10\x0F\0\4MQTT\5\2\0\0\2\x01\1\0\0"), PL_EPROTO, 0x81 },
	{ &stranger, BYTES("\x10\x17\0\4MQTT\5\6\0\0\0\0\0\4\x1F\0\1r\0\1w\0\0"), PL_EPROTO, 0x81 },
	/* CONNACK */
	{ &server3, BYTES("\x20\2\2\0"), PL_EPROTO, 0x81 },
	{ &server3, BYTES("\x20\2\0\6"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x20\2\0\x84"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x20\2\1\1"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x20\3\x80\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x20\3\1\x87\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x20\3\0\1\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x20\3\0\x8D\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x20\2\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x20\2\1\1"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x20\4\0\0\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x20\3\0\0\1"), PL_EPROTO, 0x81 },
};

static void test_bad(void **state)
{
	(void)state;
	mqtt_expect_bad(bad, COUNT(bad));
}

static void test_fields(void **state)
{
	mqtt_case found = mqtt_decode(&stranger, good[5].bytes);
	const pl_mqtt_connect *connect = &found.packet.connect;

	(void)state;
	assert_int_equal(found.status, PL_OK);
	assert_int_equal(connect->version, PL_MQTT_5);
	assert_int_equal(connect->keep_alive, 60);
	assert_true(connect->clean && connect->has_will && connect->has_user);
	assert_true(connect->has_password);
	assert_int_equal(connect->will.qos, 2);
	assert_true(connect->will.retain);
	assert_true(pl_slice_equal(connect->client_id, PL_SLICE("c")));
	assert_true(pl_slice_equal(connect->will.topic, PL_SLICE("w")));
	assert_true(pl_slice_equal(connect->will.payload, PL_SLICE("p")));
	assert_true(pl_slice_equal(connect->user, PL_SLICE("u")));
	assert_int_equal(connect->properties.session_expiry_interval, 10);
	assert_int_equal(connect->properties.maximum_packet_size, 256);
	assert_int_equal(connect->will.properties.will_delay_interval, 2);
	assert_false(PL_MQTT_HAS(&connect->properties, will_delay_interval));
	mqtt_free(&found);

	found = mqtt_decode(&server5, (pl_slice)BYTES("\x20\2\0\1"));
	assert_true(found.packet.connack.of_3);
	assert_int_equal(found.packet.connack.reason, PL_MQTT_REFUSED_VERSION);
	mqtt_free(&found);
}

static void test_what_cannot_be_said(void **state)
{
	pl_mqtt_packet packet = { .type = PL_MQTT_CONNECT };
	pl_mqtt_connect *connect = &packet.connect;
	char *text = calloc(1, 65536);

	(void)state;
	assert_non_null(text);
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL); /* no client identifier */
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL);
	connect->clean = true;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_OK);
	connect->has_password = true;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	connect->password = pl_slice_make(text, 65536);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_ETOOBIG);
	connect->has_password = false;
	connect->has_will = true;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL); /* no topic */
	connect->will.topic = PL_SLICE("a/+");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	connect->will.topic = PL_SLICE("a");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	connect->will.qos = 3;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	connect->will.qos = 0;
	connect->will.payload = pl_slice_make(text, 65536);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_ETOOBIG);
	connect->will.payload = pl_slice_make(text, 65535);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	PL_MQTT_SET(&connect->will.properties, will_delay_interval, 1);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &client3), PL_ENOTSUP);
	PL_MQTT_SET(&connect->properties, will_delay_interval, 1);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	connect->properties.set = 0;
	connect->client_id = PL_SLICE("\xFF");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EUTF8);

	packet = (pl_mqtt_packet){ .type = PL_MQTT_CONNACK, .connack = { .reason = 1 } };
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &server3), PL_OK);
	packet.connack.session_present = true;
	assert_int_equal(mqtt_refused(&packet, &server3), PL_EINVAL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_what_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
