/* What a session sends: messages until they are acknowledged, subscriptions until they are
 * answered.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "codec/mqtt_reason.h"
#include "codec/mqtt_topic.h"
#include "mqtt/mqtt_internal.h"

/* Output beyond this leaves before the turn ends. */
enum { FLUSH_EARLY = 64 * 1024 };

static exchange *of_node(pl_list *node)
{
	return PL_CONTAINER(node, exchange, node);
}

static exchange *find(const pl_mqtt_session *session, uint16_t id)
{
	return (exchange *)pl_mqtt_ids_find(&session->ids, id);
}

/* The end of an exchange. */

static void forget_it(pl_mqtt_session *session, exchange *it)
{
	if (session->next == &it->node)
		session->next = it->node.next;
	pl_list_remove(&it->node);
	pl_mqtt_ids_drop(&session->ids, &it->id);
	if (it->counted)
		session->in_flight--;
	if (it->type == PL_MQTT_PUBLISH)
		session->pending--;
	if (it->packet)
		session->kept -= it->packet->len;
	pl_block_unref(it->packet);
	it->packet = NULL;
	it->gone = true;
	if (!it->storing)
		pl_free(it);
}

static pl_slice topic_of(const pl_mqtt_session *session, const exchange *it,
			 pl_mqtt_publish *publish)
{
	const pl_mqtt_rules rules = pl_mqtt_our_rules(session);
	pl_mqtt_head head;
	pl_mqtt_fault fault;
	const pl_block *packet = it->packet;

	if (!packet || pl_mqtt_head_decode(&head, &rules, packet->data, packet->len, &fault) <= 0 ||
	    pl_mqtt_publish_decode(publish, &rules, &head, packet->data + head.size, &fault))
		return pl_slice_make(NULL, 0);
	return publish->topic;
}

/* Who waits hears of it; of a failure somebody hears in any case. */
static void settle(pl_mqtt_session *session, exchange *it, int status, uint8_t reason,
		   const char *message)
{
	void *waiter = it->waiter;
	pl_mqtt_publish publish;

	if (!waiter && status != PL_OK && it->type == PL_MQTT_PUBLISH)
		session->events->undelivered(session->owner, status,
					     topic_of(session, it, &publish), message);
	forget_it(session, it);
	if (waiter)
		session->events->settled(session->owner, waiter, status, reason);
}

static bool remove_stored(pl_mqtt_session *session, const exchange *it)
{
	if (!session->store || pl_mqtt_store_remove(session->store, it->number, NULL) == PL_OK)
		return true;
	pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
	return false;
}

static void finish(pl_mqtt_session *session, exchange *it, int status, uint8_t reason,
		   const char *message)
{
	if (remove_stored(session, it))
		settle(session, it, status, reason, message);
}

/* Sending. */

static uint32_t window(const pl_mqtt_session *session)
{
	uint32_t limit = (uint32_t)session->settings.limits->in_flight;

	return session->receive_maximum < limit ? session->receive_maximum : limit;
}

static bool is_blocked(const pl_mqtt_session *session)
{
	return session->stream->blocked ||
	       pl_stream_queued(session->stream) >= (size_t)session->settings.limits->high_water;
}

/* An alias in the place of the topic, or beside it, when there is one for it. */
static void use_alias(pl_mqtt_session *session, pl_mqtt_publish *publish, uint16_t wanted)
{
	pl_mqtt_aliases_out *aliases = &session->aliases_out;
	uint16_t alias = 0;
	bool known = false;

	if (wanted > 0 && wanted <= aliases->size) {
		pl_slice said = pl_mqtt_alias_said(aliases, wanted);

		known = said.len == publish->topic.len && said.len > 0 &&
			memcmp(said.at, publish->topic.at, said.len) == 0;
		if (known || pl_mqtt_alias_set(aliases, wanted, publish->topic) == PL_OK)
			alias = wanted;
	} else if (session->settings.topic_aliases > 0 && aliases->size > 0) {
		alias = pl_mqtt_alias_use(aliases, publish->topic, &known);
	}
	if (alias == 0)
		return;
	PL_MQTT_SET(&publish->properties, topic_alias, alias);
	if (known)
		publish->topic.len = 0;
}

