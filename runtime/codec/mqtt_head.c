#include "codec/mqtt_head.h"

#include "base/status.h"
#include "codec/mqtt_reason.h"

enum { MORE = 0x80, LOW = 0x7F, REST = PL_MQTT_LENGTH_MAX };

enum { BY_CLIENT = 1, BY_SERVER = 2, BY_BOTH = 3 };

/* The types: who sends them in 3.1.1 and 5.0, their flags, and the lengths they can have. */
static const struct kind {
	const char *name;
	uint8_t flags;
	uint8_t sender_of_3, sender_of_5;
	uint32_t least_of_3, most_of_3, least_of_5, most_of_5;
} kinds[16] = {
	[PL_MQTT_CONNECT] = { "CONNECT", 0, BY_CLIENT, BY_CLIENT, 12, REST, 12, REST },
	/* A server of 3.1.1 refuses 5.0 with its own two bytes. */
	[PL_MQTT_CONNACK] = { "CONNACK", 0, BY_SERVER, BY_SERVER, 2, 2, 2, REST },
	[PL_MQTT_PUBLISH] = { "PUBLISH", 0, BY_BOTH, BY_BOTH, 3, REST, 3, REST },
	[PL_MQTT_PUBACK] = { "PUBACK", 0, BY_BOTH, BY_BOTH, 2, 2, 2, REST },
	[PL_MQTT_PUBREC] = { "PUBREC", 0, BY_BOTH, BY_BOTH, 2, 2, 2, REST },
	[PL_MQTT_PUBREL] = { "PUBREL", 2, BY_BOTH, BY_BOTH, 2, 2, 2, REST },
	[PL_MQTT_PUBCOMP] = { "PUBCOMP", 0, BY_BOTH, BY_BOTH, 2, 2, 2, REST },
	[PL_MQTT_SUBSCRIBE] = { "SUBSCRIBE", 2, BY_CLIENT, BY_CLIENT, 2, REST, 3, REST },
	[PL_MQTT_SUBACK] = { "SUBACK", 0, BY_SERVER, BY_SERVER, 2, REST, 3, REST },
	[PL_MQTT_UNSUBSCRIBE] = { "UNSUBSCRIBE", 2, BY_CLIENT, BY_CLIENT, 2, REST, 3, REST },
	[PL_MQTT_UNSUBACK] = { "UNSUBACK", 0, BY_SERVER, BY_SERVER, 2, 2, 3, REST },
	[PL_MQTT_PINGREQ] = { "PINGREQ", 0, BY_CLIENT, BY_CLIENT, 0, 0, 0, 0 },
	[PL_MQTT_PINGRESP] = { "PINGRESP", 0, BY_SERVER, BY_SERVER, 0, 0, 0, 0 },
	[PL_MQTT_DISCONNECT] = { "DISCONNECT", 0, BY_CLIENT, BY_BOTH, 0, 0, 0, REST },
	[PL_MQTT_AUTH] = { "AUTH", 0, 0, BY_BOTH, 0, 0, 0, REST },
};

static int fail(pl_mqtt_fault *fault, uint8_t reason, const char *text)
{
	*fault = (pl_mqtt_fault){ PL_EPROTO, reason, text };
	return PL_EPROTO;
}

static uint8_t senders_of(uint8_t type, const pl_mqtt_rules *rules)
{
	if (type > PL_MQTT_AUTH)
		return 0;
	return rules->version == PL_MQTT_3 ? kinds[type].sender_of_3 : kinds[type].sender_of_5;
}

static const char *check_flags(uint8_t type, uint8_t flags)
{
	if (type != PL_MQTT_PUBLISH)
		return flags == kinds[type].flags ? NULL : "wrong flags in the fixed header";
	if ((flags & PL_MQTT_QOS) == PL_MQTT_QOS)
		return "QoS 3";
	if ((flags & PL_MQTT_DUP) != 0 && (flags & PL_MQTT_QOS) == 0)
		return "DUP with QoS 0";
	return NULL;
}

