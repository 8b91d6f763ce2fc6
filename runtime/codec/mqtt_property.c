#include "codec/mqtt_property.h"

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_wire.h"

#define IN(type) PL_MQTT_IN(type)
#define IN_WILL PL_MQTT_IN_WILL
#define IN_SERVER_PUBLISH PL_MQTT_IN_SERVER_PUBLISH
#define IN_SERVER_DISCONNECT PL_MQTT_IN_SERVER_DISCONNECT
#define IN_EACH_PUBLISH (IN(PUBLISH) | IN_SERVER_PUBLISH)
#define IN_EACH_AUTH (IN(AUTH) | PL_MQTT_IN_SERVER_AUTH)
#define IN_MESSAGE (IN_EACH_PUBLISH | IN_WILL)
#define IN_EACH_ANSWER                                                                             \
	(IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | IN(SUBACK) |           \
	 IN(UNSUBACK) | IN(DISCONNECT) | IN_SERVER_DISCONNECT | IN_EACH_AUTH)
#define IN_ALL (IN_EACH_ANSWER | IN_MESSAGE | IN(CONNECT) | IN(SUBSCRIBE) | IN(UNSUBSCRIBE))

#define OFFSET(name) offsetof(pl_mqtt_properties, name)
#define OFFSET_BYTE(name) OFFSET(name)
#define OFFSET_TWO(name) OFFSET(name)
#define OFFSET_FOUR(name) OFFSET(name)
#define OFFSET_VARINT(name) OFFSET(name)
#define OFFSET_TEXT(name) OFFSET(name)
#define OFFSET_TOPIC(name) OFFSET(name)
#define OFFSET_BINARY(name) OFFSET(name)
#define OFFSET_VARINTS(name) 0
#define OFFSET_PAIRS(name) 0

