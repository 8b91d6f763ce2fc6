#include "codec/mqtt_subscribe.h"

#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_wire.h"

/* The options byte (3.8.3.1). */
enum { QOS = 0x03, NO_LOCAL = 0x04, AS_PUBLISHED = 0x08, HANDLING = 0x30, RESERVED = 0xC0 };
enum { HANDLING_SHIFT = 4 };

static int read_one(pl_mqtt_reader *reader, uint8_t type, pl_mqtt_subscription *one,
		    uint8_t *options)
{
	int status = pl_mqtt_read_slice(reader, &one->filter);

	*options = 0;
	if (status == PL_OK && type == PL_MQTT_SUBSCRIBE)
		status = pl_mqtt_read_byte(reader, options);
	one->qos = *options & QOS;
	one->no_local = (*options & NO_LOCAL) != 0;
	one->retain_as_published = (*options & AS_PUBLISHED) != 0;
	one->retain_handling = (*options & HANDLING) >> HANDLING_SHIFT;
	return status;
}

bool pl_mqtt_subscription_next(pl_slice *rest, uint8_t type, pl_mqtt_subscription *subscription)
{
	pl_mqtt_fault fault;
	pl_mqtt_reader reader = { (const uint8_t *)rest->at, rest->len, &fault };
	uint8_t options;

	if (rest->len == 0 || read_one(&reader, type, subscription, &options) != PL_OK)
		return false;
	*rest = pl_slice_make((const char *)reader.at, reader.left);
	return true;
}

static int check_options(const pl_mqtt_subscription *one, uint8_t version, pl_mqtt_fault *fault)
{
	pl_slice share, inner;

	if (version == PL_MQTT_3 &&
	    (one->no_local || one->retain_as_published || one->retain_handling != 0))
		return pl_mqtt_malformed(fault, "options that need MQTT 5.0");
	if (one->qos > 2)
		return pl_mqtt_violation(fault, "QoS 3 of a subscription");
	if (one->retain_handling > PL_MQTT_RETAIN_NEVER)
		return pl_mqtt_violation(fault, "retain handling 3 of a subscription");
	if (one->no_local && pl_mqtt_filter_shared(one->filter, &share, &inner))
		return pl_mqtt_violation(fault, "no local in a shared subscription");
	return PL_OK;
}

static int check_one(const pl_mqtt_subscription *one, uint8_t type, uint8_t version,
		     pl_mqtt_fault *fault)
{
	int status = pl_mqtt_filter_check(one->filter, version, fault);

	if (status != PL_OK || type != PL_MQTT_SUBSCRIBE)
		return status;
	return check_options(one, version, fault);
}

/* Reads and checks the list. */
static int read_list(pl_mqtt_reader *reader, uint8_t type, uint8_t version, size_t *count)
{
	uint8_t reserved = version == PL_MQTT_5 ? RESERVED : (uint8_t)~QOS, options;
	pl_mqtt_subscription one;
	int status = PL_OK;

	for (*count = 0; status == PL_OK && reader->left > 0; ++*count) {
		status = read_one(reader, type, &one, &options);
		if (status == PL_OK && (options & reserved) != 0)
			return pl_mqtt_malformed(reader->fault, "reserved option of SUBSCRIBE");
		if (status == PL_OK)
			status = check_one(&one, type, version, reader->fault);
	}
	return status;
}

int pl_mqtt_subscribe_decode(pl_mqtt_subscribe *subscribe, const pl_mqtt_rules *rules,
			     const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	int status = pl_mqtt_read_two(&reader, &subscribe->id);

	if (status == PL_OK)
		status = pl_mqtt_check_id(subscribe->id, fault);
	if (status == PL_OK)
		status = pl_mqtt_properties_read(&reader, rules->version,
						 pl_mqtt_place(head->type, rules->sender),
						 &subscribe->properties);
	if (status != PL_OK)
		return status;
	if (reader.left == 0)
		return pl_mqtt_violation(fault, "no topic filter");
	subscribe->list = NULL;
	subscribe->raw = pl_slice_make((const char *)reader.at, reader.left);
	return read_list(&reader, head->type, rules->version, &subscribe->count);
}

/* Everything but the properties, of what is to be written. */
static int check(const pl_mqtt_subscribe *subscribe, uint8_t type, uint8_t version,
		 pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { (const uint8_t *)subscribe->raw.at, subscribe->raw.len, fault };
	int status = pl_mqtt_check_id(subscribe->id, fault);
	size_t count = subscribe->count;

	if (status == PL_OK && !subscribe->list)
		status = read_list(&reader, type, version, &count);
	for (size_t i = 0; subscribe->list && i < count && status == PL_OK; i++)
		status = check_one(&subscribe->list[i], type, version, fault);
	return status == PL_OK && count == 0 ? pl_mqtt_violation(fault, "no topic filter") : status;
}

