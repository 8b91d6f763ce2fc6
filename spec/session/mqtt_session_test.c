/*
 * The client's side of MQTT over memory, against a server that is the test.
 * covers: mqtt/mqtt_incoming.c mqtt/mqtt_outgoing.c mqtt/mqtt_write.c
 */
#include <stdlib.h>

#include "session/mqtt_side.h"

static const uint8_t versions[] = { PL_MQTT_3, PL_MQTT_5 };

/* Connecting. */

static void connects(void **state)
{
	const pl_mqtt_connect connect = { .clean = true,
					  .client_id = PL_SLICE("me"),
					  .keep_alive = 60 };
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_make(&side, versions[i]);
		mqtt_side_begin(&side);
		mqtt_side_dial(&side, &connect);
		assert_false(pl_mqtt_session_connected(side.session));
		mqtt_side_expect_sent(&side, "CONNECT(me,1,60) ");
		mqtt_side_accept(&side, false, NULL);
		mqtt_side_expect(&side, "connected(0) ");
		assert_true(pl_mqtt_session_connected(side.session));
		assert_int_equal(
			pl_mqtt_session_disconnect(side.session, 0, &(pl_mqtt_properties){ 0 }),
			PL_OK);
		mqtt_side_expect_sent(&side, "DISCONNECT(0,00) ");
		mqtt_side_expect(&side, "disconnected(OK,00) ");
		mqtt_side_deinit(&side);
	}
}

static void is_refused(void **state)
{
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	const pl_mqtt_packet no = { .type = PL_MQTT_CONNACK, .connack = { .reason = 5 } };
	const pl_mqtt_packet not_5 = { .type = PL_MQTT_CONNACK,
				       .connack = { .reason = PL_MQTT_NOT_AUTHORIZED } };
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_make(&side, versions[i]);
		mqtt_side_begin(&side);
		mqtt_side_dial(&side, &connect);
		mqtt_side_turn(&side);
		mqtt_side_say(&side, i == 0 ? &no : &not_5);
		mqtt_side_expect(&side, i == 0 ? "disconnected(ECLOSED,05,server) "
					       : "disconnected(ECLOSED,87,server) ");
		mqtt_side_deinit(&side);
	}
}

static void is_not_answered(void **state)
{
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	mqtt_side_begin(&side);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	pl_loop_skip(side.loop, 9999);
	mqtt_side_expect(&side, "");
	pl_loop_skip(side.loop, 1);
	mqtt_side_expect(&side, "disconnected(ETIMEDOUT,00) ");
	mqtt_side_deinit(&side);
}

/* Receiving. */

static void receives(void **state)
{
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_open(&side, versions[i]);
		mqtt_side_say_publish(&side, "a", "hi", 0, 0, false);
		mqtt_side_say_publish(&side, "a/b", "", 1, 7, false);
		mqtt_side_expect(&side, "message(a=hi,q0) message(a/b=,q1) ");
		mqtt_side_expect_sent(&side, "PUBACK(7,00) ");
		mqtt_side_deinit(&side);
	}
}

static void once_is_once(void **state)
{
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_open(&side, versions[i]);
		mqtt_side_say_publish(&side, "a", "hi", 2, 7, false);
		mqtt_side_say_publish(&side, "a", "hi", 2, 7, true);
		mqtt_side_expect(&side, "message(a=hi,q2) ");
		mqtt_side_expect_sent(&side, "PUBREC(7,00) PUBREC(7,00) ");
		mqtt_side_say_ack(&side, PL_MQTT_PUBREL, 7, 0);
		mqtt_side_expect_sent(&side, "PUBCOMP(7,00) ");
		mqtt_side_say_ack(&side, PL_MQTT_PUBREL, 7, 0);
		mqtt_side_expect_sent(&side, i ? "PUBCOMP(7,92) " : "PUBCOMP(7,00) ");
		mqtt_side_say_publish(&side, "a", "ho", 2, 7, false);
		mqtt_side_expect(&side, "message(a=ho,q2) ");
		mqtt_side_deinit(&side);
	}
}

