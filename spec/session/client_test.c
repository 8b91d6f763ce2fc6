/*
 * A client over sockets of this machine, with servers that the test plays: attempts, places,
 * redirects, the watchdog, stopping in every phase, what is kept; that nothing is left open.
 *
 * covers: client/attempt.c client/wait.c
 */
#include "session/host_peer.h"

#include "client/client.h"
#include "conn/info.h"
#include "unit/codec/bytes.h"

static host a, b;
static pl_client *client;
static pl_client_settings settings;
static pl_client_place places[3];
static pl_tls_context *client_tls;
static pl_buffer journal;
static char why[1024];
static int failure_status;
static int answered;
static bool holds_connect, holds_handshake, holds_watchdog; /* the answer comes later */
static int connect_answer;
static const pl_http_field *added;
static size_t added_count;
static void (*when_connected)(void);
static void (*when_failed)(void);
static void (*when_disconnected)(void);
static void (*when_asked)(void);
static void (*when_handshake)(void);

/* The application. */

static void on_before_connect(pl_client *self)
{
	assert_ptr_equal(self, client);
	pl_buffer_printf(&journal, "before:%zu ", pl_client_place_index(self));
	if (when_asked)
		when_asked();
	if (!holds_connect)
		pl_client_connect_end(self, connect_answer);
}

static void on_handshake(pl_client *self, pl_slice request)
{
	assert_true(request.len > 4 && memcmp(request.at, "GET ", 4) == 0);
	pl_buffer_printf(&journal, "handshake ");
	if (when_handshake)
		when_handshake();
	if (!holds_handshake)
		pl_client_handshake_end(self, PL_OK, added, added_count);
}

static void on_before_watchdog(pl_client *self, uint32_t attempt)
{
	pl_buffer_printf(&journal, "watchdog:%u ", attempt);
	if (!holds_watchdog)
		pl_client_watchdog_end(self, attempt < 4);
}

static void on_connected(pl_client *self, pl_conn *conn)
{
	assert_ptr_equal(pl_client_conn(self), conn);
	assert_ptr_equal(pl_client_of(conn), self);
	pl_buffer_printf(&journal, "connected ");
	if (when_connected)
		when_connected();
}

static void on_failed(pl_client *self, const pl_client_failure *failure)
{
	(void)self;
	assert_true(failure->status < 0);
	snprintf(why, sizeof(why), "%s", failure->why);
	failure_status = failure->status;
	answered = failure->answered;
	assert_int_equal(failure->answered != 0, failure->response != NULL);
	pl_buffer_printf(&journal, "failed:%s ", pl_status_name(failure->status));
	if (when_failed)
		when_failed();
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	(void)conn;
	pl_buffer_printf(&journal, "%s:%.*s ", kind == PL_KIND_TEXT ? "text" : "binary", (int)len,
			 (const char *)data);
}

static void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	(void)conn, (void)payload, (void)len;
}

static void on_error(pl_conn *conn, int status, const char *message)
{
	(void)conn, (void)message;
	pl_buffer_printf(&journal, "error:%s ", pl_status_name(status));
}

static void on_disconnected(pl_conn *conn, uint16_t code, pl_slice reason)
{
	(void)conn, (void)reason;
	pl_buffer_printf(&journal, "disconnected:%u ", code);
	if (when_disconnected)
		when_disconnected();
}

static void on_stopped(pl_client *self)
{
	assert_false(pl_client_active(self));
	pl_buffer_printf(&journal, "stopped ");
}

static const pl_client_events events = { .before_connect = on_before_connect,
					 .handshake = on_handshake,
					 .before_watchdog = on_before_watchdog,
					 .connected = on_connected,
					 .failed = on_failed,
					 .message = on_message,
					 .pong = on_pong,
					 .error = on_error,
					 .disconnected = on_disconnected,
					 .stopped = on_stopped };

/* Waits. */

static char waited[256];
static bool idle_when_told;

static void on_done(void *owner, int status, const char *because)
{
	size_t len = strlen(waited);

	idle_when_told = !pl_client_active(client);
	assert_int_equal(status == PL_OK, because == NULL);
	snprintf(waited + len, sizeof(waited) - len, "%s:%s ", (const char *)owner,
		 pl_status_name(status));
}

/* Life. */

static void make(void)
{
	assert_int_equal(pl_client_new(&client, loop, &settings, &events, NULL), PL_OK);
}

static bool has(const char *word)
{
	return journal.len > 0 && memmem(journal.data, journal.len, word, strlen(word)) != NULL;
}

static int count_in(pl_buffer *text, const char *word)
{
	const char *at;
	int found = 0;

	assert_int_equal(pl_buffer_append(text, "", 1), PL_OK); /* its end */
	text->len--;
	for (at = (const char *)text->data; (at = strstr(at, word)); at++)
		found++;
	return found;
}

static int count(const char *word)
{
	return count_in(&journal, word);
}

static void expect(const char *words)
{
	assert_string_equal(noted(&journal), words);
}

static void until(const char *word)
{
	TURN_UNTIL(loop, has(word));
}

static bool host_said(const host *self, const char *text)
{
	return self->said.len > 0 &&
	       memmem(self->said.data, self->said.len, text, strlen(text)) != NULL;
}

static bool host_read(const host *self, const char *text)
{
	return self->heads.len > 0 &&
	       memmem(self->heads.data, self->heads.len, text, strlen(text)) != NULL;
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	host_listen(&a, "127.0.0.1");
	host_listen(&b, "127.0.0.1");
	a.ws = b.ws = true;
	memset(&settings, 0, sizeof(settings));
	memset(places, 0, sizeof(places));
	places[0] = (pl_client_place){ .host = PL_SLICE("127.0.0.1"),
				       .port = a.port,
				       .target = PL_SLICE("/chat?room=1") };
	places[1] = (pl_client_place){ .host = PL_SLICE("127.0.0.1"), .port = b.port };
	settings.route.places = places;
	settings.route.place_count = 1;
	settings.connect_timeout = 10000;
	settings.redirects = 5;
	settings.clean = true;
	pl_limits_init(&settings.limits);
	waited[0] = why[0] = '\0';
	holds_connect = holds_handshake = holds_watchdog = false;
	connect_answer = 0;
	added = NULL;
	added_count = 0;
	when_connected = when_failed = when_disconnected = when_asked = NULL;
	when_handshake = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pl_client_stop(client);
	TURN_UNTIL(loop, !pl_client_active(client));
	pl_client_free(client);
	host_leave(&a);
	host_leave(&b);
	pl_buffer_deinit(&journal);
	pl_loop_run(loop); /* nothing holds it */
	pl_loop_free(loop);
	return 0;
}

/* A connection. */

static void stop_it(void)
{
	pl_client_stop(client);
}

static void watch(uint32_t interval, uint32_t attempts)
{
	settings.watchdog = (pl_watchdog_settings){ .enabled = true,
						    .interval = interval,
						    .attempts = attempts,
						    .factor = 1,
						    .maximum = 60000,
						    .held = 5000 };
}

