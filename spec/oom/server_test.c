/*
 * Scenarios of a server in which the Nth allocation and all after it fail, for every N until the
 * scenario needs no more: nothing crashes, hangs or is lost.
 *
 * covers: server/server.c conn/conn.c ws/ws_session.c conn/conn_hixie.c
 * covers: conn/conn_sse.c server/event_post.c conn/conn_tcp.c tcp/tcp_session.c server/stranger.c
 */
#include "session/server_side.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "server/stranger.h"
#include "unit/codec/bytes.h"

enum { ATTEMPTS_MAX = 2000, POOL_TURNS = 500 };

typedef struct scenario {
	const char *name;
	bool (*play)(server_side *side); /* whether all came out right */
} scenario;

static char root[] = "/tmp/perilune-oom-XXXXXX";
static char file_path[sizeof(root) + 16];

static bool sent_begins(server_client *client, const char *text)
{
	pl_buffer *sent = &client->memory.sent;

	return sent->len >= strlen(text) && memcmp(sent->data, text, strlen(text)) == 0;
}

static bool sent_ends(server_client *client, const char *text, size_t len)
{
	pl_buffer *sent = &client->memory.sent;

	return sent->len >= len && memcmp(sent->data + sent->len - len, text, len) == 0;
}

#define SENT_ENDS(client, literal) sent_ends(client, literal, sizeof(literal) - 1)

static bool requests(server_side *side)
{
	server_client *client = server_side_dial(side, 0);

	SERVER_FEED(client, SERVER_SIDE_GET("/") "GET / HT");
	server_side_turn(side);
	SERVER_FEED(client, "TP/1.1\r\nHost: a\r\n\r\n" SERVER_SIDE_GET("/late"));
	server_side_turn(side);
	if (side->late)
		pl_exchange_answer(side->late, 200, "late");
	side->late = NULL;
	server_side_turn(side);
	return sent_begins(client, "HTTP/1.1 200 OK\r\n") && SENT_ENDS(client, "\r\n\r\nlate");
}

static bool upgrade_and_echo(server_side *side)
{
	server_client *client = server_side_dial(side, 0);

	SERVER_FEED(client, SERVER_SIDE_HANDSHAKE(""));
	server_side_turn(side);
	server_client_say(client, "echo hello");
	SERVER_FEED(client, "\x01\x82\0\0\0\0ec\x89\x81\0\0\0\0p\x80\x85\0\0\0\0ho");
	SERVER_FEED(client, " yo");
	server_side_turn(side);
	if (!SENT_ENDS(client, "\x81\x05hello\x8a\x01p\x81\x02yo"))
		return false;
	SERVER_FEED(client, "\x88\x82\0\0\0\0\x03\xe8");
	server_side_turn(side);
	return SENT_ENDS(client, "\x88\x02\x03\xe8") && client->memory.closed && !client->conn;
}

static bool broadcast(server_side *side)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	pl_reach reach = { 0 };

	for (int i = 0; i < 3; i++) {
		server_side_dial(side, i);
		side->clients[i].memory.room = i == 2 ? 200 : SIZE_MAX;
		SERVER_FEED(&side->clients[i], SERVER_SIDE_HANDSHAKE("X: 1\r\n"));
		server_client_say(&side->clients[i], "join room");
	}
	server_side_turn(side);
	for (int i = 0; i < 40; i++)
		if (pl_server_publish(side->server, PL_KIND_TEXT, PL_SLICE("to all of you"), 0,
				      &room, &reach) ||
		    reach.connections != 3)
			reach.connections = 0;
	server_side_turn(side);
	pl_memory_open(&side->clients[2].memory, SIZE_MAX);
	server_side_turn(side);
	for (int i = 0; i < 3; i++)
		if (!SENT_ENDS(&side->clients[i], "\x81\x0dto all of you"))
			return false;
	return reach.connections == 3;
}

static bool file_answer(server_side *side)
{
	server_client *client = server_side_dial(side, 0);

	SERVER_FEED(client, SERVER_SIDE_GET("/file.txt"));
	for (int i = 0; i < POOL_TURNS && !client->memory.closed; i++) {
		server_side_turn(side);
		if (SENT_ENDS(client, "of a file"))
			return true;
		usleep(100);
	}
	return false;
}