/* What is left of the time that the message has (3.3.2.3.3). False: nothing. */
static bool use_time(const pl_mqtt_session *session, pl_mqtt_publish *publish, uint64_t expires)
{
	uint64_t now = pl_loop_now(session->loop);

	if (expires == 0)
		return true;
	publish->properties.message_expiry_interval =
		expires > now ? (uint32_t)((expires - now + 999) / 1000) : 0;
	return expires >= now;
}

static bool is_plain(const pl_mqtt_session *session, const exchange *it)
{
	return it->expires == 0 && it->alias == 0 &&
	       (session->settings.topic_aliases == 0 || session->aliases_out.size == 0);
}

static int send_publish(pl_mqtt_session *session, exchange *it)
{
	pl_mqtt_publish publish = { .dup = it->sent };
	int status;

	if (is_plain(session, it))
		return pl_mqtt_write_publish(session, &publish, it->packet);
	topic_of(session, it, &publish);
	publish.dup = it->sent;
	if (!use_time(session, &publish, it->expires) && !it->sent)
		return PL_ETIMEDOUT;
	use_alias(session, &publish, it->alias);
	status = pl_mqtt_write_publish(session, &publish, NULL);
	return status;
}

/* The next one that is due. False: it has to wait, or the connection has ended. */
static bool send_next(pl_mqtt_session *session, exchange *it)
{
	int status;

	if (it->state == EXCHANGE_RELEASED || it->state == EXCHANGE_COMPLETING) {
		it->state = EXCHANGE_COMPLETING;
		pl_mqtt_write_ack(session, PL_MQTT_PUBREL, it->id.id, 0);
		return true;
	}
	if (it->state == EXCHANGE_RELEASING)
		return true; /* goes when the store has it */
	if (it->state == EXCHANGE_STORING || session->in_flight >= window(session))
		return false;
	if (it->packet->len > session->packet_size) {
		finish(session, it, PL_ETOOBIG, 0, "the message is larger than the server takes");
		return true;
	}
	status = send_publish(session, it);
	if (status == PL_ETIMEDOUT) {
		finish(session, it, status, 0, "the message has expired");
		return true;
	}
	if (status) {
		pl_mqtt_session_fail(session, status, 0, pl_status_text(status));
		return false;
	}
	it->sent = true;
	it->counted = true;
	it->state = EXCHANGE_SENT;
	session->in_flight++;
	return true;
}

static bool has_room(const pl_mqtt_session *session)
{
	return session->next == &session->exchanges && session->in_flight < window(session) &&
	       !is_blocked(session) &&
	       session->kept <= (size_t)session->settings.limits->kept_messages / 2;
}

void pl_mqtt_send_on(pl_mqtt_session *session)
{
	while (session->state == SESSION_CONNECTED && session->next != &session->exchanges &&
	       !is_blocked(session)) {
		exchange *it = of_node(session->next);
		pl_list *after = it->node.next;

		if (!send_next(session, it))
			return;
		if (session->next == &it->node)
			session->next = after;
		if (session->state == SESSION_CONNECTED &&
		    pl_stream_queued(session->stream) >= FLUSH_EARLY)
			pl_stream_flush_now(session->stream);
	}
	if (session->state == SESSION_CONNECTED && session->drain_wanted && has_room(session)) {
		session->drain_wanted = false;
		session->events->drain(session->owner);
	}
}

/* Publishing. */

static int refuse(const char **why, const char *text, int status)
{
	*why = text;
	return status;
}