static void it_connects_talks_and_stops(void **state)
{
	pl_conn *conn;
	char head[1024] = "";

	(void)state;
	make();
	assert_int_equal(pl_client_start(client), PL_OK);
	assert_int_equal(pl_client_start(client), PL_ESTATE);
	assert_null(pl_client_conn(client));
	until("connected");
	expect("before:0 handshake connected ");
	conn = pl_client_conn(client);
	assert_true(pl_slice_equal(pl_conn_info_url(conn->info), PL_SLICE("/chat?room=1")));
	assert_string_equal(conn->info->transport, "rfc6455");
	pl_conn_info_request(conn->info, head);
	assert_non_null(strstr(head, "GET /chat?room=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
	memset(head, 0, sizeof(head));
	pl_conn_info_response(conn->info, head);
	assert_non_null(strstr(head, "HTTP/1.1 101 "));
	assert_int_equal(conn->info->peer.port, a.port);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "hello", 5, 0), PL_OK);
	assert_int_equal(pl_client_write(client, PL_KIND_BINARY, "abcdef", 6, 4), PL_OK);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "\xff", 1, 0), PL_EUTF8);
	TURN_UNTIL(loop, host_said(&a, "0:ef "));
	assert_true(host_said(&a, "1:hello 2:abcd 0:ef "));
	pl_stream_write(a.stream,
			"\x81\x03"
			"abc",
			5);
	until("text:abc");
	pl_client_stop(client);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "x", 1, 0), PL_ECLOSED);
	until("stopped");
	expect("text:abc disconnected:1000 stopped ");
	assert_true(host_said(&a, "close:1000 "));
	assert_null(pl_client_conn(client));
	pl_client_stop(client); /* idle */
	pl_loop_turn(loop);
	expect("");
	assert_int_equal(pl_client_start(client), PL_OK); /* once more */
	until("connected");
}

static void its_messages_are_in_the_log(void **state)
{
	char path[] = "/tmp/client_test_XXXXXX", text[2048] = "";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pl_message_log_open(&settings.log, loop, path, false, 1 << 20), PL_OK);
	make();
	pl_message_log_unref(settings.log);
	pl_client_start(client);
	until("connected");
	pl_client_write(client, PL_KIND_TEXT, "hello", 5, 0);
	pl_stream_write(a.stream,
			"\x81\x03"
			"abc",
			5);
	until("text:abc");
	pl_conn_ping(pl_client_conn(client), "x", 1);
	TURN_UNTIL(loop, pread(fd, text, sizeof(text) - 1, 0) > 0 && strstr(text, "ping"));
	assert_non_null(strstr(text, " connected\n"));
	assert_non_null(strstr(text, " head: \n    GET /"));
	assert_non_null(strstr(text, " head: \n    HTTP/1.1 101 "));
	assert_non_null(strstr(text, " text: hello\n"));
	assert_non_null(strstr(text, " text: abc\n"));
	assert_non_null(strstr(text, " ping: 78\n"));
	close(fd);
	unlink(path);
}

static void what_comes_behind_the_handshake_is_read(void **state)
{
	(void)state;
	a.agreed = "X-Y: z\r\n\r\n\x81\x03"
		   "a"; /* and the line's end: in one write */
	make();
	pl_client_start(client);
	until("connected text:a\r\n ");
}

static void it_closes_when_the_server_does(void **state)
{
	(void)state;
	make();
	pl_client_start(client);
	until("connected");
	pl_stream_write(a.stream,
			"\x81\x01"
			"a\x81\x01"
			"b\x88\x02\x0f\xa0",
			10);
	until("text:a text:b disconnected:4000 ");
	TURN_UNTIL(loop, host_said(&a, "close:"));
	until("stopped");
}

static void tls_and_a_subprotocol(void **state)
{
	static const pl_slice protocols[] = { PL_SLICE("one"), PL_SLICE("two") };

	(void)state;
	a.tls = true;
	a.agreed = "Sec-WebSocket-Protocol: two\r\n";
	places[0].host = PL_SLICE("localhost");
	places[0].secure = true;
	settings.route.tls = client_tls;
	settings.route.protocols = protocols;
	settings.route.protocol_count = 2;
	settings.route.origin = PL_SLICE("https://a.example");
	make();
	pl_client_start(client);
	until("connected");
	assert_true(host_read(&a, "Sec-WebSocket-Protocol: one, two\r\n"));
	assert_true(host_read(&a, "Origin: https://a.example\r\n"));
	assert_true(pl_slice_equal(pl_conn_info_protocol(pl_client_conn(client)->info),
				   PL_SLICE("two")));
	assert_true(pl_slice_equal(pl_conn_info_alpn(pl_client_conn(client)->info),
				   PL_SLICE("http/1.1")));
}

static void deflate_is_offered_and_used(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'a', sizeof(text));
	a.agreed = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
	settings.deflate =
		(pl_deflate_settings){ true, { .server_window = 15, .client_window = 15 }, 8, 6 };
	make();
	pl_client_start(client);
	until("connected");
	assert_true(host_read(&a, "permessage-deflate"));
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, text, sizeof(text), 0), PL_OK);
	TURN_UNTIL(loop, host_said(&a, "1:"));
	assert_true(a.said.len < 100);
	/* "Hello" of RFC 7692 7.2.3.1. */
	pl_stream_write(a.stream, "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 9);
	until("text:Hello");
}

static void bytes_alone(void **state)
{
	(void)state;
	a.ws = false;
	places[0].tcp = true;
	watch(1000, 0);
	settings.keep = true;
	assert_true(pl_frame_end_set(&settings.frames, PL_FRAME_SCAN_ALL, PL_SLICE("\n")));
	make();
	assert_int_equal(pl_client_start(client), PL_OK);
	until("connected");
	expect("before:0 connected "); /* there is no handshake */
	assert_string_equal(pl_client_conn(client)->info->transport, "tcp");
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "hello\n", 6, 0), PL_OK);
	TURN_UNTIL(loop, host_has(&a, "hello\n"));
	pl_stream_write(a.stream, "one\ntw", 6);
	until("binary:one\n");
	pl_stream_write(a.stream, "o\n", 2);
	until("binary:two\n");
	pl_stream_abort(a.stream, PL_OK);
	until("disconnected");
	pl_buffer_deinit(&journal);
	assert_int_equal(pl_client_write(client, PL_KIND_BINARY, "\xff", 1, 0), PL_BUFFERED);
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	until("connected");
	pl_client_resend(client);
	TURN_UNTIL(loop, host_has(&a, "\xff"));
	pl_client_stop(client);
	until("stopped");
	assert_true(has("disconnected:1000"));
}