/* It is acknowledged when it has been handled, also when that was on another connection. */
static void acknowledges_what_is_handled(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	side.holds = true;
	mqtt_side_say_publish(&side, "a", "1", 1, 1, false);
	mqtt_side_say_publish(&side, "b", "2", 2, 2, false);
	mqtt_side_say_publish(&side, "c", "3", 1, 3, false);
	mqtt_side_expect(&side, "message(a=1,q1) message(b=2,q2) message(c=3,q1) ");
	mqtt_side_expect_sent(&side, "");
	pl_mqtt_session_handled(side.session);
	mqtt_side_expect_sent(&side, "PUBACK(1,00) ");
	mqtt_side_reopen(&side, true);
	mqtt_side_expect(&side, "disconnected(ECONNRESET,00) connected(1) ");
	mqtt_side_say_publish(&side, "b", "2", 2, 2, true);
	mqtt_side_say_publish(&side, "c", "3", 1, 3, true);
	mqtt_side_expect(&side, "message(c=3,q1,dup) ");
	mqtt_side_expect_sent(&side, "");
	pl_mqtt_session_handled(side.session);
	mqtt_side_expect_sent(&side, "PUBREC(2,00) ");
	pl_mqtt_session_handled(side.session); /* c of the old connection: nobody wants to know */
	mqtt_side_expect_sent(&side, "");
	pl_mqtt_session_handled(side.session);
	mqtt_side_expect_sent(&side, "PUBACK(3,00) ");
	mqtt_side_deinit(&side);
}

static void splits_everywhere(void **state)
{
	uint8_t bytes[300];
	size_t len = 0;
	mqtt_side side;

	(void)state;
	memcpy(bytes + len, "\x30\x05\x00\x01t\x00h", 7);
	len += 7;
	memcpy(bytes + len, "\x32\x87\x01\x00\x01t\x00\x0a\x00", 9);
	memset(bytes + len + 9, 'x', 129);
	len += 9 + 129;
	memcpy(bytes + len, "\xd0\x00", 2);
	len += 2;
	for (size_t at = 0; at <= len; at++) {
		mqtt_side_open(&side, PL_MQTT_5);
		if (at > 0)
			mqtt_side_feed(&side, bytes, at);
		if (at < len)
			mqtt_side_feed(&side, bytes + at, len - at);
		mqtt_side_expect(&side, "message(t=h,q0) message(t#129,q1) pong ");
		mqtt_side_deinit(&side);
	}
	mqtt_side_open(&side, PL_MQTT_5);
	for (size_t at = 0; at < len; at++)
		mqtt_side_feed(&side, bytes + at, 1);
	mqtt_side_expect(&side, "message(t=h,q0) message(t#129,q1) pong ");
	mqtt_side_deinit(&side);
}

static void pause_in_event(mqtt_side *side, const char *event)
{
	if (strncmp(event, "message", 7) == 0)
		pl_mqtt_session_pause(side->session, true);
}

static void pauses(void **state)
{
	static const char three[] = "\x30\x05\x00\x01t\x00"
				    "1\x30\x05\x00\x01t\x00"
				    "2\x30\x05\x00\x01t\x00"
				    "3\x30\x05\x00";
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	side.on_event = pause_in_event;
	mqtt_side_feed(&side, three, sizeof(three) - 1 - 1);
	mqtt_side_expect(&side, "message(t=1,q0) ");
	assert_false(pl_memory_feed(&side.memory, "x", 1));
	pl_mqtt_session_pause(side.session, false);
	mqtt_side_expect(&side, "message(t=2,q0) ");
	side.on_event = NULL;
	pl_mqtt_session_pause(side.session, false);
	mqtt_side_expect(&side, "message(t=3,q0) ");
	mqtt_side_feed(&side,
		       "\x00\x01t\x00"
		       "4",
		       5);
	mqtt_side_expect(&side, "message(t=4,q0) ");
	mqtt_side_deinit(&side);
}

/* Publishing. */

static void publishes(void **state)
{
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_open(&side, versions[i]);
		assert_int_equal(mqtt_side_publish(&side, "a", "0", 0, NULL), PL_OK);
		assert_int_equal(mqtt_side_publish(&side, "a", "1", 1, "one"), PL_OK);
		assert_int_equal(mqtt_side_publish(&side, "a", "2", 2, "two"), PL_OK);
		mqtt_side_expect_sent(&side, "PUBLISH(a=0,q0) PUBLISH(a=1,q1,#1) "
					     "PUBLISH(a=2,q2,#2) ");
		assert_int_equal(pl_mqtt_session_pending(side.session), 2);
		mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 2, 0);
		mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 1, 0);
		mqtt_side_expect(&side, "PUBREC(2,00) PUBACK(1,00) settled(one,OK,00) ");
		mqtt_side_expect_sent(&side, "PUBREL(2,00) ");
		mqtt_side_say_ack(&side, PL_MQTT_PUBCOMP, 2, 0);
		mqtt_side_expect(&side, "PUBCOMP(2,00) settled(two,OK,00) ");
		assert_int_equal(pl_mqtt_session_pending(side.session), 0);
		assert_int_equal(pl_mqtt_session_taken(side.session), 2);
		mqtt_side_deinit(&side);
	}
}