static int check_server(const pl_mqtt_session *session, const pl_mqtt_publish *publish,
			const char **why)
{
	if (session->state != SESSION_CONNECTED)
		return PL_OK;
	if (publish->qos > session->maximum_qos)
		return refuse(why, "the server does not take messages of this QoS", PL_ENOTSUP);
	if (publish->retain && !session->retain)
		return refuse(why, "the server keeps no retained messages", PL_ENOTSUP);
	return PL_OK;
}

/* A topic that is left out is what its alias stands for. */
static int find_topic(const pl_mqtt_session *session, pl_mqtt_publish *publish, uint16_t *alias,
		      const char **why)
{
	const pl_mqtt_properties *properties = &publish->properties;

	*alias = 0;
	if (!PL_MQTT_HAS(properties, topic_alias))
		return PL_OK;
	if (session->state != SESSION_CONNECTED)
		return refuse(why, "topic aliases are a connection's, and there is none",
			      PL_ECLOSED);
	*alias = (uint16_t)properties->topic_alias;
	if (properties->topic_alias > session->aliases_out.size)
		return refuse(why, "the server takes no such topic alias", PL_ENOTSUP);
	if (*alias > 0 && publish->topic.len == 0)
		publish->topic = pl_mqtt_alias_said(&session->aliases_out, *alias);
	publish->properties.set &= ~(UINT32_C(1) << PL_MQTT_INDEX_topic_alias);
	return PL_OK;
}

static int publish_now(pl_mqtt_session *session, pl_mqtt_publish *publish, uint16_t alias)
{
	int status;

	if (session->state != SESSION_CONNECTED)
		return PL_ECLOSED;
	if (pl_stream_queued(session->stream) > (size_t)session->settings.limits->send_queue) {
		session->drain_wanted = true;
		return PL_ELIMIT;
	}
	use_alias(session, publish, alias);
	status = pl_mqtt_write_publish(session, publish, NULL);
	if (status)
		return status;
	if (pl_stream_queued(session->stream) >= FLUSH_EARLY)
		pl_stream_flush_now(session->stream);
	if (!is_blocked(session))
		return PL_OK;
	session->drain_wanted = true;
	return PL_MQTT_BUFFERED;
}

static int encode(const pl_mqtt_session *session, const pl_mqtt_publish *publish, pl_block **packet,
		  const char **why)
{
	const pl_mqtt_rules rules = pl_mqtt_our_rules(session);
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;
	int status = pl_mqtt_publish_size(publish, &rules, &sizes, &fault);

	if (status)
		return refuse(why, fault.text, status);
	if (session->state == SESSION_CONNECTED && sizes.total > session->packet_size)
		return refuse(why, "the message is larger than the server takes", PL_ETOOBIG);
	*packet = pl_block_new(sizes.total);
	if (!*packet)
		return PL_ENOMEM;
	status = pl_mqtt_publish_encode((*packet)->data, publish, &rules, &sizes);
	if (!status && publish->payload.len > 0)
		memcpy((*packet)->data + sizes.head, publish->payload.at, publish->payload.len);
	return status;
}

static int make_packet(pl_mqtt_session *session, exchange *it, pl_mqtt_publish *publish,
		       const char **why)
{
	int status = pl_mqtt_ids_take(&session->ids, &it->id);

	if (status) {
		session->drain_wanted = true;
		return status;
	}
	publish->id = it->id.id;
	status = encode(session, publish, &it->packet, why);
	if (!status &&
	    it->packet->len > (size_t)session->settings.limits->kept_messages - session->kept) {
		session->drain_wanted = true;
		status = PL_ELIMIT;
	}
	return status;
}

static int store(pl_mqtt_session *session, exchange *it)
{
	int status;

	it->state = EXCHANGE_READY;
	if (!session->store)
		return PL_OK;
	it->stored = (note){ .kind = NOTE_EXCHANGE };
	status = pl_mqtt_store_add(session->store, it->number, it->id.id, it->packet, &it->stored);
	if (status)
		return status;
	it->state = EXCHANGE_STORING;
	it->storing = true;
	return PL_OK;
}