/* 8,000 bits a second are 1,000 bytes; 1,024 go at once. */
static void so_many_bits_a_second(void **state)
{
	static char text[3000];
	size_t head;

	(void)state;
	memset(text, 'x', sizeof(text));
	settings.throttle.write = 8000;
	a.tls = true;
	places[0].host = PL_SLICE("localhost");
	places[0].secure = true;
	settings.route.tls = client_tls;
	make();
	pl_client_start(client);
	while (!has("connected")) {
		pl_loop_skip(loop, 100);
		turn_some(loop);
	}
	pl_loop_skip(loop, 1000);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, text, sizeof(text), 0), PL_OK);
	turn_some(loop);
	head = a.said.len;
	assert_true(pl_client_conn(client)->stream->blocked);
	pl_loop_skip(loop, 1000);
	turn_some(loop);
	assert_int_equal(a.said.len, head);
	for (int i = 0; i < 12 && a.said.len == head; i++) {
		pl_loop_skip(loop, 100);
		turn_some(loop);
	}
	assert_true(a.said.len > head);
}

/* Certificates. */

static bool verdict;
static bool holds_verdict;
static char doubt[256];

static void on_verify(pl_client *self, const pl_tls_question *question)
{
	pl_buffer_printf(&journal, "verify:%d ", question->error != 0);
	snprintf(doubt, sizeof(doubt), "%s", question->why ? question->why : "");
	if (when_handshake)
		when_handshake();
	if (!holds_verdict)
		pl_client_verified(self, verdict);
}

static void the_application_decides_on_the_server(void **state)
{
	pl_client_events asking = events;
	pl_tls_client_settings none = { .verify_depth = -1 };
	pl_tls_context *strict;
	char error[PL_TLS_ERROR_MAX];

	(void)state;
	asking.verify = on_verify;
	assert_int_equal(pl_tls_client_context(&strict, &none, error), PL_OK);
	a.tls = true;
	places[0].secure = true; /* of 127.0.0.1 there is no certificate */
	settings.route.tls = strict;
	holds_verdict = false;
	verdict = true;
	assert_int_equal(pl_client_new(&client, loop, &settings, &asking, NULL), PL_OK);
	pl_tls_context_unref(strict);
	pl_client_start(client);
	until("before");
	pl_client_verified(client, true); /* nobody has asked */
	until("connected");
	expect("before:0 verify:1 handshake connected ");
	assert_true(strlen(doubt) > 0);
	pl_client_stop(client);
	until("stopped");
	pl_buffer_deinit(&journal);
	verdict = false;
	pl_client_start(client);
	until("stopped");
	expect("before:0 verify:1 failed:EPROTO stopped ");
	holds_verdict = true;
	pl_client_start(client);
	until("verify");
	turn_some(loop);
	pl_client_verified(client, true);
	until("connected");
	pl_client_verified(client, false); /* too late */
	pl_client_stop(client);
	until("stopped");
	pl_buffer_deinit(&journal);
	pl_client_start(client);
	until("verify");
	pl_client_stop(client);
	pl_client_verified(client, true);
	until("stopped");
	expect("before:0 verify:1 stopped ");
	pl_client_start(client);
	until("verify");
	turn_some(loop);
	pl_loop_skip(loop, settings.connect_timeout);
	until("stopped");
	assert_int_equal(failure_status, PL_ETIMEDOUT);
	pl_buffer_deinit(&journal);
	holds_verdict = false;
	when_handshake = stop_it;
	pl_client_start(client);
	until("stopped");
	expect("before:0 verify:1 stopped ");
}

/* What the client agrees to is what the client does. */
static void each_message_may_start_anew(void **state)
{
	static const char text[] = "the same words, twice, which are long enough to be worth it; "
				   "the same words, twice";
	uint64_t received, sent[3];
	const pl_conn *conn;

	(void)state;
	a.agreed = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n";
	settings.deflate =
		(pl_deflate_settings){ true, { .server_window = 15, .client_window = 15 }, 8, 6 };
	make();
	pl_client_start(client);
	until("connected");
	conn = pl_client_conn(client);
	for (int i = 0; i < 3; i++) {
		conn->ops->counts(conn, &received, &sent[i]);
		pl_client_write(client, PL_KIND_TEXT, text, sizeof(text) - 1, 0);
	}
	assert_int_equal(sent[2] - sent[1], sent[1] - sent[0]);
	assert_true(sent[1] - sent[0] < sizeof(text));
}

/* Failures. */

static void a_failure_is_told_and_the_client_is_idle(void **state)
{
	char expected[256];

	(void)state;
	a.answers[0] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
	a.answers[1] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
	a.answers[2] = "nonsense\r\n\r\n";
	make();
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake failed:ENOTSUP stopped ");
	snprintf(expected, sizeof(expected),
		 "127.0.0.1:%u: the server answers 403 Forbidden in place of a WebSocket", a.port);
	assert_string_equal(why, expected);
	assert_int_equal(answered, 403);
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake failed:EPROTO stopped ");
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake failed:EPROTO stopped ");
	pl_listener_close(a.listener);
	TURN_UNTIL(loop, !a.listener);
	pl_client_start(client);
	until("stopped");
	expect("before:0 failed:ECONNREFUSED stopped ");
	snprintf(expected, sizeof(expected), "127.0.0.1:%u: connection refused", a.port);
	assert_string_equal(why, expected);
	assert_int_equal(answered, 0);
}

static void late(const char *sentence)
{
	pl_client_start(client);
	TURN_UNTIL(loop, a.open == 1 && (has("handshake") || a.received.len > 0));
	turn_some(loop);
	pl_loop_skip(loop, settings.connect_timeout);
	until("stopped");
	assert_int_equal(failure_status, PL_ETIMEDOUT);
	if (!strstr(why, sentence))
		fail_msg("'%s' does not say '%s'", why, sentence);
	TURN_UNTIL(loop, a.open == 0);
	pl_buffer_deinit(&journal);
}

static void one_deadline_ends_every_phase(void **state)
{
	(void)state;
	a.ws = false; /* it reads, and says nothing */
	make();
	late("the server does not answer the handshake in time");
	holds_handshake = true;
	late("the application has not decided on the handshake in time");
	pl_client_free(client);
	places[0].secure = true;
	settings.route.tls = client_tls;
	make();
	late("TLS: the handshake did not end in time");
}

static void the_application_may_refuse(void **state)
{
	static const pl_http_field bad = { PL_SLICE("Host"), PL_SLICE("x") };

	(void)state;
	make();
	connect_answer = PL_EACCES;
	pl_client_start(client);
	until("stopped");
	expect("before:0 failed:EACCES stopped ");
	connect_answer = PL_OK;
	holds_handshake = true;
	pl_client_start(client);
	until("handshake");
	pl_client_handshake_end(client, PL_ECANCELED, NULL, 0);
	assert_false(has("failed"));
	until("stopped");
	expect("before:0 handshake failed:ECANCELED stopped ");
	pl_client_start(client);
	until("handshake");
	assert_int_equal(pl_client_handshake_end(client, PL_OK, &bad, 1), PL_EINVAL);
	until("stopped");
	expect("before:0 handshake failed:EINVAL stopped ");
	/* Without a question an answer is nothing. */
	pl_client_connect_end(client, PL_OK);
	pl_client_watchdog_end(client, true);
	assert_int_equal(pl_client_handshake_end(client, PL_OK, NULL, 0), PL_OK);
	turn_some(loop);
	expect("");
}

