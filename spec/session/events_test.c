/*
 * Event streams of a server, in memory: who gets one, what goes out, what comes by requests.
 *
 * covers: server/events.c server/event_post.c conn/conn_sse.c sse/sse_session.c
 */
#include "session/server_side.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define STREAM(path, fields)                                                                       \
	"GET " path " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n" fields "\r\n"
#define OF_LIBRARY "?sgc_transport=sse"

static void open_server(server_side *side)
{
	server_side_init(side);
	side->settings.events = (pl_event_settings){ .enabled = true, .retry = 3000 };
}

static void start(server_side *side)
{
	assert_int_equal(server_side_start(side), PL_OK);
}

static const char *sent(server_side *side, int index)
{
	server_side_turn(side);
	return ws_words_take(&side->clients[index].memory.sent);
}

/* What follows the head. */
static const char *body(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* A stream is open, and gave nothing but its begin. */
static void expect_open(server_side *side, int index)
{
	const char *answer = sent(side, index);

	assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(answer, "\r\nContent-Type: text/event-stream\r\n"));
	assert_null(strstr(answer, "Content-Length"));
	assert_null(strstr(answer, "chunked"));
	assert_string_equal(body(answer), "retry: 3000\n\n");
	assert_string_equal(ws_words_take(&side->clients[index].journal), "open ");
}

/* A stream of our library; its token. */
static const char *open_for_library(server_side *side, int index)
{
	static char token[64 + 1];
	const char *begin;

	SERVER_FEED(server_side_dial(side, index), STREAM("/news" OF_LIBRARY, ""));
	begin = body(sent(side, index));
	assert_memory_equal(begin, "retry: 3000\n\ndata: ", 19);
	memcpy(token, begin + 19, 64);
	assert_string_equal(begin + 19 + 64, "\n\n");
	assert_string_equal(ws_words_take(&side->clients[index].journal), "open ");
	return token;
}

static int post(server_side *side, int index, const char *token, const char *fields,
		const char *message)
{
	char request[1024];
	int len =
		snprintf(request, sizeof(request),
			 "POST /sgc/xhr/%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s",
			 token, fields, strlen(message), message);

	assert_true(server_client_feed(&side->clients[index], request, (size_t)len));
	return atoi(sent(side, index) + 9);
}

static void publish(server_side *side, enum pl_kind kind, pl_slice text, const char *channel,
		    const pl_sse_fields *fields)
{
	const pl_audience audience = { .channel = { channel, strlen(channel) }, .fields = fields };
	pl_reach reach;

	assert_int_equal(pl_server_publish(side->server, kind, text, 0, &audience, &reach), PL_OK);
}

/* Who gets one. */