static void drop_new(pl_mqtt_session *session, exchange *it)
{
	pl_mqtt_ids_drop(&session->ids, &it->id);
	pl_block_unref(it->packet);
	pl_free(it);
}

static exchange *make_exchange(uint8_t type, void *waiter)
{
	exchange *it = pl_calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->type = type;
	it->waiter = waiter;
	pl_list_init(&it->node);
	return it;
}

static void enlist(pl_mqtt_session *session, exchange *it)
{
	pl_list_append(&session->exchanges, &it->node);
	if (session->next == &session->exchanges)
		session->next = &it->node;
	session->kept += it->packet->len;
	session->pending++;
}

static int publish_kept(pl_mqtt_session *session, pl_mqtt_publish *publish, exchange *it,
			const char **why)
{
	int status = make_packet(session, it, publish, why);

	if (status)
		return status;
	it->qos = publish->qos;
	it->number = session->taken + 1;
	if (PL_MQTT_HAS(&publish->properties, message_expiry_interval))
		it->expires = pl_loop_now(session->loop) +
			      (uint64_t)publish->properties.message_expiry_interval * 1000;
	status = store(session, it);
	if (status)
		return status;
	session->taken++;
	enlist(session, it);
	return PL_OK;
}

int pl_mqtt_session_publish(pl_mqtt_session *session, const pl_mqtt_publish *publish, void *waiter,
			    uint16_t *id, const char **why)
{
	pl_mqtt_publish what = *publish;
	exchange *it;
	uint16_t alias;
	int status = check_server(session, publish, why);

	*id = 0;
	what.dup = false;
	if (!status)
		status = find_topic(session, &what, &alias, why);
	if (status)
		return status;
	if (what.qos == 0)
		return publish_now(session, &what, alias);
	it = make_exchange(PL_MQTT_PUBLISH, waiter);
	if (!it)
		return PL_ENOMEM;
	it->alias = alias;
	status = publish_kept(session, &what, it, why);
	if (status) {
		drop_new(session, it);
		return status;
	}
	*id = it->id.id; /* it may be over when that returns */
	pl_mqtt_send_on(session);
	if (session->next == &session->exchanges && session->state == SESSION_CONNECTED)
		return PL_OK;
	session->drain_wanted = true;
	return PL_MQTT_BUFFERED;
}

/* Subscribing. */

static bool is_wild(pl_slice filter)
{
	return memchr(filter.at, '+', filter.len) || memchr(filter.at, '#', filter.len);
}

static int check_filters(const pl_mqtt_session *session, const pl_mqtt_subscribe *subscribe,
			 const char **why)
{
	pl_slice share, inner;

	if (PL_MQTT_HAS(&subscribe->properties, subscription_identifier) && !session->identifiers)
		return refuse(why, "the server knows no subscription identifiers", PL_ENOTSUP);
	for (size_t i = 0; i < subscribe->count; i++) {
		pl_slice filter = subscribe->list[i].filter;

		if (!session->wildcards && is_wild(filter))
			return refuse(why, "the server knows no wildcards", PL_ENOTSUP);
		if (!session->shared && pl_mqtt_filter_shared(filter, &share, &inner))
			return refuse(why, "the server knows no shared subscriptions", PL_ENOTSUP);
	}
	return PL_OK;
}

static int ask(pl_mqtt_session *session, uint8_t type, const pl_mqtt_subscribe *subscribe,
	       exchange *it, const char **why)
{
	const pl_mqtt_rules rules = pl_mqtt_our_rules(session);
	pl_mqtt_packet packet = { .type = type, .subscribe = *subscribe };
	pl_mqtt_sizes sizes;
	pl_mqtt_fault fault;
	int status = pl_mqtt_ids_take(&session->ids, &it->id);

	if (status)
		return status;
	packet.subscribe.id = it->id.id;
	status = pl_mqtt_packet_size(&packet, &rules, &sizes, &fault);
	if (status)
		return refuse(why, fault.text, status);
	return pl_mqtt_write(session, &packet);
}

