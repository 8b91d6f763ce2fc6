#include "mqtt.h"

static const mqtt_good good[] = {
	{ &client3, BYTES("\x82\6\0\1\0\1t\1") },
	{ &client3, BYTES("\x82\x0E\xFF\xFF\0\1t\2\0\5a/+/#\0") },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\1") },
	{ &client5, BYTES("\x82\x16\0\1\x0B\x0B\x80\x80\x01\x26\0\1k\0\1v\0\1t\x2E\0\1#\x10") },
	{ &client5, BYTES("\x82\x10\0\1\0\0\x0A$share/g/#\x1A") },
	{ &client3, BYTES("\x82\x0B\0\1\0\6$share\0") },
	{ &server3, BYTES("\x90\6\0\1\0\1\2\x80") },
	{ &server5, BYTES("\x90\x14\0\1\x0B\x1F\0\1r\x26\0\1k\0\1v\0\1\2\x80\x97\xA2") },
	{ &client3, BYTES("\xA2\x0A\0\1\0\1t\0\3a/#") },
	{ &client5, BYTES("\xA2\x0D\0\1\7\x26\0\1k\0\1v\0\1t") },
	{ &server3, BYTES("\xB0\2\0\1") },
	{ &server5, BYTES("\xB0\x0B\0\1\4\x1F\0\1r\0\x11\x87\x91") },
};

static void test_there_and_back(void **state)
{
	(void)state;
	mqtt_expect_good(good, COUNT(good));
	for (size_t i = 0; i < COUNT(good); i++)
		mqtt_expect_cut(good[i].rules, good[i].bytes);
}

