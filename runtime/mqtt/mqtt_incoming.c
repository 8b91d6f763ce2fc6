/* What the server sends: packets from bytes, and messages until they are acknowledged. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "mqtt/mqtt_internal.h"

enum { FIRST_RECEIPTS = 8 };

/* Identifiers of QoS 2, a bit for each. */

static bool has(const uint8_t *bits, uint16_t id)
{
	return bits && (bits[id / 8] >> id % 8 & 1);
}

static void set(uint8_t *bits, uint16_t id)
{
	bits[id / 8] |= (uint8_t)(1 << id % 8);
}

static void clear(uint8_t *bits, uint16_t id)
{
	bits[id / 8] &= (uint8_t) ~(1 << id % 8);
}

static bool make_bits(pl_mqtt_session *session)
{
	if (!session->known)
		session->known = pl_calloc(1, KNOWN_BYTES);
	if (!session->handled)
		session->handled = pl_calloc(1, KNOWN_BYTES);
	return session->known && session->handled;
}

/* Receipts: a ring of what was given out. */

static receipt *receipt_at(const pl_mqtt_session *session, uint32_t index)
{
	return &session->receipts[(session->receipt_first + index) & (session->receipt_size - 1)];
}

static bool grow_receipts(pl_mqtt_session *session)
{
	uint32_t size = session->receipt_size ? session->receipt_size * 2 : FIRST_RECEIPTS;
	receipt *larger = pl_alloc(size * sizeof(*larger));

	if (!larger)
		return false;
	for (uint32_t i = 0; i < session->receipt_count; i++)
		larger[i] = *receipt_at(session, i);
	pl_free(session->receipts);
	session->receipts = larger;
	session->receipt_size = size;
	session->receipt_first = 0;
	return true;
}

static bool add_receipt(pl_mqtt_session *session, const pl_mqtt_publish *publish)
{
	if (session->receipt_count == session->receipt_size && !grow_receipts(session))
		return false;
	session->receipt_count++;
	*receipt_at(session, session->receipt_count - 1) =
		(receipt){ .link = session->link, .id = publish->id, .qos = publish->qos };
	return true;
}

/* It is repeated while it is being handled: who hears of it then is this connection. */
static void repeat_receipt(pl_mqtt_session *session, uint16_t id)
{
	for (uint32_t i = 0; i < session->receipt_count; i++)
		if (receipt_at(session, i)->qos == 2 && receipt_at(session, i)->id == id)
			receipt_at(session, i)->link = session->link;
}

/* Acknowledging. */

static bool is_up(const pl_mqtt_session *session, uint32_t link)
{
	return session->state == SESSION_CONNECTED && session->link == link;
}

static void acknowledge(pl_mqtt_session *session, uint8_t type, uint16_t id, uint8_t reason)
{
	pl_mqtt_write_ack(session, type, id, reason);
	if (type != PL_MQTT_PUBREC && session->unacknowledged > 0)
		session->unacknowledged--;
}

static note *make_note(pl_mqtt_session *session, enum note_kind kind, uint16_t id)
{
	note *made = pl_alloc(sizeof(*made));

	if (!made)
		return NULL;
	*made = (note){ .kind = kind, .link = session->link, .id = id };
	pl_list_append(&session->notes, &made->node);
	return made;
}

/* The store has it, or there is none: the server may hear of it. */
static void go_ahead(pl_mqtt_session *session, const note *of)
{
	if (of->kind == NOTE_HANDLED && has(session->known, of->id))
		set(session->handled, of->id);
	if (is_up(session, of->link))
		acknowledge(session, of->kind == NOTE_HANDLED ? PL_MQTT_PUBREC : PL_MQTT_PUBCOMP,
			    of->id, 0);
}

static void drop_note(note *of)
{
	pl_list_remove(&of->node);
	pl_free(of);
}

void pl_mqtt_receipt_stored(pl_mqtt_session *session, note *of, int status)
{
	if (status == PL_OK)
		go_ahead(session, of);
	drop_note(of);
}

static void keep(pl_mqtt_session *session, enum note_kind kind, uint16_t id, uint32_t link)
{
	note direct = { .kind = kind, .link = link, .id = id };
	note *told;
	int status = PL_ENOMEM;

	if (!session->store) {
		go_ahead(session, &direct);
		return;
	}
	told = make_note(session, kind, id);
	if (told) {
		told->link = link;
		status = kind == NOTE_HANDLED ? pl_mqtt_store_receive(session->store, id, told)
					      : pl_mqtt_store_forget(session->store, id, told);
	}
	if (status) {
		if (told)
			drop_note(told);
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
	}
}

