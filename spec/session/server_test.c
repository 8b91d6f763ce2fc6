/*
 * A server over streams in memory: who receives what is published, who is let in, how it stops.
 *
 * covers: server/publish.c server/texts.c server/site.c
 */
#include "session/server_side.h"

#include "base/embedded.h"
#include "base/log.h"
#include "unit/codec/bytes.h"

static const pl_guid nobody;

static void open_side(server_side *side)
{
	server_side_init(side);
	assert_int_equal(server_side_start(side), PL_OK);
}

/* Open sessions, 0 to count - 1. */
static void open_sessions(server_side *side, int count)
{
	open_side(side);
	for (int i = 0; i < count; i++) {
		server_client *client = server_side_dial(side, i);

		assert_true(SERVER_FEED(client, SERVER_SIDE_HANDSHAKE("")));
		assert_string_equal(server_client_journal(client), "open ");
	}
	server_side_turn(side);
	for (int i = 0; i < count; i++)
		pl_buffer_deinit(&side->clients[i].memory.sent);
}

static const pl_guid *guid_of(server_side *side, int index)
{
	return &side->clients[index].conn->info->guid;
}

static uint32_t publish(server_side *side, const char *text, const pl_audience *audience)
{
	pl_reach reach;

	assert_int_equal(pl_server_publish(side->server, PL_KIND_TEXT,
					   pl_slice_make(text, strlen(text)), 0, audience, &reach),
			 PL_OK);
	server_side_turn(side);
	return reach.connections;
}

/* Who got the text "x" and nothing else, as a word like "ac". */
static const char *receivers(server_side *side)
{
	static char names[SERVER_SIDE_CLIENTS + 1];
	size_t count = 0;

	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++) {
		if (side->clients[i].memory.sent.len == 0)
			continue;
		assert_string_equal(ws_words_sent(&side->clients[i].memory.sent, false), "text:x ");
		names[count++] = (char)('a' + i);
	}
	names[count] = '\0';
	return names;
}

static const char *sent_text(server_client *client)
{
	return ws_words_take(&client->memory.sent);
}

/* Publishing. */

static void an_audience_is_chosen(void **state)
{
	server_side side;

	(void)state;
	open_sessions(&side, 4);
	for (int i = 0; i < 3; i++)
		server_client_say(&side.clients[i], "join room");
	server_client_say(&side.clients[0], "join room"); /* again */
	server_client_say(&side.clients[3], "join other");

	pl_guid two[] = { *guid_of(&side, 0), *guid_of(&side, 3) };
	pl_guid twice[] = { *guid_of(&side, 1), *guid_of(&side, 1), nobody };
	const struct {
		const char *receivers;
		pl_audience audience;
	} rows[] = {
		{ "abcd", { .channel = { NULL, 0 } } },
		{ "abc", { .channel = PL_SLICE("room") } },
		{ "", { .channel = PL_SLICE("nowhere") } },
		{ "", { .channel = PL_SLICE("roo") } },
		{ "bc", { .exclude = two, .exclude_count = 2 } },
		{ "bc", { .channel = PL_SLICE("room"), .exclude = two, .exclude_count = 2 } },
		{ "abcd", { .exclude = &nobody, .exclude_count = 1 } },
		{ "ad", { .include = two, .include_count = 2 } },
		{ "a", { .channel = PL_SLICE("room"), .include = two, .include_count = 2 } },
		{ "b", { .include = twice, .include_count = 3 } },
		{ "d", { .include = two, .include_count = 2, .exclude = two, .exclude_count = 1 } },
		{ "", { .include = &nobody, .include_count = 1 } },
		{ "", { .protocol = PL_SLICE("chat") } },
	};

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			assert_int_equal(publish(&side, "x", &rows[i].audience),
					 strlen(rows[i].receivers));
			assert_string_equal(receivers(&side), rows[i].receivers);
		}
	server_side_close(&side);
}