static const mqtt_bad bad[] = {
	{ &client3, BYTES("\x82\6\0\0\0\1t\1"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xA2\6\0\0\0\0\1t"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x90\3\0\0\0"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\xB0\2\0\0"), PL_EPROTO, 0x82 },
	/* nothing in it */
	{ &client3, BYTES("\x82\2\0\1"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\x82\3\0\1\0"), PL_EPROTO, 0x82 },
	{ &client3, BYTES("\xA2\2\0\1"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xA2\3\0\1\0"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x90\2\0\1"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x90\3\0\1\0"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xB0\3\0\1\0"), PL_EPROTO, 0x82 },
	/* options */
	{ &client3, BYTES("\x82\6\0\1\0\1t\3"), PL_EPROTO, 0x82 },
	{ &client3, BYTES("\x82\6\0\1\0\1t\4"), PL_EPROTO, 0x81 },
	{ &client3, BYTES("\x82\6\0\1\0\1t\x80"), PL_EPROTO, 0x81 },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\3"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\x30"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\x40"), PL_EPROTO, 0x81 },
	{ &client5, BYTES("\x82\7\0\1\0\0\1t\x80"), PL_EPROTO, 0x81 },
	{ &client5, BYTES("\x82\x10\0\1\0\0\x0A$share/g/#\4"), PL_EPROTO, 0x82 },
	{ &client3, BYTES("\x82\5\0\1\0\1t"), PL_EPROTO, 0x81 },
	{ &client3, BYTES("\x82\7\0\1\0\1t\1\0"), PL_EPROTO, 0x81 },
	/* filters */
	{ &client3, BYTES("\x82\7\0\1\0\2a#\1"), PL_EPROTO, 0x8F },
	{ &client3, BYTES("\x82\5\0\1\0\0\1"), PL_EPROTO, 0x82 },
	{ &client3, BYTES("\x82\6\0\1\0\1\0\1"), PL_EUTF8, 0x81 },
	{ &client5, BYTES("\x82\x0A\0\1\0\0\1t\1\0\0\1"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\x82\x0E\0\1\0\0\x08$share/g\1"), PL_EPROTO, 0x8F },
	{ &client5, BYTES("\xA2\x0B\0\1\0\0\1t\0\3#/a"), PL_EPROTO, 0x8F },
	{ &client5, BYTES("\xA2\7\0\1\0\0\2\xFF\xFE"), PL_EUTF8, 0x81 },
	{ &client5, BYTES("\xA2\6\0\1\0\0\2t"), PL_EPROTO, 0x81 },
	/* properties */
	{ &client5, BYTES("\x82\x09\0\1\2\x0B\0\0\1t\1"), PL_EPROTO, 0x82 },
	{ &client5, BYTES("\xA2\x08\0\1\2\x0B\1\0\1t"), PL_EPROTO, 0x81 },
	{ &server5, BYTES("\x90\6\0\1\2\x01\1\0"), PL_EPROTO, 0x81 },
	/* codes */
	{ &server3, BYTES("\x90\3\0\1\3"), PL_EPROTO, 0x82 },
	{ &server3, BYTES("\x90\4\0\1\0\x87"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\x90\5\0\1\0\0\x11"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xB0\4\0\1\0\1"), PL_EPROTO, 0x82 },
	{ &server5, BYTES("\xB0\4\0\1\0\xFF"), PL_EPROTO, 0x82 },
};

static void test_bad(void **state)
{
	(void)state;
	mqtt_expect_bad(bad, COUNT(bad));
}

static void test_walk(void **state)
{
	mqtt_case found = mqtt_decode(&client5, good[3].bytes);
	const pl_mqtt_subscribe *subscribe = &found.packet.subscribe;
	pl_mqtt_subscription one;
	pl_slice rest;

	(void)state;
	assert_int_equal(found.status, PL_OK);
	assert_int_equal(subscribe->count, 2);
	assert_int_equal(subscribe->properties.subscription_identifier, 16384);
	rest = subscribe->raw;
	assert_true(pl_mqtt_subscription_next(&rest, PL_MQTT_SUBSCRIBE, &one));
	assert_true(pl_slice_equal(one.filter, PL_SLICE("t")));
	assert_int_equal(one.qos, 2);
	assert_true(one.no_local && one.retain_as_published);
	assert_int_equal(one.retain_handling, PL_MQTT_RETAIN_NEVER);
	assert_true(pl_mqtt_subscription_next(&rest, PL_MQTT_SUBSCRIBE, &one));
	assert_true(pl_slice_equal(one.filter, PL_SLICE("#")));
	assert_false(one.no_local || one.retain_as_published);
	assert_int_equal(one.retain_handling, PL_MQTT_RETAIN_SEND_NEW);
	assert_false(pl_mqtt_subscription_next(&rest, PL_MQTT_SUBSCRIBE, &one));
	mqtt_free(&found);

	found = mqtt_decode(&client3, good[8].bytes);
	assert_int_equal(subscribe->count, 2);
	rest = subscribe->raw;
	assert_true(pl_mqtt_subscription_next(&rest, PL_MQTT_UNSUBSCRIBE, &one));
	assert_true(pl_mqtt_subscription_next(&rest, PL_MQTT_UNSUBSCRIBE, &one));
	assert_true(pl_slice_equal(one.filter, PL_SLICE("a/#")));
	assert_false(pl_mqtt_subscription_next(&rest, PL_MQTT_UNSUBSCRIBE, &one));
	mqtt_free(&found);
}

static void test_arrays(void **state)
{
	static const pl_mqtt_subscription list[] = {
		{ BYTES("t"), 2, PL_MQTT_RETAIN_NEVER, true, true },
		{ BYTES("#"), 0, PL_MQTT_RETAIN_SEND_NEW, false, false },
	};
	pl_mqtt_packet packet = { .type = PL_MQTT_SUBSCRIBE };

	(void)state;
	packet.subscribe.id = 1;
	packet.subscribe.list = list;
	packet.subscribe.count = 2;
	mqtt_expect(&packet, &client5, (pl_slice)BYTES("\x82\x0B\0\1\0\0\1t\x2E\0\1#\x10"));
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL); /* options of 5.0 */
	packet.type = PL_MQTT_UNSUBSCRIBE;
	mqtt_expect(&packet, &client5, (pl_slice)BYTES("\xA2\x09\0\1\0\0\1t\0\1#"));
	mqtt_expect(&packet, &client3, (pl_slice)BYTES("\xA2\x08\0\1\0\1t\0\1#"));
}

static void test_what_cannot_be_said(void **state)
{
	pl_mqtt_subscription one = { .filter = PL_SLICE("t") };
	pl_mqtt_packet packet = { .type = PL_MQTT_SUBSCRIBE };

	(void)state;
	packet.subscribe.id = 1;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL); /* an empty list */
	packet.subscribe.list = &one;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	packet.subscribe.count = 1;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL);
	packet.subscribe.id = 0;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	packet.subscribe.id = 1;
	one.qos = 3;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	one.qos = 0;
	one.retain_handling = 3;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	one.retain_handling = 0;
	one.no_local = true;
	one.filter = PL_SLICE("$share/g/t");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	one.no_local = false;
	assert_int_equal(mqtt_refused(&packet, &client5), PL_OK);
	one.filter = PL_SLICE("t#");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EINVAL);
	one.filter = PL_SLICE("\xFF");
	assert_int_equal(mqtt_refused(&packet, &client5), PL_EUTF8);

	one = (pl_mqtt_subscription){ .filter = PL_SLICE("t"), .qos = 2 };
	assert_int_equal(mqtt_refused(&packet, &client3), PL_OK);
	one.no_local = true;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	one.no_local = false;
	one.retain_as_published = true;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	one.retain_as_published = false;
	one.retain_handling = 1;
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);

	/* a list as it was decoded, of something else */
	packet.subscribe.list = NULL;
	packet.subscribe.raw = PL_SLICE("\0\1t\1");
	assert_int_equal(mqtt_refused(&packet, &client3), PL_OK);
	packet.subscribe.raw = PL_SLICE("\0\1t\5");
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	packet.subscribe.raw = PL_SLICE("\0\1t");
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);
	packet.subscribe.raw = PL_SLICE("");
	assert_int_equal(mqtt_refused(&packet, &client3), PL_EINVAL);

	packet = (pl_mqtt_packet){ .type = PL_MQTT_SUBACK, .suback = { .id = 1 } };
	assert_int_equal(mqtt_refused(&packet, &server5), PL_EINVAL); /* no codes */
	packet.suback.codes = PL_SLICE("\0\x87");
	assert_int_equal(mqtt_refused(&packet, &server5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &server3), PL_EINVAL);
	packet.type = PL_MQTT_UNSUBACK;
	assert_int_equal(mqtt_refused(&packet, &server5), PL_OK);
	assert_int_equal(mqtt_refused(&packet, &server3), PL_EINVAL);
	packet.suback.codes = PL_SLICE("\0\0");
	mqtt_expect(&packet, &server3, (pl_slice)BYTES("\xB0\2\0\1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_what_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
