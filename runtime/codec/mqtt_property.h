/*
 * mqtt_property.h - the properties of MQTT 5.0 (2.2.2.2).
 *
 * Pure; texts are borrowed. PL_MQTT_PROPERTY_MAP is the one table: fields, names and rules are made
 * of it. What may stand once is a field; what may be repeated stays in the bytes that were decoded
 * and is walked through.
 */
#ifndef PL_CODEC_MQTT_PROPERTY_H
#define PL_CODEC_MQTT_PROPERTY_H

#include "base/slice.h"
#include "codec/mqtt_head.h"

enum pl_mqtt_property_type {
	PL_MQTT_BYTE, /* 0 or 1 */
	PL_MQTT_TWO,  /* bytes of an integer */
	PL_MQTT_FOUR,
	PL_MQTT_VARINT, /* a variable byte integer */
	PL_MQTT_TEXT,
	PL_MQTT_TOPIC, /* a text that is a topic name */
	PL_MQTT_BINARY,
	PL_MQTT_VARINTS, /* several, walked through with pl_mqtt_identifier_next */
	PL_MQTT_PAIRS	 /* several, walked through with pl_mqtt_user_property_next */
};

/* X(name, id, type, smallest number, where it is allowed). Encoded in this order. */
#define PL_MQTT_PROPERTY_MAP(X)                                                                    \
	X(payload_format_indicator, 0x01, BYTE, 0, IN_MESSAGE)                                     \
	X(message_expiry_interval, 0x02, FOUR, 0, IN_MESSAGE)                                      \
	X(content_type, 0x03, TEXT, 0, IN_MESSAGE)                                                 \
	X(response_topic, 0x08, TOPIC, 0, IN_MESSAGE)                                              \
	X(correlation_data, 0x09, BINARY, 0, IN_MESSAGE)                                           \
	X(subscription_identifier, 0x0B, VARINT, 1, IN(SUBSCRIBE))                                 \
	X(subscription_identifiers, 0x0B, VARINTS, 1, IN_SERVER_PUBLISH)                           \
	X(session_expiry_interval, 0x11, FOUR, 0, IN(CONNECT) | IN(CONNACK) | IN(DISCONNECT))      \
	X(assigned_client_identifier, 0x12, TEXT, 0, IN(CONNACK))                                  \
	X(server_keep_alive, 0x13, TWO, 0, IN(CONNACK))                                            \
	X(authentication_method, 0x15, TEXT, 0, IN(CONNECT) | IN(CONNACK) | IN_EACH_AUTH)          \
	X(authentication_data, 0x16, BINARY, 0, IN(CONNECT) | IN(CONNACK) | IN_EACH_AUTH)          \
	X(request_problem_information, 0x17, BYTE, 0, IN(CONNECT))                                 \
	X(will_delay_interval, 0x18, FOUR, 0, IN_WILL)                                             \
	X(request_response_information, 0x19, BYTE, 0, IN(CONNECT))                                \
	X(response_information, 0x1A, TEXT, 0, IN(CONNACK))                                        \
	X(server_reference, 0x1C, TEXT, 0, IN(CONNACK) | IN_SERVER_DISCONNECT)                     \
	X(reason_string, 0x1F, TEXT, 0, IN_EACH_ANSWER)                                            \
	X(receive_maximum, 0x21, TWO, 1, IN(CONNECT) | IN(CONNACK))                                \
	X(topic_alias_maximum, 0x22, TWO, 0, IN(CONNECT) | IN(CONNACK))                            \
	X(topic_alias, 0x23, TWO, 1, IN_EACH_PUBLISH)                                              \
	X(maximum_qos, 0x24, BYTE, 0, IN(CONNACK))                                                 \
	X(retain_available, 0x25, BYTE, 0, IN(CONNACK))                                            \
	X(maximum_packet_size, 0x27, FOUR, 1, IN(CONNECT) | IN(CONNACK))                           \
	X(wildcard_subscription_available, 0x28, BYTE, 0, IN(CONNACK))                             \
	X(subscription_identifiers_available, 0x29, BYTE, 0, IN(CONNACK))                          \
	X(shared_subscription_available, 0x2A, BYTE, 0, IN(CONNACK))                               \
	X(user_properties, 0x26, PAIRS, 0, IN_ALL)

enum pl_mqtt_property_index {
#define X(name, id, type, smallest, places) PL_MQTT_INDEX_##name,
	PL_MQTT_PROPERTY_MAP(X)
#undef X
		PL_MQTT_PROPERTY_COUNT
};

