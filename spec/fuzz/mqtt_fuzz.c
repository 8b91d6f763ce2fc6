/*
 * mqtt_fuzz.c - streams of MQTT packets, of both versions and sides: a head in pieces gets the
 * verdict of the whole; what was decoded can be written, is no longer then, and stays as it is.
 */
#include "fuzz/fuzz.h"

#include "base/status.h"
#include "codec/mqtt_packet.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"

/* A verdict has a phrase, and a reason that the receiver can send. */
static void check_fault(int status, const pl_mqtt_rules *rules, const pl_mqtt_fault *fault)
{
	pl_mqtt_rules own = { PL_MQTT_5, PL_MQTT_CLIENT };

	if (rules->sender == PL_MQTT_CLIENT)
		own.sender = PL_MQTT_SERVER;
	FUZZ_CHECK(fault->status == status && fault->text);
	FUZZ_CHECK(status == PL_EPROTO || status == PL_EUTF8 || status == PL_ENOTSUP);
	FUZZ_CHECK(fault->reason >= PL_MQTT_FAILURE);
	FUZZ_CHECK(pl_mqtt_reason_name(&own, PL_MQTT_DISCONNECT, fault->reason) ||
		   (own.sender == PL_MQTT_SERVER &&
		    pl_mqtt_reason_name(&own, PL_MQTT_CONNACK, fault->reason)));
}

/* Decodes a head from the first `len` bytes, in memory that ends there. */
static int decode_head(pl_mqtt_head *head, const pl_mqtt_rules *rules, const uint8_t *data,
		       size_t len, pl_mqtt_fault *fault)
{
	uint8_t *copy = fuzz_copy(data, len);
	int result = pl_mqtt_head_decode(head, rules, copy, len, fault);

	free(copy);
	if (result < 0)
		check_fault(result, rules, fault);
	FUZZ_CHECK(result <= (int)len);
	return result;
}

static int decode_pieces(pl_mqtt_head *head, const pl_mqtt_rules *rules, const uint8_t *data,
			 size_t len)
{
	pl_mqtt_fault fault;
	int result = 0;

	for (size_t count = 1; result == 0 && count <= len && count <= PL_MQTT_HEAD_MAX; count++)
		result = decode_head(head, rules, data, count, &fault);
	return result;
}

static void walk_properties(const pl_mqtt_properties *properties)
{
	pl_slice rest = properties->raw;
	pl_mqtt_pair pair;
	uint32_t identifier;
	size_t count = 0;

	for (; pl_mqtt_user_property_next(&rest, &pair); count++)
		FUZZ_CHECK(fuzz_within(pair.name, properties->raw) &&
			   fuzz_within(pair.value, properties->raw));
	FUZZ_CHECK((count > 0) == PL_MQTT_HAS(properties, user_properties));
	rest = properties->raw;
	for (count = 0; pl_mqtt_identifier_next(&rest, &identifier); count++)
		FUZZ_CHECK(identifier > 0 && identifier <= PL_MQTT_LENGTH_MAX);
	FUZZ_CHECK((count > 0) == (PL_MQTT_HAS(properties, subscription_identifiers) ||
				   PL_MQTT_HAS(properties, subscription_identifier)));
	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT; i++) {
		const pl_mqtt_property *property = &pl_mqtt_property_table[i];

		if ((properties->set >> i & 1) != 0 && property->type >= PL_MQTT_TEXT &&
		    property->type < PL_MQTT_VARINTS)
			FUZZ_CHECK(
				fuzz_within(pl_mqtt_property_text(properties, i), properties->raw));
	}
}

static void walk_subscriptions(const pl_mqtt_packet *packet)
{
	pl_slice rest = packet->subscribe.raw;
	pl_mqtt_subscription one;
	size_t count = 0;

	for (; pl_mqtt_subscription_next(&rest, packet->type, &one); count++) {
		FUZZ_CHECK(fuzz_within(one.filter, packet->subscribe.raw));
		FUZZ_CHECK(one.filter.len > 0);
		pl_mqtt_filter_matches(one.filter, PL_SLICE("a/b"));
	}
	FUZZ_CHECK(count == packet->subscribe.count && count > 0 && rest.len == 0);
}

