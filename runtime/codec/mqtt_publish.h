/*
 * mqtt_publish.h - PUBLISH (3.3).
 *
 * Pure; slices are borrowed. Encoding writes everything in front of the payload, which the caller
 * sends behind it from where it lies.
 */
#ifndef PL_CODEC_MQTT_PUBLISH_H
#define PL_CODEC_MQTT_PUBLISH_H

#include "codec/mqtt_property.h"

typedef struct pl_mqtt_publish {
	pl_slice topic; /* in 5.0 empty with a topic alias that is known */
	pl_slice payload;
	uint16_t id; /* with QoS 0 there is none */
	uint8_t qos;
	bool retain;
	bool dup;
	pl_mqtt_properties properties;
} pl_mqtt_publish;

/* Decodes a body of head->length bytes. PL_OK, or what is wrong with it, with *fault. What the
 * alias stands for, and whether the payload is the UTF-8 that it may say it is, is not checked. */
int pl_mqtt_publish_decode(pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);

/* See pl_mqtt_packet_size and pl_mqtt_packet_encode. Of the payload only the length is used. */
int pl_mqtt_publish_size(const pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_publish_encode(uint8_t *out, const pl_mqtt_publish *publish, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes);

#endif