void pl_mqtt_session_handled(pl_mqtt_session *session)
{
	receipt done;

	if (session->receipt_count == 0)
		return;
	done = *receipt_at(session, 0);
	session->receipt_first++;
	session->receipt_count--;
	if (done.qos == 1 && is_up(session, done.link))
		acknowledge(session, PL_MQTT_PUBACK, done.id, 0);
	else if (done.qos == 2 && has(session->known, done.id))
		keep(session, NOTE_HANDLED, done.id, done.link);
}

/* PUBREL: the identifier is free again (4.3.3). */
static void on_release(pl_mqtt_session *session, const pl_mqtt_ack *ack)
{
	if (!has(session->known, ack->id)) {
		acknowledge(session, PL_MQTT_PUBCOMP, ack->id, PL_MQTT_PACKET_IDENTIFIER_NOT_FOUND);
		return;
	}
	if (!has(session->handled, ack->id)) {
		pl_mqtt_session_fail(session, PL_EPROTO, PL_MQTT_PROTOCOL_ERROR,
				     "the server broke the protocol: PUBREL before PUBREC");
		return;
	}
	clear(session->known, ack->id);
	clear(session->handled, ack->id);
	keep(session, NOTE_RELEASED, ack->id, session->link);
}

/* Messages. */

static void violation(pl_mqtt_session *session, uint8_t reason, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "the server broke the protocol: %s", what);
	pl_mqtt_session_fail(session, PL_EPROTO, reason, text);
}

/* The topic that an alias stands for, or a new one (3.3.2.3.4). False: the connection has failed.
 */
static bool resolve(pl_mqtt_session *session, pl_mqtt_publish *publish)
{
	uint32_t alias = publish->properties.topic_alias;

	if (!PL_MQTT_HAS(&publish->properties, topic_alias))
		return true;
	if (alias > session->aliases_in.size) {
		violation(session, PL_MQTT_TOPIC_ALIAS_INVALID, "a topic alias beyond our maximum");
		return false;
	}
	if (publish->topic.len > 0) {
		if (pl_mqtt_alias_learn(&session->aliases_in, (uint16_t)alias, publish->topic) ==
		    PL_OK)
			return true;
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		return false;
	}
	publish->topic = pl_mqtt_alias_topic(&session->aliases_in, (uint16_t)alias);
	if (publish->topic.len > 0)
		return true;
	violation(session, PL_MQTT_PROTOCOL_ERROR, "a topic alias that stands for nothing");
	return false;
}

/* Whether it is new. Of QoS 2 what is known is not given out again (4.3.3). */
static bool admit(pl_mqtt_session *session, const pl_mqtt_publish *publish)
{
	if (publish->qos == 0)
		return true;
	if (++session->unacknowledged > session->our_receive_maximum) {
		violation(session, PL_MQTT_RECEIVE_MAXIMUM_EXCEEDED,
			  "more messages than our Receive Maximum");
		return false;
	}
	if (publish->qos == 1)
		return true;
	if (!make_bits(session)) {
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		return false;
	}
	if (!has(session->known, publish->id)) {
		set(session->known, publish->id);
		return true;
	}
	if (has(session->handled, publish->id))
		acknowledge(session, PL_MQTT_PUBREC, publish->id, 0);
	else
		repeat_receipt(session, publish->id);
	return false;
}

static void on_publish(pl_mqtt_session *session, pl_mqtt_publish *publish)
{
	if (!resolve(session, publish) || !admit(session, publish))
		return;
	if (!add_receipt(session, publish)) {
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		return;
	}
	session->events->message(session->owner, publish);
}

/* CONNACK (3.2). */

static void learn_server(pl_mqtt_session *session, const pl_mqtt_properties *properties)
{
	if (PL_MQTT_HAS(properties, receive_maximum))
		session->receive_maximum = properties->receive_maximum;
	if (PL_MQTT_HAS(properties, maximum_packet_size))
		session->packet_size = properties->maximum_packet_size;
	if (PL_MQTT_HAS(properties, maximum_qos))
		session->maximum_qos = (uint8_t)properties->maximum_qos;
	if (PL_MQTT_HAS(properties, retain_available))
		session->retain = properties->retain_available;
	if (PL_MQTT_HAS(properties, wildcard_subscription_available))
		session->wildcards = properties->wildcard_subscription_available;
	if (PL_MQTT_HAS(properties, subscription_identifiers_available))
		session->identifiers = properties->subscription_identifiers_available;
	if (PL_MQTT_HAS(properties, shared_subscription_available))
		session->shared = properties->shared_subscription_available;
	if (PL_MQTT_HAS(properties, server_keep_alive))
		session->keep_alive = properties->server_keep_alive;
	if (PL_MQTT_HAS(properties, topic_alias_maximum))
		session->aliases_out.size = (uint16_t)properties->topic_alias_maximum;
	if (session->settings.topic_aliases > 0 &&
	    session->aliases_out.size > session->settings.topic_aliases)
		session->aliases_out.size = session->settings.topic_aliases;
}

