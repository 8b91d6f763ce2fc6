#include "codec/mqtt_reason.h"

#define IN(type) PL_MQTT_IN(type)
#define IN_SERVER_AUTH PL_MQTT_IN_SERVER_AUTH
#define IN_SERVER_DISCONNECT PL_MQTT_IN_SERVER_DISCONNECT
#define IN_EACH_DISCONNECT (IN(DISCONNECT) | IN_SERVER_DISCONNECT)
#define IN_EACH_ANSWER (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP))
#define IN_EACH_SERVER_VERDICT                                                                     \
	(IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN(SUBACK) | IN(UNSUBACK) | IN_SERVER_DISCONNECT)
#define IN_EACH_VERDICT (IN_EACH_SERVER_VERDICT | IN(DISCONNECT))

static const struct reason {
	const char *name;
	uint32_t places;
	uint8_t code;
} reasons[] = {
#define X(code, word, name, places) { name, places, code },
	PL_MQTT_REASON_MAP(X)
#undef X
};

/* 3.2.2.3 of 3.1.1 */
static const char *const refusals[] = {
	[PL_MQTT_ACCEPTED] = "Connection Accepted",
	[PL_MQTT_REFUSED_VERSION] = "Connection Refused, unacceptable protocol version",
	[PL_MQTT_REFUSED_IDENTIFIER] = "Connection Refused, identifier rejected",
	[PL_MQTT_REFUSED_UNAVAILABLE] = "Connection Refused, Server unavailable",
	[PL_MQTT_REFUSED_PASSWORD] = "Connection Refused, bad user name or password",
	[PL_MQTT_REFUSED_UNAUTHORIZED] = "Connection Refused, not authorized",
};

static const char *find(uint8_t code, uint32_t places)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code && (reasons[i].places & places) != 0)
			return reasons[i].name;
	}
	return NULL;
}

/* 3.9.3 of 3.1.1; its other packets have no codes, which is as good as success. */
static const char *name_of_3(uint8_t type, uint8_t code)
{
	if (type == PL_MQTT_CONNACK)
		return code < sizeof(refusals) / sizeof(refusals[0]) ? refusals[code] : NULL;
	if (type == PL_MQTT_SUBACK && code == PL_MQTT_FAILURE)
		return "Failure";
	if (type == PL_MQTT_SUBACK && code > 2)
		return NULL;
	if (type != PL_MQTT_SUBACK && code != 0)
		return NULL;
	return find(code, pl_mqtt_place(type, PL_MQTT_CLIENT));
}

const char *pl_mqtt_reason_name(const pl_mqtt_rules *rules, uint8_t type, uint8_t code)
{
	if (rules->version == PL_MQTT_3)
		return name_of_3(type, code);
	return find(code, pl_mqtt_place(type, rules->sender));
}

const char *pl_mqtt_reason_text(uint8_t code)
{
	return find(code, UINT32_MAX);
}
