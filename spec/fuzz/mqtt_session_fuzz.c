/*
 * An MQTT client's session over memory. The first byte says what happens meanwhile, the rest is
 * what the server sends, behind a CONNACK if the byte says so.
 *
 * Each input runs twice against an owner that only listens: whole and in pieces. The owner must be
 * told the same and the server be sent the same. Then it runs against an owner that publishes,
 * subscribes, pauses, handles late, leaves and connects again in all events, while the output is
 * blocked: it is told nothing that it must not be told, each waiter is settled once, and what was
 * sent are whole packets of a client, behind a DISCONNECT none.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/status.h"
#include "codec/mqtt_topic.h"
#include "codec/utf8.h"
#include "mqtt/mqtt_session.h"
#include "net/memory.h"

/* Bits of the first byte. */
enum { NEWER = 1, ACCEPTED = 2, PRESENT = 4, BLOCK = 8, END = 16, LIMITS = 32, LOST = 64 };
enum { ROOM = 64, TURNS = 64, WAITERS = 256 };

typedef struct side {
	pl_memory memory;
	pl_mqtt_session *session;
	pl_buffer journal;
	fuzz_cuts cuts;
	uint8_t how;
	bool difficult;
	bool dialled; /* a connection is there, or its end is not told of yet */
	bool paused;
	bool ended;	  /* what follows is nothing that ought to do something */
	size_t unhandled; /* messages */
	size_t given;	  /* waiters */
	bool settled[WAITERS];
} side;

static pl_loop *loop;
static pl_limits limits;

static void act(side *side);

/* Events. */

static void note(side *side, const void *data, size_t len)
{
	FUZZ_CHECK(!pl_buffer_append(&side->journal, &len, sizeof(len)));
	FUZZ_CHECK(!pl_buffer_append(&side->journal, data, len));
}

static void note_word(side *side, char what, uint8_t a, uint32_t b)
{
	char text[32];

	note(side, text, (size_t)snprintf(text, sizeof(text), "%c %u %u", what, a, b));
}

static void on_connected(void *owner, const pl_mqtt_connack *connack)
{
	side *side = owner;

	FUZZ_CHECK(side->dialled && pl_mqtt_session_connected(side->session));
	note_word(side, 'c', connack->session_present, connack->reason);
	act(side);
}

static void on_message(void *owner, const pl_mqtt_publish *publish)
{
	side *side = owner;

	FUZZ_CHECK(side->dialled && !side->paused);
	FUZZ_CHECK(publish->topic.len > 0 && publish->topic.len <= 65535);
	FUZZ_CHECK(pl_utf8_valid((const uint8_t *)publish->topic.at, publish->topic.len));
	FUZZ_CHECK(!memchr(publish->topic.at, '#', publish->topic.len));
	FUZZ_CHECK(!memchr(publish->topic.at, '+', publish->topic.len));
	FUZZ_CHECK(!memchr(publish->topic.at, 0, publish->topic.len));
	FUZZ_CHECK(publish->payload.len <= (size_t)limits.message);
	note_word(side, 'm', publish->qos, publish->id);
	note(side, publish->topic.at, publish->topic.len);
	note(side, publish->payload.at, publish->payload.len);
	side->unhandled++;
	act(side);
	if (side->difficult && side->how & BLOCK)
		return;
	while (side->unhandled > 0) {
		side->unhandled--;
		pl_mqtt_session_handled(side->session);
	}
}

static void on_acknowledged(void *owner, uint8_t type, const pl_mqtt_ack *ack)
{
	note_word(owner, 'a', type, ack->id * 256u + ack->reason);
	act(owner);
}

static void on_subscribed(void *owner, const pl_mqtt_suback *suback)
{
	note_word(owner, 's', 0, suback->id);
	note(owner, suback->codes.at, suback->codes.len);
	act(owner);
}

static void on_unsubscribed(void *owner, const pl_mqtt_suback *unsuback)
{
	note_word(owner, 'u', 0, unsuback->id);
	act(owner);
}

static void on_auth(void *owner, const pl_mqtt_ack *auth)
{
	note_word(owner, 'A', auth->reason, 0);
	act(owner);
}

static void on_pong(void *owner)
{
	note_word(owner, 'p', 0, 0);
	act(owner);
}

static void on_settled(void *owner, void *waiter, int status, uint8_t reason)
{
	side *side = owner;
	size_t number = (size_t)((bool *)waiter - side->settled);

	FUZZ_CHECK(number < side->given && !side->settled[number]);
	FUZZ_CHECK(status <= 0);
	side->settled[number] = true;
	note_word(side, 'S', reason, (uint32_t)number);
	act(side);
}