static void failures_of_the_server_are_told(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	assert_int_equal(mqtt_side_publish(&side, "a", "1", 1, "one"), PL_OK);
	assert_int_equal(mqtt_side_publish(&side, "a", "2", 2, "two"), PL_OK);
	mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 1, PL_MQTT_NOT_AUTHORIZED);
	mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 2, PL_MQTT_QUOTA_EXCEEDED);
	mqtt_side_expect(&side, "PUBACK(1,87) settled(one,OK,87) PUBREC(2,97) settled(two,OK,97) ");
	assert_int_equal(pl_mqtt_session_pending(side.session), 0);
	mqtt_side_deinit(&side);
}

static void waits_for_the_window(void **state)
{
	pl_mqtt_properties properties = { 0 };
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	mqtt_side_begin(&side);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	PL_MQTT_SET(&properties, receive_maximum, 2);
	mqtt_side_accept(&side, false, &properties);
	mqtt_side_turn(&side);
	side.memory.sent.len = side.journal.len = 0;
	assert_int_equal(mqtt_side_publish(&side, "a", "1", 1, NULL), PL_OK);
	assert_int_equal(mqtt_side_publish(&side, "a", "2", 2, NULL), PL_OK);
	assert_int_equal(mqtt_side_publish(&side, "a", "3", 1, NULL), PL_MQTT_BUFFERED);
	assert_int_equal(mqtt_side_publish(&side, "a", "4", 2, NULL), PL_MQTT_BUFFERED);
	assert_int_equal(mqtt_side_publish(&side, "a", "0", 0, NULL), PL_OK);
	mqtt_side_expect_sent(&side, "PUBLISH(a=1,q1,#1) PUBLISH(a=2,q2,#2) PUBLISH(a=0,q0) ");
	mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 2, 0); /* 4.9: PUBCOMP gives the place back */
	mqtt_side_expect_sent(&side, "PUBREL(2,00) ");
	mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 1, 0);
	mqtt_side_expect_sent(&side, "PUBLISH(a=3,q1,#3) ");
	mqtt_side_say_ack(&side, PL_MQTT_PUBCOMP, 2, 0);
	mqtt_side_expect_sent(&side, "PUBLISH(a=4,q2,#4) ");
	mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 3, 0);
	mqtt_side_expect(&side, "PUBREC(2,00) PUBACK(1,00) PUBCOMP(2,00) PUBACK(3,00) drain ");
	mqtt_side_deinit(&side);
}

static void keeps_order_over_connections(void **state)
{
	mqtt_side side;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_open(&side, versions[i]);
		mqtt_side_publish(&side, "a", "1", 1, NULL);
		mqtt_side_publish(&side, "a", "2", 2, NULL);
		mqtt_side_publish(&side, "a", "3", 2, NULL);
		mqtt_side_expect_sent(&side, "PUBLISH(a=1,q1,#1) PUBLISH(a=2,q2,#2) "
					     "PUBLISH(a=3,q2,#3) ");
		mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 3, 0);
		mqtt_side_expect_sent(&side, "PUBREL(3,00) ");
		mqtt_side_cut(&side);
		assert_int_equal(mqtt_side_publish(&side, "a", "4", 1, "four"), PL_MQTT_BUFFERED);
		assert_int_equal(mqtt_side_publish(&side, "a", "0", 0, NULL), PL_ECLOSED);
		mqtt_side_reopen(&side, true);
		mqtt_side_expect_sent(&side, "PUBLISH(a=1,q1,#1,dup) PUBLISH(a=2,q2,#2,dup) "
					     "PUBREL(3,00) PUBLISH(a=4,q1,#4) ");
		mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 4, 0);
		mqtt_side_expect(&side, "PUBREC(3,00) disconnected(ECONNRESET,00) connected(1) "
					"drain PUBACK(4,00) settled(four,OK,00) ");
		mqtt_side_deinit(&side);
	}
}

/* QoS 1 is said again; of QoS 2 nobody knows, unless that does not matter. */
static void a_lost_session(void **state)
{
	mqtt_side side;

	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		mqtt_side_open(&side, PL_MQTT_5);
		mqtt_side_publish(&side, "a", "1", 1, "one");
		mqtt_side_publish(&side, "b", "2", 2, NULL);
		mqtt_side_publish(&side, "c", "3", 2, "three");
		mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 3, 0);
		mqtt_side_cut(&side);
		mqtt_side_publish(&side, "d", "4", 2, NULL);
		mqtt_side_expect(&side, "PUBREC(3,00) disconnected(ECONNRESET,00) ");
		mqtt_side_reopen(&side, false);
		mqtt_side_expect_sent(&side, "PUBLISH(a=1,q1,#1) PUBLISH(d=4,q2,#4) ");
		mqtt_side_expect(&side, "undelivered(b,ELOST) settled(three,ELOST,00) "
					"connected(0) drain ");
		mqtt_side_deinit(&side);
	}
}

static void leave_in_event(mqtt_side *side, const char *event)
{
	if (strncmp(event, "undelivered", 11) == 0)
		pl_mqtt_session_abort(side->session, PL_ECANCELED, "enough");
}

