#include "mqtt.h"

#include "codec/mqtt_wire.h"

enum {
	WILL = 1 << 0,
	CONNECT = 1 << 1,
	CONNACK = 1 << 2,
	PUBLISH = 1 << 3, /* of a client; that of a server: TO_CLIENT */
	PUBACK = 1 << 4,
	PUBREC = 1 << 5,
	PUBREL = 1 << 6,
	PUBCOMP = 1 << 7,
	SUBSCRIBE = 1 << 8,
	SUBACK = 1 << 9,
	UNSUBSCRIBE = 1 << 10,
	UNSUBACK = 1 << 11,
	DISCONNECT = 1 << 14,
	AUTH = 1 << 15,
	TO_CLIENT = 1 << 16,
	DISCONNECTED = 1 << 17, /* DISCONNECT of a server */
	AUTH_OF_SERVER = 1 << 18,
	ANSWERS = CONNACK | PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK | DISCONNECT |
		  AUTH | DISCONNECTED | AUTH_OF_SERVER,
	MESSAGES = WILL | PUBLISH | TO_CLIENT,
	AUTHS = CONNECT | CONNACK | AUTH | AUTH_OF_SERVER,
};

/* 2.2.2.2 of 5.0, table 2-4, by hand: a valid property of each id, and where it may stand. */
static const struct {
	const char *name;
	pl_slice bytes;
	unsigned places;
} samples[] = {
	{ "payload_format_indicator", BYTES("\x01\1"), MESSAGES },
	{ "message_expiry_interval", BYTES("\x02\0\0\0\x3C"), MESSAGES },
	{ "content_type", BYTES("\x03\0\1j"), MESSAGES },
	{ "response_topic", BYTES("\x08\0\3r/1"), MESSAGES },
	{ "correlation_data", BYTES("\x09\0\2\0\xFF"), MESSAGES },
	{ "subscription_identifier", BYTES("\x0B\x80\1"), SUBSCRIBE },
	{ "subscription_identifiers", BYTES("\x0B\x80\1"), TO_CLIENT },
	{ "session_expiry_interval", BYTES("\x11\xFF\xFF\xFF\xFF"),
	  CONNECT | CONNACK | DISCONNECT },
	{ "assigned_client_identifier", BYTES("\x12\0\1x"), CONNACK },
	{ "server_keep_alive", BYTES("\x13\0\0"), CONNACK },
	{ "authentication_method", BYTES("\x15\0\1m"), AUTHS },
	{ "authentication_data", BYTES("\x16\0\1\0"), AUTHS },
	{ "request_problem_information", BYTES("\x17\0"), CONNECT },
	{ "will_delay_interval", BYTES("\x18\0\0\0\0"), WILL },
	{ "request_response_information", BYTES("\x19\1"), CONNECT },
	{ "response_information", BYTES("\x1A\0\0"), CONNACK },
	{ "server_reference", BYTES("\x1C\0\1s"), CONNACK | DISCONNECTED },
	{ "reason_string", BYTES("\x1F\0\2\xC3\xA4"), ANSWERS },
	{ "receive_maximum", BYTES("\x21\xFF\xFF"), CONNECT | CONNACK },
	{ "topic_alias_maximum", BYTES("\x22\0\0"), CONNECT | CONNACK },
	{ "topic_alias", BYTES("\x23\0\1"), PUBLISH | TO_CLIENT },
	{ "maximum_qos", BYTES("\x24\1"), CONNACK },
	{ "retain_available", BYTES("\x25\0"), CONNACK },
	{ "maximum_packet_size", BYTES("\x27\0\0\0\1"), CONNECT | CONNACK },
	{ "wildcard_subscription_available", BYTES("\x28\0"), CONNACK },
	{ "subscription_identifiers_available", BYTES("\x29\1"), CONNACK },
	{ "shared_subscription_available", BYTES("\x2A\1"), CONNACK },
	{ "user_properties", BYTES("\x26\0\1k\0\1v"),
	  ANSWERS | MESSAGES | CONNECT | SUBSCRIBE | UNSUBSCRIBE },
};

static const uint32_t places[] = {
	WILL,	    CONNECT, CONNACK,	PUBLISH,      PUBACK,	      PUBREC,
	PUBREL,	    PUBCOMP, SUBSCRIBE, SUBACK,	      UNSUBSCRIBE,    UNSUBACK,
	DISCONNECT, AUTH,    TO_CLIENT, DISCONNECTED, AUTH_OF_SERVER,
};