static void who_asks_gets_one(void **state)
{
	static const char *const yes[] = {
		STREAM("/", ""),
		STREAM("/a/b?c=d", ""),
		"GET / HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: a/b, TEXT/Event-Stream;q=0.5\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: a/b\r\nAccept: text/event-stream\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream;q=0.001\r\n\r\n",
	};
	static const char *const no[] = {
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/*\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-streams\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream;q=0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream; q=0.00\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream;x=1;Q=0.\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
		"Accept: text/event-stream\r\n\r\n",
	};
	server_side side;

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++) {
		open_server(&side);
		start(&side);
		server_client_feed(server_side_dial(&side, 0), yes[i], strlen(yes[i]));
		expect_open(&side, 0);
		server_side_close(&side);
	}
	for (size_t i = 0; i < COUNT(no); i++) {
		open_server(&side);
		start(&side);
		server_client_feed(server_side_dial(&side, 0), no[i], strlen(no[i]));
		assert_string_equal(body(sent(&side, 0)), "hello");
		server_side_close(&side);
	}
}

static void turned_off_there_are_none(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	side.settings.events.enabled = false;
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
	assert_string_equal(body(sent(&side, 0)), "hello");
	assert_int_equal(post(&side, 0, "x", "", ""), 404);
	server_side_close(&side);
}

static void a_head_alone(void **state)
{
	server_side side;
	const char *answer;

	(void)state;
	open_server(&side);
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0),
		    "HEAD / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
	answer = sent(&side, 0);
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	assert_non_null(strstr(answer, "\r\nContent-Type: text/event-stream\r\n"));
	assert_string_equal(body(answer), "");
	assert_string_equal(ws_words_take(&side.clients[0].journal), "");
	SERVER_FEED(&side.clients[0], STREAM("/", "")); /* the connection goes on */
	expect_open(&side, 0);
	server_side_close(&side);
}

static void what_is_refused(void **state)
{
	static const pl_slice origins[] = { { "https://a.example", 17 } };
	static const pl_slice protocols[] = { { "chat", 4 } };
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{ STREAM("/", "Origin: https://b.example\r\n"), 403 },
		{ STREAM("/", "Origin: null\r\n"), 403 },
		{ STREAM("/%zz", ""), 400 },
		{ STREAM("/?sgc_protocol=other", ""), 400 },
		{ STREAM("/", "Content-Length: 1\r\n") "x", 400 },
		{ STREAM("/", "Transfer-Encoding: chunked\r\n") "0\r\n\r\n", 400 },
		{ STREAM("/", "Origin: https://a.example\r\n"), 200 },
		{ STREAM("/", ""), 200 },
		{ STREAM("/?sgc_protocol=other&sgc_protocol=chat", ""), 200 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		server_side side;
		const char *answer;

		open_server(&side);
		side.settings.origins = origins;
		side.settings.origin_count = 1;
		side.settings.protocols = protocols;
		side.settings.protocol_count = 1;
		start(&side);
		server_client_feed(server_side_dial(&side, 0), rows[i].request,
				   strlen(rows[i].request));
		answer = sent(&side, 0);
		assert_int_equal(atoi(answer + 9), rows[i].status);
		assert_int_equal(strstr(answer, "Access-Control-Allow-Origin: "
						"https://a.example\r\nVary: Origin\r\n") != NULL,
				 strstr(rows[i].request, "a.example") != NULL);
		assert_int_equal(side.errors, rows[i].status != 200);
		server_side_close(&side);
	}
}

static void a_path_that_is_too_long(void **state)
{
	server_side side;
	char request[2048] = "GET /";

	(void)state;
	open_server(&side);
	start(&side);
	memset(request + 5, 'a', 1024);
	strcat(request, " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
	server_client_feed(server_side_dial(&side, 0), request, strlen(request));
	assert_int_equal(atoi(sent(&side, 0) + 9), 414);
	server_side_close(&side);
}

/* What goes out. */

static void the_path_is_the_channel(void **state)
{
	server_side side;
	static const char *const requests[] = {
		STREAM("/news?x=1", ""),
		STREAM("/n%65ws", ""),
		STREAM("/sgc/auth/url/me/secret/news", ""),
		STREAM("/sgc/auth/session/token/news", ""),
		STREAM("/sgc/auth/url/me/secret", ""),
	};

	(void)state;
	open_server(&side);
	start(&side);
	for (int i = 0; i < 5; i++) {
		server_client_feed(server_side_dial(&side, i), requests[i], strlen(requests[i]));
		expect_open(&side, i);
	}
	publish(&side, PL_KIND_TEXT, PL_SLICE("a"), "/news", NULL);
	publish(&side, PL_KIND_TEXT, PL_SLICE("b"), "/", NULL);
	for (int i = 0; i < 4; i++)
		assert_string_equal(sent(&side, i), "data: a\n\n");
	assert_string_equal(sent(&side, 4), "data: b\n\n");
	server_side_close(&side);
}

static void a_subprotocol_is_chosen(void **state)
{
	static const pl_slice protocols[] = { { "chat", 4 }, { "log", 3 } };
	const pl_audience log = { .protocol = PL_SLICE("log") };
	server_side side;
	pl_reach reach;

	(void)state;
	open_server(&side);
	side.settings.protocols = protocols;
	side.settings.protocol_count = 2;
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/?sgc_protocol=log&sgc_protocol=chat", ""));
	SERVER_FEED(server_side_dial(&side, 1), STREAM("/log", ""));
	SERVER_FEED(server_side_dial(&side, 2), STREAM("/?sgc_protocol=%63hat", ""));
	for (int i = 0; i < 3; i++)
		expect_open(&side, i);
	assert_int_equal(
		pl_server_publish(side.server, PL_KIND_TEXT, PL_SLICE("x"), 0, &log, &reach),
		PL_OK);
	assert_string_equal(sent(&side, 0), "data: x\n\n");
	assert_string_equal(sent(&side, 1), "data: x\n\n");
	assert_string_equal(sent(&side, 2), "");
	server_side_close(&side);
}

static void fields_go_to_event_streams_alone(void **state)
{
	const pl_sse_fields fields = { PL_SLICE("7"), PL_SLICE("note"), -1 };
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
	SERVER_FEED(server_side_dial(&side, 1), SERVER_SIDE_HANDSHAKE(""));
	expect_open(&side, 0);
	sent(&side, 1);
	publish(&side, PL_KIND_TEXT, PL_SLICE("x"), "", &fields);
	assert_string_equal(sent(&side, 0), "event: note\nid: 7\ndata: x\n\n");
	assert_string_equal(sent(&side, 1), "\x81\x01x");
	publish(&side, PL_KIND_BINARY, PL_SLICE("\xff"), "", NULL);
	assert_string_equal(sent(&side, 0), "event: sgc@binary\ndata: sgc@b64:/w==\n\n");
	server_side_close(&side);
}

/* A text of one user must not become fields for the others, unless the script wants that. */
static void a_text_is_a_text(void **state)
{
	const pl_sse_fields fields = { .event = PL_SLICE("message"), .retry = -1 };

	(void)state;
	for (int raw = 0; raw < 2; raw++) {
		server_side side;

		open_server(&side);
		side.settings.events.raw_fields = raw;
		start(&side);
		SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
		expect_open(&side, 0);
		publish(&side, PL_KIND_TEXT, PL_SLICE("event: e\ndata: x"), "", NULL);
		assert_string_equal(sent(&side, 0), raw ? "event: e\ndata: x\n\n"
							: "data: event: e\ndata: data: x\n\n");
		assert_int_equal(pl_conn_write(side.clients[0].conn, PL_KIND_TEXT, "id: 1", 5, 0),
				 PL_OK);
		assert_string_equal(sent(&side, 0), raw ? "id: 1\n\n" : "data: id: 1\n\n");
		publish(&side, PL_KIND_TEXT, PL_SLICE("data: x"), "", &fields);
		assert_string_equal(sent(&side, 0), "event: message\ndata: data: x\n\n");
		server_side_close(&side);
	}
}

static void the_heartbeat_is_a_comment(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	side.settings.heartbeat = (pl_heartbeat){ 1000, 500, PL_HEARTBEAT_IF_NO_MESSAGE };
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
	expect_open(&side, 0);
	for (int i = 0; i < 4; i++) { /* nobody answers, and nobody is dropped */
		pl_loop_skip(side.loop, 1000);
		assert_string_equal(sent(&side, 0), ":\n\n");
	}
	assert_int_equal(pl_conn_ping(side.clients[0].conn, NULL, 0), PL_OK);
	assert_string_equal(sent(&side, 0), ":\n\n");
	assert_int_equal(pl_conn_ping(side.clients[0].conn, "x", 1), PL_ENOTSUP);
	assert_int_equal(pl_conn_demand(side.clients[0].conn, 100), PL_ENOTSUP);
	side.clients[0].memory.room = 0;
	assert_int_equal(pl_conn_write(side.clients[0].conn, PL_KIND_TEXT, "x", 1, 0), PL_OK);
	server_side_turn(&side);
	pl_loop_skip(side.loop, 1000); /* none behind what waits */
	server_side_turn(&side);
	pl_memory_open(&side.clients[0].memory, SIZE_MAX);
	assert_string_equal(sent(&side, 0), "data: x\n\n");
	server_side_close(&side);
}

static void a_slow_client_is_waited_for(void **state)
{
	static char text[600];
	server_side side;
	pl_conn *conn;

	(void)state;
	open_server(&side);
	side.settings.limits.high_water = 1024;
	side.settings.limits.low_water = 100;
	side.settings.limits.send_queue = 4096;
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
	expect_open(&side, 0);
	conn = side.clients[0].conn;
	side.clients[0].memory.room = 0;
	memset(text, 'x', sizeof(text));
	assert_int_equal(pl_conn_write(conn, PL_KIND_TEXT, text, sizeof(text), 0), PL_OK);
	assert_int_equal(pl_conn_write(conn, PL_KIND_TEXT, text, sizeof(text), 0), PL_BUFFERED);
	pl_memory_open(&side.clients[0].memory, SIZE_MAX);
	assert_int_equal(strlen(sent(&side, 0)), 2 * (sizeof(text) + 8));
	assert_string_equal(ws_words_take(&side.clients[0].journal), "drain ");
	side.clients[0].memory.room = 0;
	for (int i = 0; i < 6; i++)
		assert_true(pl_conn_write(conn, PL_KIND_TEXT, text, sizeof(text), 0) >= 0);
	assert_int_equal(pl_conn_write(conn, PL_KIND_TEXT, text, sizeof(text), 0), PL_ELIMIT);
	server_side_turn(&side);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "closed:1006 ");
	server_side_close(&side);
}

/* The end. */

static void a_client_leaves(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	SERVER_FEED(server_side_dial(&side, 0), STREAM("/", ""));
	expect_open(&side, 0);
	SERVER_FEED(&side.clients[0], SERVER_SIDE_GET("/")); /* it is no request any more */
	assert_string_equal(sent(&side, 0), "");
	pl_memory_end(&side.clients[0].memory);
	server_side_turn(&side);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "closed:1000 ");
	assert_int_equal(pl_server_count(side.server), 0);
	server_side_close(&side);
}