/* Who leaves when he hears of it is not connected any more. */
static void a_lost_session_that_is_left(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	mqtt_side_publish(&side, "b", "2", 2, NULL);
	mqtt_side_cut(&side);
	mqtt_side_expect(&side, "disconnected(ECONNRESET,00) ");
	side.on_event = leave_in_event;
	mqtt_side_reopen(&side, false);
	mqtt_side_expect(&side, "undelivered(b,ELOST) disconnected(ECANCELED,00) ");
	mqtt_side_deinit(&side);
}

static void a_lost_session_that_does_not_matter(void **state)
{
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	side.settings.publish_lost = true;
	mqtt_side_begin(&side);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	mqtt_side_accept(&side, false, NULL);
	mqtt_side_publish(&side, "b", "2", 2, NULL);
	mqtt_side_publish(&side, "c", "3", 2, NULL);
	mqtt_side_say_ack(&side, PL_MQTT_PUBREC, 2, 0);
	mqtt_side_reopen(&side, false);
	mqtt_side_expect_sent(&side, "PUBLISH(b=2,q2,#1) ");
	mqtt_side_expect(&side, "connected(0) PUBREC(2,00) disconnected(ECONNRESET,00) "
				"undelivered(,ELOST) connected(0) ");
	mqtt_side_deinit(&side);
}

static void what_a_client_keeps_is_limited(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_3);
	side.limits.kept_messages = 20;
	mqtt_side_cut(&side);
	mqtt_side_expect(&side, "disconnected(ECONNRESET,00) ");
	assert_int_equal(mqtt_side_publish(&side, "a", "1", 1, NULL), PL_MQTT_BUFFERED);
	assert_int_equal(mqtt_side_publish(&side, "a", "2", 1, NULL), PL_MQTT_BUFFERED);
	assert_int_equal(mqtt_side_publish(&side, "a", "3", 1, NULL), PL_ELIMIT);
	assert_int_equal(pl_mqtt_session_taken(side.session), 2);
	mqtt_side_reopen(&side, true);
	mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 1, 0);
	mqtt_side_expect(&side, "connected(1) PUBACK(1,00) drain ");
	mqtt_side_deinit(&side);
}

static void what_the_server_does_not_take(void **state)
{
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	pl_mqtt_publish publish = { .topic = PL_SLICE("a"), .retain = true };
	pl_mqtt_subscription filter = { .filter = PL_SLICE("a/+") };
	pl_mqtt_subscribe subscribe = { .list = &filter, .count = 1 };
	pl_mqtt_properties properties = { 0 };
	const char *why = NULL;
	mqtt_side side;
	uint16_t id;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	mqtt_side_begin(&side);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	PL_MQTT_SET(&properties, maximum_qos, 1);
	PL_MQTT_SET(&properties, retain_available, 0);
	PL_MQTT_SET(&properties, wildcard_subscription_available, 0);
	PL_MQTT_SET(&properties, shared_subscription_available, 0);
	PL_MQTT_SET(&properties, subscription_identifiers_available, 0);
	PL_MQTT_SET(&properties, maximum_packet_size, 20);
	mqtt_side_accept(&side, false, &properties);
	mqtt_side_turn(&side);
	side.memory.sent.len = 0;
	assert_int_equal(mqtt_side_publish(&side, "a", "2", 2, NULL), PL_ENOTSUP);
	assert_int_equal(mqtt_side_publish(&side, "a", "more than twenty bytes", 0, NULL),
			 PL_ETOOBIG);
	assert_int_equal(mqtt_side_publish(&side, "a", "more than twenty bytes", 1, NULL),
			 PL_ETOOBIG);
	assert_int_equal(pl_mqtt_session_publish(side.session, &publish, NULL, &id, &why),
			 PL_ENOTSUP);
	assert_non_null(why);
	assert_int_equal(pl_mqtt_session_subscribe(side.session, &subscribe, NULL, &id, &why),
			 PL_ENOTSUP);
	filter.filter = PL_SLICE("$share/x/a");
	assert_int_equal(pl_mqtt_session_subscribe(side.session, &subscribe, NULL, &id, &why),
			 PL_ENOTSUP);
	filter.filter = PL_SLICE("a");
	PL_MQTT_SET(&subscribe.properties, subscription_identifier, 5);
	assert_int_equal(pl_mqtt_session_subscribe(side.session, &subscribe, NULL, &id, &why),
			 PL_ENOTSUP);
	mqtt_side_expect_sent(&side, "");
	mqtt_side_deinit(&side);
}

