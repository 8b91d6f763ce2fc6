/*
 * mqtt_side.h - an MQTT client over memory, and its server, which is the test. What the session's
 * owner is told and what was sent is kept in words: "connected(0) message(a=hi,q1) ".
 */
#ifndef SPEC_SESSION_MQTT_SIDE_H
#define SPEC_SESSION_MQTT_SIDE_H

#include "session/ws_side.h"

#include "codec/mqtt_reason.h"
#include "mqtt/mqtt_session.h"

typedef struct mqtt_side {
	pl_loop *loop;
	pl_memory memory;
	bool has_memory;
	pl_limits limits;
	pl_mqtt_session_settings settings;
	pl_mqtt_session *session;
	pl_buffer journal;
	bool holds; /* messages are not handled at once */
	void (*on_event)(struct mqtt_side *side, const char *event); /* or NULL */
} mqtt_side;

static inline void mqtt_word(mqtt_side *side, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_int_equal(pl_buffer_printf(&side->journal, "%s ", text), PL_OK);
	if (side->on_event)
		side->on_event(side, text);
}

/* Events. */

static inline void mqtt_side_connected(void *owner, const pl_mqtt_connack *connack)
{
	mqtt_word(owner, "connected(%d)", connack->session_present);
}

static inline void mqtt_side_message(void *owner, const pl_mqtt_publish *publish)
{
	mqtt_side *side = owner;

	if (publish->payload.len > 64)
		mqtt_word(side, "message(%.*s#%zu,q%u)", (int)publish->topic.len, publish->topic.at,
			  publish->payload.len, publish->qos);
	else
		mqtt_word(side, "message(%.*s=%.*s,q%u%s%s)", (int)publish->topic.len,
			  publish->topic.at, (int)publish->payload.len, publish->payload.at,
			  publish->qos, publish->dup ? ",dup" : "",
			  publish->retain ? ",retain" : "");
	if (!side->holds)
		pl_mqtt_session_handled(side->session);
}

static inline void mqtt_side_acknowledged(void *owner, uint8_t type, const pl_mqtt_ack *ack)
{
	mqtt_word(owner, "%s(%u,%02x)", pl_mqtt_type_name(type), ack->id, ack->reason);
}

static inline void mqtt_side_subscribed(void *owner, const pl_mqtt_suback *suback)
{
	mqtt_word(owner, "subscribed(%u:%zu)", suback->id, suback->codes.len);
}

static inline void mqtt_side_unsubscribed(void *owner, const pl_mqtt_suback *suback)
{
	mqtt_word(owner, "unsubscribed(%u:%zu)", suback->id, suback->codes.len);
}

static inline void mqtt_side_auth(void *owner, const pl_mqtt_ack *auth)
{
	mqtt_word(owner, "auth(%02x)", auth->reason);
}

static inline void mqtt_side_pong(void *owner)
{
	mqtt_word(owner, "pong");
}

static inline void mqtt_side_settled(void *owner, void *waiter, int status, uint8_t reason)
{
	mqtt_word(owner, "settled(%s,%s,%02x)", (char *)waiter, pl_status_name(status), reason);
}

static inline void mqtt_side_undelivered(void *owner, int status, pl_slice topic,
					 const char *message)
{
	assert_non_null(message);
	mqtt_word(owner, "undelivered(%.*s,%s)", (int)topic.len, topic.at, pl_status_name(status));
}

static inline void mqtt_side_drain(void *owner)
{
	mqtt_word(owner, "drain");
}

static inline void mqtt_side_disconnected(void *owner, const pl_mqtt_end *end)
{
	assert_true(strlen(end->message) > 0);
	mqtt_word(owner, "disconnected(%s,%02x%s)", pl_status_name(end->status), end->reason,
		  end->by_server ? ",server" : "");
}

static const pl_mqtt_session_events mqtt_side_events = {
	.connected = mqtt_side_connected,
	.message = mqtt_side_message,
	.acknowledged = mqtt_side_acknowledged,
	.subscribed = mqtt_side_subscribed,
	.unsubscribed = mqtt_side_unsubscribed,
	.auth = mqtt_side_auth,
	.pong = mqtt_side_pong,
	.settled = mqtt_side_settled,
	.undelivered = mqtt_side_undelivered,
	.drain = mqtt_side_drain,
	.disconnected = mqtt_side_disconnected,
};

/* Life. */