static void walk(const pl_mqtt_packet *packet)
{
	switch (packet->type) {
	case PL_MQTT_CONNECT:
		walk_properties(&packet->connect.properties);
		if (packet->connect.has_will)
			walk_properties(&packet->connect.will.properties);
		break;
	case PL_MQTT_CONNACK:
		walk_properties(&packet->connack.properties);
		break;
	case PL_MQTT_PUBLISH:
		walk_properties(&packet->publish.properties);
		break;
	case PL_MQTT_SUBSCRIBE:
	case PL_MQTT_UNSUBSCRIBE:
		walk_properties(&packet->subscribe.properties);
		walk_subscriptions(packet);
		break;
	case PL_MQTT_SUBACK:
	case PL_MQTT_UNSUBACK:
		walk_properties(&packet->suback.properties);
		break;
	case PL_MQTT_PINGREQ:
	case PL_MQTT_PINGRESP:
		break;
	default:
		walk_properties(&packet->ack.properties);
	}
}

/* The bytes of a packet that can be written. */
static uint8_t *encode(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules, size_t *len)
{
	pl_mqtt_sizes sizes = { 0 };
	pl_mqtt_fault fault;
	uint8_t *out;

	FUZZ_CHECK(pl_mqtt_packet_size(packet, rules, &sizes, &fault) == PL_OK);
	out = malloc(sizes.total);
	FUZZ_CHECK(out && pl_mqtt_packet_encode(out, packet, rules, &sizes) == PL_OK);
	if (packet->type == PL_MQTT_PUBLISH && packet->publish.payload.len > 0)
		memcpy(out + sizes.head, packet->publish.payload.at, packet->publish.payload.len);
	*len = sizes.total;
	return out;
}

/* Writes what was decoded of `size` bytes, and decodes that again. */
static void write_back(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
		       const uint8_t *data, size_t size, bool canonical)
{
	size_t len, again_len;
	uint8_t *out = encode(packet, rules, &len), *again;
	pl_mqtt_head head;
	pl_mqtt_packet copy;
	pl_mqtt_fault fault;
	int used = pl_mqtt_head_decode(&head, rules, out, len, &fault);

	FUZZ_CHECK(len <= size);
	FUZZ_CHECK(!canonical || (len == size && memcmp(out, data, size) == 0));
	FUZZ_CHECK(used > 0 && (size_t)used + head.length == len);
	FUZZ_CHECK(pl_mqtt_packet_decode(&copy, rules, &head, out + used, &fault) == PL_OK);
	again = encode(&copy, rules, &again_len);
	FUZZ_CHECK(again_len == len && memcmp(again, out, len) == 0);
	free(again);
	free(out);
}

/* Decodes the packet that data begins with; 0 when there is no more to be done. */
static size_t decode(pl_mqtt_rules *rules, const uint8_t *data, size_t size)
{
	pl_mqtt_head head = { 0 }, pieces = { 0 };
	pl_mqtt_packet packet;
	pl_mqtt_fault fault;
	int used = decode_head(&head, rules, data, size, &fault), status;
	uint8_t *body;

	FUZZ_CHECK(decode_pieces(&pieces, rules, data, size) == used);
	if (used <= 0)
		return 0;
	FUZZ_CHECK(pieces.length == head.length && head.length <= PL_MQTT_LENGTH_MAX);
	if (head.length > size - (size_t)used)
		return 0;
	body = fuzz_copy(data + used, head.length);
	status = pl_mqtt_packet_decode(&packet, rules, &head, body, &fault);
	if (status != PL_OK) {
		check_fault(status, rules, &fault);
	} else {
		if (rules->version == PL_MQTT_ANY)
			rules->version = packet.connect.version;
		walk(&packet);
		write_back(&packet, rules, data, (size_t)used + head.length,
			   rules->version == PL_MQTT_3 &&
				   head.size == 1 + pl_mqtt_varint_size(head.length));
	}
	free(body);
	return (size_t)used + head.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const pl_mqtt_rules all[] = {
		{ PL_MQTT_ANY, PL_MQTT_CLIENT }, { PL_MQTT_3, PL_MQTT_CLIENT },
		{ PL_MQTT_5, PL_MQTT_CLIENT },	 { PL_MQTT_3, PL_MQTT_SERVER },
		{ PL_MQTT_5, PL_MQTT_SERVER },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		pl_mqtt_rules rules = all[i];
		size_t at = 0, used = 0;

		do {
			used = decode(&rules, data + at, size - at);
			at += used;
		} while (used > 0);
	}
	return 0;
}
