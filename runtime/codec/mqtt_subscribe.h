/*
 * mqtt_subscribe.h - SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (3.8 to 3.11).
 *
 * Pure; slices are borrowed. A decoded list is checked as a whole and then walked through; one that
 * is to be encoded is an array of the caller's.
 */
#ifndef PL_CODEC_MQTT_SUBSCRIBE_H
#define PL_CODEC_MQTT_SUBSCRIBE_H

#include "codec/mqtt_property.h"

enum pl_mqtt_retain_handling {
	PL_MQTT_RETAIN_SEND,	 /* retained messages come with each subscription */
	PL_MQTT_RETAIN_SEND_NEW, /* only if there was no such subscription */
	PL_MQTT_RETAIN_NEVER
};

/* A filter with its options (3.8.3.1), of which UNSUBSCRIBE has none and 3.1.1 only the QoS. */
typedef struct pl_mqtt_subscription {
	pl_slice filter;
	uint8_t qos;
	uint8_t retain_handling; /* enum pl_mqtt_retain_handling */
	bool no_local;
	bool retain_as_published;
} pl_mqtt_subscription;

/* SUBSCRIBE and UNSUBSCRIBE. */
typedef struct pl_mqtt_subscribe {
	uint16_t id;
	pl_slice raw; /* the list as decoded; encoded again when there is no array */
	const pl_mqtt_subscription *list; /* decoding leaves it NULL */
	size_t count;			  /* of the list, also of a decoded one */
	pl_mqtt_properties properties;
} pl_mqtt_subscribe;

/* SUBACK and UNSUBACK. */
typedef struct pl_mqtt_suback {
	uint16_t id;
	pl_slice codes; /* a reason code each filter, in their order; none in UNSUBACK of 3.1.1 */
	pl_mqtt_properties properties;
} pl_mqtt_suback;

/* Takes the next of a decoded list off *rest, which begins as subscribe->raw; type is that of the
 * packet. False when there are no more. */
bool pl_mqtt_subscription_next(pl_slice *rest, uint8_t type, pl_mqtt_subscription *subscription);

/* Decode a body of head->length bytes. PL_OK, or what is wrong with it, with *fault: each filter,
 * option and code is checked. */
int pl_mqtt_subscribe_decode(pl_mqtt_subscribe *subscribe, const pl_mqtt_rules *rules,
			     const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);
int pl_mqtt_suback_decode(pl_mqtt_suback *suback, const pl_mqtt_rules *rules,
			  const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);

/* See pl_mqtt_packet_size and pl_mqtt_packet_encode. An UNSUBACK of 3.1.1 can only say success,
 * without a code. */
int pl_mqtt_subscribe_size(const pl_mqtt_subscribe *subscribe, uint8_t type,
			   const pl_mqtt_rules *rules, pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_subscribe_encode(uint8_t *out, const pl_mqtt_subscribe *subscribe, uint8_t type,
			     const pl_mqtt_rules *rules, const pl_mqtt_sizes *sizes);
int pl_mqtt_suback_size(const pl_mqtt_suback *suback, uint8_t type, const pl_mqtt_rules *rules,
			pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_suback_encode(uint8_t *out, const pl_mqtt_suback *suback, uint8_t type,
			  const pl_mqtt_rules *rules, const pl_mqtt_sizes *sizes);

#endif