static void a_subprotocol_is_an_audience(void **state)
{
	static const pl_slice protocols[] = { { "chat", 4 }, { "log", 3 } };
	const pl_audience chat = { .protocol = PL_SLICE("chat") };
	server_side side;

	(void)state;
	server_side_init(&side);
	side.settings.protocols = protocols;
	side.settings.protocol_count = 2;
	assert_int_equal(server_side_start(&side), PL_OK);
	SERVER_FEED(server_side_dial(&side, 0),
		    SERVER_SIDE_HANDSHAKE("Sec-WebSocket-Protocol: x, chat, log\r\n"));
	SERVER_FEED(server_side_dial(&side, 1),
		    SERVER_SIDE_HANDSHAKE("Sec-WebSocket-Protocol: log\r\n"));
	SERVER_FEED(server_side_dial(&side, 2), SERVER_SIDE_HANDSHAKE(""));
	SERVER_FEED(server_side_dial(&side, 3),
		    SERVER_SIDE_HANDSHAKE("Sec-WebSocket-Protocol: y\r\n"));
	server_side_turn(&side);
	assert_non_null(
		strstr(sent_text(&side.clients[0]), "\r\nSec-WebSocket-Protocol: chat\r\n"));
	assert_non_null(strstr(sent_text(&side.clients[1]), "\r\nSec-WebSocket-Protocol: log\r\n"));
	assert_null(strstr(sent_text(&side.clients[2]), "Protocol: "));
	assert_memory_equal(sent_text(&side.clients[3]), "HTTP/1.1 400 ", 13);
	assert_int_equal(publish(&side, "x", &chat), 1);
	assert_string_equal(receivers(&side), "a");
	server_side_close(&side);
}

static void text_must_be_utf8(void **state)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	server_side side;
	pl_reach reach;

	(void)state;
	open_sessions(&side, 1);
	assert_int_equal(
		pl_server_publish(side.server, PL_KIND_TEXT, PL_SLICE("\xff"), 0, &all, &reach),
		PL_EUTF8);
	assert_int_equal(reach.connections, 0);
	assert_int_equal(
		pl_server_publish(side.server, PL_KIND_BINARY, PL_SLICE("\xff"), 0, &all, &reach),
		PL_OK);
	assert_int_equal(reach.connections, 1);
	server_side_close(&side);
}

static void those_who_have_left_get_nothing(void **state)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	server_side side;
	pl_guid guid;

	(void)state;
	open_sessions(&side, 3);
	for (int i = 0; i < 3; i++)
		server_client_say(&side.clients[i], "join room");
	server_client_say(&side.clients[0], "leave room");
	guid = *guid_of(&side, 1);
	assert_ptr_equal(pl_server_find(side.server, &guid), side.clients[1].conn);
	SERVER_FEED(&side.clients[1], "\x88\x80\0\0\0\0");
	assert_int_equal(publish(&side, "x", &room), 1); /* it is still there, closing */
	pl_buffer_deinit(&side.clients[1].memory.sent);
	assert_string_equal(receivers(&side), "c");
	assert_null(pl_server_find(side.server, &guid));
	assert_int_equal(pl_server_count(side.server), 2);
	assert_string_equal(server_client_journal(&side.clients[1]), "closed:1005 ");
	assert_int_equal(publish(&side, "x", &room), 1);
	assert_string_equal(receivers(&side), "c");
	server_side_close(&side);
}

static void one_who_does_not_read_holds_nobody_up(void **state)
{
	const pl_audience all = { .channel = { NULL, 0 } };
	static char text[1000];
	server_side side;
	uint32_t count = 0;

	(void)state;
	server_side_init(&side);
	side.settings.limits.send_queue = 10000;
	assert_int_equal(server_side_start(&side), PL_OK);
	for (int i = 0; i < 3; i++)
		SERVER_FEED(server_side_dial(&side, i), SERVER_SIDE_HANDSHAKE(""));
	server_side_turn(&side);
	side.clients[1].memory.room = 0;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 20; i++)
		count += publish(&side, text, &all);
	server_side_turn(&side);
	assert_in_range(count, 40 + 5, 40 + 11);
	assert_string_equal(server_client_journal(&side.clients[1]), "open closed:1006 ");
	assert_int_equal(side.clients[0].memory.sent.len, side.clients[2].memory.sent.len);
	assert_true(side.clients[0].memory.sent.len > 20 * 1000);
	server_side_close(&side);
}

/* Channels. */

static void subscriptions_are_limited(void **state)
{
	server_side side;
	pl_conn *conn;

	(void)state;
	server_side_init(&side);
	side.settings.limits.channels_per_connection = 2;
	assert_int_equal(server_side_start(&side), PL_OK);
	SERVER_FEED(server_side_dial(&side, 0), SERVER_SIDE_HANDSHAKE(""));
	conn = side.clients[0].conn;
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("a")), PL_OK);
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("b")), PL_OK);
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("a")), PL_OK);
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("c")), PL_ELIMIT);
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("")), PL_EINVAL);
	assert_true(pl_server_unsubscribe(conn, PL_SLICE("a")));
	assert_false(pl_server_unsubscribe(conn, PL_SLICE("a")));
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("c")), PL_OK);
	pl_conn_close(conn, 1000, PL_SLICE(""));
	assert_int_equal(pl_server_subscribe(conn, PL_SLICE("c")), PL_ECLOSED);
	server_side_close(&side);
}

/* Who is let in. */