static void fields_are_added_and_replaced(void **state)
{
	static const pl_http_field own[] = { { PL_SLICE("X-One"), PL_SLICE("1") },
					     { PL_SLICE("X-Two"), PL_SLICE("2") } };
	static const pl_http_field secret = { PL_SLICE("X-Key"), PL_SLICE("secret") };
	static const pl_http_field more[] = { { PL_SLICE("x-two"), PL_SLICE("22") },
					      { PL_SLICE("X-Three"), PL_SLICE("3") } };

	(void)state;
	settings.route.fields = own;
	settings.route.field_count = 2;
	settings.route.secrets = &secret;
	settings.route.secret_count = 1;
	added = more;
	added_count = 2;
	make();
	pl_client_start(client);
	until("connected");
	assert_int_equal(count_in(&a.heads, "GET "), 1);
	assert_true(host_read(&a, "X-One: 1\r\nX-Key: secret\r\nx-two: 22\r\nX-Three: 3\r\n\r\n"));
}

/* Places. */

static void the_next_place_is_tried(void **state)
{
	(void)state;
	a.answers[0] = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
	settings.route.place_count = 2;
	make();
	pl_client_start(client);
	until("connected");
	expect("before:0 handshake failed:ENOTSUP before:1 handshake connected ");
	assert_int_equal(pl_client_place_of(client)->port, b.port);
	assert_int_equal(pl_client_place_index(client), 1);
	assert_true(host_read(&b, "GET / HTTP/1.1\r\n"));
}

static void go_to_b(void)
{
	pl_client_route route = settings.route;

	route.places = &places[1];
	assert_int_equal(pl_client_route_set(client, &route), PL_OK);
	route.places = NULL;
	route.place_count = 0;
	assert_int_equal(pl_client_route_set(client, &route), PL_EINVAL);
	assert_int_equal(pl_client_route_refresh(client, &route), PL_EINVAL);
}

static void the_route_may_change_before_it_is_taken(void **state)
{
	(void)state;
	make();
	when_asked = go_to_b;
	pl_client_start(client);
	until("connected");
	assert_int_equal(a.accepted, 0);
	assert_int_equal(b.accepted, 1);
}

/* Within each before_connect: the walk comes to its end all the same. */
static void refresh(void)
{
	assert_int_equal(pl_client_route_refresh(client, &settings.route), PL_OK);
}

static void set_again(void)
{
	assert_int_equal(pl_client_route_set(client, &settings.route), PL_OK);
}

static void a_route_that_is_set_each_time_has_an_end(void **state)
{
	(void)state;
	a.hangs_up = b.hangs_up = true;
	settings.route.place_count = 2;
	make();
	when_asked = refresh;
	pl_client_start(client);
	until("stopped");
	assert_int_equal(a.accepted, 1);
	assert_int_equal(b.accepted, 1);
	pl_buffer_deinit(&journal);
	when_asked = set_again;
	pl_client_start(client);
	until("stopped");
	assert_int_equal(count("before"), 2);
}

/* Redirects. */

static char redirection[8][256];

static const char *redirect_to(int which, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static const char *redirect_to(int which, int code, const char *format, ...)
{
	char location[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(location, sizeof(location), format, arguments);
	va_end(arguments);
	snprintf(redirection[which], sizeof(redirection[which]),
		 "HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", code,
		 location);
	return redirection[which];
}

static void redirects_are_followed(void **state)
{
	static const int codes[] = { 301, 302, 303, 307, 308 };

	(void)state;
	make();
	for (int i = 0; i < 5; i++) {
		a.accepted = 0;
		a.answers[0] = redirect_to(0, codes[i], "http://127.0.0.1:%u/x%d", b.port, i);
		pl_client_start(client);
		until("connected");
		expect("before:0 handshake handshake connected ");
		assert_int_equal(pl_client_place_of(client)->port, b.port);
		assert_int_equal(pl_client_place_index(client), 0);
		pl_client_stop(client);
		until("stopped");
		pl_buffer_deinit(&journal);
	}
	assert_true(host_read(&b, "GET /x4 HTTP/1.1\r\n"));
	/* From the beginning again, the next time. */
	assert_int_equal(a.accepted, 1);
}

static void redirects_have_a_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		a.answers[i] = redirect_to(0, 302, "/again");
	settings.redirects = 3;
	make();
	pl_client_start(client);
	until("stopped");
	assert_int_equal(failure_status, PL_ELIMIT);
	assert_non_null(strstr(why, "more than 3 redirects"));
	assert_int_equal(a.accepted, 4);
	assert_int_equal(answered, 302);
	pl_client_free(client);
	settings.redirects = 0;
	make();
	pl_client_start(client);
	pl_buffer_deinit(&journal);
	until("stopped");
	assert_int_equal(failure_status, PL_ENOTSUP);
	assert_int_equal(a.accepted, 5);
}

static void a_redirect_elsewhere_takes_no_secrets(void **state)
{
	static const pl_http_field own[] = { { PL_SLICE("Authorization"), PL_SLICE("Basic eA==") },
					     { PL_SLICE("Cookie"), PL_SLICE("c=1") },
					     { PL_SLICE("X-Plain"), PL_SLICE("1") } };
	static const pl_http_field secret = { PL_SLICE("X-Key"), PL_SLICE("secret") };

	(void)state;
	settings.route.fields = own;
	settings.route.field_count = 3;
	settings.route.secrets = &secret;
	settings.route.secret_count = 1;
	a.answers[0] = redirect_to(0, 302, "/same");
	a.answers[1] = redirect_to(1, 302, "ws://127.0.0.1:%u/other", b.port);
	b.answers[0] = redirect_to(2, 302, "ws://127.0.0.1:%u/back", a.port);
	make();
	pl_client_start(client);
	until("connected");
	assert_true(host_read(&a, "GET /same HTTP/1.1\r\n"));
	assert_int_equal(a.accepted, 3);
	assert_true(host_read(&b, "X-Plain: 1\r\n"));
	assert_false(host_read(&b, "Authorization"));
	assert_false(host_read(&b, "Cookie"));
	assert_false(host_read(&b, "secret"));
	/* Twice at the place itself, and not where another has sent us back to. */
	assert_int_equal(count_in(&a.heads, "secret"), 2);
}

static void redirects_keep_to_tls(void **state)
{
	(void)state;
	a.tls = true;
	places[0].host = PL_SLICE("localhost");
	places[0].secure = true;
	settings.route.tls = client_tls;
	a.answers[0] = redirect_to(0, 302, "ws://127.0.0.1:%u/", b.port);
	a.answers[1] = a.answers[0];
	make();
	pl_client_start(client);
	until("stopped");
	assert_int_equal(failure_status, PL_EACCES);
	assert_non_null(strstr(why, "the redirect leads away from TLS"));
	assert_int_equal(b.accepted, 0);
	pl_client_free(client);
	settings.redirect_plain = true;
	make();
	pl_client_start(client);
	until("connected");
	assert_int_equal(b.accepted, 1);
}

static void a_redirect_to_tls_needs_it(void **state)
{
	(void)state;
	a.answers[0] = redirect_to(0, 302, "wss://localhost:%u/", b.port);
	a.answers[1] = a.answers[0];
	b.tls = true;
	make();
	pl_client_start(client);
	until("stopped");
	assert_int_equal(failure_status, PL_ENOTSUP);
	pl_client_free(client);
	settings.route.tls = client_tls;
	settings.route.server_name = PL_SLICE("elsewhere.example"); /* of the place alone */
	make();
	pl_client_start(client);
	until("connected");
}

static void the_guard_knows_this_machine(void **state)
{
	(void)state;
	settings.guard = true;
	make();
	pl_client_start(client);
	until("stopped");
	assert_int_equal(failure_status, PL_EACCES);
	assert_non_null(strstr(why, "the address 127.0.0.1 is not allowed"));
	assert_int_equal(a.accepted, 0);
}

/* Before our request a WebSocket's server has nothing to say. Behind a proxy the stream is read. */
static void a_server_does_not_speak_first(void **state)
{
	const pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
					   .host = PL_SLICE("127.0.0.1"),
					   .port = a.port };

	(void)state;
	settings.route.proxy = &proxy;
	host_says(&a, "HTTP/1.1 200 OK\r\n\r\nx");
	make();
	pl_client_start(client);
	until("stopped");
	expect("before:0 failed:EPROTO stopped ");
	assert_non_null(strstr(why, "the server speaks before the handshake"));
	host_says(&a, "HTTP/1.1 200 OK\r\n\r\n");
	holds_handshake = true;
	pl_client_start(client);
	until("handshake");
	pl_stream_write(a.stream, "x", 1);
	until("stopped");
	expect("before:0 handshake failed:EPROTO stopped ");
	pl_client_start(client);
	until("handshake");
	pl_stream_finish(a.stream);
	until("stopped");
	expect("before:0 handshake failed:ECLOSED stopped ");
	pl_client_start(client);
	until("handshake");
	pl_client_handshake_end(client, PL_OK, NULL, 0);
	pl_client_handshake_end(client, PL_OK, NULL, 0); /* one is enough */
	until("connected");
	pl_client_stop(client);
	until("stopped");
}