/* The script lets the connection in, and adds to the answer of its handshake. */
static bool ask_and_echo(server_side *side)
{
	const pl_http_field added = { PL_SLICE("X-Added"), PL_SLICE("1") };
	server_client *client;

	side->asks = 1 << PL_ASKS_ARRIVAL | 1 << PL_ASKS_HANDSHAKE;
	client = server_side_dial(side, 0);
	side->asks &= ~(1U << PL_ASKS_ARRIVAL);
	if (side->arrival)
		pl_arrival_end(side->arrival, side->arrived, PL_ARRIVAL_LET_IN);
	side->arrival = NULL;
	SERVER_FEED(client, SERVER_SIDE_HANDSHAKE(""));
	server_side_turn(side);
	side->asks = 0;
	if (side->upgrade)
		pl_upgrade_end(side->upgrade, 0, &added, 1);
	side->upgrade = NULL;
	server_side_turn(side);
	if (!SENT_ENDS(client, "X-Added: 1\r\n\r\n"))
		return false;
	server_client_say(client, "echo hello");
	server_side_turn(side);
	return SENT_ENDS(client, "\x81\x05hello");
}

#define HIXIE                                                                                      \
	"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"           \
	"Origin: http://a\r\nSec-WebSocket-Key1: 3e6b263  4 17 80\r\n"                             \
	"Sec-WebSocket-Key2: 17  9 G`ZD9   2 2b 7X 3 /r90\r\n\r\n"

/* The script is asked, the rest of the handshake comes late, and a broadcast has to wait. */
static bool hixie(server_side *side)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	server_client *client = server_side_dial(side, 0);
	pl_reach reach = { 0 };

	side->asks = 1 << PL_ASKS_HANDSHAKE;
	SERVER_FEED(client, HIXIE "WjN}");
	server_side_turn(side);
	side->asks = 0;
	if (side->upgrade)
		pl_upgrade_end(side->upgrade, 0, NULL, 0);
	side->upgrade = NULL;
	SERVER_FEED(client, "|M(6\0ec");
	server_side_turn(side);
	if (!SENT_ENDS(client, "\r\n\r\nn`9eBk9z$R8pOtVb"))
		return false;
	client->memory.room = 4;
	SERVER_FEED(client, "ho hello\xFF\0echo yo\xFF");
	server_side_turn(side);
	pl_server_publish(side->server, PL_KIND_TEXT, PL_SLICE("to all"), 0, &all, &reach);
	pl_server_publish(side->server, PL_KIND_BINARY, PL_SLICE("to none"), 0, &all, &reach);
	pl_memory_open(&client->memory, SIZE_MAX);
	server_side_turn(side);
	if (!SENT_ENDS(client, "\0hello\xFF\0yo\xFF\0to all\xFF"))
		return false;
	SERVER_FEED(client, "\xFF\0");
	server_side_turn(side);
	return SENT_ENDS(client, "\xFF\0") && client->memory.closed && !client->conn;
}

#define STREAM(path)                                                                               \
	"GET " path " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: "         \
	"6\r\n\r\n"

/* A message of a library's client, in pieces. */
static bool post(server_side *side, server_client *to, const char *fields)
{
	pl_buffer *sent = &to->memory.sent;
	const char *token = sent->len > 0 ? memmem(sent->data, sent->len, "\n\ndata: ", 8) : NULL;
	server_client *client = server_side_dial(side, 2);
	char request[256];
	int len;

	if (!token)
		return false;
	client->memory.sent.len = 0;
	len = snprintf(request, sizeof(request),
		       "POST /sgc/xhr/%.64s HTTP/1.1\r\nHost: a\r\n%s"
		       "Transfer-Encoding: chunked\r\n\r\n5\r\necho \r\n2\r\nhi\r\n0\r\n\r\n",
		       token + 8, fields);
	server_client_feed(client, request, (size_t)len);
	server_side_turn(side);
	return sent_begins(client, "HTTP/1.1 204 ");
}

/* One of a library's client, which also sends, and one that is slow. */
static bool event_streams(server_side *side)
{
	const pl_sse_fields fields = { .id = PL_SLICE("7"),
				       .event = PL_SLICE("said"),
				       .retry = -1 };
	const pl_audience room = { .channel = PL_SLICE("/room"), .fields = &fields };
	server_client *library = server_side_dial(side, 0);
	server_client *slow = server_side_dial(side, 1);
	pl_reach reach = { 0 };

	SERVER_FEED(library, STREAM("/room?sgc_transport=sse"));
	SERVER_FEED(slow, STREAM("/room"));
	server_side_turn(side);
	slow->memory.room = 4;
	if (!post(side, library, "") || !SENT_ENDS(library, "\n\ndata: hi\n\n"))
		return false;
	pl_server_publish(side->server, PL_KIND_TEXT, PL_SLICE("to all"), 0, &room, &reach);
	pl_server_publish(side->server, PL_KIND_BINARY, PL_SLICE("all"), 0, &room, &reach);
	pl_memory_open(&slow->memory, SIZE_MAX);
	server_side_turn(side);
	if (reach.connections != 2 ||
	    !SENT_ENDS(slow, "event: said\nid: 7\ndata: to all\n\n"
			     "event: said\nid: 7\ndata: sgc@b64:YWxs\n\n"))
		return false;
	if (!library->conn)
		return false;
	pl_conn_close(library->conn, 4000, PL_SLICE("bye"));
	pl_memory_end(&library->memory);
	server_side_turn(side);
	return SENT_ENDS(library, "event: sgc@close\ndata: 4000 bye\n\n") && !library->conn &&
	       library->memory.closed;
}