/* Reads properties, in front of which their length is put, from memory that ends there. */
static int read_all(pl_mqtt_properties *properties, uint32_t place, uint8_t *memory, pl_slice bytes,
		    pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { memory, bytes.len + 1, fault };

	assert_non_null(memory);
	assert_true(bytes.len < 128);
	memory[0] = (uint8_t)bytes.len;
	memcpy(memory + 1, bytes.at, bytes.len);
	memset(properties, 0xA5, sizeof(*properties));
	*fault = (pl_mqtt_fault){ 0 };
	return pl_mqtt_properties_read(&reader, PL_MQTT_5, place, properties);
}

static void expect_written(const pl_mqtt_properties *properties, uint32_t place, pl_slice bytes)
{
	uint8_t out[128];
	uint32_t size = 0;
	pl_mqtt_fault fault = { 0 };
	pl_mqtt_writer writer = { out, sizeof(out), 0 };

	assert_int_equal(pl_mqtt_properties_size(properties, PL_MQTT_5, place, &size, &fault),
			 PL_OK);
	assert_int_equal(size, bytes.len);
	pl_mqtt_properties_write(&writer, properties, PL_MQTT_5, size);
	assert_int_equal(writer.used, bytes.len + 1);
	assert_int_equal(out[0], bytes.len);
	assert_memory_equal(out + 1, bytes.at, bytes.len);
}

/* Each one in each place. */
static void test_places(void **state)
{
	(void)state;
	assert_int_equal(COUNT(samples), PL_MQTT_PROPERTY_COUNT);
	for (size_t i = 0; i < COUNT(samples) * COUNT(places); i++) {
		size_t row = i / COUNT(places);
		uint32_t place = places[i % COUNT(places)];
		unsigned allowed = samples[row].places;
		bool alone = strcmp(samples[row].name, "authentication_data") == 0;
		uint8_t *memory = malloc(samples[row].bytes.len + 1);
		pl_mqtt_properties properties;
		pl_mqtt_fault fault;
		int status = read_all(&properties, place, memory, samples[row].bytes, &fault);

		assert_string_equal(samples[row].name, pl_mqtt_property_table[row].name);
		if (strncmp(samples[row].name, "subscription_identifier", 23) == 0 &&
		    samples[row].bytes.at[0] == 0x0B)
			allowed = SUBSCRIBE | TO_CLIENT; /* two rows, one id */
		if ((status == PL_OK) != ((allowed & place) != 0 && !alone))
			fail_msg("%s in %x: %d", samples[row].name, place, status);
		if (status == PL_OK && (samples[row].places & place) != 0) {
			assert_int_equal(properties.set, UINT32_C(1) << row);
			expect_written(&properties, place, samples[row].bytes);
		}
		free(memory);
	}
}