static inline void mqtt_side_turn(mqtt_side *side)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(side->loop);
}

static inline void mqtt_side_make(mqtt_side *side, uint8_t version)
{
	memset(side, 0, sizeof(*side));
	assert_int_equal(pl_loop_new(&side->loop), PL_OK);
	pl_loop_still(side->loop);
	pl_limits_init(&side->limits);
	side->settings = (pl_mqtt_session_settings){ .version = version, .limits = &side->limits };
}

static inline void mqtt_side_begin(mqtt_side *side)
{
	assert_int_equal(pl_mqtt_session_new(&side->session, side->loop, &side->settings,
					     &mqtt_side_events, side),
			 PL_OK);
}

static inline void mqtt_side_cut(mqtt_side *side)
{
	if (!side->has_memory)
		return;
	if (!side->memory.closed)
		pl_stream_abort(&side->memory.stream, PL_ECONNRESET);
	mqtt_side_turn(side);
	pl_memory_deinit(&side->memory);
	side->has_memory = false;
}

static inline void mqtt_side_dial(mqtt_side *side, const pl_mqtt_connect *connect)
{
	mqtt_side_cut(side);
	pl_memory_init(&side->memory, side->loop);
	side->has_memory = true;
	assert_int_equal(pl_mqtt_session_connect(side->session, &side->memory.stream, connect),
			 PL_OK);
}

static inline void mqtt_side_deinit(mqtt_side *side)
{
	side->on_event = NULL;
	mqtt_side_cut(side);
	pl_mqtt_session_free(side->session);
	pl_buffer_deinit(&side->journal);
	pl_loop_free(side->loop);
}

/* What the server says. */

static inline void mqtt_side_feed(mqtt_side *side, const void *data, size_t len)
{
	assert_true(pl_memory_feed(&side->memory, data, len));
}

static inline void mqtt_side_say(mqtt_side *side, const pl_mqtt_packet *packet)
{
	const pl_mqtt_rules rules = { .version = side->settings.version, .sender = PL_MQTT_SERVER };
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;
	uint8_t *bytes;

	assert_int_equal(pl_mqtt_packet_size(packet, &rules, &sizes, &fault), PL_OK);
	bytes = malloc(sizes.total + 1);
	assert_int_equal(pl_mqtt_packet_encode(bytes, packet, &rules, &sizes), PL_OK);
	if (packet->type == PL_MQTT_PUBLISH && packet->publish.payload.len > 0)
		memcpy(bytes + sizes.head, packet->publish.payload.at, packet->publish.payload.len);
	mqtt_side_feed(side, bytes, sizes.total);
	free(bytes);
}

static inline void mqtt_side_say_ack(mqtt_side *side, uint8_t type, uint16_t id, uint8_t reason)
{
	mqtt_side_say(side,
		      &(pl_mqtt_packet){ .type = type, .ack = { .id = id, .reason = reason } });
}

static inline void mqtt_side_say_publish(mqtt_side *side, const char *topic, const char *payload,
					 uint8_t qos, uint16_t id, bool dup)
{
	mqtt_side_say(side, &(pl_mqtt_packet){ .type = PL_MQTT_PUBLISH,
					       .publish = { .topic = { topic, strlen(topic) },
							    .payload = { payload, strlen(payload) },
							    .qos = qos,
							    .id = id,
							    .dup = dup } });
}

static inline void mqtt_side_accept(mqtt_side *side, bool present,
				    const pl_mqtt_properties *properties)
{
	pl_mqtt_packet packet = { .type = PL_MQTT_CONNACK,
				  .connack = { .session_present = present } };

	if (properties)
		packet.connack.properties = *properties;
	mqtt_side_say(side, &packet);
}

/* Connected, with nothing in the journal. */
static inline void mqtt_side_open(mqtt_side *side, uint8_t version)
{
	const pl_mqtt_connect connect = { .clean = true,
					  .client_id = PL_SLICE("me"),
					  .keep_alive = 60 };

	mqtt_side_make(side, version);
	mqtt_side_begin(side);
	mqtt_side_dial(side, &connect);
	mqtt_side_accept(side, false, NULL);
	mqtt_side_turn(side);
	side->journal.len = 0;
	side->memory.sent.len = 0;
}

