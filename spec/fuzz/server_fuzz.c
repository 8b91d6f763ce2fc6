/*
 * A whole server over streams in memory: one client sends the input (HTTP, an upgrade, frames), in
 * pieces; another has a WebSocket all the time and must be answered at the end. The first byte says
 * what happens meanwhile.
 */
#include "fuzz/fuzz.h"

#include "base/log.h"
#include "base/status.h"
#include "codec/ws_frame.h"
#include "net/memory.h"
#include "server/reach.h"
#include "server/server.h"

enum {
	BLOCK = 1,
	PAUSE = 2,
	LATE = 4,
	END = 8,
	CLOSE = 16,
	STOP = 32,
	PUBLISH = 64,
	DEFLATE = 128
};
enum { ROOM = 256, TURNS = 32 };

typedef struct fuzz_server {
	pl_server *server;
	pl_memory hostile;
	pl_memory friendly;
	pl_exchange *late;
	pl_conn *arrived; /* the hostile one, until it is let in */
	pl_arrival *arrival;
	pl_upgrade *upgrade;
	pl_conn *paused; /* the hostile one, while its owner does not want messages */
	uint8_t how;
	uint32_t sessions;
	int stopped;
} fuzz_server;

static const char handshake[] =
	"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char question[] = "\x81\x82\0\0\0\0?!";
static const char answer[] = "\x81\x02?!";

static pl_loop *loop;

static fuzz_server *side_of(pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

/* The script's side. */

static void publish(fuzz_server *side, pl_slice text)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	pl_reach reach;

	FUZZ_CHECK(!pl_server_publish(side->server, PL_KIND_BINARY, text, 100, &room, &reach));
	FUZZ_CHECK(reach.connections <= side->sessions);
}

static void on_connect(pl_conn *conn)
{
	fuzz_server *side = side_of(conn);

	side->sessions++;
	FUZZ_CHECK(pl_conn_is_open(conn));
	FUZZ_CHECK(pl_server_find(side->server, &conn->info->guid) == conn);
	FUZZ_CHECK(!pl_server_subscribe(conn, PL_SLICE("room")));
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	fuzz_server *side = side_of(conn);

	FUZZ_CHECK(pl_conn_is_open(conn));
	FUZZ_CHECK(side->paused != conn);
	pl_conn_write(conn, kind, data, len, 0);
	if (conn->stream != &side->hostile.stream)
		return;
	if (side->how & PUBLISH)
		publish(side, pl_slice_make((const char *)data, len));
	if (side->how & CLOSE && len % 8 == 5)
		pl_conn_close(conn, 1000, PL_SLICE("five"));
	else if (side->how & CLOSE && len % 8 == 6)
		pl_conn_disconnect(conn, 1000, PL_SLICE("six"));
	else if (side->how & PAUSE) {
		pl_conn_pause(conn, true);
		side->paused = conn;
	}
}

static void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	(void)payload;
	FUZZ_CHECK(len <= PL_WS_CONTROL_MAX && conn->stream);
}

static void on_drain(pl_conn *conn)
{
	FUZZ_CHECK(pl_conn_is_open(conn));
}

static void on_disconnect(pl_conn *conn, bool session, uint16_t code, pl_slice reason)
{
	fuzz_server *side = side_of(conn);

	(void)code, (void)reason;
	side->sessions -= session;
	if (side->arrived == conn)
		side->arrived = NULL;
	if (side->paused == conn)
		side->paused = NULL;
}

static void late_data(void *owner, pl_exchange *exchange, const uint8_t *data, size_t len)
{
	(void)owner, (void)exchange, (void)data, (void)len;
}

static void late_event(void *owner, pl_exchange *exchange)
{
	(void)owner, (void)exchange;
}

static void late_aborted(void *owner, pl_exchange *exchange, int status)
{
	fuzz_server *side = owner;

	(void)status;
	FUZZ_CHECK(side->late == exchange);
	side->late = NULL;
}

static const pl_exchange_events late_events = {
	.data = late_data, .end = late_event, .drain = late_event, .aborted = late_aborted
};

static void on_request(pl_conn *conn, pl_exchange *exchange)
{
	fuzz_server *side = side_of(conn);

	if (side->how & LATE) {
		FUZZ_CHECK(!side->late);
		side->late = exchange;
		pl_exchange_own(exchange, &late_events, side);
	} else {
		pl_server_serve(side->server, exchange);
	}
}

/* The friendly client is there before anybody is asked. */
static bool asks(pl_server *server, enum pl_question what)
{
	const fuzz_server *side = server->binding;
	const unsigned known =
		1 << PL_ASKS_ARRIVAL | 1 << PL_ASKS_STRANGER | 1 << PL_ASKS_HANDSHAKE;

	return known >> what & 1 && side->how & LATE && side->sessions > 0;
}

/* Half of them are let in. */
static void on_stranger(pl_conn *conn, pl_stranger *stranger, pl_slice said)
{
	FUZZ_CHECK(said.len > 0);
	pl_stranger_end(stranger, conn, said.at[0] & 1);
}

static void on_arrived(pl_conn *conn, pl_arrival *arrival)
{
	fuzz_server *side = side_of(conn);

	FUZZ_CHECK(!side->arrival);
	side->arrived = conn;
	side->arrival = arrival;
}

/* One at a time: whoever asks again while the answer to the last one, which came to nothing, is
 * due gets his at once. */
static void on_handshake(pl_conn *conn, pl_upgrade *upgrade)
{
	fuzz_server *side = side_of(conn);
	pl_conn_ws_answer said;

	FUZZ_CHECK(pl_conn_info_url(conn->info).len > 0);
	FUZZ_CHECK(!pl_upgrade_answer(upgrade, &said) && said.count >= 3);
	if (side->upgrade)
		FUZZ_CHECK(!pl_upgrade_end(upgrade, 403, NULL, 0));
	else
		side->upgrade = upgrade;
}

