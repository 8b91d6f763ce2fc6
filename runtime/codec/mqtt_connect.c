#include "codec/mqtt_connect.h"

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_wire.h"

/* The flags (3.1.2.3). */
enum { USER = 0x80, PASSWORD = 0x40, RETAIN = 0x20, QOS = 0x18, WILL = 4, CLEAN = 2, RESERVED = 1 };
enum { QOS_SHIFT = 3 };

static int read_level(pl_mqtt_reader *reader, const pl_mqtt_rules *rules, uint8_t *version)
{
	pl_slice name;
	int status = pl_mqtt_read_slice(reader, &name);

	if (status != PL_OK)
		return status;
	if (!pl_slice_equal(name, PL_SLICE("MQTT")) && !pl_slice_equal(name, PL_SLICE("MQIsdp")))
		return pl_mqtt_fail(reader->fault, PL_EPROTO, PL_MQTT_UNSUPPORTED_PROTOCOL_VERSION,
				    "unknown protocol name");
	status = pl_mqtt_read_byte(reader, version);
	if (status != PL_OK)
		return status;
	if (name.len != 4 || (*version != PL_MQTT_3 && *version != PL_MQTT_5) ||
	    (rules->version != PL_MQTT_ANY && rules->version != *version))
		return pl_mqtt_fail(reader->fault, PL_ENOTSUP, PL_MQTT_UNSUPPORTED_PROTOCOL_VERSION,
				    "unsupported protocol version");
	return PL_OK;
}

static int read_flags(pl_mqtt_reader *reader, pl_mqtt_connect *connect)
{
	uint8_t flags;
	int status = pl_mqtt_read_byte(reader, &flags);

	if (status != PL_OK)
		return status;
	if ((flags & RESERVED) != 0)
		return pl_mqtt_malformed(reader->fault, "reserved flag of CONNECT");
	if ((flags & WILL) == 0 && (flags & (QOS | RETAIN)) != 0)
		return pl_mqtt_malformed(reader->fault, "flags of a will that is not there");
	connect->clean = (flags & CLEAN) != 0;
	connect->has_will = (flags & WILL) != 0;
	connect->has_user = (flags & USER) != 0;
	connect->has_password = (flags & PASSWORD) != 0;
	connect->will.qos = (flags & QOS) >> QOS_SHIFT;
	connect->will.retain = (flags & RETAIN) != 0;
	return PL_OK;
}

static int read_will(pl_mqtt_reader *reader, uint8_t version, pl_mqtt_will *will)
{
	int status = pl_mqtt_properties_read(reader, version, PL_MQTT_IN_WILL, &will->properties);

	if (status == PL_OK)
		status = pl_mqtt_read_slice(reader, &will->topic);
	return status == PL_OK ? pl_mqtt_read_slice(reader, &will->payload) : status;
}

/* 3.1.3: what the flags announce, in this order. */
static int read_payload(pl_mqtt_reader *reader, pl_mqtt_connect *connect)
{
	int status = pl_mqtt_read_slice(reader, &connect->client_id);

	if (status == PL_OK && connect->has_will)
		status = read_will(reader, connect->version, &connect->will);
	if (status == PL_OK && connect->has_user)
		status = pl_mqtt_read_slice(reader, &connect->user);
	if (status == PL_OK && connect->has_password)
		status = pl_mqtt_read_slice(reader, &connect->password);
	return status == PL_OK ? pl_mqtt_read_end(reader) : status;
}

static int check_will(const pl_mqtt_will *will, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_topic_check(will->topic, fault);

	if (status == PL_OK && will->qos > 2)
		return pl_mqtt_malformed(fault, "QoS 3 of a will");
	return status == PL_OK ? pl_mqtt_check_binary(will->payload, fault) : status;
}

/* Everything but the properties. */
static int check(const pl_mqtt_connect *connect, uint8_t version, pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_text(connect->client_id, fault);

	if (status == PL_OK && version == PL_MQTT_3 && connect->client_id.len == 0 &&
	    !connect->clean)
		return pl_mqtt_fail(fault, PL_EPROTO, PL_MQTT_CLIENT_IDENTIFIER_NOT_VALID,
				    "no client identifier, and no clean session");
	if (status == PL_OK && connect->has_will)
		status = check_will(&connect->will, fault);
	if (status == PL_OK && connect->has_user)
		status = pl_mqtt_check_text(connect->user, fault);
	if (status != PL_OK || !connect->has_password)
		return status;
	if (version == PL_MQTT_3 && !connect->has_user)
		return pl_mqtt_malformed(fault, "password without a user name");
	return pl_mqtt_check_binary(connect->password, fault);
}

int pl_mqtt_connect_decode(pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	int status;

	*connect = (pl_mqtt_connect){ .version = 0 };
	status = read_level(&reader, rules, &connect->version);
	if (status != PL_OK)
		return status;
	/* Only now it is known that the length has to have its shortest form. */
	if (connect->version == PL_MQTT_5 && head->size != 1 + pl_mqtt_varint_size(head->length))
		return pl_mqtt_malformed(fault, "length is not in its shortest form");
	status = read_flags(&reader, connect);
	if (status == PL_OK)
		status = pl_mqtt_read_two(&reader, &connect->keep_alive);
	if (status == PL_OK)
		status = pl_mqtt_properties_read(&reader, connect->version, PL_MQTT_IN(CONNECT),
						 &connect->properties);
	if (status == PL_OK)
		status = read_payload(&reader, connect);
	return status == PL_OK ? check(connect, connect->version, fault) : status;
}

