/*
 * mqtt_connect.h - CONNECT and CONNACK (3.1, 3.2).
 *
 * Pure; slices are borrowed from the body that was decoded.
 */
#ifndef PL_CODEC_MQTT_CONNECT_H
#define PL_CODEC_MQTT_CONNECT_H

#include "codec/mqtt_property.h"

typedef struct pl_mqtt_will {
	pl_slice topic;
	pl_slice payload;
	uint8_t qos;
	bool retain;
	pl_mqtt_properties properties;
} pl_mqtt_will;

typedef struct pl_mqtt_connect {
	uint8_t version;     /* decoded; encoding goes by the rules */
	bool clean;	     /* Clean Session of 3.1.1, Clean Start of 5.0 */
	uint16_t keep_alive; /* seconds; 0: none */
	bool has_will;
	bool has_user;
	bool has_password;
	pl_slice client_id;
	pl_slice user;
	pl_slice password;
	pl_mqtt_properties properties;
	pl_mqtt_will will;
} pl_mqtt_connect;

typedef struct pl_mqtt_connack {
	bool session_present;
	bool of_3;	/* in 5.0: a server of 3.1.1 refuses, and the reason is one of its codes */
	uint8_t reason; /* enum pl_mqtt_refusal in 3.1.1 */
	pl_mqtt_properties properties;
} pl_mqtt_connack;

/* Decode a body of head->length bytes. PL_OK, or what is wrong with it, with *fault; PL_ENOTSUP
 * with "Unsupported Protocol Version" for a CONNECT of another version than the rules allow.
 * "Client Identifier not valid": an empty one in 3.1.1 without a clean session. */
int pl_mqtt_connect_decode(pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);
int pl_mqtt_connack_decode(pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			   const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);

/* See pl_mqtt_packet_size and pl_mqtt_packet_encode. */
int pl_mqtt_connect_size(const pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_connect_encode(uint8_t *out, const pl_mqtt_connect *connect, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes);
int pl_mqtt_connack_size(const pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			 pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);
int pl_mqtt_connack_encode(uint8_t *out, const pl_mqtt_connack *connack, const pl_mqtt_rules *rules,
			   const pl_mqtt_sizes *sizes);

#endif