/* What the first byte shows to be wrong. */
static int check_start(const pl_mqtt_head *head, const pl_mqtt_rules *rules, pl_mqtt_fault *fault)
{
	const char *text;

	if (senders_of(head->type, rules) == 0)
		return fail(fault, PL_MQTT_MALFORMED_PACKET, "reserved packet type");
	if (rules->version == PL_MQTT_ANY && head->type != PL_MQTT_CONNECT)
		return fail(fault, PL_MQTT_PROTOCOL_ERROR, "the first packet is not CONNECT");
	if (!pl_mqtt_type_sent(head->type, rules))
		return fail(fault, PL_MQTT_PROTOCOL_ERROR,
			    rules->sender == PL_MQTT_SERVER ? "packet that no server sends"
							    : "packet that no client sends");
	text = check_flags(head->type, head->flags);
	return text ? fail(fault, PL_MQTT_MALFORMED_PACKET, text) : PL_OK;
}

static int check_length(const pl_mqtt_head *head, const pl_mqtt_rules *rules, pl_mqtt_fault *fault)
{
	const struct kind *kind = &kinds[head->type];
	bool old = rules->version == PL_MQTT_3;

	if (rules->version == PL_MQTT_5 && head->size != 1 + pl_mqtt_varint_size(head->length))
		return fail(fault, PL_MQTT_MALFORMED_PACKET, "length is not in its shortest form");
	if (head->length < (old ? kind->least_of_3 : kind->least_of_5))
		return fail(fault, PL_MQTT_MALFORMED_PACKET, "packet is too short for its type");
	if (head->length > (old ? kind->most_of_3 : kind->most_of_5))
		return fail(fault, PL_MQTT_MALFORMED_PACKET, "packet is too long for its type");
	return PL_OK;
}

int pl_mqtt_head_decode(pl_mqtt_head *head, const pl_mqtt_rules *rules, const uint8_t *buf,
			size_t len, pl_mqtt_fault *fault)
{
	int used, status;

	if (len == 0)
		return 0;
	head->type = buf[0] >> 4;
	head->flags = buf[0] & 0xF;
	status = check_start(head, rules, fault);
	if (status != PL_OK)
		return status;
	used = pl_mqtt_varint_decode(&head->length, buf + 1, len - 1);
	if (used == 0)
		return 0;
	if (used < 0)
		return fail(fault, PL_MQTT_MALFORMED_PACKET, "length of more than four bytes");
	head->size = (uint8_t)(1 + used);
	status = check_length(head, rules, fault);
	return status == PL_OK ? head->size : status;
}

const char *pl_mqtt_type_name(uint8_t type)
{
	return type <= PL_MQTT_AUTH ? kinds[type].name : NULL;
}

uint8_t pl_mqtt_type_flags(uint8_t type)
{
	return kinds[type & 0xF].flags;
}

bool pl_mqtt_type_sent(uint8_t type, const pl_mqtt_rules *rules)
{
	return (senders_of(type, rules) &
		(rules->sender == PL_MQTT_SERVER ? BY_SERVER : BY_CLIENT)) != 0;
}

int pl_mqtt_varint_decode(uint32_t *value, const uint8_t *buf, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len && i < 4; i++) {
		sum |= (uint32_t)(buf[i] & LOW) << (7 * i);
		if ((buf[i] & MORE) == 0) {
			*value = sum;
			return (int)i + 1;
		}
	}
	return len < 4 ? 0 : PL_EPROTO;
}

size_t pl_mqtt_varint_encode(uint8_t out[4], uint32_t value)
{
	size_t used = 0;

	for (; value > LOW && used < 3; value >>= 7)
		out[used++] = (uint8_t)(value | MORE);
	out[used++] = (uint8_t)(value & LOW);
	return used;
}

size_t pl_mqtt_varint_size(uint32_t value)
{
	return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : 4;
}

uint32_t pl_mqtt_place(uint8_t type, uint8_t sender)
{
	if (sender == PL_MQTT_SERVER && type == PL_MQTT_PUBLISH)
		return PL_MQTT_IN_SERVER_PUBLISH;
	if (sender == PL_MQTT_SERVER && type == PL_MQTT_DISCONNECT)
		return PL_MQTT_IN_SERVER_DISCONNECT;
	if (sender == PL_MQTT_SERVER && type == PL_MQTT_AUTH)
		return PL_MQTT_IN_SERVER_AUTH;
	return UINT32_C(1) << (type & 0xF);
}