static void what_cannot_be_said(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	for (uint8_t qos = 0; qos < 2; qos++) {
		assert_int_equal(mqtt_side_publish(&side, "", "x", qos, NULL), PL_EINVAL);
		assert_int_equal(mqtt_side_publish(&side, "a/#", "x", qos, NULL), PL_EINVAL);
		assert_int_equal(mqtt_side_publish(&side, "a\xff", "x", qos, NULL), PL_EUTF8);
	}
	mqtt_side_expect_sent(&side, "");
	assert_int_equal(pl_mqtt_session_pending(side.session), 0);
	mqtt_side_deinit(&side);
}

static void messages_that_expire(void **state)
{
	pl_mqtt_publish publish = { .topic = PL_SLICE("a"), .qos = 1 };
	const char *why;
	mqtt_side side;
	uint16_t id;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_5);
	mqtt_side_cut(&side);
	PL_MQTT_SET(&publish.properties, message_expiry_interval, 10);
	pl_mqtt_session_publish(side.session, &publish, NULL, &id, &why);
	PL_MQTT_SET(&publish.properties, message_expiry_interval, 3);
	pl_mqtt_session_publish(side.session, &publish, (void *)"short", &id, &why);
	pl_loop_skip(side.loop, 4000);
	mqtt_side_reopen(&side, true);
	mqtt_side_expect_sent(&side, "PUBLISH(a=,q1,#1,expires6) ");
	mqtt_side_expect(&side, "disconnected(ECONNRESET,00) connected(1) "
				"settled(short,ETIMEDOUT,00) drain ");
	mqtt_side_deinit(&side);
}

/* Aliases. */

static void topics_get_aliases(void **state)
{
	const pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	pl_mqtt_properties properties = { 0 };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	side.settings.topic_aliases = 5;
	mqtt_side_begin(&side);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	PL_MQTT_SET(&properties, topic_alias_maximum, 1);
	mqtt_side_accept(&side, false, &properties);
	mqtt_side_turn(&side);
	side.memory.sent.len = 0;
	mqtt_side_publish(&side, "a", "1", 0, NULL);
	mqtt_side_publish(&side, "a", "2", 1, NULL);
	mqtt_side_publish(&side, "b", "3", 0, NULL);
	mqtt_side_expect_sent(&side, "PUBLISH(a=1,q0,alias1) PUBLISH(=2,q1,#1,alias1) "
				     "PUBLISH(b=3,q0,alias1) ");
	/* A new connection knows none; this one takes none. */
	mqtt_side_reopen(&side, true);
	mqtt_side_expect_sent(&side, "PUBLISH(a=2,q1,#1,dup) ");
	mqtt_side_deinit(&side);
}

static void aliases_of_the_server(void **state)
{
	pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	pl_mqtt_packet packet = { .type = PL_MQTT_PUBLISH,
				  .publish = { .topic = PL_SLICE("a/b"),
					       .payload = PL_SLICE("x") } };
	mqtt_side side;

	(void)state;
	for (uint16_t alias = 1; alias <= 3; alias++) {
		mqtt_side_make(&side, PL_MQTT_5);
		mqtt_side_begin(&side);
		PL_MQTT_SET(&connect.properties, topic_alias_maximum, 2);
		mqtt_side_dial(&side, &connect);
		mqtt_side_turn(&side);
		mqtt_side_accept(&side, false, NULL);
		PL_MQTT_SET(&packet.publish.properties, topic_alias, 2);
		packet.publish.topic = PL_SLICE("a/b");
		mqtt_side_say(&side, &packet);
		packet.publish.topic.len = 0;
		PL_MQTT_SET(&packet.publish.properties, topic_alias, alias);
		mqtt_side_say(&side, &packet);
		mqtt_side_expect(&side,
				 alias == 2   ? "connected(0) message(a/b=x,q0) message(a/b=x,q0) "
				 : alias == 1 ? "connected(0) message(a/b=x,q0) "
						"disconnected(EPROTO,82) "
					      : "connected(0) message(a/b=x,q0) "
						"disconnected(EPROTO,94) ");
		mqtt_side_deinit(&side);
	}
}

/* Subscribing. */