const pl_mqtt_property pl_mqtt_property_table[PL_MQTT_PROPERTY_COUNT] = {
#define X(name, id, type, smallest, places)                                                        \
	{ #name, (places), OFFSET_##type(name), (id), PL_MQTT_##type, (smallest) },
	PL_MQTT_PROPERTY_MAP(X)
#undef X
};

_Static_assert(PL_MQTT_PROPERTY_COUNT <= 32, "a bit of `set` for each property");
_Static_assert(PL_MQTT_INDEX_subscription_identifiers == PL_MQTT_INDEX_subscription_identifier + 1,
	       "the two that share an id stand together");

/* 1 + index of the first row with an id. */
#define ROW(name, id) [id] = PL_MQTT_INDEX_##name + 1,
#define ROW_BYTE(name, id) ROW(name, id)
#define ROW_TWO(name, id) ROW(name, id)
#define ROW_FOUR(name, id) ROW(name, id)
#define ROW_VARINT(name, id) ROW(name, id)
#define ROW_TEXT(name, id) ROW(name, id)
#define ROW_TOPIC(name, id) ROW(name, id)
#define ROW_BINARY(name, id) ROW(name, id)
#define ROW_VARINTS(name, id)
#define ROW_PAIRS(name, id) ROW(name, id)
static const uint8_t rows[] = {
#define X(name, id, type, smallest, places) ROW_##type(name, id)
	PL_MQTT_PROPERTY_MAP(X)
#undef X
};

typedef struct value {
	uint32_t number;
	pl_mqtt_pair pair; /* a single text is pair.value */
} value;

uint32_t pl_mqtt_property_number(const pl_mqtt_properties *properties, size_t index)
{
	uint32_t number;

	memcpy(&number, (const char *)properties + pl_mqtt_property_table[index].offset,
	       sizeof(number));
	return number;
}

pl_slice pl_mqtt_property_text(const pl_mqtt_properties *properties, size_t index)
{
	pl_slice text;

	memcpy(&text, (const char *)properties + pl_mqtt_property_table[index].offset,
	       sizeof(text));
	return text;
}

void pl_mqtt_property_set_number(pl_mqtt_properties *properties, size_t index, uint32_t number)
{
	properties->set |= UINT32_C(1) << index;
	memcpy((char *)properties + pl_mqtt_property_table[index].offset, &number, sizeof(number));
}

void pl_mqtt_property_set_text(pl_mqtt_properties *properties, size_t index, pl_slice text)
{
	properties->set |= UINT32_C(1) << index;
	memcpy((char *)properties + pl_mqtt_property_table[index].offset, &text, sizeof(text));
}

static bool is_repeatable(const pl_mqtt_property *property)
{
	return property->type >= PL_MQTT_VARINTS;
}

/* The same packet, sent by the other side. */
static uint32_t opposite(uint32_t place)
{
	switch (place) {
	case PL_MQTT_IN(PUBLISH):
		return PL_MQTT_IN_SERVER_PUBLISH;
	case PL_MQTT_IN(DISCONNECT):
		return PL_MQTT_IN_SERVER_DISCONNECT;
	case PL_MQTT_IN_SERVER_PUBLISH:
		return PL_MQTT_IN(PUBLISH);
	case PL_MQTT_IN_SERVER_DISCONNECT:
		return PL_MQTT_IN(DISCONNECT);
	}
	return place;
}

static int check_place(const pl_mqtt_property *property, uint32_t place, pl_mqtt_fault *fault)
{
	if ((property->places & place) != 0)
		return PL_OK;
	if ((property->places & opposite(place)) != 0)
		return pl_mqtt_violation(fault, "property that this side must not send");
	return pl_mqtt_malformed(fault, "property that is not allowed in this packet");
}

static int check_number(const pl_mqtt_property *property, uint32_t number, pl_mqtt_fault *fault)
{
	static const uint32_t largest[] = {
		[PL_MQTT_BYTE] = 1,
		[PL_MQTT_TWO] = UINT16_MAX,
		[PL_MQTT_FOUR] = UINT32_MAX,
		[PL_MQTT_VARINT] = PL_MQTT_LENGTH_MAX,
	};
	uint8_t type = property->type == PL_MQTT_VARINTS ? PL_MQTT_VARINT : property->type;

	if (number >= property->smallest && number <= largest[type])
		return PL_OK;
	return pl_mqtt_fail(fault, PL_EPROTO,
			    property->id == pl_mqtt_property_table[PL_MQTT_INDEX_topic_alias].id
				    ? PL_MQTT_TOPIC_ALIAS_INVALID
				    : PL_MQTT_PROTOCOL_ERROR,
			    number == 0 ? "property that must not be 0"
					: "property that is out of its range");
}

static int check_pair(const pl_mqtt_pair *pair, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_text(pair->name, fault);

	return status == PL_OK ? pl_mqtt_check_text(pair->value, fault) : status;
}

static int check_value(const pl_mqtt_property *property, const value *checked, pl_mqtt_fault *fault)
{
	switch (property->type) {
	case PL_MQTT_TEXT:
		return pl_mqtt_check_text(checked->pair.value, fault);
	case PL_MQTT_TOPIC:
		return pl_mqtt_topic_check(checked->pair.value, fault);
	case PL_MQTT_BINARY:
		return pl_mqtt_check_binary(checked->pair.value, fault);
	case PL_MQTT_PAIRS:
		return check_pair(&checked->pair, fault);
	}
	return check_number(property, checked->number, fault);
}

/* What properties say of each other (3.1.2.11.10). */
static int check_all(const pl_mqtt_properties *properties, pl_mqtt_fault *fault)
{
	if (PL_MQTT_HAS(properties, authentication_data) &&
	    !PL_MQTT_HAS(properties, authentication_method))
		return pl_mqtt_violation(fault, "authentication data without a method");
	return PL_OK;
}

static int read_value(pl_mqtt_reader *reader, uint8_t type, value *read)
{
	uint8_t byte = 0;
	uint16_t two = 0;
	int status;

	switch (type) {
	case PL_MQTT_BYTE:
		status = pl_mqtt_read_byte(reader, &byte);
		read->number = byte;
		return status;
	case PL_MQTT_TWO:
		status = pl_mqtt_read_two(reader, &two);
		read->number = two;
		return status;
	case PL_MQTT_FOUR:
		return pl_mqtt_read_four(reader, &read->number);
	case PL_MQTT_VARINT:
	case PL_MQTT_VARINTS:
		return pl_mqtt_read_varint(reader, &read->number);
	case PL_MQTT_PAIRS:
		status = pl_mqtt_read_slice(reader, &read->pair.name);
		if (status != PL_OK)
			return status;
	}
	return pl_mqtt_read_slice(reader, &read->pair.value);
}

/* Reads an id; gives the row for it that fits the place best. */
static int read_id(pl_mqtt_reader *reader, uint32_t place, size_t *index)
{
	uint8_t id;
	int status = pl_mqtt_read_byte(reader, &id);

	if (status != PL_OK)
		return status;
	if (id >= sizeof(rows) || rows[id] == 0)
		return pl_mqtt_malformed(reader->fault, "unknown property");
	*index = rows[id] - 1U;
	if (*index == PL_MQTT_INDEX_subscription_identifier &&
	    (pl_mqtt_property_table[*index].places & place) == 0)
		*index = PL_MQTT_INDEX_subscription_identifiers;
	return PL_OK;
}

static void store(pl_mqtt_properties *properties, size_t index, const value *read)
{
	const pl_mqtt_property *property = &pl_mqtt_property_table[index];

	if (is_repeatable(property))
		properties->set |= UINT32_C(1) << index;
	else if (pl_mqtt_property_is_number(property))
		pl_mqtt_property_set_number(properties, index, read->number);
	else
		pl_mqtt_property_set_text(properties, index, read->pair.value);
}

static int read_one(pl_mqtt_reader *reader, uint32_t place, pl_mqtt_properties *properties)
{
	const pl_mqtt_property *property;
	value read = { 0 };
	size_t index = 0;
	int status = read_id(reader, place, &index);

	if (status != PL_OK)
		return status;
	property = &pl_mqtt_property_table[index];
	status = check_place(property, place, reader->fault);
	if (status != PL_OK)
		return status;
	if (!is_repeatable(property) && (properties->set >> index & 1) != 0)
		return pl_mqtt_violation(reader->fault, "property is repeated");
	status = read_value(reader, property->type, &read);
	if (status != PL_OK)
		return status;
	status = check_value(property, &read, reader->fault);
	if (status == PL_OK)
		store(properties, index, &read);
	return status;
}

int pl_mqtt_properties_read(pl_mqtt_reader *reader, uint8_t version, uint32_t place,
			    pl_mqtt_properties *properties)
{
	pl_mqtt_reader within;
	uint32_t len;
	int status;

	properties->set = 0;
	properties->raw = pl_slice_make(NULL, 0);
	properties->identifiers = NULL;
	properties->identifier_count = 0;
	properties->pairs = NULL;
	properties->pair_count = 0;
	if (version != PL_MQTT_5)
		return PL_OK;
	status = pl_mqtt_read_varint(reader, &len);
	if (status != PL_OK)
		return status;
	if (len > reader->left)
		return pl_mqtt_malformed(reader->fault, "properties are longer than the packet");
	pl_mqtt_read_bytes(reader, len, &properties->raw);
	within = (pl_mqtt_reader){ (const uint8_t *)properties->raw.at, len, reader->fault };
	while (status == PL_OK && within.left > 0)
		status = read_one(&within, place, properties);
	return status == PL_OK ? check_all(properties, reader->fault) : status;
}

/* Takes the next property of this index off *rest. */
static bool next(pl_slice *rest, size_t index, value *read)
{
	pl_mqtt_fault fault;
	pl_mqtt_reader reader = { (const uint8_t *)rest->at, rest->len, &fault };
	size_t found = PL_MQTT_PROPERTY_COUNT;

	while (found != index && reader.left > 0) {
		if (read_id(&reader, PL_MQTT_IN_SERVER_PUBLISH, &found) != PL_OK ||
		    read_value(&reader, pl_mqtt_property_table[found].type, read) != PL_OK)
			found = PL_MQTT_PROPERTY_COUNT, reader.left = 0;
	}
	*rest = pl_slice_make((const char *)reader.at, reader.left);
	return found == index;
}

bool pl_mqtt_user_property_next(pl_slice *rest, pl_mqtt_pair *pair)
{
	value read;
	bool found = next(rest, PL_MQTT_INDEX_user_properties, &read);

	if (found)
		*pair = read.pair;
	return found;
}

bool pl_mqtt_identifier_next(pl_slice *rest, uint32_t *identifier)
{
	value read;
	bool found = next(rest, PL_MQTT_INDEX_subscription_identifiers, &read);

	if (found)
		*identifier = read.number;
	return found;
}

static void write_value(pl_mqtt_writer *writer, const pl_mqtt_property *property,
			const value *written)
{
	pl_mqtt_write_byte(writer, property->id);
	switch (property->type) {
	case PL_MQTT_BYTE:
		pl_mqtt_write_byte(writer, (uint8_t)written->number);
		return;
	case PL_MQTT_TWO:
		pl_mqtt_write_two(writer, (uint16_t)written->number);
		return;
	case PL_MQTT_FOUR:
		pl_mqtt_write_four(writer, written->number);
		return;
	case PL_MQTT_VARINT:
	case PL_MQTT_VARINTS:
		pl_mqtt_write_varint(writer, written->number);
		return;
	case PL_MQTT_PAIRS:
		pl_mqtt_write_slice(writer, written->pair.name);
	}
	pl_mqtt_write_slice(writer, written->pair.value);
}

/* Whoever walks through all values that are to be written: to check and count, or to write. */
typedef struct visitor {
	pl_mqtt_writer *writer;
	pl_mqtt_fault *fault; /* NULL: they are checked */
	uint32_t place;
} visitor;

static int visit(const visitor *to, size_t index, const value *visited)
{
	const pl_mqtt_property *property = &pl_mqtt_property_table[index];
	int status = PL_OK;

	if (to->fault) {
		status = check_place(property, to->place, to->fault);
		if (status == PL_OK)
			status = check_value(property, visited, to->fault);
	}
	if (status == PL_OK)
		write_value(to->writer, property, visited);
	return status;
}

static int visit_single(const visitor *to, const pl_mqtt_properties *properties, size_t index)
{
	value one = { 0 };

	if (pl_mqtt_property_is_number(&pl_mqtt_property_table[index]))
		one.number = pl_mqtt_property_number(properties, index);
	else
		one.pair.value = pl_mqtt_property_text(properties, index);
	return visit(to, index, &one);
}

/* Those that were decoded first. */
static int visit_repeated(const visitor *to, const pl_mqtt_properties *properties, size_t index)
{
	bool pairs = index == PL_MQTT_INDEX_user_properties;
	size_t count = pairs ? properties->pair_count : properties->identifier_count;
	pl_slice rest = properties->raw;
	value one = { 0 };
	int status = PL_OK;

	if ((properties->set >> index & 1) == 0)
		rest.len = 0;
	while (status == PL_OK && next(&rest, index, &one))
		status = visit(to, index, &one);
	for (size_t i = 0; i < count && status == PL_OK; i++) {
		if (pairs)
			one.pair = properties->pairs[i];
		else
			one.number = properties->identifiers[i];
		status = visit(to, index, &one);
	}
	return status;
}

/* The bits of what there is to write. */
static uint32_t present(const pl_mqtt_properties *properties)
{
	uint32_t bits = properties->set;

	if (properties->identifier_count > 0)
		bits |= UINT32_C(1) << PL_MQTT_INDEX_subscription_identifiers;
	if (properties->pair_count > 0)
		bits |= UINT32_C(1) << PL_MQTT_INDEX_user_properties;
	return bits;
}

static int visit_all(const visitor *to, const pl_mqtt_properties *properties)
{
	uint32_t bits = present(properties);
	int status = PL_OK;

	for (size_t i = 0; i < PL_MQTT_PROPERTY_COUNT && status == PL_OK; i++, bits >>= 1) {
		if ((bits & 1) == 0)
			continue;
		if (is_repeatable(&pl_mqtt_property_table[i]))
			status = visit_repeated(to, properties, i);
		else
			status = visit_single(to, properties, i);
	}
	return status;
}

int pl_mqtt_properties_size(const pl_mqtt_properties *properties, uint8_t version, uint32_t place,
			    uint32_t *size, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status;

	*size = 0;
	if (pl_mqtt_properties_empty(properties))
		return PL_OK;
	if (version != PL_MQTT_5)
		return pl_mqtt_fail(fault, PL_ENOTSUP, PL_MQTT_PROTOCOL_ERROR,
				    "properties need MQTT 5.0");
	status = visit_all(&(visitor){ &counter, fault, place }, properties);
	if (status == PL_OK)
		status = check_all(properties, fault);
	if (status == PL_OK && counter.used > PL_MQTT_LENGTH_MAX)
		return pl_mqtt_fail(fault, PL_ETOOBIG, PL_MQTT_PACKET_TOO_LARGE,
				    "properties are too long");
	*size = (uint32_t)counter.used;
	return status;
}

void pl_mqtt_properties_write(pl_mqtt_writer *writer, const pl_mqtt_properties *properties,
			      uint8_t version, uint32_t size)
{
	if (version != PL_MQTT_5)
		return;
	pl_mqtt_write_varint(writer, size);
	visit_all(&(visitor){ writer, NULL, 0 }, properties);
}
