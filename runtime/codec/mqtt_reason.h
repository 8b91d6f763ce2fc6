/*
 * mqtt_reason.h - reason codes: 5.0 section 2.4, the return codes of CONNACK and SUBACK of 3.1.1
 * (3.2.2.3, 3.9.3).
 *
 * Pure.
 */
#ifndef PL_CODEC_MQTT_REASON_H
#define PL_CODEC_MQTT_REASON_H

#include "codec/mqtt_head.h"

/* X(code, word, name as OASIS spells it, where it is allowed). The same code may have several. */
#define PL_MQTT_REASON_MAP(X)                                                                      \
	X(0x00, SUCCESS, "Success", IN(CONNACK) | IN_EACH_ANSWER | IN(UNSUBACK) | IN_SERVER_AUTH)  \
	X(0x00, NORMAL_DISCONNECTION, "Normal disconnection", IN_EACH_DISCONNECT)                  \
	X(0x00, GRANTED_QOS_0, "Granted QoS 0", IN(SUBACK))                                        \
	X(0x01, GRANTED_QOS_1, "Granted QoS 1", IN(SUBACK))                                        \
	X(0x02, GRANTED_QOS_2, "Granted QoS 2", IN(SUBACK))                                        \
	X(0x04, DISCONNECT_WITH_WILL_MESSAGE, "Disconnect with Will Message", IN(DISCONNECT))      \
	X(0x10, NO_MATCHING_SUBSCRIBERS, "No matching subscribers", IN(PUBACK) | IN(PUBREC))       \
	X(0x11, NO_SUBSCRIPTION_EXISTED, "No subscription existed", IN(UNSUBACK))                  \
	X(0x18, CONTINUE_AUTHENTICATION, "Continue authentication", IN(AUTH) | IN_SERVER_AUTH)     \
	X(0x19, RE_AUTHENTICATE, "Re-authenticate", IN(AUTH))                                      \
	X(0x80, UNSPECIFIED_ERROR, "Unspecified error", IN_EACH_VERDICT)                           \
	X(0x81, MALFORMED_PACKET, "Malformed Packet", IN(CONNACK) | IN_EACH_DISCONNECT)            \
	X(0x82, PROTOCOL_ERROR, "Protocol Error", IN(CONNACK) | IN_EACH_DISCONNECT)                \
	X(0x83, IMPLEMENTATION_SPECIFIC_ERROR, "Implementation specific error", IN_EACH_VERDICT)   \
	X(0x84, UNSUPPORTED_PROTOCOL_VERSION, "Unsupported Protocol Version", IN(CONNACK))         \
	X(0x85, CLIENT_IDENTIFIER_NOT_VALID, "Client Identifier not valid", IN(CONNACK))           \
	X(0x86, BAD_USER_NAME_OR_PASSWORD, "Bad User Name or Password", IN(CONNACK))               \
	X(0x87, NOT_AUTHORIZED, "Not authorized", IN_EACH_SERVER_VERDICT)                          \
	X(0x88, SERVER_UNAVAILABLE, "Server unavailable", IN(CONNACK))                             \
	X(0x89, SERVER_BUSY, "Server busy", IN(CONNACK) | IN_SERVER_DISCONNECT)                    \
	X(0x8A, BANNED, "Banned", IN(CONNACK))                                                     \
	X(0x8B, SERVER_SHUTTING_DOWN, "Server shutting down", IN_SERVER_DISCONNECT)                \
	X(0x8C, BAD_AUTHENTICATION_METHOD, "Bad authentication method",                            \
	  IN(CONNACK) | IN_EACH_DISCONNECT)                                                        \
	X(0x8D, KEEP_ALIVE_TIMEOUT, "Keep Alive timeout", IN_SERVER_DISCONNECT)                    \
	X(0x8E, SESSION_TAKEN_OVER, "Session taken over", IN_SERVER_DISCONNECT)                    \
	X(0x8F, TOPIC_FILTER_INVALID, "Topic Filter invalid",                                      \
	  IN(SUBACK) | IN(UNSUBACK) | IN_SERVER_DISCONNECT)                                        \
	X(0x90, TOPIC_NAME_INVALID, "Topic Name invalid",                                          \
	  IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN_EACH_DISCONNECT)                              \
	X(0x91, PACKET_IDENTIFIER_IN_USE, "Packet Identifier in use",                              \
	  IN(PUBACK) | IN(PUBREC) | IN(SUBACK) | IN(UNSUBACK))                                     \
	X(0x92, PACKET_IDENTIFIER_NOT_FOUND, "Packet Identifier not found",                        \
	  IN(PUBREL) | IN(PUBCOMP))                                                                \
	X(0x93, RECEIVE_MAXIMUM_EXCEEDED, "Receive Maximum exceeded", IN_EACH_DISCONNECT)          \
	X(0x94, TOPIC_ALIAS_INVALID, "Topic Alias invalid", IN_EACH_DISCONNECT)                    \
	X(0x95, PACKET_TOO_LARGE, "Packet too large", IN(CONNACK) | IN_EACH_DISCONNECT)            \
	X(0x96, MESSAGE_RATE_TOO_HIGH, "Message rate too high", IN_EACH_DISCONNECT)                \
	X(0x97, QUOTA_EXCEEDED, "Quota exceeded",                                                  \
	  IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN(SUBACK) | IN_EACH_DISCONNECT)                 \
	X(0x98, ADMINISTRATIVE_ACTION, "Administrative action", IN_EACH_DISCONNECT)                \
	X(0x99, PAYLOAD_FORMAT_INVALID, "Payload format invalid",                                  \
	  IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN_EACH_DISCONNECT)                              \
	X(0x9A, RETAIN_NOT_SUPPORTED, "Retain not supported", IN(CONNACK) | IN_SERVER_DISCONNECT)  \
	X(0x9B, QOS_NOT_SUPPORTED, "QoS not supported", IN(CONNACK) | IN_SERVER_DISCONNECT)        \
	X(0x9C, USE_ANOTHER_SERVER, "Use another server", IN(CONNACK) | IN_SERVER_DISCONNECT)      \
	X(0x9D, SERVER_MOVED, "Server moved", IN(CONNACK) | IN_SERVER_DISCONNECT)                  \
	X(0x9E, SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, "Shared Subscriptions not supported",          \
	  IN(SUBACK) | IN_SERVER_DISCONNECT)                                                       \
	X(0x9F, CONNECTION_RATE_EXCEEDED, "Connection rate exceeded",                              \
	  IN(CONNACK) | IN_SERVER_DISCONNECT)                                                      \
	X(0xA0, MAXIMUM_CONNECT_TIME, "Maximum connect time", IN_SERVER_DISCONNECT)                \
	X(0xA1, SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, "Subscription Identifiers not supported",  \
	  IN(SUBACK) | IN_SERVER_DISCONNECT)                                                       \
	X(0xA2, WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, "Wildcard Subscriptions not supported",      \
	  IN(SUBACK) | IN_SERVER_DISCONNECT)

enum pl_mqtt_reason {
#define X(code, word, name, places) PL_MQTT_##word = (code),
	PL_MQTT_REASON_MAP(X)
#undef X
		PL_MQTT_FAILURE = 0x80 /* from here on a code says that something failed */
};

/* The return codes of CONNACK in 3.1.1. SUBACK has 0, 1, 2, and PL_MQTT_FAILURE. */
enum pl_mqtt_refusal {
	PL_MQTT_ACCEPTED,
	PL_MQTT_REFUSED_VERSION,
	PL_MQTT_REFUSED_IDENTIFIER,
	PL_MQTT_REFUSED_UNAVAILABLE,
	PL_MQTT_REFUSED_PASSWORD,
	PL_MQTT_REFUSED_UNAUTHORIZED
};

/* The name of a code in a packet of this type, "Not authorized"; NULL where it is not allowed. */
const char *pl_mqtt_reason_name(const pl_mqtt_rules *rules, uint8_t type, uint8_t code);

/* The name of a 5.0 code wherever it is allowed, for logs; NULL for what is none. */
const char *pl_mqtt_reason_text(uint8_t code);

#endif