static void subscribes(void **state)
{
	const pl_mqtt_subscription filters[] = { { .filter = PL_SLICE("a/+"), .qos = 1 },
						 { .filter = PL_SLICE("b") } };
	const pl_mqtt_subscribe subscribe = { .list = filters, .count = 2 };
	pl_mqtt_packet answer = { .type = PL_MQTT_SUBACK,
				  .suback = { .id = 1, .codes = { "\x01\x80", 2 } } };
	const char *why;
	mqtt_side side;
	uint16_t id;

	(void)state;
	for (int i = 0; i < 2; i++) {
		mqtt_side_open(&side, versions[i]);
		answer.type = PL_MQTT_SUBACK;
		answer.suback.codes = pl_slice_make("\x01\x80", 2);
		answer.suback.id = 1;
		assert_int_equal(pl_mqtt_session_subscribe(side.session, &subscribe, (void *)"sub",
							   &id, &why),
				 PL_OK);
		assert_int_equal(id, 1);
		mqtt_side_expect_sent(&side, "SUBSCRIBE(1:2) ");
		mqtt_side_say(&side, &answer);
		mqtt_side_expect(&side, "subscribed(1:2) settled(sub,OK,80) ");
		assert_int_equal(pl_mqtt_session_unsubscribe(side.session, &subscribe, (void *)"un",
							     &id, &why),
				 PL_OK);
		mqtt_side_expect_sent(&side, "UNSUBSCRIBE(2:2) ");
		answer.type = PL_MQTT_UNSUBACK;
		answer.suback.id = 2;
		answer.suback.codes = pl_slice_make("\x00\x11", i ? 2 : 0);
		mqtt_side_say(&side, &answer);
		mqtt_side_expect(&side, i ? "unsubscribed(2:2) settled(un,OK,00) "
					  : "unsubscribed(2:0) settled(un,OK,00) ");
		pl_mqtt_session_subscribe(side.session, &subscribe, (void *)"late", &id, &why);
		mqtt_side_cut(&side);
		mqtt_side_expect(&side, "settled(late,ECLOSED,00) disconnected(ECONNRESET,00) ");
		assert_int_equal(
			pl_mqtt_session_subscribe(side.session, &subscribe, NULL, &id, &why),
			PL_ECLOSED);
		mqtt_side_deinit(&side);
	}
}

/* Time. */

static void pings(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	side.settings.ping_interval = 5000;
	side.settings.ping_timeout = 2000;
	mqtt_side_begin(&side);
	mqtt_side_dial(
		&side,
		&(pl_mqtt_connect){ .clean = true, .client_id = PL_SLICE("me"), .keep_alive = 3 });
	mqtt_side_turn(&side);
	mqtt_side_accept(&side, false, NULL);
	mqtt_side_turn(&side);
	side.memory.sent.len = side.journal.len = 0;
	pl_loop_skip(side.loop, 2000);
	mqtt_side_publish(&side, "a", "1", 0, NULL);
	mqtt_side_expect_sent(&side, "PUBLISH(a=1,q0) ");
	pl_loop_skip(side.loop, 1000); /* nothing was heard for 3 s */
	mqtt_side_expect_sent(&side, "PINGREQ ");
	mqtt_side_feed(&side, "\xd0\x00", 2);
	mqtt_side_expect(&side, "pong ");
	for (int i = 0; i < 10; i++) {
		pl_loop_skip(side.loop, 2999);
		mqtt_side_expect_sent(&side, "");
		pl_loop_skip(side.loop, 1);
		mqtt_side_expect_sent(&side, "PINGREQ ");
		pl_loop_skip(side.loop, 1);
		mqtt_side_feed(&side, "\xd0\x00", 2);
		pl_loop_skip(side.loop, 0);
		mqtt_side_expect(&side, "pong ");
		pl_loop_skip(side.loop, 1999);
		mqtt_side_expect_sent(&side, "");
		pl_loop_skip(side.loop, 1000);
		mqtt_side_expect_sent(&side, "PINGREQ ");
		mqtt_side_feed(&side, "\xd0\x00", 2);
		mqtt_side_expect(&side, "pong ");
	}
	pl_loop_skip(side.loop, 3000);
	mqtt_side_expect_sent(&side, "PINGREQ ");
	pl_loop_skip(side.loop, 1999);
	mqtt_side_expect(&side, "");
	pl_loop_skip(side.loop, 1);
	mqtt_side_expect(&side, "disconnected(ETIMEDOUT,00) ");
	mqtt_side_deinit(&side);
}

/* A keep alive that is shorter than the time that a ping has to be answered in. */
static void pings_within_the_timeout(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	side.settings.ping_timeout = 10000;
	mqtt_side_begin(&side);
	mqtt_side_dial(
		&side,
		&(pl_mqtt_connect){ .clean = true, .client_id = PL_SLICE("me"), .keep_alive = 3 });
	mqtt_side_turn(&side);
	mqtt_side_accept(&side, false, NULL);
	mqtt_side_turn(&side);
	side.memory.sent.len = side.journal.len = 0;
	for (int i = 0; i < 5; i++) {
		pl_loop_skip(side.loop, 2999);
		mqtt_side_expect_sent(&side, "");
		pl_loop_skip(side.loop, 1);
		mqtt_side_expect_sent(&side, "PINGREQ ");
		mqtt_side_feed(&side, "\xd0\x00", 2);
		mqtt_side_expect(&side, "pong ");
	}
	/* The server is silent: it is pinged on, until the first of them is too old. */
	for (int i = 0; i < 4; i++) {
		pl_loop_skip(side.loop, 3000);
		mqtt_side_expect_sent(&side, "PINGREQ ");
	}
	pl_loop_skip(side.loop, 999);
	mqtt_side_expect(&side, "");
	pl_loop_skip(side.loop, 1);
	mqtt_side_expect(&side, "disconnected(ETIMEDOUT,00) ");
	mqtt_side_deinit(&side);
}