static void http2_is_no_way(void **state)
{
	static const pl_slice both[] = { PL_SLICE("h2"), PL_SLICE("http/1.1") };
	pl_tls_client_settings trust = { .verify_depth = -1, .alpn = both, .alpn_count = 2 };
	pl_tls_settings rules = peer_settings();
	pl_tls_context *before = server_tls, *offering;
	char root[TLS_FILE_PATH], error[PL_TLS_ERROR_MAX];

	(void)state;
	rules.alpn = both;
	rules.alpn_count = 2;
	server_tls = peer_context(&rules);
	tls_path(root, "ca.pem");
	trust.root_cert_file = root;
	assert_int_equal(pl_tls_client_context(&offering, &trust, error), PL_OK);
	a.tls = true;
	places[0].host = PL_SLICE("localhost");
	places[0].secure = true;
	settings.route.tls = offering;
	make();
	pl_tls_context_unref(offering);
	pl_client_start(client);
	until("stopped");
	expect("before:0 failed:ENOTSUP stopped ");
	assert_non_null(strstr(why, "HTTP/2"));
	pl_tls_context_unref(server_tls);
	server_tls = before;
}

/* A name that a proxy has reached is the internet's: it may not send us inside. */
static void no_redirect_leads_inside(void **state)
{
	const pl_connector_proxy proxy = { .kind = PL_PROXY_HTTP,
					   .host = PL_SLICE("127.0.0.1"),
					   .port = a.port };
	static const char *const inside[] = { "127.0.0.1", "10.0.0.1",
					      "[::1]",	   "169.254.169.254",
					      "0.0.0.0",   "[::ffff:192.168.0.1]",
					      "localhost", "2130706433" };

	(void)state;
	host_says(&a, "HTTP/1.1 200 OK\r\n\r\n");
	places[0].host = PL_SLICE("far.example");
	places[0].port = 0;
	settings.route.proxy = &proxy;
	make();
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		a.accepted = 0;
		a.answers[0] = redirect_to(0, 302, "ws://%s:%u/", inside[i], b.port);
		pl_client_start(client);
		until("stopped");
		assert_int_equal(failure_status, PL_EACCES);
		assert_non_null(strstr(why, "not allowed"));
		assert_int_equal(a.accepted, 1);
		pl_buffer_deinit(&journal);
	}
	a.accepted = 0;
	a.answers[0] = redirect_to(0, 302, "ws://other.example/");
	pl_client_start(client);
	until("connected");
	assert_true(host_has(&a, "CONNECT other.example:80 "));
	pl_client_stop(client);
	until("stopped");
	pl_client_free(client);
	settings.redirect_inward = true;
	make();
	a.accepted = 0;
	a.answers[0] = redirect_to(0, 302, "ws://10.0.0.1/");
	pl_buffer_deinit(&journal);
	pl_client_start(client);
	until("connected");
	assert_true(host_has(&a, "CONNECT 10.0.0.1:80 "));
}

/* The watchdog. */

static void drop_a(void)
{
	pl_stream_abort(a.stream, PL_OK);
}

static void it_comes_back(void **state)
{
	(void)state;
	watch(10000, 0);
	make();
	pl_client_start(client);
	until("connected");
	for (int i = 0; i < 20; i++) {
		pl_buffer_deinit(&journal);
		pl_loop_skip(loop, 5000); /* it held */
		drop_a();
		until("disconnected");
		turn_some(loop);
		expect("disconnected:1006 ");
		pl_loop_skip(loop, 9000);
		turn_some(loop);
		expect("");
		pl_loop_skip(loop, 1000);
		until("connected");
		expect("watchdog:1 before:0 handshake connected ");
	}
	assert_int_equal(a.accepted, 21);
}

static void it_gives_up(void **state)
{
	(void)state;
	watch(1000, 2);
	a.hangs_up = true;
	settings.route.place_count = 2;
	b.hangs_up = true;
	make();
	pl_client_start(client);
	for (int i = 1; i <= 3; i++) {
		TURN_UNTIL(loop, count("failed") == 2 * i);
		turn_some(loop);
		pl_loop_skip(loop, 1000);
	}
	until("stopped");
	assert_int_equal(count("watchdog"), 2);
	assert_int_equal(a.accepted + b.accepted, 6);
}

static void the_application_may_call_it_off(void **state)
{
	(void)state;
	watch(1000, 0);
	a.hangs_up = true;
	holds_watchdog = true;
	make();
	pl_client_start(client);
	until("failed");
	pl_loop_skip(loop, 1000);
	until("watchdog:1");
	turn_some(loop);
	assert_int_equal(a.accepted, 1);
	go_to_b();
	pl_client_watchdog_end(client, true);
	until("connected");
	assert_int_equal(b.accepted, 1);
	pl_stream_abort(b.stream, PL_OK);
	until("disconnected");
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	until("watchdog:2");
	pl_client_watchdog_end(client, false);
	until("stopped");
}