static const char *refusal(const pl_mqtt_session *session, const pl_mqtt_connack *connack)
{
	const pl_mqtt_rules rules = { .version =
					      connack->of_3 ? PL_MQTT_3 : session->settings.version,
				      .sender = PL_MQTT_SERVER };
	const char *name = pl_mqtt_reason_name(&rules, PL_MQTT_CONNACK, connack->reason);

	return name ? name : "Unspecified error";
}

static bool is_method(const pl_mqtt_session *session, const pl_mqtt_properties *properties)
{
	pl_slice method = properties->authentication_method;

	if (!PL_MQTT_HAS(properties, authentication_method))
		return session->method.len == 0;
	return method.len == session->method.len && method.len > 0 &&
	       memcmp(method.at, session->method.data, method.len) == 0;
}

static void on_connack(pl_mqtt_session *session, const pl_mqtt_connack *connack)
{
	char text[128];

	if (session->state != SESSION_CONNECTING) {
		violation(session, PL_MQTT_PROTOCOL_ERROR, "a second CONNACK");
		return;
	}
	if (connack->reason) {
		snprintf(text, sizeof(text), "the server refuses the connection: %s",
			 refusal(session, connack));
		pl_mqtt_refused(session, connack->reason, text, &connack->properties);
		return;
	}
	if (connack->session_present && session->clean) {
		violation(session, PL_MQTT_PROTOCOL_ERROR,
			  "an old session, where a new one was asked for");
		return;
	}
	if (!is_method(session, &connack->properties)) {
		violation(session, PL_MQTT_PROTOCOL_ERROR, "another Authentication Method");
		return;
	}
	learn_server(session, &connack->properties);
	session->state = SESSION_CONNECTED;
	pl_mqtt_begin_beating(session);
	pl_mqtt_incoming_resume(session, connack->session_present);
	pl_mqtt_outgoing_resume(session, connack->session_present);
	if (session->state != SESSION_CONNECTED) /* the owner has heard of losses, and has left */
		return;
	session->events->connected(session->owner, connack);
	pl_mqtt_send_on(session);
}

/* The others. */

static void on_disconnect(pl_mqtt_session *session, const pl_mqtt_ack *ack)
{
	const char *name = pl_mqtt_reason_text(ack->reason);
	char text[128];

	if (ack->reason == PL_MQTT_NORMAL_DISCONNECTION)
		name = "Normal disconnection";
	snprintf(text, sizeof(text), "the server disconnects: %s", name ? name : "");
	pl_mqtt_refused(session, ack->reason, text, &ack->properties);
}

static void on_auth(pl_mqtt_session *session, const pl_mqtt_ack *ack)
{
	bool plain = ack->reason == PL_MQTT_SUCCESS && ack->properties.set == 0;

	if (session->method.len == 0 || (!plain && !is_method(session, &ack->properties)))
		violation(session, PL_MQTT_PROTOCOL_ERROR, "an AUTH that was not asked for");
	else
		session->events->auth(session->owner, ack);
}

static void on_packet(pl_mqtt_session *session, pl_mqtt_packet *packet)
{
	switch (packet->type) {
	case PL_MQTT_PUBLISH:
		on_publish(session, &packet->publish);
		break;
	case PL_MQTT_PUBACK:
	case PL_MQTT_PUBREC:
	case PL_MQTT_PUBCOMP:
		pl_mqtt_outgoing_acknowledged(session, packet->type, &packet->ack);
		break;
	case PL_MQTT_PUBREL:
		on_release(session, &packet->ack);
		break;
	case PL_MQTT_SUBACK:
	case PL_MQTT_UNSUBACK:
		pl_mqtt_outgoing_answered(session, packet->type, &packet->suback);
		break;
	case PL_MQTT_PINGRESP:
		session->events->pong(session->owner);
		break;
	case PL_MQTT_DISCONNECT:
		on_disconnect(session, &packet->ack);
		break;
	case PL_MQTT_AUTH:
		on_auth(session, &packet->ack);
		break;
	default:
		on_connack(session, &packet->connack);
	}
}

/* Before CONNACK there is nothing but that and AUTH (3.1.4, 4.12). */
static bool is_due(const pl_mqtt_session *session, uint8_t type)
{
	return session->state == SESSION_CONNECTED || type == PL_MQTT_CONNACK ||
	       type == PL_MQTT_AUTH;
}