/* The script lets a stranger in, whose frames come in pieces; a broadcast has to wait. */
static bool plain_tcp(server_side *side)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	server_client *client;
	pl_reach reach = { 0 };

	pl_frame_end_set(&side->server->settings.frames, PL_FRAME_SCAN_ALL, PL_SLICE(";"));
	side->asks = 1 << PL_ASKS_STRANGER;
	client = server_side_dial(side, 0);
	SERVER_FEED(client, "ech");
	server_side_turn(side);
	side->asks = 0;
	if (side->stranger)
		pl_stranger_end(side->stranger, side->strange, true);
	side->stranger = NULL;
	SERVER_FEED(client, "o on");
	SERVER_FEED(client, "e;echo two;ec");
	SERVER_FEED(client, "ho three;");
	server_side_turn(side);
	if (!SENT_ENDS(client, "one;two;three;"))
		return false;
	client->memory.room = 4;
	pl_server_publish(side->server, PL_KIND_TEXT, PL_SLICE("to all"), 0, &all, &reach);
	pl_server_publish(side->server, PL_KIND_BINARY, PL_SLICE("bytes"), 0, &all, &reach);
	pl_memory_open(&client->memory, SIZE_MAX);
	server_side_turn(side);
	if (reach.connections != 1 || !SENT_ENDS(client, "three;to allbytes"))
		return false;
	pl_memory_end(&client->memory);
	server_side_turn(side);
	return client->memory.closed && !client->conn;
}

/* The end comes in the very turn of the handshake. */
static bool stop_at_once(server_side *side)
{
	server_client *client = server_side_dial(side, 0);

	SERVER_FEED(client, SERVER_SIDE_HANDSHAKE(""));
	return client->conn;
}

static const scenario scenarios[] = {
	{ "requests", requests },
	{ "upgrade, echo, close", upgrade_and_echo },
	{ "broadcast to three", broadcast },
	{ "a file", file_answer },
	{ "asked, echo", ask_and_echo },
	{ "Hixie-76", hixie },
	{ "event streams", event_streams },
	{ "plain TCP", plain_tcp },
	{ "stopped at once", stop_at_once },
};

static void prepare(server_side *side)
{
	server_side_init(side);
	side->settings.document_root = root;
	side->settings.hixie76 = true;
	side->settings.events = (pl_event_settings){ .enabled = true, .retry = 3000 };
}

/* True when nothing failed. */
static bool attempt(const scenario *row, uint64_t nth)
{
	int64_t live = pl_alloc_live();
	server_side side;
	bool right;

	prepare(&side);
	pl_alloc_fail_at(nth);
	right = server_side_start(&side) == PL_OK && row->play(&side);
	pl_alloc_fail_at(0);
	if (side.late)
		pl_exchange_abort(side.late, PL_ECANCELED);
	server_side_close(&side);
	assert_int_equal(pl_alloc_live(), live);
	return right && !side.broke_memory;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		uint64_t nth = 0;

		while (!attempt(&scenarios[i], ++nth))
			assert_true(nth < ATTEMPTS_MAX);
		assert_true(attempt(&scenarios[i], 0));
		print_message("%s: right from the %llu. allocation on\n", scenarios[i].name,
			      (unsigned long long)nth);
	}
}

/* Only one fails, and the program goes on: what comes later must be right again. */
static void a_server_recovers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++)
		for (uint64_t nth = 1; nth < 60; nth++) {
			server_side side;

			prepare(&side);
			assert_int_equal(server_side_start(&side), PL_OK);
			pl_alloc_fail_at(nth);
			scenarios[i].play(&side);
			pl_alloc_fail_at(0);
			server_side_turn(&side);
			side.late = NULL;
			server_side_dial(&side, 5);
			SERVER_FEED(&side.clients[5], SERVER_SIDE_HANDSHAKE(""));
			server_client_say(&side.clients[5], "echo again");
			server_side_turn(&side);
			assert_true(SENT_ENDS(&side.clients[5], "\x81\x05"
								"again"));
			server_side_close(&side);
		}
}

static int make_root(void **state)
{
	FILE *file;

	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(file_path, sizeof(file_path), "%s/file.txt", root);
	file = fopen(file_path, "w");
	if (!file)
		return -1;
	fputs("the text of a file", file);
	return fclose(file);
}

static int remove_root(void **state)
{
	(void)state;
	unlink(file_path);
	return rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_server_recovers),
	};

	pl_log_set_level(PL_LOG_ERROR);
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