static inline void mqtt_side_reopen(mqtt_side *side, bool present)
{
	const pl_mqtt_connect connect = { .clean = false, .client_id = PL_SLICE("me") };

	mqtt_side_dial(side, &connect);
	mqtt_side_turn(side);
	side->memory.sent.len = 0;
	mqtt_side_accept(side, present, NULL);
}

/* What was said and told. */

static inline void mqtt_side_word_sent(mqtt_side *side, pl_buffer *words,
				       const pl_mqtt_packet *packet)
{
	const char *name = pl_mqtt_type_name(packet->type);
	const pl_mqtt_publish *publish = &packet->publish;
	int status;

	(void)side;
	switch (packet->type) {
	case PL_MQTT_PUBLISH:
		status = pl_buffer_printf(words, "%s(%.*s%s", name, (int)publish->topic.len,
					  publish->topic.at, publish->payload.len > 64 ? "#" : "=");
		if (publish->payload.len > 64)
			status |= pl_buffer_printf(words, "%zu", publish->payload.len);
		else
			status |= pl_buffer_printf(words, "%.*s", (int)publish->payload.len,
						   publish->payload.at);
		status |= pl_buffer_printf(words, ",q%u", publish->qos);
		if (publish->qos)
			status |= pl_buffer_printf(words, ",#%u", publish->id);
		if (PL_MQTT_HAS(&publish->properties, topic_alias))
			status |= pl_buffer_printf(words, ",alias%u",
						   publish->properties.topic_alias);
		if (PL_MQTT_HAS(&publish->properties, message_expiry_interval))
			status |= pl_buffer_printf(words, ",expires%u",
						   publish->properties.message_expiry_interval);
		status |= pl_buffer_printf(words, "%s%s) ", publish->dup ? ",dup" : "",
					   publish->retain ? ",retain" : "");
		break;
	case PL_MQTT_SUBSCRIBE:
	case PL_MQTT_UNSUBSCRIBE:
		status = pl_buffer_printf(words, "%s(%u:%zu) ", name, packet->subscribe.id,
					  packet->subscribe.count);
		break;
	case PL_MQTT_CONNECT:
		status = pl_buffer_printf(words, "%s(%.*s,%d,%u) ", name,
					  (int)packet->connect.client_id.len,
					  packet->connect.client_id.at, packet->connect.clean,
					  packet->connect.keep_alive);
		break;
	case PL_MQTT_PINGREQ:
		status = pl_buffer_printf(words, "%s ", name);
		break;
	default:
		status = pl_buffer_printf(words, "%s(%u,%02x) ", name, packet->ack.id,
					  packet->ack.reason);
	}
	assert_int_equal(status, PL_OK);
}

static inline void mqtt_side_expect_sent(mqtt_side *side, const char *expected)
{
	pl_mqtt_rules rules = { .version = side->settings.version, .sender = PL_MQTT_CLIENT };
	pl_buffer words = { 0 };
	size_t at = 0;

	mqtt_side_turn(side);
	while (at < side->memory.sent.len) {
		const uint8_t *data = side->memory.sent.data + at;
		pl_mqtt_packet packet;
		pl_mqtt_head head;
		pl_mqtt_fault fault;

		assert_true(pl_mqtt_head_decode(&head, &rules, data, side->memory.sent.len - at,
						&fault) > 0);
		assert_true(head.size + head.length <= side->memory.sent.len - at);
		assert_int_equal(
			pl_mqtt_packet_decode(&packet, &rules, &head, data + head.size, &fault),
			PL_OK);
		mqtt_side_word_sent(side, &words, &packet);
		at += head.size + head.length;
	}
	side->memory.sent.len = 0;
	assert_int_equal(pl_buffer_append(&words, "", 1), PL_OK);
	assert_string_equal((char *)words.data, expected);
	pl_buffer_deinit(&words);
}

static inline void mqtt_side_expect(mqtt_side *side, const char *words)
{
	mqtt_side_turn(side);
	assert_string_equal(ws_words_take(&side->journal), words);
}

static inline int mqtt_side_publish(mqtt_side *side, const char *topic, const char *payload,
				    uint8_t qos, const char *waiter)
{
	const pl_mqtt_publish publish = { .topic = { topic, strlen(topic) },
					  .payload = { payload, strlen(payload) },
					  .qos = qos };
	const char *why = NULL;
	uint16_t id;

	return pl_mqtt_session_publish(side->session, &publish, (void *)(uintptr_t)waiter, &id,
				       &why);
}

#endif