/* A dead peer: the heartbeat finds it, the watchdog comes back. */
static void a_silent_peer_is_left(void **state)
{
	(void)state;
	watch(1000, 0);
	settings.heartbeat = (pl_heartbeat){ .interval = 2000, .timeout = 3000 };
	make();
	pl_client_start(client);
	until("connected");
	turn_some(loop);
	pl_loop_skip(loop, 2000);
	TURN_UNTIL(loop, host_said(&a, "9: "));
	pl_loop_skip(loop, 3000);
	until("disconnected:1006");
	assert_true(has("error:ETIMEDOUT"));
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	TURN_UNTIL(loop, count("connected ") == 2);
}

/* Started again by its own events. */

static void start_again(void)
{
	when_failed = when_disconnected = NULL;
	assert_int_equal(pl_client_start(client), PL_OK);
	assert_int_equal(pl_client_start(client), PL_ESTATE);
}

static void it_may_be_started_again_at_once(void **state)
{
	(void)state;
	a.answers[0] = "HTTP/1.1 500 Oops\r\n\r\n";
	make();
	when_failed = start_again;
	pl_client_start(client);
	until("connected");
	expect("before:0 handshake failed:ENOTSUP before:0 handshake connected ");
	when_disconnected = start_again;
	drop_a();
	until("disconnected");
	until("connected ");
	TURN_UNTIL(loop, pl_client_conn(client));
	expect("disconnected:1006 before:0 handshake connected ");
	pl_client_stop(client);
	assert_int_equal(pl_client_start(client), PL_OK);
	TURN_UNTIL(loop, has("connected ") && has("before"));
	TURN_UNTIL(loop, pl_client_conn(client));
	expect("disconnected:1000 before:0 handshake connected ");
	assert_int_equal(a.accepted, 4);
}

/* Stopping. */

static void it_stops_in_every_phase(void **state)
{
	int before, most = 0;

	(void)state;
	places[0].host = PL_SLICE("localhost");
	places[0].secure = true;
	settings.route.tls = client_tls;
	a.tls = true;
	make();
	pl_client_start(client);
	until("connected");
	pl_client_stop(client);
	until("stopped");
	TURN_UNTIL(loop, a.open == 0);
	before = descriptors();
	for (int steps = 0; steps < 40; steps++) {
		pl_buffer_deinit(&journal);
		pl_client_start(client);
		for (int i = 0; i < steps && !has("connected"); i++)
			pl_loop_turn(loop);
		if (!has("connected"))
			most = steps;
		pl_client_stop(client);
		assert_false(has("stopped"));
		until("stopped");
		assert_int_equal(count("stopped"), 1);
		assert_int_equal(has("connected"), has("disconnected"));
		pl_client_stop(client);
		TURN_UNTIL(loop, a.open == 0);
		assert_int_equal(descriptors(), before);
	}
	assert_in_range(most, 3, 38);
}

static void it_stops_within_its_events(void **state)
{
	(void)state;
	watch(1000, 0);
	make();
	when_connected = stop_it;
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake connected disconnected:1000 stopped ");
	when_connected = NULL;
	when_asked = stop_it;
	pl_client_start(client);
	until("stopped");
	expect("before:0 stopped ");
	when_asked = NULL;
	when_handshake = stop_it;
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake stopped ");
	when_handshake = NULL;
	a.hangs_up = true;
	when_failed = stop_it;
	pl_client_start(client);
	until("stopped");
	expect("before:0 handshake failed:ECLOSED stopped ");
	when_failed = NULL;
	a.hangs_up = false;
	when_disconnected = stop_it;
	pl_client_start(client);
	until("connected");
	drop_a();
	until("stopped");
	expect("before:0 handshake connected disconnected:1006 stopped ");
	/* Between attempts. */
	when_disconnected = NULL;
	a.hangs_up = true;
	pl_client_start(client);
	until("failed");
	turn_some(loop);
	pl_client_stop(client);
	until("stopped");
}

static void a_peer_that_does_not_close_is_left(void **state)
{
	(void)state;
	a.keeps_silent = true;
	settings.limits.close_timeout = 600000;
	make();
	pl_client_start(client);
	until("connected");
	pl_client_stop(client);
	TURN_UNTIL(loop, host_said(&a, "close:1000"));
	turn_some(loop);
	assert_false(has("disconnected"));
	pl_loop_skip(loop, (uint64_t)settings.limits.close_timeout);
	until("stopped");
	expect("before:0 handshake connected disconnected:1006 stopped ");
	/* The second stop does not wait. */
	pl_client_start(client);
	until("connected");
	pl_client_stop(client);
	turn_some(loop);
	pl_client_stop(client);
	until("stopped");
	/* Nor does one that is not clean. */
	pl_client_free(client);
	settings.clean = false;
	make();
	pl_client_start(client);
	TURN_UNTIL(loop, pl_client_conn(client));
	pl_buffer_deinit(&a.said);
	pl_client_stop(client);
	TURN_UNTIL(loop, !pl_client_active(client));
}

/* Waiting. */

static void who_waits_is_told(void **state)
{
	static char up[] = "up", up_too[] = "up too", down[] = "down";
	pl_client_wait *wait, *other;

	(void)state;
	make();
	assert_int_equal(pl_client_connect(client, 1000, on_done, up, &wait), PL_OK);
	assert_int_equal(pl_client_connect(client, 1000, on_done, up_too, &other), PL_OK);
	assert_int_equal(pl_client_connect(client, 1000, on_done, down, &other), PL_OK);
	pl_client_wait_cancel(other);
	until("connected");
	assert_string_equal(waited, "up:OK up too:OK ");
	waited[0] = '\0';
	assert_int_equal(pl_client_connect(client, 1000, on_done, up, &wait), PL_OK);
	assert_string_equal(waited, "");
	pl_loop_turn(loop);
	assert_string_equal(waited, "up:OK ");
	waited[0] = '\0';
	assert_int_equal(pl_client_disconnect(client, 1000, on_done, down, &wait), PL_OK);
	until("stopped");
	assert_string_equal(waited, "down:OK ");
	waited[0] = '\0';
	assert_int_equal(pl_client_disconnect(client, 1000, on_done, down, &wait), PL_OK);
	pl_loop_turn(loop);
	assert_string_equal(waited, "down:OK ");
	waited[0] = '\0';
	a.hangs_up = true;
	assert_int_equal(pl_client_connect(client, 1000, on_done, up, &wait), PL_OK);
	TURN_UNTIL(loop, waited[0]);
	assert_true(has("failed:ECLOSED stopped "));
	assert_string_equal(waited, "up:ECLOSED ");
	assert_true(idle_when_told);
	waited[0] = '\0';
	assert_int_equal(pl_client_connect(client, 1000, on_done, up, &wait), PL_OK);
	pl_client_stop(client);
	TURN_UNTIL(loop, waited[0]);
	assert_string_equal(waited, "up:ECANCELED ");
}