static int ask_new(pl_mqtt_session *session, uint8_t type, const pl_mqtt_subscribe *subscribe,
		   void *waiter, uint16_t *id, const char **why)
{
	exchange *it;
	int status;

	if (session->state != SESSION_CONNECTED)
		return PL_ECLOSED;
	it = make_exchange(type, waiter);
	if (!it)
		return PL_ENOMEM;
	status = ask(session, type, subscribe, it, why);
	if (status) {
		drop_new(session, it);
		return status;
	}
	it->wanted = (uint32_t)subscribe->count;
	it->state = EXCHANGE_SENT;
	pl_list_append(&session->asks, &it->node);
	*id = it->id.id;
	return PL_OK;
}

int pl_mqtt_session_subscribe(pl_mqtt_session *session, const pl_mqtt_subscribe *subscribe,
			      void *waiter, uint16_t *id, const char **why)
{
	int status = check_filters(session, subscribe, why);

	return status ? status : ask_new(session, PL_MQTT_SUBSCRIBE, subscribe, waiter, id, why);
}

int pl_mqtt_session_unsubscribe(pl_mqtt_session *session, const pl_mqtt_subscribe *unsubscribe,
				void *waiter, uint16_t *id, const char **why)
{
	return ask_new(session, PL_MQTT_UNSUBSCRIBE, unsubscribe, waiter, id, why);
}

/* Answers. */

static void violation(pl_mqtt_session *session, const char *text)
{
	pl_mqtt_session_fail(session, PL_EPROTO, PL_MQTT_PROTOCOL_ERROR, text);
}

/* 3.9.3, 3.11.3: a code for each filter; UNSUBACK of 3.1.1 has none. */
static bool has_all_codes(const pl_mqtt_session *session, const exchange *it,
			  const pl_mqtt_suback *suback)
{
	if (it->type == PL_MQTT_UNSUBSCRIBE && session->settings.version == PL_MQTT_3)
		return suback->codes.len == 0;
	return suback->codes.len == it->wanted;
}

static uint8_t worst(pl_slice codes)
{
	uint8_t found = codes.len > 0 ? (uint8_t)codes.at[0] : 0;

	for (size_t i = 0; i < codes.len; i++)
		if ((uint8_t)codes.at[i] >= PL_MQTT_FAILURE)
			return (uint8_t)codes.at[i];
	return found;
}

void pl_mqtt_outgoing_answered(pl_mqtt_session *session, uint8_t type, const pl_mqtt_suback *suback)
{
	exchange *it = find(session, suback->id);
	uint8_t asked = type == PL_MQTT_SUBACK ? PL_MQTT_SUBSCRIBE : PL_MQTT_UNSUBSCRIBE;
	void *waiter;

	if (!it || it->type != asked) {
		violation(session, type == PL_MQTT_SUBACK
					   ? "the server broke the protocol: SUBACK of nothing"
					   : "the server broke the protocol: UNSUBACK of nothing");
		return;
	}
	if (!has_all_codes(session, it, suback)) {
		violation(session,
			  "the server broke the protocol: not a reason code for each filter");
		return;
	}
	waiter = it->waiter;
	forget_it(session, it);
	if (type == PL_MQTT_SUBACK)
		session->events->subscribed(session->owner, suback);
	else
		session->events->unsubscribed(session->owner, suback);
	if (waiter)
		session->events->settled(session->owner, waiter, PL_OK, worst(suback->codes));
	pl_mqtt_send_on(session);
}

