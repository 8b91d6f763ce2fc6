/*
 * mqtt_ack.h - the packets that are a reason code: PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7),
 * DISCONNECT and AUTH (3.14, 3.15 of 5.0).
 *
 * Pure; slices are borrowed.
 */
#ifndef PL_CODEC_MQTT_ACK_H
#define PL_CODEC_MQTT_ACK_H

#include "codec/mqtt_property.h"

typedef struct pl_mqtt_ack {
	uint16_t id;	/* none in DISCONNECT and AUTH */
	uint8_t reason; /* 0 in 3.1.1 */
	pl_mqtt_properties properties;
} pl_mqtt_ack;

/* Decodes a body of head->length bytes. PL_OK, or what is wrong with it, with *fault. An AUTH that
 * is more than a success alone has an Authentication Method (3.15.2.2.2). */
int pl_mqtt_ack_decode(pl_mqtt_ack *ack, const pl_mqtt_rules *rules, const pl_mqtt_head *head,
		       const uint8_t *body, pl_mqtt_fault *fault);

/* See pl_mqtt_packet_size and pl_mqtt_packet_encode. What may be left out is. */
int pl_mqtt_ack_size(const pl_mqtt_ack *ack, uint8_t type, const pl_mqtt_rules *rules,
		     pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_ack_encode(uint8_t *out, const pl_mqtt_ack *ack, uint8_t type,
		       const pl_mqtt_sizes *sizes);

#endif
