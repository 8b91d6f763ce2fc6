#include "mqtt.h"

/* The codes of each packet, as the chapters of 5.0 list them. */
static const struct {
	uint8_t type, sender;
	pl_slice codes;
} lists[] = {
	/* 3.2.2.2 */
	{ PL_MQTT_CONNACK, PL_MQTT_SERVER,
	  BYTES("\x00\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x8C\x90\x95\x97\x99\x9A\x9B\x9C"
		"\x9D\x9F") },
	/* 3.4.2.1, 3.5.2.1 */
	{ PL_MQTT_PUBACK, PL_MQTT_CLIENT, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99") },
	{ PL_MQTT_PUBACK, PL_MQTT_SERVER, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99") },
	{ PL_MQTT_PUBREC, PL_MQTT_CLIENT, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99") },
	{ PL_MQTT_PUBREC, PL_MQTT_SERVER, BYTES("\x00\x10\x80\x83\x87\x90\x91\x97\x99") },
	/* 3.6.2.1, 3.7.2.1 */
	{ PL_MQTT_PUBREL, PL_MQTT_CLIENT, BYTES("\x00\x92") },
	{ PL_MQTT_PUBREL, PL_MQTT_SERVER, BYTES("\x00\x92") },
	{ PL_MQTT_PUBCOMP, PL_MQTT_CLIENT, BYTES("\x00\x92") },
	{ PL_MQTT_PUBCOMP, PL_MQTT_SERVER, BYTES("\x00\x92") },
	/* 3.9.3, 3.11.3 */
	{ PL_MQTT_SUBACK, PL_MQTT_SERVER,
	  BYTES("\x00\x01\x02\x80\x83\x87\x8F\x91\x97\x9E\xA1\xA2") },
	{ PL_MQTT_UNSUBACK, PL_MQTT_SERVER, BYTES("\x00\x11\x80\x83\x87\x8F\x91") },
	/* 3.14.2.1, with 0x8C, which 2.4 alone has */
	{ PL_MQTT_DISCONNECT, PL_MQTT_CLIENT,
	  BYTES("\x00\x04\x80\x81\x82\x83\x8C\x90\x93\x94\x95\x96\x97\x98\x99") },
	{ PL_MQTT_DISCONNECT, PL_MQTT_SERVER,
	  BYTES("\x00\x80\x81\x82\x83\x87\x89\x8B\x8C\x8D\x8E\x8F\x90\x93\x94\x95\x96\x97\x98\x99"
		"\x9A\x9B\x9C\x9D\x9E\x9F\xA0\xA1\xA2") },
	/* 3.15.2.1 */
	{ PL_MQTT_AUTH, PL_MQTT_CLIENT, BYTES("\x18\x19") },
	{ PL_MQTT_AUTH, PL_MQTT_SERVER, BYTES("\x00\x18") },
};

static void test_where_each_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		pl_mqtt_rules rules = { PL_MQTT_5, lists[i].sender };

		for (unsigned code = 0; code < 256; code++) {
			bool listed = memchr(lists[i].codes.at, (int)code, lists[i].codes.len);
			const char *name =
				pl_mqtt_reason_name(&rules, lists[i].type, (uint8_t)code);

			if (listed != (name != NULL))
				fail_msg("%s of sender %u: %02x", pl_mqtt_type_name(lists[i].type),
					 lists[i].sender, code);
		}
	}
	for (unsigned code = 0; code < 256; code++) {
		assert_null(pl_mqtt_reason_name(&client5, PL_MQTT_CONNECT, (uint8_t)code));
		assert_null(pl_mqtt_reason_name(&client5, PL_MQTT_SUBSCRIBE, (uint8_t)code));
		assert_null(pl_mqtt_reason_name(&client5, PL_MQTT_PINGREQ, (uint8_t)code));
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(pl_mqtt_reason_name(&server5, PL_MQTT_CONNACK, 0), "Success");
	assert_string_equal(pl_mqtt_reason_name(&client5, PL_MQTT_DISCONNECT, 0),
			    "Normal disconnection");
	assert_string_equal(pl_mqtt_reason_name(&server5, PL_MQTT_SUBACK, 0), "Granted QoS 0");
	assert_string_equal(pl_mqtt_reason_name(&server5, PL_MQTT_SUBACK, 2), "Granted QoS 2");
	assert_string_equal(pl_mqtt_reason_name(&server5, PL_MQTT_PUBACK, 0x87), "Not authorized");
	assert_string_equal(pl_mqtt_reason_name(&server5, PL_MQTT_DISCONNECT, 0x8E),
			    "Session taken over");
	assert_string_equal(pl_mqtt_reason_text(0x81), "Malformed Packet");
	assert_string_equal(pl_mqtt_reason_text(0x92), "Packet Identifier not found");
	assert_string_equal(pl_mqtt_reason_text(0xA2), "Wildcard Subscriptions not supported");
	assert_null(pl_mqtt_reason_text(0x03));
	assert_null(pl_mqtt_reason_text(0xA3));
}

static void test_names_of_3(void **state)
{
	(void)state;
	assert_string_equal(pl_mqtt_reason_name(&server3, PL_MQTT_CONNACK, 0),
			    "Connection Accepted");
	assert_string_equal(pl_mqtt_reason_name(&server3, PL_MQTT_CONNACK, 5),
			    "Connection Refused, not authorized");
	assert_string_equal(pl_mqtt_reason_name(&server3, PL_MQTT_SUBACK, 1), "Granted QoS 1");
	assert_string_equal(pl_mqtt_reason_name(&server3, PL_MQTT_SUBACK, 0x80), "Failure");
	assert_string_equal(pl_mqtt_reason_name(&server3, PL_MQTT_PUBACK, 0), "Success");
	assert_string_equal(pl_mqtt_reason_name(&client3, PL_MQTT_DISCONNECT, 0),
			    "Normal disconnection");
	for (unsigned code = 1; code < 256; code++) {
		assert_int_equal(code > 5,
				 !pl_mqtt_reason_name(&server3, PL_MQTT_CONNACK, (uint8_t)code));
		assert_int_equal(code > 2 && code != 0x80,
				 !pl_mqtt_reason_name(&server3, PL_MQTT_SUBACK, (uint8_t)code));
		assert_null(pl_mqtt_reason_name(&server3, PL_MQTT_PUBREC, (uint8_t)code));
		assert_null(pl_mqtt_reason_name(&server3, PL_MQTT_UNSUBACK, (uint8_t)code));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_each_is_allowed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_of_3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
