/*
 * mqtt.h - what the tests of the MQTT codec share: a packet's bytes to a struct, and back.
 */
#ifndef SPEC_UNIT_CODEC_MQTT_H
#define SPEC_UNIT_CODEC_MQTT_H

#include "bytes.h"

#include "base/status.h"
#include "codec/mqtt_packet.h"
#include "codec/mqtt_reason.h"

static const pl_mqtt_rules client3 = { PL_MQTT_3, PL_MQTT_CLIENT };
static const pl_mqtt_rules client5 = { PL_MQTT_5, PL_MQTT_CLIENT };
static const pl_mqtt_rules server3 = { PL_MQTT_3, PL_MQTT_SERVER };
static const pl_mqtt_rules server5 = { PL_MQTT_5, PL_MQTT_SERVER };
static const pl_mqtt_rules stranger = { PL_MQTT_ANY, PL_MQTT_CLIENT };

/* A whole packet in memory of its own size, and what it was found to be. */
typedef struct mqtt_case {
	uint8_t *body;
	pl_mqtt_head head;
	pl_mqtt_packet packet;
	pl_mqtt_fault fault;
	int status;
} mqtt_case;

/* Decodes the head at every length, from memory that ends there: more is wanted until it is whole,
 * and an error does not go away. */
static inline int mqtt_head(pl_mqtt_head *head, const pl_mqtt_rules *rules, pl_slice bytes,
			    pl_mqtt_fault *fault)
{
	int result = 0;

	for (size_t len = 0; len <= bytes.len && len <= PL_MQTT_HEAD_MAX + 1; len++) {
		uint8_t *memory = bytes_copy(bytes.at, len);
		int last = result;

		*fault = (pl_mqtt_fault){ 0 };
		result = pl_mqtt_head_decode(head, rules, memory, len, fault);
		free(memory);
		if (last != 0)
			assert_int_equal(result, last);
		if (result > 0)
			assert_true(len >= (size_t)result);
		assert_int_equal(result < 0, fault->text != NULL);
		assert_int_equal(result < 0 ? result : 0, fault->status);
	}
	return result;
}

static inline mqtt_case mqtt_decode(const pl_mqtt_rules *rules, pl_slice bytes)
{
	mqtt_case found = { 0 };

	found.status = mqtt_head(&found.head, rules, bytes, &found.fault);
	assert_int_not_equal(found.status, 0);
	if (found.status < 0)
		return found;
	assert_int_equal(found.head.size + found.head.length, bytes.len);
	found.body = bytes_copy(bytes.at + found.head.size, found.head.length);
	memset(&found.packet, 0xA5, sizeof(found.packet)); /* nothing may be left as it was */
	found.status =
		pl_mqtt_packet_decode(&found.packet, rules, &found.head, found.body, &found.fault);
	assert_int_equal(found.status < 0, found.fault.text != NULL);
	assert_int_equal(found.status, found.fault.status);
	return found;
}

static inline void mqtt_free(mqtt_case *found)
{
	free(found->body);
}

/* Encodes into memory of the size that is needed, and compares. */
static inline void mqtt_expect(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			       pl_slice bytes)
{
	pl_mqtt_sizes sizes = { 0 };
	pl_mqtt_fault fault = { 0 };
	uint8_t *out;

	assert_int_equal(pl_mqtt_packet_size(packet, rules, &sizes, &fault), PL_OK);
	assert_int_equal(sizes.total, bytes.len);
	out = bytes_copy(bytes.at, sizes.total);
	memset(out, 0xA5, sizes.head);
	assert_int_equal(pl_mqtt_packet_encode(out, packet, rules, &sizes), PL_OK);
	if (packet->type == PL_MQTT_PUBLISH && packet->publish.payload.len > 0)
		memcpy(out + sizes.head, packet->publish.payload.at, packet->publish.payload.len);
	assert_memory_equal(out, bytes.at, bytes.len);
	free(out);
}

/* Why a packet cannot be sent: the status. */
static inline int mqtt_refused(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules)
{
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault = { 0 };
	int status = pl_mqtt_packet_size(packet, rules, &sizes, &fault);

	assert_int_equal(status, fault.status);
	assert_int_equal(status < 0, fault.text != NULL);
	return status;
}

typedef struct mqtt_bad {
	const pl_mqtt_rules *rules;
	pl_slice bytes;
	int status;
	uint8_t reason;
} mqtt_bad;

static inline void mqtt_expect_bad(const mqtt_bad *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mqtt_case found = mqtt_decode(rows[i].rules, rows[i].bytes);

		if (found.status != rows[i].status || found.fault.reason != rows[i].reason)
			fail_msg("row %zu: %s, reason %02x, %s", i, pl_status_name(found.status),
				 found.fault.reason, found.fault.text ? found.fault.text : "");
		mqtt_free(&found);
	}
}

typedef struct mqtt_good {
	const pl_mqtt_rules *rules;
	pl_slice bytes; /* as this codec writes it, too */
} mqtt_good;

/* There and back again. */
static inline void mqtt_expect_good(const mqtt_good *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const pl_mqtt_rules *rules = rows[i].rules;
		mqtt_case found = mqtt_decode(rules, rows[i].bytes);

		if (found.status != PL_OK)
			fail_msg("row %zu: %02x %s", i, found.fault.reason, found.fault.text);
		if (rules == &stranger)
			rules = found.packet.connect.version == PL_MQTT_5 ? &client5 : &client3;
		mqtt_expect(&found.packet, rules, rows[i].bytes);
		mqtt_free(&found);
	}
}

/* A body that ends too early, at any byte, is never read beyond: the address sanitizer sees it. */
static inline void mqtt_expect_cut(const pl_mqtt_rules *rules, pl_slice bytes)
{
	pl_mqtt_head head;
	pl_mqtt_fault fault;
	int used = pl_mqtt_head_decode(&head, rules, (const uint8_t *)bytes.at, bytes.len, &fault);
	uint32_t whole = head.length;

	assert_true(used > 0);
	for (head.length = 0; head.length < whole; head.length++) {
		uint8_t *body = bytes_copy(bytes.at + used, head.length);
		pl_mqtt_packet packet;

		fault = (pl_mqtt_fault){ 0 };
		if (pl_mqtt_packet_decode(&packet, rules, &head, body, &fault) != PL_OK)
			assert_non_null(fault.text);
		free(body);
	}
}

#endif