static const struct {
	uint32_t place;
	pl_slice bytes;
	int status;
	uint8_t reason;
} bad[] = {
	/* unknown, or not here */
	{ CONNECT, BYTES("\x00"), PL_EPROTO, 0x81 },
	{ CONNECT, BYTES("\x04\0"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x04\1"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x7F\1"), PL_EPROTO, 0x81 },
	{ CONNACK, BYTES("\x2B\0"), PL_EPROTO, 0x81 },
	{ CONNACK, BYTES("\xFF\0"), PL_EPROTO, 0x81 },
	{ CONNACK, BYTES("\xA6\x00\0\1k\0\1v"), PL_EPROTO, 0x81 }, /* not the shortest form */
	{ CONNECT, BYTES("\x12\0\1x"), PL_EPROTO, 0x81 },
	{ PUBACK, BYTES("\x0B\1"), PL_EPROTO, 0x81 },
	/* of the other side */
	{ PUBLISH, BYTES("\x0B\1"), PL_EPROTO, 0x82 },
	{ DISCONNECTED, BYTES("\x11\0\0\0\1"), PL_EPROTO, 0x82 },
	{ DISCONNECT, BYTES("\x1C\0\1s"), PL_EPROTO, 0x82 },
	/* repeated */
	{ SUBSCRIBE, BYTES("\x0B\1\x0B\2"), PL_EPROTO, 0x82 },
	{ CONNECT, BYTES("\x21\0\1\x26\0\1k\0\1v\x21\0\1"), PL_EPROTO, 0x82 },
	{ PUBACK, BYTES("\x1F\0\1a\x1F\0\1a"), PL_EPROTO, 0x82 },
	/* out of range */
	{ PUBLISH, BYTES("\x01\2"), PL_EPROTO, 0x82 },
	{ CONNECT, BYTES("\x17\2"), PL_EPROTO, 0x82 },
	{ CONNECT, BYTES("\x19\xFF"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x24\2"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x25\2"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x28\2"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x29\2"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x2A\2"), PL_EPROTO, 0x82 },
	{ CONNECT, BYTES("\x21\0\0"), PL_EPROTO, 0x82 },
	{ CONNECT, BYTES("\x27\0\0\0\0"), PL_EPROTO, 0x82 },
	{ SUBSCRIBE, BYTES("\x0B\0"), PL_EPROTO, 0x82 },
	{ TO_CLIENT, BYTES("\x0B\1\x0B\0"), PL_EPROTO, 0x82 },
	{ TO_CLIENT, BYTES("\x23\0\0"), PL_EPROTO, 0x94 },
	{ SUBSCRIBE, BYTES("\x0B\x81\0"), PL_EPROTO, 0x81 },
	{ SUBSCRIBE, BYTES("\x0B\xFF\xFF\xFF\xFF\1"), PL_EPROTO, 0x81 },
	/* texts */
	{ PUBACK, BYTES("\x1F\0\1\xFF"), PL_EUTF8, 0x81 },
	{ PUBACK, BYTES("\x1F\0\3a\0b"), PL_EUTF8, 0x81 },
	{ PUBACK, BYTES("\x26\0\1\xFF\0\1v"), PL_EUTF8, 0x81 },
	{ PUBACK, BYTES("\x26\0\1k\0\1\0"), PL_EUTF8, 0x81 },
	{ WILL, BYTES("\x08\0\3a/#"), PL_EPROTO, 0x90 },
	{ WILL, BYTES("\x08\0\1+"), PL_EPROTO, 0x90 },
	{ PUBLISH, BYTES("\x08\0\0"), PL_EPROTO, 0x82 },
	{ PUBLISH, BYTES("\x08\0\1\0"), PL_EUTF8, 0x81 },
	/* cut short */
	{ PUBLISH, BYTES("\x01"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x02\0\0\0"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x23\0"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x03\0\2x"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x09\0"), PL_EPROTO, 0x81 },
	{ PUBLISH, BYTES("\x26\0\1k"), PL_EPROTO, 0x81 },
	{ SUBSCRIBE, BYTES("\x0B\x80"), PL_EPROTO, 0x81 },
	/* together */
	{ CONNECT, BYTES("\x16\0\1d"), PL_EPROTO, 0x82 },
	{ CONNACK, BYTES("\x16\0\0"), PL_EPROTO, 0x82 },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t *memory = malloc(bad[i].bytes.len + 1);
		pl_mqtt_properties properties;
		pl_mqtt_fault fault;
		int status = read_all(&properties, bad[i].place, memory, bad[i].bytes, &fault);

		if (status != bad[i].status || fault.reason != bad[i].reason || !fault.text)
			fail_msg("row %zu: %d, %02x, %s", i, status, fault.reason,
				 fault.text ? fault.text : "");
		free(memory);
	}
}

static void test_lengths(void **state)
{
	pl_mqtt_properties properties;
	pl_mqtt_fault fault = { 0 };
	pl_mqtt_reader longer = { (const uint8_t *)"\3\x01\1", 3, &fault };
	pl_mqtt_reader none = { (const uint8_t *)"", 0, &fault };
	pl_mqtt_reader padded = { (const uint8_t *)"\x80\0", 2, &fault };
	pl_mqtt_reader older = { (const uint8_t *)"\3", 1, &fault };
	pl_mqtt_reader more = { (const uint8_t *)"\2\x01\1x", 4, &fault };

	(void)state;
	assert_int_equal(pl_mqtt_properties_read(&longer, PL_MQTT_5, PUBLISH, &properties),
			 PL_EPROTO);
	assert_int_equal(pl_mqtt_properties_read(&none, PL_MQTT_5, PUBLISH, &properties),
			 PL_EPROTO);
	assert_int_equal(pl_mqtt_properties_read(&padded, PL_MQTT_5, PUBLISH, &properties),
			 PL_EPROTO);
	assert_int_equal(fault.reason, 0x81);
	assert_int_equal(pl_mqtt_properties_read(&older, PL_MQTT_3, PUBLISH, &properties), PL_OK);
	assert_int_equal(older.left, 1);
	assert_true(pl_mqtt_properties_empty(&properties));
	assert_int_equal(pl_mqtt_properties_read(&more, PL_MQTT_5, PUBLISH, &properties), PL_OK);
	assert_int_equal(more.left, 1);
}

/* Repeated ones come in their order, whatever stands between them. */
static void test_repeated(void **state)
{
	static const pl_slice bytes =
		BYTES("\x26\0\1a\0\1b\x0B\x05\x01\1\x26\0\1a\0\0\x0B\x05\x0B\x80\x01\x26\0\0\0\1z");
	static const pl_slice canonical =
		BYTES("\x01\1\x0B\x05\x0B\x05\x0B\x80\x01\x26\0\1a\0\1b\x26\0\1a\0\0\x26\0\0\0\1z");
	uint8_t memory[64];
	pl_mqtt_properties properties;
	pl_mqtt_fault fault;
	pl_mqtt_pair pair;
	pl_slice rest;
	uint32_t identifier;

	(void)state;
	assert_int_equal(read_all(&properties, TO_CLIENT, memory, bytes, &fault), PL_OK);
	assert_true(PL_MQTT_HAS(&properties, user_properties));
	assert_true(PL_MQTT_HAS(&properties, subscription_identifiers));
	rest = properties.raw;
	assert_true(pl_mqtt_user_property_next(&rest, &pair));
	assert_true(pl_slice_equal(pair.name, PL_SLICE("a")));
	assert_true(pl_slice_equal(pair.value, PL_SLICE("b")));
	assert_true(pl_mqtt_user_property_next(&rest, &pair));
	assert_true(pl_slice_equal(pair.name, PL_SLICE("a")));
	assert_int_equal(pair.value.len, 0);
	assert_true(pl_mqtt_user_property_next(&rest, &pair));
	assert_int_equal(pair.name.len, 0);
	assert_true(pl_slice_equal(pair.value, PL_SLICE("z")));
	assert_false(pl_mqtt_user_property_next(&rest, &pair));
	assert_false(pl_mqtt_user_property_next(&rest, &pair));
	rest = properties.raw;
	assert_true(pl_mqtt_identifier_next(&rest, &identifier));
	assert_int_equal(identifier, 5);
	assert_true(pl_mqtt_identifier_next(&rest, &identifier));
	assert_true(pl_mqtt_identifier_next(&rest, &identifier));
	assert_int_equal(identifier, 128);
	assert_false(pl_mqtt_identifier_next(&rest, &identifier));
	expect_written(&properties, TO_CLIENT, canonical);
}

/* What is passed on, with some of it left out and more of it added. */
static void test_passed_on(void **state)
{
	static const pl_slice bytes = BYTES("\x0B\x05\x26\0\1a\0\1b");
	static const pl_mqtt_pair pairs[] = { { BYTES("c"), BYTES("") } };
	static const uint32_t identifiers[] = { 1, 268435455 };
	uint8_t memory[64];
	pl_mqtt_properties properties;
	pl_mqtt_fault fault;
	uint32_t size;

	(void)state;
	assert_int_equal(read_all(&properties, TO_CLIENT, memory, bytes, &fault), PL_OK);
	assert_int_equal(pl_mqtt_properties_size(&properties, PL_MQTT_5, PUBLISH, &size, &fault),
			 PL_EPROTO); /* a client says no identifiers */
	properties.set &= ~(UINT32_C(1) << PL_MQTT_INDEX_subscription_identifiers);
	expect_written(&properties, PUBLISH, (pl_slice)BYTES("\x26\0\1a\0\1b"));
	properties.pairs = pairs;
	properties.pair_count = 1;
	expect_written(&properties, PUBLISH, (pl_slice)BYTES("\x26\0\1a\0\1b\x26\0\1c\0\0"));
	properties.set = 0;
	expect_written(&properties, PUBLISH, (pl_slice)BYTES("\x26\0\1c\0\0"));
	properties.identifiers = identifiers;
	properties.identifier_count = 2;
	expect_written(&properties, TO_CLIENT,
		       (pl_slice)BYTES("\x0B\1\x0B\xFF\xFF\xFF\x7F\x26\0\1c\0\0"));
}

static void test_what_cannot_be_said(void **state)
{
	static const pl_mqtt_pair pairs[] = { { BYTES("a\0"), BYTES("b") } };
	static const uint32_t identifiers[] = { 1, 268435456 };
	pl_mqtt_properties properties;
	pl_mqtt_fault fault;
	uint32_t size;

#define SIZE(version, place) pl_mqtt_properties_size(&properties, version, place, &size, &fault)
	(void)state;
	properties = (pl_mqtt_properties){ 0 };
	assert_int_equal(SIZE(PL_MQTT_3, CONNECT), PL_OK);
	assert_int_equal(size, 0);
	PL_MQTT_SET(&properties, receive_maximum, 1);
	assert_int_equal(SIZE(PL_MQTT_5, CONNECT), PL_OK);
	assert_int_equal(SIZE(PL_MQTT_3, CONNECT), PL_ENOTSUP);
	assert_int_equal(SIZE(PL_MQTT_5, PUBLISH), PL_EPROTO);
	PL_MQTT_SET(&properties, receive_maximum, 65536);
	assert_int_equal(SIZE(PL_MQTT_5, CONNECT), PL_EPROTO);
	PL_MQTT_SET(&properties, receive_maximum, 0);
	assert_int_equal(SIZE(PL_MQTT_5, CONNECT), PL_EPROTO);
	properties = (pl_mqtt_properties){ 0 };
	PL_MQTT_SET(&properties, payload_format_indicator, 256);
	assert_int_equal(SIZE(PL_MQTT_5, PUBLISH), PL_EPROTO);
	properties = (pl_mqtt_properties){ 0 };
	PL_MQTT_SET(&properties, subscription_identifier, 268435456);
	assert_int_equal(SIZE(PL_MQTT_5, SUBSCRIBE), PL_EPROTO);
	properties = (pl_mqtt_properties){ .identifiers = identifiers, .identifier_count = 2 };
	assert_int_equal(SIZE(PL_MQTT_5, TO_CLIENT), PL_EPROTO);
	assert_int_equal(SIZE(PL_MQTT_3, TO_CLIENT), PL_ENOTSUP);
	properties = (pl_mqtt_properties){ .pairs = pairs, .pair_count = 1 };
	assert_int_equal(SIZE(PL_MQTT_5, PUBLISH), PL_EUTF8);
	properties = (pl_mqtt_properties){ 0 };
	PL_MQTT_SET(&properties, authentication_data, PL_SLICE("x"));
	assert_int_equal(SIZE(PL_MQTT_5, CONNECT), PL_EPROTO);
	PL_MQTT_SET(&properties, authentication_method, PL_SLICE(""));
	assert_int_equal(SIZE(PL_MQTT_5, CONNECT), PL_OK);
#undef SIZE
}

/* More than the length of a packet can say. */
static void test_too_many(void **state)
{
	enum { MOST = PL_MQTT_LENGTH_MAX / (5 + PL_MQTT_TEXT_MAX) };
	pl_mqtt_pair *pairs = calloc(MOST + 1, sizeof(*pairs));
	char *text = malloc(PL_MQTT_TEXT_MAX);
	pl_mqtt_properties properties = { .pairs = pairs, .pair_count = MOST };
	pl_mqtt_fault fault = { 0 };
	uint32_t size;

	(void)state;
	assert_non_null(pairs);
	assert_non_null(text);
	memset(text, 'x', PL_MQTT_TEXT_MAX);
	for (size_t i = 0; i <= MOST; i++)
		pairs[i].value = pl_slice_make(text, PL_MQTT_TEXT_MAX);
	assert_int_equal(pl_mqtt_properties_size(&properties, PL_MQTT_5, CONNECT, &size, &fault),
			 PL_OK);
	assert_int_equal(size, MOST * (5 + PL_MQTT_TEXT_MAX));
	properties.pair_count++;
	assert_int_equal(pl_mqtt_properties_size(&properties, PL_MQTT_5, CONNECT, &size, &fault),
			 PL_ETOOBIG);
	free(text);
	free(pairs);
}

/* All of them, as a binding does that knows nothing but the table. */
static void test_by_index(void **state)
{
	pl_mqtt_properties properties = { 0 };

	(void)state;
	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT; i++) {
		const pl_mqtt_property *property = &pl_mqtt_property_table[i];

		if (property->type >= PL_MQTT_VARINTS)
			continue;
		if (pl_mqtt_property_is_number(property))
			pl_mqtt_property_set_number(&properties, i, (uint32_t)i + 1);
		else
			pl_mqtt_property_set_text(&properties, i,
						  pl_slice_make(property->name, i + 1));
	}
	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT; i++) {
		const pl_mqtt_property *property = &pl_mqtt_property_table[i];
		bool single = property->type < PL_MQTT_VARINTS;

		assert_int_equal(properties.set >> i & 1, single);
		if (single && pl_mqtt_property_is_number(property))
			assert_int_equal(pl_mqtt_property_number(&properties, i), i + 1);
		else if (single)
			assert_int_equal(pl_mqtt_property_text(&properties, i).len, i + 1);
	}
	assert_int_equal(properties.topic_alias, PL_MQTT_INDEX_topic_alias + 1);
	assert_int_equal(properties.reason_string.len, PL_MQTT_INDEX_reason_string + 1);
	assert_true(PL_MQTT_HAS(&properties, server_reference));
	assert_false(PL_MQTT_HAS(&properties, user_properties));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),	  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lengths),	  cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_passed_on), cmocka_unit_test(test_what_cannot_be_said),
		cmocka_unit_test(test_too_many),  cmocka_unit_test(test_by_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