static void the_server_closes(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	open_for_library(&side, 0);
	SERVER_FEED(server_side_dial(&side, 1), STREAM("/", ""));
	expect_open(&side, 1);
	open_for_library(&side, 2);
	pl_conn_close(side.clients[0].conn, 4000, PL_SLICE("that's\nit"));
	pl_conn_close(side.clients[1].conn, 4000, PL_SLICE("that's it"));
	pl_conn_disconnect(side.clients[2].conn, 0, PL_SLICE(""));
	assert_string_equal(sent(&side, 0), "event: sgc@close\ndata: 4000 that's\ndata: it\n\n");
	assert_string_equal(sent(&side, 1), "");
	assert_string_equal(sent(&side, 2), "event: sgc@close\ndata: 1005 \n\n");
	for (int i = 0; i < 3; i++) {
		assert_true(side.clients[i].memory.stream.closing);
		pl_memory_end(&side.clients[i].memory);
	}
	server_side_turn(&side);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "closed:4000 ");
	assert_string_equal(ws_words_take(&side.clients[1].journal), "closed:4000 ");
	assert_string_equal(ws_words_take(&side.clients[2].journal), "closed:1000 ");
	server_side_close(&side);
}

static void what_is_blocked_does_not_hold_up_the_end(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	open_for_library(&side, 0);
	side.clients[0].memory.room = 0;
	pl_conn_write(side.clients[0].conn, PL_KIND_TEXT, "x", 1, 0);
	server_side_turn(&side);
	pl_conn_disconnect(side.clients[0].conn, 4000, PL_SLICE("bye"));
	server_side_turn(&side);
	assert_true(side.clients[0].memory.closed);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "closed:1000 ");
	assert_string_equal(sent(&side, 0), "");
	server_side_close(&side);
}

