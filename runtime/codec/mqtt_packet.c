#include "codec/mqtt_packet.h"

#include "base/status.h"
#include "codec/mqtt_wire.h"

int pl_mqtt_packet_decode(pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			  const pl_mqtt_head *head, const uint8_t *body, pl_mqtt_fault *fault)
{
	packet->type = head->type;
	switch (head->type) {
	case PL_MQTT_CONNECT:
		return pl_mqtt_connect_decode(&packet->connect, rules, head, body, fault);
	case PL_MQTT_CONNACK:
		return pl_mqtt_connack_decode(&packet->connack, rules, head, body, fault);
	case PL_MQTT_PUBLISH:
		return pl_mqtt_publish_decode(&packet->publish, rules, head, body, fault);
	case PL_MQTT_SUBSCRIBE:
	case PL_MQTT_UNSUBSCRIBE:
		return pl_mqtt_subscribe_decode(&packet->subscribe, rules, head, body, fault);
	case PL_MQTT_SUBACK:
	case PL_MQTT_UNSUBACK:
		return pl_mqtt_suback_decode(&packet->suback, rules, head, body, fault);
	case PL_MQTT_PINGREQ:
	case PL_MQTT_PINGRESP:
		return PL_OK;
	}
	return pl_mqtt_ack_decode(&packet->ack, rules, head, body, fault);
}

int pl_mqtt_packet_size(const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			pl_mqtt_sizes *sizes, pl_mqtt_fault *fault)
{
	if (!pl_mqtt_type_sent(packet->type, rules))
		return pl_mqtt_fail(fault, PL_EINVAL, 0, "packet that this side does not send");
	switch (packet->type) {
	case PL_MQTT_CONNECT:
		return pl_mqtt_connect_size(&packet->connect, rules, sizes, fault);
	case PL_MQTT_CONNACK:
		return pl_mqtt_connack_size(&packet->connack, rules, sizes, fault);
	case PL_MQTT_PUBLISH:
		return pl_mqtt_publish_size(&packet->publish, rules, sizes, fault);
	case PL_MQTT_SUBSCRIBE:
	case PL_MQTT_UNSUBSCRIBE:
		return pl_mqtt_subscribe_size(&packet->subscribe, packet->type, rules, sizes,
					      fault);
	case PL_MQTT_SUBACK:
	case PL_MQTT_UNSUBACK:
		return pl_mqtt_suback_size(&packet->suback, packet->type, rules, sizes, fault);
	case PL_MQTT_PINGREQ:
	case PL_MQTT_PINGRESP:
		return pl_mqtt_measure(sizes, 0, 0, fault);
	}
	return pl_mqtt_ack_size(&packet->ack, packet->type, rules, sizes, fault);
}

/* PINGREQ and PINGRESP. */
static int encode_ping(uint8_t *out, uint8_t type, const pl_mqtt_sizes *sizes)
{
	pl_mqtt_writer writer = pl_mqtt_write_begin(out, sizes, type, pl_mqtt_type_flags(type));

	return pl_mqtt_write_end(&writer);
}

int pl_mqtt_packet_encode(uint8_t *out, const pl_mqtt_packet *packet, const pl_mqtt_rules *rules,
			  const pl_mqtt_sizes *sizes)
{
	switch (packet->type) {
	case PL_MQTT_CONNECT:
		return pl_mqtt_connect_encode(out, &packet->connect, rules, sizes);
	case PL_MQTT_CONNACK:
		return pl_mqtt_connack_encode(out, &packet->connack, rules, sizes);
	case PL_MQTT_PUBLISH:
		return pl_mqtt_publish_encode(out, &packet->publish, rules, sizes);
	case PL_MQTT_SUBSCRIBE:
	case PL_MQTT_UNSUBSCRIBE:
		return pl_mqtt_subscribe_encode(out, &packet->subscribe, packet->type, rules,
						sizes);
	case PL_MQTT_SUBACK:
	case PL_MQTT_UNSUBACK:
		return pl_mqtt_suback_encode(out, &packet->suback, packet->type, rules, sizes);
	case PL_MQTT_PINGREQ:
	case PL_MQTT_PINGRESP:
		return encode_ping(out, packet->type, sizes);
	}
	return pl_mqtt_ack_encode(out, &packet->ack, packet->type, sizes);
}