/* PUBREC: the server has the message; from now on there is only its identifier (4.3.3). */
static void release(pl_mqtt_session *session, exchange *it)
{
	it->state = EXCHANGE_RELEASED;
	session->kept -= it->packet->len;
	pl_block_unref(it->packet);
	it->packet = NULL;
	if (session->store) {
		it->stored = (note){ .kind = NOTE_EXCHANGE };
		if (pl_mqtt_store_release(session->store, it->number, &it->stored)) {
			pl_mqtt_session_fail(session, PL_ENOMEM, 0, "out of memory");
			return;
		}
		it->storing = true;
		it->state = EXCHANGE_RELEASING;
		return;
	}
	it->state = EXCHANGE_COMPLETING;
	pl_mqtt_write_ack(session, PL_MQTT_PUBREL, it->id.id, 0);
}

static void on_pubrec(pl_mqtt_session *session, exchange *it, const pl_mqtt_ack *ack)
{
	if (!it) {
		/* Of an exchange that is over: the server is told so (4.3.3, 3.6.2.1). */
		pl_mqtt_write_ack(session, PL_MQTT_PUBREL, ack->id,
				  PL_MQTT_PACKET_IDENTIFIER_NOT_FOUND);
	} else if (it->state == EXCHANGE_COMPLETING) {
		pl_mqtt_write_ack(session, PL_MQTT_PUBREL, ack->id, 0);
	} else if (it->state != EXCHANGE_SENT) {
		if (it->state != EXCHANGE_RELEASING)
			violation(session,
				  "the server broke the protocol: PUBREC of what was not sent");
	} else if (ack->reason >= PL_MQTT_FAILURE) {
		finish(session, it, PL_OK, ack->reason, NULL);
	} else {
		release(session, it);
	}
}

static bool is_due(const exchange *it, uint8_t type)
{
	if (type == PL_MQTT_PUBACK)
		return it && it->qos == 1 && it->state == EXCHANGE_SENT;
	if (type == PL_MQTT_PUBREC)
		return !it || it->qos == 2;
	return !it || (it->qos == 2 && it->state == EXCHANGE_COMPLETING);
}

void pl_mqtt_outgoing_acknowledged(pl_mqtt_session *session, uint8_t type, const pl_mqtt_ack *ack)
{
	exchange *it = find(session, ack->id);

	if (!is_due(it, type)) {
		violation(session,
			  "the server broke the protocol: an acknowledgement of what was not sent");
		return;
	}
	if (it)
		session->events->acknowledged(session->owner, type, ack);
	it = find(session, ack->id); /* the owner may have done anything */
	if (session->state != SESSION_CONNECTED)
		return;
	if (type == PL_MQTT_PUBREC)
		on_pubrec(session, it, ack);
	else if (it)
		finish(session, it, PL_OK, ack->reason, NULL);
	if (session->state == SESSION_CONNECTED)
		pl_mqtt_send_on(session);
}

/* The store. */

static void stored_new(pl_mqtt_session *session, exchange *it, int status)
{
	if (status) {
		settle(session, it, status, 0, "the message cannot be stored");
		return;
	}
	it->state = EXCHANGE_READY;
	if (session->state == SESSION_CONNECTED)
		pl_mqtt_send_on(session);
}

void pl_mqtt_exchange_stored(pl_mqtt_session *session, note *told, int status)
{
	exchange *it = PL_CONTAINER(told, exchange, stored);

	it->storing = false;
	if (it->gone) {
		pl_free(it);
	} else if (it->state == EXCHANGE_STORING) {
		stored_new(session, it, status);
	} else if (it->state == EXCHANGE_RELEASING) {
		it->state = EXCHANGE_RELEASED;
		if (session->state == SESSION_CONNECTED) {
			it->state = EXCHANGE_COMPLETING;
			pl_mqtt_write_ack(session, PL_MQTT_PUBREL, it->id.id, 0);
		}
	}
}

void pl_mqtt_session_stored(pl_mqtt_session *session, void *context, int status)
{
	note *told = context;

	if (told->kind == NOTE_EXCHANGE)
		pl_mqtt_exchange_stored(session, told, status);
	else
		pl_mqtt_receipt_stored(session, told, status);
}

