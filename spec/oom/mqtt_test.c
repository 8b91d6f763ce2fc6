/*
 * An MQTT client in which the Nth allocation and all after it fail, for every N until nothing needs
 * more: nothing crashes or leaks, who waits is told, and what was taken is not forgotten.
 *
 * covers: mqtt/mqtt_session.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "mqtt/mqtt_session.h"
#include "net/memory.h"

enum { ATTEMPTS_MAX = 2000, WAITERS = 4 };

typedef struct client {
	pl_loop *loop;
	pl_memory memory;
	pl_limits limits;
	pl_mqtt_session *session;
	int settled[WAITERS]; /* how often */
	int status[WAITERS];
	int messages;
	int undelivered;
	bool given[WAITERS];
	bool connected;
	bool dialled;
} client;

static void on_connected(void *owner, const pl_mqtt_connack *connack)
{
	(void)connack;
	((client *)owner)->connected = true;
}

static void on_message(void *owner, const pl_mqtt_publish *publish)
{
	client *side = owner;

	(void)publish;
	side->messages++;
	pl_mqtt_session_handled(side->session);
}

static void on_acknowledged(void *owner, uint8_t type, const pl_mqtt_ack *ack)
{
	(void)owner, (void)type, (void)ack;
}

static void on_subscribed(void *owner, const pl_mqtt_suback *suback)
{
	(void)owner, (void)suback;
}

static void on_auth(void *owner, const pl_mqtt_ack *auth)
{
	(void)owner, (void)auth;
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static void on_settled(void *owner, void *waiter, int status, uint8_t reason)
{
	client *side = owner;
	ptrdiff_t number = (int *)waiter - side->settled;

	(void)reason;
	side->settled[number]++;
	side->status[number] = status;
}

static void on_undelivered(void *owner, int status, pl_slice topic, const char *message)
{
	(void)status, (void)topic, (void)message;
	((client *)owner)->undelivered++;
}

static void on_disconnected(void *owner, const pl_mqtt_end *end)
{
	assert_non_null(end->message);
	((client *)owner)->dialled = false;
}

static const pl_mqtt_session_events events = { .connected = on_connected,
					       .message = on_message,
					       .acknowledged = on_acknowledged,
					       .subscribed = on_subscribed,
					       .unsubscribed = on_subscribed,
					       .auth = on_auth,
					       .pong = on_nothing,
					       .settled = on_settled,
					       .undelivered = on_undelivered,
					       .drain = on_nothing,
					       .disconnected = on_disconnected };

static void publish(client *side, uint8_t qos, int waiter)
{
	const pl_mqtt_publish message = { .topic = PL_SLICE("topic"),
					  .payload = PL_SLICE("a payload"),
					  .qos = qos };
	const char *why;
	uint16_t id;

	side->given[waiter] =
		pl_mqtt_session_publish(side->session, &message,
					qos > 0 ? &side->settled[waiter] : NULL, &id, &why) >= 0;
}

static void subscribe(client *side, int waiter)
{
	const pl_mqtt_subscription list[] = { { .filter = PL_SLICE("#"), .qos = 2 } };
	const pl_mqtt_subscribe all = { .list = list, .count = 1 };
	const char *why;
	uint16_t id;

	side->given[waiter] = pl_mqtt_session_subscribe(side->session, &all, &side->settled[waiter],
							&id, &why) >= 0;
}

static void turn(client *side)
{
	for (int i = 0; i < 4; i++)
		pl_loop_turn(side->loop);
}

#define FEED(side, literal)                                                                        \
	(turn(side), !(side)->memory.stream.closing &&                                             \
			     pl_memory_feed(&(side)->memory, literal, sizeof(literal) - 1))

/* Whether all came out right. */
static bool play(client *side)
{
	const pl_mqtt_session_settings settings = { .version = PL_MQTT_5,
						    .topic_aliases = 4,
						    .limits = &side->limits };
	pl_mqtt_connect connect = { .clean = true, .client_id = PL_SLICE("me"), .keep_alive = 60 };

	if (pl_mqtt_session_new(&side->session, side->loop, &settings, &events, side))
		return false;
	PL_MQTT_SET(&connect.properties, topic_alias_maximum, 4);
	publish(side, 1, 0);
	if (pl_mqtt_session_connect(side->session, &side->memory.stream, &connect))
		return false;
	side->dialled = true;
	FEED(side, "\x20\x06\0\0\x03\x22\0\x04");
	subscribe(side, 1);
	publish(side, 2, 2);
	publish(side, 0, 3);
	FEED(side, "\x40\x02\0\x01\x90\x04\0\x02\0\x02\x50\x02\0\x03");
	FEED(side, "\x70\x02\0\x03");
	FEED(side, "\x30\x0a\0\x03"
		   "a/b\x03\x23\0\x01x\x32\x09\0\0\0\x09\x03\x23\0\x01x");
	FEED(side, "\x34\x08\0\x03"
		   "a/c\0\x0a\0\x62\x02\0\x0a");
	turn(side);
	for (int i = 0; i < WAITERS; i++)
		if (!side->given[i] || (i < 3 && (side->settled[i] != 1 || side->status[i])))
			return false;
	return side->messages == 3 && pl_mqtt_session_pending(side->session) == 0 &&
	       pl_mqtt_session_taken(side->session) == 2;
}

/* True when nothing failed. */
static bool attempt(uint64_t nth)
{
	int64_t live = pl_alloc_live();
	client side = { 0 };
	bool right;

	pl_limits_init(&side.limits);
	assert_int_equal(pl_loop_new(&side.loop), PL_OK);
	pl_loop_still(side.loop);
	pl_memory_init(&side.memory, side.loop);
	pl_alloc_fail_at(nth);
	right = play(&side);
	pl_alloc_fail_at(0);
	if (side.dialled)
		pl_mqtt_session_abort(side.session, PL_ECANCELED, "the end of the test");
	turn(&side);
	assert_false(side.dialled);
	if (side.session)
		pl_mqtt_session_free(side.session);
	/* Who gave a message that was taken has heard of it, once. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(side.settled[i], side.given[i]);
	pl_memory_deinit(&side.memory);
	pl_loop_free(side.loop);
	assert_int_equal(pl_alloc_live(), live);
	return right;
}

static void every_allocation_may_fail(void **state)
{
	uint64_t nth = 0;

	(void)state;
	assert_true(attempt(0));
	while (!attempt(++nth))
		assert_true(nth < ATTEMPTS_MAX);
	print_message("right from the %llu. allocation on\n", (unsigned long long)nth);
	assert_true(nth > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	pl_log_set_level(PL_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
