/*
 * mqtt_head.h - the fixed header of MQTT packets, 3.1.1 and 5.0 (section 2.1 of both; OASIS), and
 * the words that all of the MQTT codec shares.
 *
 * Pure: no I/O, no clock, no allocation. Who collects packets decodes a head first, looks at its
 * length, and hands the whole body to pl_mqtt_packet_decode.
 */
#ifndef PL_CODEC_MQTT_HEAD_H
#define PL_CODEC_MQTT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pl_mqtt_version {
	PL_MQTT_ANY = 0, /* not known yet: only a CONNECT, which names it, can be decoded */
	PL_MQTT_3 = 4,	 /* 3.1.1; the number is the protocol level of CONNECT */
	PL_MQTT_5 = 5
};

enum pl_mqtt_type {
	PL_MQTT_CONNECT = 1,
	PL_MQTT_CONNACK,
	PL_MQTT_PUBLISH,
	PL_MQTT_PUBACK,
	PL_MQTT_PUBREC,
	PL_MQTT_PUBREL,
	PL_MQTT_PUBCOMP,
	PL_MQTT_SUBSCRIBE,
	PL_MQTT_SUBACK,
	PL_MQTT_UNSUBSCRIBE,
	PL_MQTT_UNSUBACK,
	PL_MQTT_PINGREQ,
	PL_MQTT_PINGRESP,
	PL_MQTT_DISCONNECT,
	PL_MQTT_AUTH
};

enum pl_mqtt_sender { PL_MQTT_CLIENT, PL_MQTT_SERVER };

/* What packets have to be: of which version, and who sends them. */
typedef struct pl_mqtt_rules {
	uint8_t version; /* enum pl_mqtt_version */
	uint8_t sender;	 /* enum pl_mqtt_sender: of the packet, whether it is read or written */
} pl_mqtt_rules;

/* What is wrong with a packet. */
typedef struct pl_mqtt_fault {
	int status;	  /* what the function returns: < 0 */
	uint8_t reason;	  /* what 5.0 says of it, in DISCONNECT or CONNACK: enum pl_mqtt_reason */
	const char *text; /* a constant phrase */
} pl_mqtt_fault;

enum {
	PL_MQTT_HEAD_MAX = 5,
	PL_MQTT_LENGTH_MAX = 268435455, /* of a body: what four bytes of 7 bits can say */
	PL_MQTT_TEXT_MAX = 65535,	/* bytes of a text, or of binary data */
	PL_MQTT_DUP = 8,		/* flags of PUBLISH */
	PL_MQTT_QOS = 6,
	PL_MQTT_RETAIN = 1
};

typedef struct pl_mqtt_head {
	uint8_t type;
	uint8_t flags;	 /* the low four bits of the first byte */
	uint8_t size;	 /* bytes of the head itself */
	uint32_t length; /* bytes of the body; the packet has size + length (Maximum Packet Size) */
} pl_mqtt_head;

/* What encoding a packet takes: found by the ..._size functions, used by the ..._encode ones. */
typedef struct pl_mqtt_sizes {
	size_t head;	 /* bytes that encode writes: all but the payload of a PUBLISH */
	size_t total;	 /* bytes of the packet */
	uint32_t length; /* of the body */
	uint32_t properties;
	uint32_t will_properties;
} pl_mqtt_sizes;

/* Decodes a head from buf[0..len). Returns the bytes used (> 0), 0 when more are needed, or
 * PL_EPROTO with *fault. What a byte shows to be wrong is told as soon as it is there. Refused:
 * type 0, AUTH in 3.1.1, a packet that the sender cannot send, flags other than the type's, QoS 3,
 * DUP with QoS 0, a length of five bytes, in 5.0 one not in its shortest form, and a length that no
 * packet of this type can have. How much is too much is for the caller to say: by head->length. */
int pl_mqtt_head_decode(pl_mqtt_head *head, const pl_mqtt_rules *rules, const uint8_t *buf,
			size_t len, pl_mqtt_fault *fault);

/* "PUBLISH"; NULL for what is no type. */
const char *pl_mqtt_type_name(uint8_t type);

/* The flags of a type other than PUBLISH; whether the sender can send it in this version. */
uint8_t pl_mqtt_type_flags(uint8_t type);
bool pl_mqtt_type_sent(uint8_t type, const pl_mqtt_rules *rules);

/* Variable byte integers (1.5.5 of 5.0). Decoding gives the bytes used, 0 for more, PL_EPROTO for a
 * fifth byte; whether the form is the shortest can be seen from pl_mqtt_varint_size. What is
 * encoded is at most PL_MQTT_LENGTH_MAX. */
int pl_mqtt_varint_decode(uint32_t *value, const uint8_t *buf, size_t len);
size_t pl_mqtt_varint_encode(uint8_t out[4], uint32_t value);
size_t pl_mqtt_varint_size(uint32_t value); /* 1 to 4 */

/* Where reason codes and properties stand: a bit for each type of packet, by its sender where this
 * makes a difference. PL_MQTT_IN_WILL are the properties of a will. */
#define PL_MQTT_IN(type) (UINT32_C(1) << PL_MQTT_##type)
#define PL_MQTT_IN_WILL UINT32_C(1)
#define PL_MQTT_IN_SERVER_PUBLISH (UINT32_C(1) << 16)
#define PL_MQTT_IN_SERVER_DISCONNECT (UINT32_C(1) << 17)
#define PL_MQTT_IN_SERVER_AUTH (UINT32_C(1) << 18)

uint32_t pl_mqtt_place(uint8_t type, uint8_t sender);

#endif