static void who_waits_waits_only_so_long(void **state)
{
	static char up[] = "up", down[] = "down";
	pl_client_wait *wait;

	(void)state;
	a.ws = false;
	make();
	pl_client_connect(client, 1000, on_done, up, &wait);
	until("handshake");
	pl_loop_skip(loop, 1000);
	assert_string_equal(waited, "up:ETIMEDOUT ");
	until("stopped"); /* nobody else has wanted it */
	expect("before:0 handshake stopped ");
	pl_client_start(client);
	pl_client_connect(client, 1000, on_done, up, &wait);
	until("handshake");
	pl_loop_skip(loop, 1000);
	turn_some(loop);
	assert_true(pl_client_active(client)); /* somebody has */
	waited[0] = '\0';
	pl_client_stop(client);
	until("stopped");
	a.ws = true;
	a.keeps_silent = true;
	pl_client_start(client);
	TURN_UNTIL(loop, pl_client_conn(client));
	pl_client_disconnect(client, 1000, on_done, down, &wait);
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	assert_string_equal(waited, "down:ETIMEDOUT ");
	pl_loop_skip(loop, (uint64_t)settings.limits.close_timeout);
	TURN_UNTIL(loop, !pl_client_active(client));
	/* The first of two that wait does not stop it for the other. */
	a.ws = false;
	waited[0] = '\0';
	pl_buffer_deinit(&journal);
	pl_client_connect(client, 1000, on_done, up, &wait);
	pl_client_connect(client, 2000, on_done, down, &wait);
	until("handshake");
	pl_loop_skip(loop, 1000);
	turn_some(loop);
	assert_string_equal(waited, "up:ETIMEDOUT ");
	assert_true(pl_client_active(client));
	pl_loop_skip(loop, 1000);
	until("stopped");
	assert_string_equal(waited, "up:ETIMEDOUT down:ETIMEDOUT ");
	/* Who is connected and stopped at once was not connected. */
	a.ws = true;
	a.keeps_silent = false;
	waited[0] = '\0';
	when_connected = stop_it;
	pl_buffer_deinit(&journal);
	pl_client_connect(client, 1000, on_done, up, &wait);
	until("stopped");
	assert_string_equal(waited, "up:ECANCELED ");
}

/* Who begins to wait when all has failed waits for another attempt; who has waited is told. */

static void wait_again(void)
{
	static char again[] = "again";
	pl_client_wait *wait;

	when_failed = NULL;
	a.hangs_up = false;
	assert_int_equal(pl_client_connect(client, 1000, on_done, again, &wait), PL_OK);
}

static void a_wait_may_follow_a_failure(void **state)
{
	static char up[] = "up";
	pl_client_wait *wait;

	(void)state;
	a.hangs_up = true;
	make();
	when_failed = wait_again;
	assert_int_equal(pl_client_connect(client, 1000, on_done, up, &wait), PL_OK);
	until("connected");
	assert_string_equal(waited, "up:ECLOSED again:OK ");
	assert_false(has("stopped"));
	/* With a watchdog who waits is told of each walk's end. */
	pl_client_stop(client);
	until("stopped");
	pl_client_free(client);
	watch(1000, 0);
	a.hangs_up = true;
	waited[0] = '\0';
	make();
	assert_int_equal(pl_client_connect(client, 60000, on_done, up, &wait), PL_OK);
	TURN_UNTIL(loop, waited[0]);
	assert_string_equal(waited, "up:ECLOSED ");
	assert_int_equal(pl_client_connect(client, 60000, on_done, up, &wait), PL_OK);
	a.hangs_up = false;
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	TURN_UNTIL(loop, strstr(waited, "up:OK"));
	/* The watchdog is called off while somebody waits. */
	holds_watchdog = true;
	a.hangs_up = true;
	drop_a();
	TURN_UNTIL(loop, !pl_client_conn(client));
	waited[0] = '\0';
	assert_int_equal(pl_client_connect(client, 60000, on_done, up, &wait), PL_OK);
	turn_some(loop);
	pl_buffer_deinit(&journal);
	pl_loop_skip(loop, 1000);
	until("watchdog");
	pl_client_watchdog_end(client, false);
	until("stopped");
	assert_string_equal(waited, "up:ECLOSED ");
}

/* What is kept. */

static void messages_are_kept_while_it_is_down(void **state)
{
	(void)state;
	watch(1000, 0);
	settings.keep = true;
	settings.limits.kept_messages = 10;
	a.hangs_up = true;
	make();
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "a", 1, 0), PL_ECLOSED);
	pl_client_start(client);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "one", 3, 0), PL_BUFFERED);
	until("failed");
	assert_int_equal(pl_client_write(client, PL_KIND_BINARY, "two", 3, 0), PL_BUFFERED);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "\xff", 1, 0), PL_EUTF8);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "three", 5, 0), PL_ELIMIT);
	assert_int_equal(pl_client_kept(client), 6);
	a.hangs_up = false;
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	until("connected");
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "login", 5, 0), PL_OK);
	pl_client_resend(client);
	assert_int_equal(pl_client_kept(client), 0);
	TURN_UNTIL(loop, host_said(&a, "1:login 1:one 2:two "));
	pl_client_stop(client);
	until("stopped");
	pl_client_start(client);
	pl_client_write(client, PL_KIND_TEXT, "x", 1, 0);
	pl_client_stop(client);
	assert_int_equal(pl_client_kept(client), 0);
	until("stopped");
	pl_buffer_deinit(&journal);
	pl_client_start(client);
	pl_client_write(client, PL_KIND_TEXT, "x", 1, 0);
	until("connected");
	assert_int_equal(pl_client_kept(client), 1);
	pl_client_stop(client);
	assert_int_equal(pl_client_kept(client), 0);
}

/* What is on its way out again keeps its place, also when that connection is lost. */
static void what_is_sent_again_stays_in_order(void **state)
{
	static char large[12 << 20];

	(void)state;
	watch(1000, 0);
	settings.keep = true;
	settings.limits.high_water = 1024;
	settings.limits.low_water = 0;
	memset(large, 'x', sizeof(large));
	make();
	pl_client_start(client);
	pl_client_write(client, PL_KIND_BINARY, large, sizeof(large), 0);
	pl_client_write(client, PL_KIND_TEXT, "second", 6, 0);
	until("connected");
	pl_stream_pause(a.stream);
	pl_client_resend(client);
	assert_int_equal(pl_client_kept(client), 6);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "third", 5, 0), PL_BUFFERED);
	assert_int_equal(pl_client_kept(client), 11);
	assert_int_equal(pl_conn_write(pl_client_conn(client), PL_KIND_TEXT, "direct", 6, 0),
			 PL_BUFFERED);
	drop_a();
	until("disconnected");
	pl_buffer_deinit(&journal);
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	until("connected");
	pl_client_resend(client);
	TURN_UNTIL(loop, host_said(&a, "1:direct 1:second 1:third "));
}