static uint8_t flags_of(const pl_mqtt_connect *connect)
{
	unsigned flags = connect->clean ? CLEAN : 0;

	if (connect->has_user)
		flags |= USER;
	if (connect->has_password)
		flags |= PASSWORD;
	if (connect->has_will)
		flags |= WILL | (unsigned)connect->will.qos << QOS_SHIFT |
			 (connect->will.retain ? RETAIN : 0U);
	return (uint8_t)flags;
}

static void write_body(pl_mqtt_writer *writer, const pl_mqtt_connect *connect, uint8_t version,
		       const pl_mqtt_sizes *sizes)
{
	pl_mqtt_write_slice(writer, PL_SLICE("MQTT"));
	pl_mqtt_write_byte(writer, version);
	pl_mqtt_write_byte(writer, flags_of(connect));
	pl_mqtt_write_two(writer, connect->keep_alive);
	pl_mqtt_properties_write(writer, &connect->properties, version, sizes->properties);
	pl_mqtt_write_slice(writer, connect->client_id);
	if (connect->has_will) {
		pl_mqtt_properties_write(writer, &connect->will.properties, version,
					 sizes->will_properties);
		pl_mqtt_write_slice(writer, connect->will.topic);
		pl_mqtt_write_slice(writer, connect->will.payload);
	}
	if (connect->has_user)
		pl_mqtt_write_slice(writer, connect->user);
	if (connect->has_password)
		pl_mqtt_write_slice(writer, connect->password);
}

int pl_mqtt_connect_size(const pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status = check(connect, rules->version, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&connect->properties, rules->version,
						 PL_MQTT_IN(CONNECT), &sizes->properties, fault);
	if (status == PL_OK && connect->has_will)
		status = pl_mqtt_properties_size(&connect->will.properties, rules->version,
						 PL_MQTT_IN_WILL, &sizes->will_properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_body(&counter, connect, rules->version, sizes);
	return pl_mqtt_measure(sizes, counter.used, 0, fault);
}

int pl_mqtt_connect_encode(uint8_t *out, const pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, PL_MQTT_CONNECT, 0);

	write_body(&writer, connect, rules->version, sizes);
	return pl_mqtt_write_end(&writer);
}

/* The version that a CONNACK is written in. */
static uint8_t version_of(const pl_mqtt_connack *connack, const pl_mqtt_rules *rules)
{
	return connack->of_3 ? PL_MQTT_3 : rules->version;
}

static int check_connack(const pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			 pl_mqtt_fault *fault)
{
	pl_mqtt_rules own = { version_of(connack, rules), rules->sender };

	if (!pl_mqtt_reason_name(&own, PL_MQTT_CONNACK, connack->reason))
		return pl_mqtt_violation(fault, "reason code that is not allowed in CONNACK");
	if (connack->session_present && connack->reason != PL_MQTT_SUCCESS)
		return pl_mqtt_violation(fault, "session present in a refusal");
	return PL_OK;
}

int pl_mqtt_connack_decode(pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	uint8_t flags;
	int status = pl_mqtt_read_byte(&reader, &flags);

	if (status == PL_OK)
		status = pl_mqtt_read_byte(&reader, &connack->reason);
	if (status != PL_OK)
		return status;
	if ((flags & ~1U) != 0)
		return pl_mqtt_malformed(fault, "reserved flag of CONNACK");
	connack->session_present = flags == 1;
	connack->of_3 = rules->version == PL_MQTT_5 && reader.left == 0 &&
			connack->reason >= PL_MQTT_REFUSED_VERSION &&
			connack->reason <= PL_MQTT_REFUSED_UNAUTHORIZED;
	status = check_connack(connack, rules, fault);
	if (status == PL_OK)
		status = pl_mqtt_properties_read(&reader, version_of(connack, rules),
						 PL_MQTT_IN(CONNACK), &connack->properties);
	return status == PL_OK ? pl_mqtt_read_end(&reader) : status;
}

static void write_connack(pl_mqtt_writer *writer, const pl_mqtt_connack *connack, uint8_t version,
			  const pl_mqtt_sizes *sizes)
{
	pl_mqtt_write_byte(writer, connack->session_present);
	pl_mqtt_write_byte(writer, connack->reason);
	pl_mqtt_properties_write(writer, &connack->properties, version, sizes->properties);
}

int pl_mqtt_connack_size(const pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	uint8_t version = version_of(connack, rules);
	int status = check_connack(connack, rules, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&connack->properties, version, PL_MQTT_IN(CONNACK),
						 &sizes->properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_connack(&counter, connack, version, sizes);
	return pl_mqtt_measure(sizes, counter.used, 0, fault);
}

int pl_mqtt_connack_encode(uint8_t *out, const pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, PL_MQTT_CONNACK, 0);

	write_connack(&writer, connack, version_of(connack, rules), sizes);
	return pl_mqtt_write_end(&writer);
}