/* One packet. The bytes used; 0: it is not whole, or the connection has ended. */
static size_t take_packet(pl_mqtt_session *session, const uint8_t *data, size_t len)
{
	const pl_mqtt_rules rules = { .version = session->settings.version,
				      .sender = PL_MQTT_SERVER };
	pl_mqtt_packet packet;
	pl_mqtt_head head;
	pl_mqtt_fault fault;
	int used = pl_mqtt_head_decode(&head, &rules, data, len, &fault);

	if (used < 0) {
		pl_mqtt_fault_found(session, &fault);
		return 0;
	}
	if (used == 0)
		return 0;
	if (!is_due(session, head.type)) {
		violation(session, PL_MQTT_PROTOCOL_ERROR, "no CONNACK first");
		return 0;
	}
	if (head.length > session->our_packet_size - head.size) {
		pl_mqtt_session_fail(session, PL_ETOOBIG, PL_MQTT_PACKET_TOO_LARGE,
				     "the server sent a packet larger than we take");
		return 0;
	}
	if (len - head.size < head.length)
		return 0;
	if (pl_mqtt_packet_decode(&packet, &rules, &head, data + head.size, &fault)) {
		pl_mqtt_fault_found(session, &fault);
		return 0;
	}
	on_packet(session, &packet);
	return head.size + head.length;
}

static bool is_reading(const pl_mqtt_session *session)
{
	return session->state == SESSION_CONNECTING || session->state == SESSION_CONNECTED;
}

/* Whole packets; the bytes used. */
static size_t take(pl_mqtt_session *session, const uint8_t *data, size_t len)
{
	size_t at = 0;
	size_t used = 1;

	while (used > 0 && at < len && is_reading(session) && !session->paused) {
		used = take_packet(session, data + at, len - at);
		at += used;
	}
	return at;
}

/* What is left waits for more, or for the end of the pause. */
static void keep_rest(pl_mqtt_session *session, const uint8_t *data, size_t len)
{
	if (!is_reading(session))
		return;
	session->unseen = session->paused && len > 0;
	if (len > 0 && pl_buffer_append(&session->partial, data, len))
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
}

static void take_partial(pl_mqtt_session *session)
{
	pl_buffer partial = session->partial;
	size_t used;

	session->partial = (pl_buffer){ 0 };
	used = take(session, partial.data, partial.len);
	if (used == 0 && is_reading(session)) {
		session->partial = partial; /* nothing was in it: it grows on */
		session->unseen = session->paused && partial.len > 0;
		return;
	}
	keep_rest(session, partial.data + used, partial.len - used);
	pl_buffer_deinit(&partial);
}

void pl_mqtt_received(void *owner, uint8_t *data, size_t len)
{
	pl_mqtt_session *session = owner;
	size_t used;

	session->heard = pl_loop_now(session->loop);
	if (!is_reading(session))
		return;
	if (session->partial.len > 0) {
		if (pl_buffer_append(&session->partial, data, len))
			pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
		else if (session->paused)
			session->unseen = true;
		else
			take_partial(session);
		return;
	}
	used = take(session, data, len);
	keep_rest(session, data + used, len - used);
}

/* The pause is over. */
void pl_mqtt_read_on(pl_mqtt_session *session)
{
	if (session->paused || !is_reading(session))
		return;
	if (session->unseen) {
		session->unseen = false;
		take_partial(session);
	}
	if (!session->paused && is_reading(session))
		pl_stream_resume(session->stream);
}

void pl_mqtt_session_pause(pl_mqtt_session *session, bool pause)
{
	if (session->paused == pause)
		return;
	session->paused = pause;
	if (!is_reading(session))
		return;
	if (pause)
		pl_stream_pause(session->stream);
	else
		pl_loop_defer(session->loop, &session->again);
}

/* Sessions. */

/* What was under way with a session that the server has no more means nothing. */
void pl_mqtt_incoming_resume(pl_mqtt_session *session, bool present)
{
	if (present)
		return;
	for (uint32_t i = 0; i < session->receipt_count; i++)
		receipt_at(session, i)->qos = 0;
	if (!session->known)
		return;
	memset(session->known, 0, KNOWN_BYTES);
	memset(session->handled, 0, KNOWN_BYTES);
	if (session->store && pl_mqtt_store_forget(session->store, 0, NULL))
		pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
}

void pl_mqtt_incoming_ended(pl_mqtt_session *session)
{
	session->unacknowledged = 0;
}

int pl_mqtt_incoming_restore(pl_mqtt_session *session, const uint16_t *ids, size_t count)
{
	if (count > 0 && !make_bits(session))
		return PL_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		set(session->known, ids[i]);
		set(session->handled, ids[i]);
	}
	return PL_OK;
}

void pl_mqtt_incoming_deinit(pl_mqtt_session *session)
{
	while (!pl_list_empty(&session->notes))
		drop_note(PL_CONTAINER(session->notes.next, note, node));
	pl_free(session->known);
	pl_free(session->handled);
	pl_free(session->receipts);
}