static void on_undelivered(void *owner, int status, pl_slice topic, const char *message)
{
	FUZZ_CHECK(status < 0 && topic.len <= 65535 && message[0]);
	act(owner);
}

static void on_drain(void *owner)
{
	act(owner);
}

static void on_disconnected(void *owner, const pl_mqtt_end *end)
{
	side *side = owner;

	FUZZ_CHECK(side->dialled && !pl_mqtt_session_connected(side->session));
	FUZZ_CHECK(end->message && end->message[0] && end->status <= 0);
	side->dialled = false;
	note_word(side, 'd', end->reason, end->by_server);
}

static const pl_mqtt_session_events events = { .connected = on_connected,
					       .message = on_message,
					       .acknowledged = on_acknowledged,
					       .subscribed = on_subscribed,
					       .unsubscribed = on_unsubscribed,
					       .auth = on_auth,
					       .pong = on_pong,
					       .settled = on_settled,
					       .undelivered = on_undelivered,
					       .drain = on_drain,
					       .disconnected = on_disconnected };

/* What the owner does. */

static bool *new_waiter(side *side)
{
	return side->given < WAITERS ? &side->settled[side->given++] : NULL;
}

/* A call that fails has not taken the waiter. */
static void publish(side *side, uint8_t qos, bool waits)
{
	const pl_mqtt_publish message = { .topic = PL_SLICE("topic"),
					  .payload = PL_SLICE("payload"),
					  .qos = qos };
	bool *waiter = waits && qos > 0 ? new_waiter(side) : NULL;
	const char *why;
	uint16_t id;
	int status = pl_mqtt_session_publish(side->session, &message, waiter, &id, &why);

	if (status < 0 && waiter)
		side->given--;
}

static void subscribe(side *side)
{
	const pl_mqtt_subscription list[] = { { .filter = PL_SLICE("a/+"), .qos = 1 },
					      { .filter = PL_SLICE("#"), .qos = 2 } };
	const pl_mqtt_subscribe both = { .list = list, .count = 2 };
	bool *waiter = new_waiter(side);
	const char *why;
	uint16_t id;

	if (pl_mqtt_session_subscribe(side->session, &both, waiter, &id, &why) < 0 && waiter)
		side->given--;
}

static void act(side *side)
{
	const pl_mqtt_properties none = { 0 };

	switch (side->difficult && !side->ended ? fuzz_cut(&side->cuts, 64) : 0) {
	case 1:
	case 2:
	case 3:
		publish(side, (uint8_t)(fuzz_cut(&side->cuts, 3) - 1), true);
		break;
	case 4:
		subscribe(side);
		break;
	case 5:
		pl_mqtt_session_pause(side->session, true);
		side->paused = true;
		break;
	case 6:
		pl_mqtt_session_ping(side->session);
		break;
	case 7:
		for (; side->unhandled > 0; side->unhandled--)
			pl_mqtt_session_handled(side->session);
		break;
	case 8:
		if (side->given > 0)
			pl_mqtt_session_forget(side->session, &side->settled[side->given - 1]);
		break;
	case 20:
		pl_mqtt_session_disconnect(side->session, 0, &none);
		break;
	case 30:
		pl_mqtt_session_abort(side->session, PL_ECANCELED, "enough");
		break;
	default:
		break;
	}
}

/* The server. */

static void turn(side *side)
{
	pl_loop_turn(loop);
	if (side->paused)
		pl_mqtt_session_pause(side->session, false);
	side->paused = false;
	if (side->memory.room != SIZE_MAX)
		pl_memory_open(&side->memory, ROOM);
	pl_loop_turn(loop);
}

static void feed(side *side, const uint8_t *data, size_t len)
{
	for (int i = 0; i < TURNS && !side->memory.stream.closing; i++) {
		if (pl_memory_feed(&side->memory, data, len))
			break;
		turn(side);
	}
}

static void dial(side *side)
{
	const pl_mqtt_connect connect = { .clean = !(side->how & PRESENT),
					  .client_id = PL_SLICE("me"),
					  .keep_alive = 60 };
	const uint8_t accepts[] = { 0x20, side->how & NEWER ? 3 : 2, !!(side->how & PRESENT), 0,
				    0 };

	pl_memory_init(&side->memory, loop);
	if (side->difficult && side->how & BLOCK)
		side->memory.room = ROOM;
	FUZZ_CHECK(!pl_mqtt_session_connect(side->session, &side->memory.stream, &connect));
	side->dialled = true;
	pl_loop_turn(loop);
	if (side->how & ACCEPTED)
		feed(side, accepts, 2u + accepts[1]);
}