static void refuses(server_side *side, int index)
{
	server_client *client = server_side_dial(side, index);

	server_side_turn(side);
	assert_true(client->memory.closed);
	assert_int_equal(client->memory.sent.len, 0);
}

static void connections_are_limited(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		server_side side;

		server_side_init(&side);
		if (i == 0)
			side.settings.limits.connections = 2;
		else
			side.settings.limits.connections_per_address = 2;
		assert_int_equal(server_side_start(&side), PL_OK);
		SERVER_FEED(server_side_dial(&side, 0), SERVER_SIDE_HANDSHAKE(""));
		server_side_dial(&side, 1);
		refuses(&side, 2);
		refuses(&side, 3);
		SERVER_FEED(&side.clients[0], "\x88\x80\0\0\0\0");
		server_side_turn(&side);
		SERVER_FEED(server_side_dial(&side, 4), SERVER_SIDE_HANDSHAKE(""));
		assert_string_equal(server_client_journal(&side.clients[4]), "open ");
		server_side_close(&side);
	}
}

static void bad_handshakes_are_refused(void **state)
{
	static const struct {
		const char *request;
		const char *answer;
	} rows[] = {
		{ "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		  "HTTP/1.1 426 " },
		{ "Sec-WebSocket-Version: 13\r\n", "HTTP/1.1 400 " },
		{ "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", "HTTP/1.1 400 " },
	};
	server_side side;

	(void)state;
	open_side(&side);
	for (size_t i = 0; i < COUNT(rows); i++) {
		server_client *client = server_side_dial(&side, (int)i);
		char request[512];
		const char *sent;

		snprintf(request, sizeof(request),
			 "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\n%s\r\n",
			 rows[i].request);
		assert_true(server_client_feed(client, request, strlen(request)));
		server_side_turn(&side);
		sent = sent_text(client);
		assert_memory_equal(sent, rows[i].answer, strlen(rows[i].answer));
		if (strstr(rows[i].answer, "426")) {
			assert_non_null(strstr(sent, "\r\nSec-WebSocket-Version: 13\r\n"));
			assert_non_null(strstr(sent, "\r\nUpgrade: websocket\r\n"));
		}
		assert_string_equal(server_client_journal(client), "");
	}
	assert_int_equal(pl_server_count(side.server), 0);
	server_side_close(&side);
}

/* Stopping. */

static void it_stops_with_all_kinds_of_connections(void **state)
{
	server_side side;

	(void)state;
	open_sessions(&side, 2);
	side.clients[1].memory.room = 0;
	pl_conn_write(side.clients[1].conn, PL_KIND_TEXT, "blocked", 7, 0);
	server_side_dial(&side, 2); /* says nothing */
	SERVER_FEED(server_side_dial(&side, 3), "GET / HTTP/1.1\r\nHo");
	SERVER_FEED(server_side_dial(&side, 4), SERVER_SIDE_GET("/late"));
	SERVER_FEED(server_side_dial(&side, 5), SERVER_SIDE_GET("/"));
	server_side_turn(&side);
	assert_non_null(side.late);
	server_side_stop(&side);
	assert_null(side.late);
	assert_string_equal(ws_words_sent(&side.clients[0].memory.sent, false), "close:1001 ");
	for (int i = 0; i < SERVER_SIDE_CLIENTS; i++)
		assert_true(side.clients[i].memory.closed);
	assert_int_equal(pl_server_count(side.server), 0);
	server_side_close(&side);
}

static void it_stops_without_connections_and_again(void **state)
{
	server_side side;

	(void)state;
	open_side(&side);
	server_side_stop(&side);
	server_side_stop(&side);
	SERVER_FEED(server_side_dial(&side, 0), SERVER_SIDE_HANDSHAKE(""));
	assert_string_equal(server_client_journal(&side.clients[0]), "open ");
	server_side_close(&side);
}

/* What it serves by itself. */

static void built_in_files_are_served_when_allowed(void **state)
{
	static const unsigned char page[] = "<html>", library[] = "code", other[] = "data";
	static const pl_embedded files[] = {
		{ "perilune/web/page.html", page, page + 6 },
		{ "perilune/web/lib.js", library, library + 4 },
		{ "perilune/web/data.txt", other, other + 4 },
		{ "perilune/server.lua", other, other + 4 },
		{ NULL, NULL, NULL },
	};
	static const struct {
		const char *path;
		bool html, javascript;
		const char *answer;
	} rows[] = {
		{ "/page.html", true, false, "HTTP/1.1 200 OK" },
		{ "/page.html", false, true, "HTTP/1.1 404 Not Found" },
		{ "/lib.js", false, true, "HTTP/1.1 200 OK" },
		{ "/lib.js", true, false, "HTTP/1.1 404 Not Found" },
		{ "/data.txt", true, true, "HTTP/1.1 404 Not Found" },
		{ "/none.html", true, true, "HTTP/1.1 404 Not Found" },
		{ "/../server.lua", true, true, "HTTP/1.1 40" },
		{ "/x/page.html", true, true, "HTTP/1.1 404 Not Found" },
	};

	(void)state;
	pl_embedded_use(files);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char request[128];
		server_side side;

		server_side_init(&side);
		side.settings.html_files = rows[i].html;
		side.settings.javascript_files = rows[i].javascript;
		assert_int_equal(server_side_start(&side), PL_OK);
		snprintf(request, sizeof(request), SERVER_SIDE_GET("%s"), rows[i].path);
		server_client_feed(server_side_dial(&side, 0), request, strlen(request));
		server_side_turn(&side);
		assert_memory_equal(sent_text(&side.clients[0]), rows[i].answer,
				    strlen(rows[i].answer));
		server_side_close(&side);
	}
	pl_embedded_use(NULL);
}