/* Authentication. */

static void authenticates(void **state)
{
	pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	pl_mqtt_packet challenge = { .type = PL_MQTT_AUTH,
				     .ack = { .reason = PL_MQTT_CONTINUE_AUTHENTICATION } };
	pl_mqtt_properties answer = { 0 };
	pl_mqtt_properties welcome = { 0 };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	mqtt_side_begin(&side);
	PL_MQTT_SET(&connect.properties, authentication_method, PL_SLICE("SCRAM"));
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	side.memory.sent.len = 0;
	PL_MQTT_SET(&challenge.ack.properties, authentication_method, PL_SLICE("SCRAM"));
	mqtt_side_say(&side, &challenge);
	mqtt_side_expect(&side, "auth(18) ");
	PL_MQTT_SET(&answer, authentication_data, PL_SLICE("42"));
	assert_int_equal(pl_mqtt_session_auth(side.session, PL_MQTT_RE_AUTHENTICATE, &answer),
			 PL_ESTATE);
	assert_int_equal(
		pl_mqtt_session_auth(side.session, PL_MQTT_CONTINUE_AUTHENTICATION, &answer),
		PL_OK);
	mqtt_side_expect_sent(&side, "AUTH(0,18) ");
	PL_MQTT_SET(&welcome, authentication_method, PL_SLICE("SCRAM"));
	mqtt_side_accept(&side, false, &welcome);
	mqtt_side_expect(&side, "connected(0) ");
	assert_int_equal(pl_mqtt_session_auth(side.session, PL_MQTT_RE_AUTHENTICATE, &answer),
			 PL_OK);
	mqtt_side_expect_sent(&side, "AUTH(0,19) ");
	challenge.ack.reason = 0;
	mqtt_side_say(&side, &challenge);
	mqtt_side_expect(&side, "auth(00) ");
	PL_MQTT_SET(&challenge.ack.properties, authentication_method, PL_SLICE("PLAIN"));
	mqtt_side_say(&side, &challenge);
	mqtt_side_expect(&side, "disconnected(EPROTO,82) ");
	mqtt_side_deinit(&side);
}

/* What a server must not do. */

static void hostile_servers(void **state)
{
	static const struct attack {
		const char *bytes;
		size_t len;
		const char *told;
		const char *said;
	} attacks[] = {
#define A(bytes, told, said) { bytes, sizeof(bytes) - 1, told, said }
		A("\x30\xff\xff\xff\xff\x01", "EPROTO,81", "DISCONNECT(0,81) "),
		A("\x30\xff\xff\xff\x7f", "ETOOBIG,95", "DISCONNECT(0,95) "),
		A("\x90\x03\x00\x01\x00", "EPROTO,8", "DISCONNECT(0,8"),
		A("\x90\x04\x00\x09\x00\x00", "EPROTO,82", "DISCONNECT(0,82) "),
		A("\xb0\x04\x00\x09\x00\x00", "EPROTO,82", "DISCONNECT(0,82) "),
		A("\x40\x02\x00\x09", "EPROTO,82", "DISCONNECT(0,82) "),
		A("\x30\x06\x00\x03"
		  "a\x00"
		  "b\x00",
		  "E", "DISCONNECT(0,"),
		A("\x30\x06\x00\x03"
		  "a/#\x00",
		  "EPROTO,9", "DISCONNECT(0,9"),
		A("\x20\x03\x00\x00\x00", "EPROTO,82", "DISCONNECT(0,82) "),
		A("\x36\x06\x00\x01t\x00\x01\x00", "EPROTO,81", "DISCONNECT(0,81) "),
		A("\x32\x06\x00\x01t\x00\x00\x00", "EPROTO,8", "DISCONNECT(0,8"),
		A("\xf0\x00", "EPROTO,82", "DISCONNECT(0,82) "),
		A("\xc0\x00", "EPROTO,8", "DISCONNECT(0,8"),
		A("\x00\x00", "EPROTO,8", "DISCONNECT(0,8"),
		A("\xe0\x00", "ECLOSED,00,server", ""),
		A("\xe0\x01\x8e", "ECLOSED,8e,server", ""),
#undef A
	};
	mqtt_side side;

	(void)state;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		const struct attack *attack = &attacks[i];
		char *words;

		mqtt_side_open(&side, PL_MQTT_5);
		for (size_t at = 0; at < attack->len; at++)
			pl_memory_feed(&side.memory, attack->bytes + at, 1);
		mqtt_side_turn(&side);
		words = (char *)(uintptr_t)ws_words_take(&side.journal);
		assert_true(strncmp(words, "disconnected(", 13) == 0);
		assert_true(strncmp(words + 13, attack->told, strlen(attack->told)) == 0);
		assert_true(side.memory.finished);
		assert_int_equal(side.memory.sent.len > 0, strlen(attack->said) > 0);
		mqtt_side_deinit(&side);
	}
}

