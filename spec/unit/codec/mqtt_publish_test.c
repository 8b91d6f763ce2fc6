#include "mqtt.h"

static const mqtt_good good[] = {
	{ &client3, BYTES("\x30\x05\0\1thi") },
	{ &server3, BYTES("\x33\x06\0\1t\0\x0A!") },
	{ &server3, BYTES("\x3D\x05\0\1t\xFF\xFF") },
	{ &server5, BYTES("\x32\x08\0\1t\0\x0A\0hi") },
	{ &client5, BYTES("\x30\x04\0\1t\0") },
	/* an alias that is known */
	{ &server5, BYTES("\x30\x08\0\0\3\x23\0\1hi") },
	{ &client5,
	  BYTES("\x34\x2A\0\1t\0\1\x22\x01\1\x02\0\0\0\1\x03\0\1t\x08\0\1r\x09\0\1c\x23\0\7"
		"\x26\0\1k\0\1v\x26\0\0\0\0\1\2") },
	{ &server5, BYTES("\x30\x0C\0\1t\5\x0B\1\x0B\x80\1hi!") },
};

static void test_there_and_back(void **state)
{
	(void)state;
	mqtt_expect_good(good, COUNT(good));
	for (size_t i = 0; i < COUNT(good); i++)
		mqtt_expect_cut(good[i].rules, good[i].bytes);
}

static const mqtt_bad bad[] = {
	{ &server3, BYTES("\x30\x05\0\4a/b"), PL_EPROTO, 0x81 },
	{ &server3, BYTES("\x30\x05\0\0abc"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x30\x05\0\3a\0b"), PL_EUTF8, 0x81 },
	{ &server3,
	  BYTES("\x30\x05\0\3a\xFF"
		"b"),
	  PL_EUTF8, 0x81 },
	{ &server3, BYTES("\x30\x05\0\3a/#"), PL_EPROTO, 0x90 },
	{ &server5, BYTES("\x30\x06\0\3+/a\0"), PL_EPROTO, 0x90 },
	{ &server3, BYTES("\x32\x05\0\1t\0\0"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x34\x03\0\1t"), PL_EPROTO, 0x81 },
	{ &server3, BYTES("\x34\x04\0\1t\1"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x34\x05\0\1t\0\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x30\x03\0\1t"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x30\x03\0\0\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x30\x06\0\0\3\x23\0\0"), PL_EPROTO, 0x94 },
	{ &client5, BYTES("\x30\x06\0\1t\2\x0B\1"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x30\x06\0\1t\2\x11\0"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x30\x05\0\1t\2\x01"), PL_EPROTO, 0x81 },
};

static void test_bad(void **state)
{
	(void)state;
	mqtt_expect_bad(bad, COUNT(bad));
}

static void test_fields(void **state)
{
	mqtt_case found = mqtt_decode(&client5, good[6].bytes);
	const pl_mqtt_publish *publish = &found.packet.publish;

	(void)state;
	assert_int_equal(found.status, PL_OK);
	assert_int_equal(publish->qos, 2);
	assert_int_equal(publish->id, 1);
	assert_false(publish->retain || publish->dup);
	assert_true(pl_slice_equal(publish->topic, PL_SLICE("t")));
	assert_true(pl_slice_equal(publish->payload, PL_SLICE("\1\2")));
	assert_int_equal(publish->properties.topic_alias, 7);
	assert_true(pl_slice_equal(publish->properties.correlation_data, PL_SLICE("c")));
	mqtt_free(&found);

	found = mqtt_decode(&server3, good[2].bytes);
	assert_true(publish->dup && publish->retain);
	assert_int_equal(publish->id, 65535);
	assert_int_equal(publish->payload.len, 0);
	assert_true(pl_mqtt_properties_empty(&publish->properties));
	mqtt_free(&found);

	found = mqtt_decode(&client3, good[0].bytes);
	assert_int_equal(publish->id, 0);
	mqtt_free(&found);
}

/* The head alone is written, whatever the payload's size; the payload is not looked at. */
static void test_large_payload(void **state)
{
	pl_mqtt_publish publish = { .topic = PL_SLICE("t"), .qos = 1, .id = 2 };
	pl_mqtt_sizes sizes = { 0 };
	pl_mqtt_fault fault;
	uint8_t out[16];

	(void)state;
	publish.payload = pl_slice_make(NULL, 268435450);
	assert_int_equal(pl_mqtt_publish_size(&publish, &client3, &sizes, &fault), PL_OK);
	assert_int_equal(sizes.head, 10);
	assert_int_equal(sizes.total, 268435460);
	assert_int_equal(pl_mqtt_publish_encode(out, &publish, &client3, &sizes), PL_OK);
	assert_memory_equal(out, "\x32\xFF\xFF\xFF\x7F\0\1t\0\2", 10);
	publish.payload.len++;
	assert_int_equal(pl_mqtt_publish_size(&publish, &client3, &sizes, &fault), PL_ETOOBIG);
}

/* Of a packet that has changed since, nothing is written beyond the size. */
static void test_changed(void **state)
{
	pl_mqtt_publish publish = { .topic = PL_SLICE("t") };
	pl_mqtt_sizes sizes = { 0 };
	pl_mqtt_fault fault;
	uint8_t *out;

	(void)state;
	assert_int_equal(pl_mqtt_publish_size(&publish, &client3, &sizes, &fault), PL_OK);
	out = bytes_copy("xxxxxxxx", sizes.head);
	publish.topic = PL_SLICE("longer");
	assert_int_equal(pl_mqtt_publish_encode(out, &publish, &client3, &sizes), PL_EINVAL);
	publish.topic = PL_SLICE("");
	assert_int_equal(pl_mqtt_publish_encode(out, &publish, &client3, &sizes), PL_EINVAL);
	free(out);
}

static void test_what_cannot_be_said(void **state)
{
	pl_mqtt_packet packet = { .type = PL_MQTT_PUBLISH };
	pl_mqtt_publish *publish = &packet.publish;
	uint32_t identifier = 1;

	(void)state;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL); /* no topic */
	PL_MQTT_SET(&publish->properties, topic_alias, 1);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	publish->topic = PL_SLICE("a/+/b");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	publish->topic = PL_SLICE("t");
	assert_int_equal(mqtt_refused(&packet, &client3), PL_ENOTSUP);
	PL_MQTT_SET(&publish->properties, topic_alias, 0);
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	publish->properties.set = 0;
	publish->properties.identifiers = &identifier;
	publish->properties.identifier_count = 1;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	assert_int_equal(mqtt_refused(&packet, &server5), PL_OK);
	publish->properties.identifier_count = 0;
	publish->dup = true;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	publish->qos = 1;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL); /* no identifier */
	publish->id = 1;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_OK);
	publish->qos = 3;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),	       cmocka_unit_test(test_large_payload),
		cmocka_unit_test(test_changed),	       cmocka_unit_test(test_what_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
