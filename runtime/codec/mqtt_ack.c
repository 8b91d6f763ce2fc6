#include "codec/mqtt_ack.h"

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_wire.h"

static bool has_id(uint8_t type)
{
	return type < PL_MQTT_DISCONNECT;
}

/* Everything but the properties, of which only the method matters. */
static int check(const pl_mqtt_ack *ack, uint8_t type, const pl_mqtt_rules *rules,
		 pl_mqtt_fault *fault)
{
	if (has_id(type) && ack->id == 0)
		return pl_mqtt_check_id(ack->id, fault);
	if (!pl_mqtt_reason_name(rules, type, ack->reason))
		return pl_mqtt_violation(fault, "reason code that is not allowed in this packet");
	if (type == PL_MQTT_AUTH && !PL_MQTT_HAS(&ack->properties, authentication_method) &&
	    (ack->reason != PL_MQTT_SUCCESS || !pl_mqtt_properties_empty(&ack->properties)))
		return pl_mqtt_violation(fault, "AUTH without an authentication method");
	return PL_OK;
}

/* The reason code may be left out when it is 0, and properties when there are none; but those of
 * AUTH only together with the code (3.15.2.1). */
static int read_rest(pl_mqtt_reader *reader, pl_mqtt_ack *ack, uint8_t type,
		     const pl_mqtt_rules *rules)
{
	bool none = reader->left == 0;
	int status = none ? PL_OK : pl_mqtt_read_byte(reader, &ack->reason);
	uint8_t version = rules->version;

	if (none || (reader->left == 0 && type != PL_MQTT_AUTH))
		version = PL_MQTT_3; /* nothing that could be read */
	if (status == PL_OK)
		status = pl_mqtt_properties_read(
			reader, version, pl_mqtt_place(type, rules->sender), &ack->properties);
	return status == PL_OK ? pl_mqtt_read_end(reader) : status;
}

int pl_mqtt_ack_decode(pl_mqtt_ack *ack, const pl_mqtt_rules *rules, const pl_mqtt_head *head,
		       const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	int status = PL_OK;

	ack->id = 0;
	ack->reason = 0;
	if (has_id(head->type))
		status = pl_mqtt_read_two(&reader, &ack->id);
	if (status == PL_OK)
		status = read_rest(&reader, ack, head->type, rules);
	return status == PL_OK ? check(ack, head->type, rules, fault) : status;
}

static void write_body(pl_mqtt_writer *writer, const pl_mqtt_ack *ack, uint8_t type,
		       const pl_mqtt_sizes *sizes)
{
	if (has_id(type))
		pl_mqtt_write_two(writer, ack->id);
	if (ack->reason != PL_MQTT_SUCCESS || sizes->properties > 0)
		pl_mqtt_write_byte(writer, ack->reason);
	if (sizes->properties > 0)
		pl_mqtt_properties_write(writer, &ack->properties, PL_MQTT_5, sizes->properties);
}

int pl_mqtt_ack_size(const pl_mqtt_ack *ack, uint8_t type, const pl_mqtt_rules *rules,
		     pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status = check(ack, type, rules, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&ack->properties, rules->version,
						 pl_mqtt_place(type, rules->sender),
						 &sizes->properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_body(&counter, ack, type, sizes);
	return pl_mqtt_measure(sizes, counter.used, 0, fault);
}

int pl_mqtt_ack_encode(uint8_t *out, const pl_mqtt_ack *ack, uint8_t type,
		       const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, type, pl_mqtt_type_flags(type));

	write_body(&writer, ack, type, sizes);
	return pl_mqtt_write_end(&writer);
}