/* Whole packets of a client that begin with CONNECT, behind DISCONNECT none. */
static void look_at_output(side *side, bool whole)
{
	const pl_mqtt_rules rules = { .version = side->how & NEWER ? PL_MQTT_5 : PL_MQTT_3,
				      .sender = PL_MQTT_CLIENT };
	const pl_buffer *sent = &side->memory.sent;
	uint8_t last = 0;
	size_t at = 0;

	while (at < sent->len) {
		pl_mqtt_packet packet;
		pl_mqtt_fault fault;
		pl_mqtt_head head;
		int used =
			pl_mqtt_head_decode(&head, &rules, sent->data + at, sent->len - at, &fault);

		FUZZ_CHECK(used >= 0);
		if (used == 0 || head.length > sent->len - at - (size_t)used) {
			FUZZ_CHECK(!whole);
			return;
		}
		FUZZ_CHECK(!pl_mqtt_packet_decode(&packet, &rules, &head, sent->data + at + used,
						  &fault));
		FUZZ_CHECK((packet.type == PL_MQTT_CONNECT) == (at == 0));
		FUZZ_CHECK(last != PL_MQTT_DISCONNECT);
		last = packet.type;
		at += (size_t)used + head.length;
	}
	note(side, sent->data, sent->len);
}

/* The end of a connection. */
static void cut(side *side)
{
	turn(side);
	if (side->how & END && !side->memory.stream.paused && !side->memory.stream.closing)
		pl_memory_end(&side->memory);
	turn(side);
	side->ended = true;
	if (!side->memory.closed)
		pl_stream_abort(&side->memory.stream, PL_ECONNRESET);
	for (int i = 0; i < 4; i++)
		pl_loop_turn(loop);
	FUZZ_CHECK(!side->dialled);
	side->ended = false;
	side->paused = false;
	look_at_output(side, !side->difficult);
	pl_memory_deinit(&side->memory);
}

static void begin(side *side, uint8_t how, bool difficult)
{
	const pl_mqtt_session_settings settings = { .version = how & NEWER ? PL_MQTT_5 : PL_MQTT_3,
						    .topic_aliases = how & LIMITS ? 2 : 0,
						    .publish_lost = how & LOST,
						    .limits = &limits };

	memset(side, 0, sizeof(*side));
	side->how = how;
	side->difficult = difficult;
	FUZZ_CHECK(!pl_mqtt_session_new(&side->session, loop, &settings, &events, side));
	publish(side, 1, true);
	publish(side, 2, true);
	dial(side);
	publish(side, 0, false);
	publish(side, 2, true);
	subscribe(side);
}

static void feed_pieces(side *side, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t len = fuzz_cut(&side->cuts, size);

		feed(side, data, len);
		if (side->difficult)
			turn(side);
		data += len;
		size -= len;
		if (side->difficult && !side->dialled) {
			cut(side);
			dial(side);
		}
	}
}

static void finish(side *side)
{
	cut(side);
	side->ended = true;
	pl_mqtt_session_free(side->session);
}

static void compare(const uint8_t *data, size_t size, uint8_t how)
{
	side whole, pieces;

	begin(&whole, how, false);
	feed(&whole, data, size);
	finish(&whole);
	begin(&pieces, how, false);
	pieces.cuts = fuzz_cuts_of(data, size);
	feed_pieces(&pieces, data, size);
	finish(&pieces);
	FUZZ_CHECK(whole.journal.len == pieces.journal.len);
	FUZZ_CHECK(memcmp(whole.journal.data, pieces.journal.data, whole.journal.len) == 0);
	pl_buffer_deinit(&whole.journal);
	pl_buffer_deinit(&pieces.journal);
}

static void be_difficult(const uint8_t *data, size_t size, uint8_t how)
{
	side side;

	begin(&side, how, true);
	side.cuts = fuzz_cuts_of(data, size);
	feed_pieces(&side, data, size);
	finish(&side);
	pl_buffer_deinit(&side.journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (!loop) {
		FUZZ_CHECK(!pl_loop_new(&loop));
		pl_loop_still(loop);
	}
	pl_limits_init(&limits);
	if (data[0] & LIMITS) {
		limits.message = 64;
		limits.in_flight = 1;
		limits.kept_messages = 256;
	}
	compare(data + 1, size - 1, data[0]);
	be_difficult(data + 1, size - 1, data[0]);
	return 0;
}