/* Its clients shall come back to the next one: no word, and no answer but 200. */
static void the_server_stops(void **state)
{
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	open_for_library(&side, 0);
	server_side_dial(&side, 1);
	pl_server_stop(side.server);
	SERVER_FEED(&side.clients[1], STREAM("/", ""));
	assert_string_equal(sent(&side, 0), "");
	assert_string_equal(sent(&side, 1), "");
	assert_string_equal(ws_words_take(&side.clients[1].journal), "");
	server_side_close(&side);
}

/* What comes by requests. */

static void a_library_sends(void **state)
{
	char token[65];
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	strcpy(token, open_for_library(&side, 0));
	server_side_dial(&side, 1);
	assert_int_equal(post(&side, 1, token, "", "a"), 204);
	assert_int_equal(post(&side, 1, token, "Content-Type: text/plain\r\n", "b"), 204);
	assert_int_equal(post(&side, 1, token, "", ""), 204);
	assert_int_equal(post(&side, 1, token, "", "\xff"), 400);
	assert_int_equal(
		post(&side, 1, token, "Content-Type: application/octet-stream;x=y\r\n", "\xff"),
		204);
	assert_string_equal(ws_words_take(&side.clients[0].journal),
			    "text:a text:b text: text:\xff ");
	assert_int_equal(post(&side, 1, token, "", "echo hi"), 204);
	assert_string_equal(sent(&side, 0), "data: hi\n\n");
	pl_conn_pause(side.clients[0].conn, true);
	assert_int_equal(post(&side, 1, token, "", "a"), 503);
	pl_conn_pause(side.clients[0].conn, false);
	assert_int_equal(post(&side, 1, token, "", "a"), 204);
	pl_memory_end(&side.clients[0].memory);
	server_side_turn(&side);
	assert_int_equal(post(&side, 1, token, "", "a"), 404);
	server_side_close(&side);
}