typedef struct pl_mqtt_pair {
	pl_slice name;
	pl_slice value;
} pl_mqtt_pair;

/* All zero has none. A field holds something only when its bit is set. */
typedef struct pl_mqtt_properties {
	uint32_t set; /* bits 1 << PL_MQTT_INDEX_..., those of repeatable ones included */
#define PL_MQTT_FIELD_BYTE(name) uint32_t name;
#define PL_MQTT_FIELD_TWO(name) uint32_t name;
#define PL_MQTT_FIELD_FOUR(name) uint32_t name;
#define PL_MQTT_FIELD_VARINT(name) uint32_t name;
#define PL_MQTT_FIELD_TEXT(name) pl_slice name;
#define PL_MQTT_FIELD_TOPIC(name) pl_slice name;
#define PL_MQTT_FIELD_BINARY(name) pl_slice name;
#define PL_MQTT_FIELD_VARINTS(name)
#define PL_MQTT_FIELD_PAIRS(name)
#define X(name, id, type, smallest, places) PL_MQTT_FIELD_##type(name)
	PL_MQTT_PROPERTY_MAP(X)
#undef X
	/* What is repeated: in what was decoded, of which that is encoded again whose bit is set;
	 * ... */
	pl_slice raw;
	/* ... then these, whether their bit is set or not. Decoding leaves them empty. */
	const uint32_t *identifiers;
	size_t identifier_count;
	const pl_mqtt_pair *pairs;
	size_t pair_count;
} pl_mqtt_properties;

#define PL_MQTT_HAS(properties, name) (((properties)->set >> PL_MQTT_INDEX_##name & 1) != 0)
#define PL_MQTT_SET(properties, name, to)                                                          \
	((properties)->set |= UINT32_C(1) << PL_MQTT_INDEX_##name, (properties)->name = (to))

/* Whether there are none. */
static inline bool pl_mqtt_properties_empty(const pl_mqtt_properties *properties)
{
	return properties->set == 0 && properties->pair_count == 0 &&
	       properties->identifier_count == 0;
}

/* A row of the table, for who walks through all of them (index: its place there). */
typedef struct pl_mqtt_property {
	const char *name;
	uint32_t places; /* PL_MQTT_IN... */
	uint16_t offset; /* of the field in pl_mqtt_properties; none for what is repeated */
	uint8_t id;
	uint8_t type; /* enum pl_mqtt_property_type */
	uint8_t smallest;
} pl_mqtt_property;

extern const pl_mqtt_property pl_mqtt_property_table[PL_MQTT_PROPERTY_COUNT];

static inline bool pl_mqtt_property_is_number(const pl_mqtt_property *property)
{
	return property->type <= PL_MQTT_VARINT;
}

/* Values by index, of a property that is set and a number, or a text or binary data. */
uint32_t pl_mqtt_property_number(const pl_mqtt_properties *properties, size_t index);
pl_slice pl_mqtt_property_text(const pl_mqtt_properties *properties, size_t index);
void pl_mqtt_property_set_number(pl_mqtt_properties *properties, size_t index, uint32_t value);
void pl_mqtt_property_set_text(pl_mqtt_properties *properties, size_t index, pl_slice value);

/* Take the next user property, or subscription identifier, off *rest, which begins as
 * properties->raw. False when there are no more. */
bool pl_mqtt_user_property_next(pl_slice *rest, pl_mqtt_pair *pair);
bool pl_mqtt_identifier_next(pl_slice *rest, uint32_t *identifier);

struct pl_mqtt_reader;
struct pl_mqtt_writer;

/* Reads the length and the properties behind it; 3.1.1 has none. Each is checked here: "Malformed
 * Packet" for what is not in the table, not allowed in this packet at all, or breaks its type;
 * "Protocol Error" for what is repeated but may not be, for numbers out of their range, for what
 * this sender must not say, and for Authentication Data without a method; "Topic Alias invalid" for
 * alias 0. */
int pl_mqtt_properties_read(struct pl_mqtt_reader *reader, uint8_t version, uint32_t place,
			    pl_mqtt_properties *properties);

/* The same checks for what is to be written, and its length, without that in front. PL_ENOTSUP for
 * properties in 3.1.1. */
int pl_mqtt_properties_size(const pl_mqtt_properties *properties, uint8_t version, uint32_t place,
			    uint32_t *size, pl_mqtt_fault *fault);

/* Writes the length and the properties; nothing in 3.1.1. */
void pl_mqtt_properties_write(struct pl_mqtt_writer *writer, const pl_mqtt_properties *properties,
			      uint8_t version, uint32_t size);

#endif