static void on_error(pl_conn *conn, int status, const char *message)
{
	FUZZ_CHECK(conn->info && status < 0 && message[0]);
}

/* What was left open is answered. */
static void decide(fuzz_server *side)
{
	static const pl_http_field added = { PL_SLICE("X-Late"), PL_SLICE("1") };
	pl_arrival *arrival = side->arrival;
	pl_upgrade *upgrade = side->upgrade;

	side->arrival = NULL;
	side->upgrade = NULL;
	if (arrival)
		pl_arrival_end(arrival, side->arrived, PL_ARRIVAL_LET_IN);
	side->arrived = NULL;
	if (upgrade)
		FUZZ_CHECK(!pl_upgrade_end(upgrade, side->how & CLOSE ? 403 : 0, &added, 1));
}

static void on_stopped(pl_server *server)
{
	((fuzz_server *)server->binding)->stopped++;
}

static const pl_server_events events = { .asks = asks,
					 .arrived = on_arrived,
					 .stranger = on_stranger,
					 .handshake = on_handshake,
					 .error = on_error,
					 .connect = on_connect,
					 .message = on_message,
					 .pong = on_pong,
					 .drain = on_drain,
					 .disconnect = on_disconnect,
					 .request = on_request,
					 .stopped = on_stopped };

/* The clients. */

static void turn(fuzz_server *side)
{
	pl_exchange *late = side->late;
	pl_conn *paused = side->paused;

	pl_loop_turn(loop);
	decide(side);
	if (side->late && side->late == late) {
		side->late = NULL;
		pl_exchange_answer(late, 200, "late");
	}
	if (side->paused && side->paused == paused) {
		side->paused = NULL;
		pl_conn_pause(paused, false);
	}
	if (side->hostile.room != SIZE_MAX)
		pl_memory_open(&side->hostile, ROOM);
	pl_loop_turn(loop);
}

static void feed(fuzz_server *side, const uint8_t *data, size_t len)
{
	for (int i = 0; i < TURNS && !side->hostile.stream.closing; i++) {
		if (pl_memory_feed(&side->hostile, data, len))
			break;
		turn(side);
	}
}

static void send_all(fuzz_server *side, const uint8_t *data, size_t size)
{
	fuzz_cuts cuts = fuzz_cuts_of(data, size);

	while (size > 0) {
		size_t len = fuzz_cut(&cuts, size);

		feed(side, data, len);
		if (len % 2)
			turn(side);
		data += len;
		size -= len;
	}
	turn(side);
	if (side->how & END && !side->hostile.stream.paused)
		pl_memory_end(&side->hostile);
	turn(side);
}

static void greet(fuzz_server *side)
{
	pl_server_adopt(side->server, &side->friendly.stream);
	FUZZ_CHECK(pl_memory_feed(&side->friendly, handshake, sizeof(handshake) - 1));
	pl_loop_turn(loop);
	FUZZ_CHECK(side->sessions == 1);
}

/* The other client is still served. */
static void ask(fuzz_server *side)
{
	const pl_buffer *sent = &side->friendly.sent;

	FUZZ_CHECK(pl_memory_feed(&side->friendly, question, sizeof(question) - 1));
	pl_loop_turn(loop);
	FUZZ_CHECK(sent->len > sizeof(answer) - 1);
	FUZZ_CHECK(memcmp(sent->data + sent->len - (sizeof(answer) - 1), answer,
			  sizeof(answer) - 1) == 0);
}

static void stop(fuzz_server *side)
{
	pl_server_stop(side->server);
	for (int i = 0; i < TURNS && !side->stopped; i++) {
		pl_loop_turn(loop);
		pl_loop_skip(loop, 5000);
	}
	decide(side);
	FUZZ_CHECK(side->stopped == 1);
	FUZZ_CHECK(side->sessions == 0 && pl_server_count(side->server) == 0);
	FUZZ_CHECK(!side->late && !side->paused);
	FUZZ_CHECK(side->hostile.closed && side->friendly.closed);
}

static void begin(fuzz_server *side, uint8_t how)
{
	pl_server_settings settings = { .software = PL_SLICE("Perilune"),
					.heartbeat = { 25000, 25000, PL_HEARTBEAT_ALWAYS },
					.deflate = { .enabled = how & DEFLATE,
						     .terms = { .server_window = 15,
								.client_window = 15 },
						     .mem_level = 1,
						     .level = 1 } };

	memset(side, 0, sizeof(*side));
	side->how = how;
	pl_limits_init(&settings.limits);
	settings.hixie76 = true;
	settings.limits.message = 4096;
	settings.limits.send_queue = 16384;
	settings.limits.high_water = 2048;
	settings.limits.low_water = 512;
	FUZZ_CHECK(!pl_server_new(&side->server, loop, &settings, &events, side));
	pl_memory_init(&side->hostile, loop);
	pl_memory_init(&side->friendly, loop);
	if (how & BLOCK)
		side->hostile.room = ROOM;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_server side;

	if (size == 0)
		return 0;
	if (!loop) {
		pl_log_set_level(PL_LOG_ERROR);
		FUZZ_CHECK(!pl_loop_new(&loop));
	}
	begin(&side, data[0]);
	greet(&side);
	pl_server_adopt(side.server, &side.hostile.stream);
	send_all(&side, data + 1, size - 1);
	if (!(data[0] & STOP))
		ask(&side);
	stop(&side);
	pl_server_free(side.server);
	pl_memory_deinit(&side.hostile);
	pl_memory_deinit(&side.friendly);
	return 0;
}
