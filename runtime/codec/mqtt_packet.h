/*
 * mqtt_packet.h - any packet of MQTT 3.1.1 and 5.0 (OASIS): bytes to struct and back.
 *
 * Pure: no I/O, no clock, no allocation; slices are borrowed from the body, and nothing that a peer
 * can repeat is collected. pl_mqtt_head_decode says how long the body is.
 */
#ifndef PL_CODEC_MQTT_PACKET_H
#define PL_CODEC_MQTT_PACKET_H

#include "codec/mqtt_ack.h"
#include "codec/mqtt_connect.h"
#include "codec/mqtt_publish.h"
#include "codec/mqtt_subscribe.h"

typedef struct pl_mqtt_packet {
	uint8_t type; /* enum pl_mqtt_type; PINGREQ and PINGRESP are nothing else */
	union {
		pl_mqtt_connect connect;
		pl_mqtt_connack connack;
		pl_mqtt_publish publish;
		pl_mqtt_ack ack;	     /* PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH */
		pl_mqtt_subscribe subscribe; /* SUBSCRIBE, UNSUBSCRIBE */
		pl_mqtt_suback suback;	     /* SUBACK, UNSUBACK */
	};
} pl_mqtt_packet;

/* Decodes the whole body, head->length bytes, behind a head that pl_mqtt_head_decode took under the
 * same rules. PL_OK, or with *fault PL_EPROTO, PL_EUTF8 (a text that is none, or has U+0000),
 * PL_ENOTSUP (a CONNECT of another version). */
int pl_mqtt_packet_decode(pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			  const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault);

/* Checks a packet that is to be sent, as strictly as one that was received, and finds its sizes.
 * The version is 3.1.1 or 5.0. PL_OK, or with *fault PL_EINVAL for what the protocol cannot say,
 * PL_EUTF8, PL_ETOOBIG, PL_ENOTSUP (properties in 3.1.1). */
int pl_mqtt_packet_size(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			pl_mqtt_sizes *sizes, pl_mqtt_fault *fault);

/* Writes sizes->head bytes: everything but the payload of a PUBLISH. The sizes are those of this
 * packet, unchanged since: PL_EINVAL when they are not, with nothing written beyond them. */
int pl_mqtt_packet_encode(uint8_t *out, const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			  const pl_mqtt_sizes *sizes);

#endif