/* What a connection that is lost had not begun to send comes on the next one, in order. */
static void what_was_queued_is_sent_again(void **state)
{
	static char large[200000];
	int written = 0;

	(void)state;
	watch(1000, 0);
	settings.keep = true;
	settings.limits.high_water = 1024;
	settings.limits.low_water = 0;
	memset(large, 'x', sizeof(large));
	make();
	pl_client_start(client);
	until("connected");
	pl_stream_pause(a.stream);
	/* Until the system takes no more, and then some. */
	while (pl_client_conn(client)->queue == NULL && written < 1000) {
		int status = pl_client_write(client, PL_KIND_TEXT, large, sizeof(large), 0);

		assert_true(status == PL_OK || status == PL_BUFFERED);
		written++;
		turn_some(loop);
	}
	assert_non_null(pl_client_conn(client)->queue);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "first", 5, 0), PL_BUFFERED);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "second", 6, 0), PL_BUFFERED);
	drop_a();
	until("disconnected");
	assert_true(pl_client_kept(client) >= sizeof(large) + 11);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "third", 5, 0), PL_BUFFERED);
	pl_buffer_deinit(&a.said);
	turn_some(loop);
	pl_loop_skip(loop, 1000);
	TURN_UNTIL(loop, count("connected ") == 2);
	pl_client_resend(client);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "fourth", 6, 0),
			 pl_client_kept(client) > 0 ? PL_BUFFERED : PL_OK);
	TURN_UNTIL(loop, host_said(&a, "1:first 1:second 1:third 1:fourth "));
	assert_int_equal(pl_client_kept(client), 0);
}

static void lower_levels_go_first(void **state)
{
	(void)state;
	settings.keep = true;
	settings.queue = (pl_queue_options){ .text = 3, .binary = 2 };
	make();
	pl_client_start(client);
	pl_client_write(client, PL_KIND_TEXT, "one", 3, 0);
	pl_client_write(client, PL_KIND_BINARY, "two", 3, 0);
	pl_client_write(client, PL_KIND_TEXT, "three", 5, 0);
	until("connected");
	pl_client_resend(client);
	TURN_UNTIL(loop, host_said(&a, "2:two 1:one 1:three "));
}

static void without_the_option_nothing_is_kept(void **state)
{
	(void)state;
	watch(1000, 0);
	a.hangs_up = true;
	make();
	pl_client_start(client);
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "one", 3, 0), PL_ECLOSED);
	until("failed");
	assert_int_equal(pl_client_write(client, PL_KIND_TEXT, "one", 3, 0), PL_ECLOSED);
	assert_int_equal(pl_client_kept(client), 0);
}

/* Memory. */

static void without_memory_it_fails(void **state)
{
	int before;

	(void)state;
	places[0].host = PL_SLICE("localhost");
	settings.deflate =
		(pl_deflate_settings){ true, { .server_window = 15, .client_window = 15 }, 8, 6 };
	a.agreed = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
	a.answers[0] = redirect_to(0, 302, "?next");
	make();
	pl_client_start(client);
	until("connected");
	pl_client_stop(client);
	until("stopped");
	TURN_UNTIL(loop, a.open == 0);
	before = descriptors();
	for (uint64_t nth = 1;; nth++) {
		bool connected;

		pl_client_free(client);
		client = NULL;
		a.accepted = 0;
		pl_buffer_deinit(&journal);
		pl_buffer_reserve(&journal, 1000);
		pl_alloc_fail_at(nth);
		if (pl_client_new(&client, loop, &settings, &events, NULL) == PL_OK) {
			pl_client_start(client);
			for (int i = 0; i < 2000 && pl_client_active(client) && !has("connected");
			     i++)
				pl_loop_turn(loop);
		}
		pl_alloc_fail_at(0);
		connected = has("connected");
		if (!client)
			make();
		pl_client_stop(client);
		TURN_UNTIL(loop, !pl_client_active(client));
		if (a.stream)
			pl_stream_abort(a.stream, PL_OK);
		pl_loop_skip(loop, 1000); /* a listener without memory rests */
		TURN_UNTIL(loop, a.open == 0 && descriptors() == before);
		if (connected)
			break;
		pl_buffer_deinit(&a.heads);
	}
}

static int begin_all(void **state)
{
	pl_tls_client_settings trust = { .verify_depth = -1, .alpn = peer_alpn, .alpn_count = 1 };
	static char root[TLS_FILE_PATH];
	char error[PL_TLS_ERROR_MAX];
	pl_tls_settings rules;

	tls_make_files(state);
	rules = peer_settings();
	server_tls = peer_context(&rules);
	tls_path(root, "ca.pem");
	trust.root_cert_file = root;
	assert_int_equal(pl_tls_client_context(&client_tls, &trust, error), PL_OK);
	return 0;
}

static int end_all(void **state)
{
	pl_tls_context_unref(server_tls);
	pl_tls_context_unref(client_tls);
	return tls_remove_files(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(it_connects_talks_and_stops),
		TEST(its_messages_are_in_the_log),
		TEST(what_comes_behind_the_handshake_is_read),
		TEST(it_closes_when_the_server_does),
		TEST(tls_and_a_subprotocol),
		TEST(deflate_is_offered_and_used),
		TEST(bytes_alone),
		TEST(so_many_bits_a_second),
		TEST(the_application_decides_on_the_server),
		TEST(each_message_may_start_anew),
		TEST(a_failure_is_told_and_the_client_is_idle),
		TEST(one_deadline_ends_every_phase),
		TEST(the_application_may_refuse),
		TEST(fields_are_added_and_replaced),
		TEST(the_next_place_is_tried),
		TEST(the_route_may_change_before_it_is_taken),
		TEST(a_route_that_is_set_each_time_has_an_end),
		TEST(redirects_are_followed),
		TEST(redirects_have_a_limit),
		TEST(a_redirect_elsewhere_takes_no_secrets),
		TEST(redirects_keep_to_tls),
		TEST(a_redirect_to_tls_needs_it),
		TEST(a_server_does_not_speak_first),
		TEST(http2_is_no_way),
		TEST(no_redirect_leads_inside),
		TEST(the_guard_knows_this_machine),
		TEST(it_comes_back),
		TEST(it_gives_up),
		TEST(the_application_may_call_it_off),
		TEST(a_silent_peer_is_left),
		TEST(it_may_be_started_again_at_once),
		TEST(it_stops_in_every_phase),
		TEST(it_stops_within_its_events),
		TEST(a_peer_that_does_not_close_is_left),
		TEST(who_waits_is_told),
		TEST(who_waits_waits_only_so_long),
		TEST(a_wait_may_follow_a_failure),
		TEST(messages_are_kept_while_it_is_down),
		TEST(what_was_queued_is_sent_again),
		TEST(lower_levels_go_first),
		TEST(what_is_sent_again_stays_in_order),
		TEST(without_the_option_nothing_is_kept),
		TEST(without_memory_it_fails),
#undef TEST
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
