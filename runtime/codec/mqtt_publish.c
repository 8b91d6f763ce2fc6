#include "codec/mqtt_publish.h"

#include "base/status.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_wire.h"

/* Everything but the properties, of which only the alias matters (3.3.2.1). */
static int check(const pl_mqtt_publish *publish, uint8_t version, pl_mqtt_fault *fault)
{
	if (publish->qos > 2)
		return pl_mqtt_malformed(fault, "QoS 3");
	if (publish->dup && publish->qos == 0)
		return pl_mqtt_malformed(fault, "DUP with QoS 0");
	if (publish->qos > 0 && publish->id == 0)
		return pl_mqtt_check_id(publish->id, fault);
	if (version == PL_MQTT_5 && publish->topic.len == 0 &&
	    PL_MQTT_HAS(&publish->properties, topic_alias))
		return PL_OK;
	return pl_mqtt_topic_check(publish->topic, fault);
}

int pl_mqtt_publish_decode(pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	int status = pl_mqtt_read_slice(&reader, &publish->topic);

	publish->qos = (head->flags & PL_MQTT_QOS) >> 1;
	publish->retain = (head->flags & PL_MQTT_RETAIN) != 0;
	publish->dup = (head->flags & PL_MQTT_DUP) != 0;
	publish->id = 0;
	if (status == PL_OK && publish->qos > 0)
		status = pl_mqtt_read_two(&reader, &publish->id);
	if (status == PL_OK)
		status = pl_mqtt_properties_read(&reader, rules->version,
						 pl_mqtt_place(PL_MQTT_PUBLISH, rules->sender),
						 &publish->properties);
	if (status != PL_OK)
		return status;
	pl_mqtt_read_bytes(&reader, reader.left, &publish->payload);
	return check(publish, rules->version, fault);
}

static void write_head(pl_mqtt_writer *writer, const pl_mqtt_publish *publish, uint8_t version,
		       const pl_mqtt_sizes *sizes)
{
	pl_mqtt_write_slice(writer, publish->topic);
	if (publish->qos > 0)
		pl_mqtt_write_two(writer, publish->id);
	pl_mqtt_properties_write(writer, &publish->properties, version, sizes->properties);
}

int pl_mqtt_publish_size(const pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status = check(publish, rules->version, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&publish->properties, rules->version,
						 pl_mqtt_place(PL_MQTT_PUBLISH, rules->sender),
						 &sizes->properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_head(&counter, publish, rules->version, sizes);
	return pl_mqtt_measure(sizes, counter.used, publish->payload.len, fault);
}

int pl_mqtt_publish_encode(uint8_t *out, const pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes)
{
	unsigned flags = (unsigned)publish->qos << 1 | (publish->retain ? PL_MQTT_RETAIN : 0U) |
			 (publish->dup ? PL_MQTT_DUP : 0U);
	pl_mqtt_writer writer =
		pl_mqtt_write_begin(out, sizes, PL_MQTT_PUBLISH, (uint8_t)(flags & 0xF));

	write_head(&writer, publish, rules->version, sizes);
	return pl_mqtt_write_end(&writer);
}