static void write_body(pl_mqtt_writer *writer, const pl_mqtt_subscribe *subscribe, uint8_t type,
		       uint8_t version, const pl_mqtt_sizes *sizes)
{
	pl_mqtt_write_two(writer, subscribe->id);
	pl_mqtt_properties_write(writer, &subscribe->properties, version, sizes->properties);
	if (!subscribe->list) {
		pl_mqtt_write_bytes(writer, subscribe->raw);
		return;
	}
	for (size_t i = 0; i < subscribe->count; i++) {
		const pl_mqtt_subscription *one = &subscribe->list[i];

		pl_mqtt_write_slice(writer, one->filter);
		if (type == PL_MQTT_SUBSCRIBE)
			pl_mqtt_write_byte(writer,
					   (uint8_t)(one->qos | (one->no_local ? NO_LOCAL : 0) |
						     (one->retain_as_published ? AS_PUBLISHED : 0) |
						     one->retain_handling << HANDLING_SHIFT));
	}
}

int pl_mqtt_subscribe_size(const pl_mqtt_subscribe *subscribe, uint8_t type,
			   const pl_mqtt_rules *rules, pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status = check(subscribe, type, rules->version, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&subscribe->properties, rules->version,
						 pl_mqtt_place(type, rules->sender),
						 &sizes->properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_body(&counter, subscribe, type, rules->version, sizes);
	return pl_mqtt_measure(sizes, counter.used, 0, fault);
}

int pl_mqtt_subscribe_encode(uint8_t *out, const pl_mqtt_subscribe *subscribe, uint8_t type,
			     const pl_mqtt_rules *rules, const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, type, pl_mqtt_type_flags(type));

	write_body(&writer, subscribe, type, rules->version, sizes);
	return pl_mqtt_write_end(&writer);
}

/* Whether the packet says no codes at all. */
static bool is_silent(uint8_t type, const pl_mqtt_rules *rules)
{
	return type == PL_MQTT_UNSUBACK && rules->version == PL_MQTT_3;
}

static int check_suback(const pl_mqtt_suback *suback, uint8_t type, const pl_mqtt_rules *rules,
			pl_mqtt_fault *fault)
{
	int status = pl_mqtt_check_id(suback->id, fault);

	if (status != PL_OK)
		return status;
	if (suback->codes.len == 0 && !is_silent(type, rules))
		return pl_mqtt_violation(fault, "no reason code");
	for (size_t i = 0; i < suback->codes.len; i++) {
		if (!pl_mqtt_reason_name(rules, type, (uint8_t)suback->codes.at[i]))
			return pl_mqtt_violation(fault,
						 "reason code that is not allowed in this packet");
	}
	return PL_OK;
}

int pl_mqtt_suback_decode(pl_mqtt_suback *suback, const pl_mqtt_rules *rules,
			  const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	pl_mqtt_reader reader = { body, head->length, fault };
	int status = pl_mqtt_read_two(&reader, &suback->id);

	if (status == PL_OK)
		status = pl_mqtt_properties_read(&reader, rules->version,
						 pl_mqtt_place(head->type, rules->sender),
						 &suback->properties);
	if (status != PL_OK)
		return status;
	pl_mqtt_read_bytes(&reader, reader.left, &suback->codes);
	return check_suback(suback, head->type, rules, fault);
}

static void write_suback(pl_mqtt_writer *writer, const pl_mqtt_suback *suback, uint8_t type,
			 const pl_mqtt_rules *rules, const pl_mqtt_sizes *sizes)
{
	pl_mqtt_write_two(writer, suback->id);
	pl_mqtt_properties_write(writer, &suback->properties, rules->version, sizes->properties);
	if (!is_silent(type, rules))
		pl_mqtt_write_bytes(writer, suback->codes);
}

int pl_mqtt_suback_size(const pl_mqtt_suback *suback, uint8_t type, const pl_mqtt_rules *rules,
			pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	pl_mqtt_writer counter = { NULL, 0, 0 };
	int status = check_suback(suback, type, rules, fault);

	if (status == PL_OK)
		status = pl_mqtt_properties_size(&suback->properties, rules->version,
						 pl_mqtt_place(type, rules->sender),
						 &sizes->properties, fault);
	if (status != PL_OK)
		return pl_mqtt_unsayable(fault, status);
	write_suback(&counter, suback, type, rules, sizes);
	return pl_mqtt_measure(sizes, counter.used, 0, fault);
}

int pl_mqtt_suback_encode(uint8_t *out, const pl_mqtt_suback *suback, uint8_t type,
			  const pl_mqtt_rules *rules, const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, type, pl_mqtt_type_flags(type));

	write_suback(&writer, suback, type, rules, sizes);
	return pl_mqtt_write_end(&writer);
}