static void too_many_at_a_time(void **state)
{
	pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me") };
	mqtt_side side;

	(void)state;
	mqtt_side_make(&side, PL_MQTT_5);
	side.holds = true;
	mqtt_side_begin(&side);
	PL_MQTT_SET(&connect.properties, receive_maximum, 2);
	mqtt_side_dial(&side, &connect);
	mqtt_side_turn(&side);
	mqtt_side_accept(&side, false, NULL);
	mqtt_side_say_publish(&side, "a", "1", 1, 1, false);
	mqtt_side_say_publish(&side, "a", "2", 2, 2, false);
	mqtt_side_say_publish(&side, "a", "0", 0, 0, false);
	mqtt_side_say_publish(&side, "a", "3", 1, 3, false);
	mqtt_side_expect(&side, "connected(0) message(a=1,q1) message(a=2,q2) message(a=0,q0) "
				"disconnected(EPROTO,93) ");
	mqtt_side_deinit(&side);
}

/* 65,535 messages that nobody acknowledges: the next one waits for an identifier. */
static void identifiers_run_out(void **state)
{
	mqtt_side side;

	(void)state;
	mqtt_side_open(&side, PL_MQTT_3);
	side.limits.in_flight = 65535;
	side.memory.room = SIZE_MAX;
	for (int i = 0; i < 65535; i++)
		assert_true(mqtt_side_publish(&side, "a", "", 1, NULL) >= 0);
	assert_int_equal(mqtt_side_publish(&side, "a", "", 1, NULL), PL_ELIMIT);
	mqtt_side_turn(&side);
	mqtt_side_say_ack(&side, PL_MQTT_PUBACK, 4711, 0);
	mqtt_side_expect(&side, "PUBACK(4711,00) drain ");
	assert_int_equal(mqtt_side_publish(&side, "a", "", 1, NULL), PL_OK);
	assert_int_equal(pl_mqtt_session_pending(side.session), 65535);
	mqtt_side_deinit(&side);
}

static void a_server_that_does_not_read(void **state)
{
	char payload[1001] = { 0 };
	mqtt_side side;
	int status = 0;

	(void)state;
	memset(payload, 'x', 1000);
	mqtt_side_open(&side, PL_MQTT_3);
	side.limits.high_water = 4096;
	side.limits.send_queue = 16384;
	side.memory.room = 0;
	for (int i = 0; i < 100 && status >= 0; i++) {
		status = mqtt_side_publish(&side, "a", payload, 0, NULL);
		pl_loop_turn(side.loop);
	}
	assert_int_equal(status, PL_ELIMIT);
	assert_int_equal(mqtt_side_publish(&side, "a", payload, 1, NULL), PL_MQTT_BUFFERED);
	mqtt_side_expect(&side, "");
	pl_memory_open(&side.memory, SIZE_MAX);
	mqtt_side_expect(&side, "drain ");
	mqtt_side_deinit(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),
		cmocka_unit_test(is_refused),
		cmocka_unit_test(is_not_answered),
		cmocka_unit_test(receives),
		cmocka_unit_test(once_is_once),
		cmocka_unit_test(acknowledges_what_is_handled),
		cmocka_unit_test(splits_everywhere),
		cmocka_unit_test(pauses),
		cmocka_unit_test(publishes),
		cmocka_unit_test(failures_of_the_server_are_told),
		cmocka_unit_test(waits_for_the_window),
		cmocka_unit_test(keeps_order_over_connections),
		cmocka_unit_test(a_lost_session),
		cmocka_unit_test(a_lost_session_that_is_left),
		cmocka_unit_test(a_lost_session_that_does_not_matter),
		cmocka_unit_test(what_a_client_keeps_is_limited),
		cmocka_unit_test(what_the_server_does_not_take),
		cmocka_unit_test(what_cannot_be_said),
		cmocka_unit_test(messages_that_expire),
		cmocka_unit_test(topics_get_aliases),
		cmocka_unit_test(aliases_of_the_server),
		cmocka_unit_test(subscribes),
		cmocka_unit_test(pings),
		cmocka_unit_test(pings_within_the_timeout),
		cmocka_unit_test(authenticates),
		cmocka_unit_test(hostile_servers),
		cmocka_unit_test(too_many_at_a_time),
		cmocka_unit_test(identifiers_run_out),
		cmocka_unit_test(a_server_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