static int restore_one(pl_mqtt_session *session, const pl_mqtt_stored *stored)
{
	pl_mqtt_publish publish;
	exchange *it = make_exchange(PL_MQTT_PUBLISH, NULL);
	int status = it ? pl_mqtt_ids_put(&session->ids, &it->id, stored->id) : PL_ENOMEM;

	if (status) {
		pl_free(it);
		pl_block_unref(stored->packet);
		return status;
	}
	it->number = stored->number;
	it->qos = 2;
	it->sent = true;
	it->state = stored->released ? EXCHANGE_RELEASED : EXCHANGE_READY;
	it->packet = stored->packet;
	pl_list_append(&session->exchanges, &it->node);
	session->pending++;
	if (stored->released)
		return PL_OK;
	session->kept += it->packet->len;
	if (topic_of(session, it, &publish).len == 0 || publish.qos == 0 || publish.id != it->id.id)
		return PL_EINVAL;
	it->qos = publish.qos;
	return PL_OK;
}

int pl_mqtt_outgoing_restore(pl_mqtt_session *session, const pl_mqtt_loaded *loaded)
{
	int status = PL_OK;

	session->taken = loaded->taken;
	for (size_t i = 0; i < loaded->message_count; i++)
		if (status)
			pl_block_unref(loaded->messages[i].packet);
		else
			status = restore_one(session, &loaded->messages[i]);
	return status;
}

/* Connections. */

/* A session that the server has no more: what it may have had is told, or said anew. */
static void begin_anew(pl_mqtt_session *session, exchange *it)
{
	bool was_sent = it->sent;

	it->sent = false;
	if (it->state == EXCHANGE_STORING || !was_sent)
		return;
	if (it->state == EXCHANGE_READY && (it->qos == 1 || session->settings.publish_lost))
		return;
	finish(session, it, PL_ELOST, 0,
	       "the server has lost the session: whether it has the message is not known");
}

void pl_mqtt_outgoing_resume(pl_mqtt_session *session, bool present)
{
	pl_list *node = session->exchanges.next;

	while (node != &session->exchanges && session->state == SESSION_CONNECTED) {
		exchange *it = of_node(node);

		node = node->next;
		if (!present)
			begin_anew(session, it);
	}
	session->next = session->exchanges.next;
}

/* What was sent is sent again on the next connection; who asked is told that there is no answer. */
void pl_mqtt_outgoing_ended(pl_mqtt_session *session)
{
	pl_list *node;

	for (node = session->exchanges.next; node != &session->exchanges; node = node->next) {
		exchange *it = of_node(node);

		it->counted = false;
		if (it->state == EXCHANGE_SENT)
			it->state = EXCHANGE_READY;
		else if (it->state == EXCHANGE_COMPLETING)
			it->state = EXCHANGE_RELEASED;
	}
	session->in_flight = 0;
	session->next = &session->exchanges;
	while (!pl_list_empty(&session->asks))
		settle(session, of_node(session->asks.next), PL_ECLOSED, 0, NULL);
}

void pl_mqtt_session_forget(pl_mqtt_session *session, const void *waiter)
{
	pl_list *lists[] = { &session->exchanges, &session->asks };

	for (int i = 0; i < 2; i++)
		for (pl_list *node = lists[i]->next; node != lists[i]; node = node->next)
			if (of_node(node)->waiter == waiter)
				of_node(node)->waiter = NULL;
}

void pl_mqtt_outgoing_deinit(pl_mqtt_session *session)
{
	while (!pl_list_empty(&session->exchanges)) {
		exchange *it = of_node(session->exchanges.next);

		it->storing = false; /* the store is closed */
		if (it->waiter)
			session->events->settled(session->owner, it->waiter, PL_ECANCELED, 0);
		forget_it(session, it);
	}
	pl_mqtt_ids_deinit(&session->ids);
}

size_t pl_mqtt_session_pending(const pl_mqtt_session *session)
{
	return session->pending;
}

uint64_t pl_mqtt_session_taken(const pl_mqtt_session *session)
{
	return session->taken;
}