/* Another script's side. */

static void the_settings_may_go(void **state)
{
	char protocol[] = "chat";
	char software[] = "Unit";
	char origin[] = "https://a.example";
	pl_slice protocols[] = { { protocol, 4 } };
	pl_slice origins[] = { { origin, sizeof(origin) - 1 } };
	server_side side;

	(void)state;
	server_side_init(&side);
	side.settings.protocols = protocols;
	side.settings.protocol_count = 1;
	side.settings.origins = origins;
	side.settings.origin_count = 1;
	side.settings.software = pl_slice_make(software, 4);
	assert_int_equal(server_side_start(&side), PL_OK);
	memset(protocol, 'x', sizeof(protocol));
	memset(software, 'x', sizeof(software));
	memset(origin, 'x', sizeof(origin));
	memset(protocols, 0, sizeof(protocols));
	memset(origins, 0, sizeof(origins));
	SERVER_FEED(server_side_dial(&side, 0),
		    SERVER_SIDE_HANDSHAKE("Origin: https://a.example\r\n"
					  "Sec-WebSocket-Protocol: chat\r\n"));
	server_side_turn(&side);
	assert_non_null(strstr(sent_text(&side.clients[0]), "Sec-WebSocket-Protocol: chat\r\n"));
	SERVER_FEED(server_side_dial(&side, 1), SERVER_SIDE_GET("/nothing"));
	server_side_turn(&side);
	assert_non_null(strstr(sent_text(&side.clients[1]), "Server: Unit\r\n"));
	server_side_close(&side);
}

static void on_other_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	(void)kind;
	server_side_note(conn, "other:%.*s ", (int)len, data);
}

static void the_scripts_side_is_replaced_under_connections(void **state)
{
	const pl_audience room = { .channel = PL_SLICE("room") };
	pl_server_events others = server_side_events;
	server_side side;
	server_client *talker = &side.clients[0];
	server_client *browser = &side.clients[1];

	(void)state;
	open_sessions(&side, 1);
	server_side_dial(&side, 1);
	assert_true(server_client_say(talker, "join room"));
	talker->conn->binding = &side;

	others.message = on_other_message;
	pl_server_rebind(side.server, &others, &side);
	assert_null(talker->conn->binding);
	assert_string_equal(server_client_journal(talker), ""); /* nobody was disconnected */
	assert_int_equal(pl_server_count(side.server), 1);

	assert_true(server_client_say(talker, "hello"));
	assert_string_equal(server_client_journal(talker), "other:hello ");
	assert_int_equal(publish(&side, "x", &room), 1);
	SERVER_FEED(browser, SERVER_SIDE_GET("/"));
	server_side_turn(&side);
	assert_non_null(strstr(sent_text(browser), "hello"));
	server_side_close(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_audience_is_chosen),
		cmocka_unit_test(a_subprotocol_is_an_audience),
		cmocka_unit_test(text_must_be_utf8),
		cmocka_unit_test(those_who_have_left_get_nothing),
		cmocka_unit_test(one_who_does_not_read_holds_nobody_up),
		cmocka_unit_test(subscriptions_are_limited),
		cmocka_unit_test(connections_are_limited),
		cmocka_unit_test(bad_handshakes_are_refused),
		cmocka_unit_test(it_stops_with_all_kinds_of_connections),
		cmocka_unit_test(it_stops_without_connections_and_again),
		cmocka_unit_test(built_in_files_are_served_when_allowed),
		cmocka_unit_test(the_settings_may_go),
		cmocka_unit_test(the_scripts_side_is_replaced_under_connections),
	};

	pl_log_set_level(PL_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