static void nobody_else_sends(void **state)
{
	char token[65], guid[PL_GUID_TEXT + 1] = { 0 };
	server_side side;

	(void)state;
	open_server(&side);
	start(&side);
	strcpy(token, open_for_library(&side, 0));
	SERVER_FEED(server_side_dial(&side, 1), STREAM("/", ""));
	SERVER_FEED(server_side_dial(&side, 2), SERVER_SIDE_HANDSHAKE(""));
	server_side_turn(&side);
	server_side_dial(&side, 3);
	for (int i = 0; i < 3; i++) {
		pl_guid_encode(guid, &side.clients[i].conn->info->guid);
		assert_int_equal(post(&side, 3, guid, "", "a"), 404);
		ws_words_take(&side.clients[i].journal);
	}
	token[63] = token[63] == '0' ? '1' : '0';
	assert_int_equal(post(&side, 3, token, "", "a"), 404);
	assert_int_equal(post(&side, 3, "", "", "a"), 404);
	SERVER_FEED(&side.clients[3], "GET /sgc/xhr/x HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(strstr(sent(&side, 3), "\r\nAllow: POST, OPTIONS\r\n"));
	for (int i = 0; i < 3; i++)
		assert_string_equal(ws_words_take(&side.clients[i].journal), "");
	server_side_close(&side);
}

static void a_body_has_a_limit(void **state)
{
	char request[256];
	char token[65];
	server_side side;

	(void)state;
	open_server(&side);
	side.settings.limits.body = 4;
	start(&side);
	strcpy(token, open_for_library(&side, 0));
	server_side_dial(&side, 1);
	assert_int_equal(post(&side, 1, token, "", "12345"), 413);
	assert_int_equal(post(&side, 1, token, "", "1234"), 204);
	snprintf(request, sizeof(request),
		 "POST /sgc/xhr/%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n",
		 token);
	server_client_feed(&side.clients[1], request, strlen(request));
	assert_int_equal(atoi(sent(&side, 1) + 9), 413);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "text:1234 ");
	server_side_dial(&side, 2); /* and one that breaks off */
	snprintf(request, sizeof(request),
		 "POST /sgc/xhr/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12", token);
	server_client_feed(&side.clients[2], request, strlen(request));
	pl_memory_end(&side.clients[2].memory);
	server_side_turn(&side);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "");
	server_side_close(&side);
}

static void pages_of_other_origins(void **state)
{
	static const pl_slice origins[] = { { "https://a.example", 17 } };
	char token[65];
	server_side side;
	const char *answer;

	(void)state;
	open_server(&side);
	side.settings.origins = origins;
	side.settings.origin_count = 1;
	start(&side);
	strcpy(token, open_for_library(&side, 0));
	server_side_dial(&side, 1);
	assert_int_equal(post(&side, 1, token, "Origin: https://b.example\r\n", "a"), 403);
	assert_int_equal(post(&side, 1, token, "Origin: https://a.example\r\n", "b"), 204);
	assert_string_equal(ws_words_take(&side.clients[0].journal), "text:b ");
	SERVER_FEED(&side.clients[1], "OPTIONS /sgc/xhr/x HTTP/1.1\r\nHost: a\r\n"
				      "Origin: https://a.example\r\n\r\n");
	answer = sent(&side, 1);
	assert_memory_equal(answer, "HTTP/1.1 204 ", 13);
	assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
	assert_non_null(strstr(answer, "\r\nAccess-Control-Allow-Methods: POST\r\n"));
	server_side_close(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_gets_one),
		cmocka_unit_test(turned_off_there_are_none),
		cmocka_unit_test(a_head_alone),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_path_that_is_too_long),
		cmocka_unit_test(the_path_is_the_channel),
		cmocka_unit_test(a_subprotocol_is_chosen),
		cmocka_unit_test(fields_go_to_event_streams_alone),
		cmocka_unit_test(a_text_is_a_text),
		cmocka_unit_test(the_heartbeat_is_a_comment),
		cmocka_unit_test(a_slow_client_is_waited_for),
		cmocka_unit_test(a_client_leaves),
		cmocka_unit_test(the_server_closes),
		cmocka_unit_test(what_is_blocked_does_not_hold_up_the_end),
		cmocka_unit_test(the_server_stops),
		cmocka_unit_test(a_library_sends),
		cmocka_unit_test(nobody_else_sends),
		cmocka_unit_test(a_body_has_a_limit),
		cmocka_unit_test(pages_of_other_origins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
