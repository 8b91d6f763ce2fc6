/*
 * A client's way to a host, over sockets of this machine: its phases, with hosts and proxies that
 * the test plays; what each failure is called; cancelling; that nothing is left open.
 *
 * covers: client/connector.c net/tcp_options.c
 */
#include "session/host_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "client/connector.h"

enum { SOON = 5000 };

/* Who asked for it. */
typedef struct caller {
	bool told;
	int status;
	char why[1024];
	char rest[64];
	pl_stream *stream;
	bool closed;
	pl_connected times;
	pl_buffer received;
} caller;

static pl_limits limits;
static host server, proxy;
static caller client;
static pl_tls_context *client_tls;
static char forbidden[PL_ADDRESS_TEXT];
static int asked; /* how often `allow` was */

/* The caller. */

static void on_data(void *owner, uint8_t *data, size_t len)
{
	(void)owner;
	assert_int_equal(pl_buffer_append(&client.received, data, len), PL_OK);
}

static void on_closed(void *owner, int status)
{
	(void)owner, (void)status;
	client.closed = true;
	client.stream = NULL;
}

static const pl_stream_events events = {
	.data = on_data, .end = host_on_nothing, .drain = host_on_nothing, .closed = on_closed
};

static void on_done(void *owner, int status, const pl_connected *connected)
{
	assert_ptr_equal(owner, &client);
	assert_false(client.told);
	client.told = true;
	client.status = status;
	client.times = *connected;
	snprintf(client.why, sizeof(client.why), "%s", connected->why ? connected->why : "");
	assert_int_equal(status == PL_OK, connected->stream != NULL);
	assert_int_equal(status == PL_OK, connected->why == NULL);
	if (!connected->stream)
		return;
	client.stream = connected->stream;
	snprintf(client.rest, sizeof(client.rest), "%.*s", (int)connected->len,
		 connected->rest ? (char *)connected->rest : "");
	pl_stream_own(client.stream, &events, NULL);
	pl_stream_resume(client.stream);
}

static bool allow(void *owner, const pl_address *address)
{
	char text[PL_ADDRESS_TEXT];

	assert_ptr_equal(owner, &client);
	asked++;
	pl_address_ip(address, text);
	return strcmp(text, forbidden) != 0;
}

static pl_connector_settings to(const char *name, uint16_t port)
{
	return (pl_connector_settings){ .host = pl_slice_make(name, strlen(name)),
					.port = port,
					.timeout = SOON,
					.allow = allow,
					.limits = &limits,
					.done = on_done,
					.owner = &client };
}

static pl_connector_proxy through(enum pl_proxy_kind kind, const char *name)
{
	return (pl_connector_proxy){ .kind = kind,
				     .host = pl_slice_make(name, strlen(name)),
				     .port = proxy.port };
}

static pl_connector *begin(const pl_connector_settings *settings)
{
	pl_connector *connector = NULL;

	pl_buffer_deinit(&client.received);
	memset(&client, 0, sizeof(client));
	asked = 0;
	assert_int_equal(pl_connector_start(&connector, loop, settings), PL_OK);
	assert_false(client.told);
	return connector;
}

static int connect_with(const pl_connector_settings *settings)
{
	begin(settings);
	TURN_UNTIL(loop, client.told);
	return client.status;
}

static void expect(const pl_connector_settings *settings, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void expect(const pl_connector_settings *settings, int status, const char *format, ...)
{
	char why[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	connect_with(settings);
	assert_string_equal(client.why, why);
	assert_int_equal(client.status, status);
}

static void hang_up(void)
{
	pl_stream_abort(client.stream, PL_OK);
	TURN_UNTIL(loop, client.closed);
}

/* Both ways, then the end. */
static void talk(host *self)
{
	assert_int_equal(pl_stream_write(client.stream, "hello", 5), PL_OK);
	TURN_UNTIL(loop, host_has(self, "hello"));
	assert_int_equal(pl_stream_write(self->stream, "welcome", 7), PL_OK);
	TURN_UNTIL(loop, client.received.len >= 7);
	hang_up();
	TURN_UNTIL(loop, self->closed > 0);
}

static int set_up(void **state)
{
	(void)state;
	pl_limits_init(&limits);
	strcpy(forbidden, "none");
	assert_int_equal(pl_loop_new(&loop), PL_OK);
	host_listen(&server, "127.0.0.1");
	host_listen(&proxy, "127.0.0.1");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_leave(&server);
	host_leave(&proxy);
	pl_buffer_deinit(&client.received);
	pl_loop_run(loop); /* nothing holds it */
	pl_loop_free(loop);
	return 0;
}

/* Without a proxy. */

static void it_connects(void **state)
{
	pl_connector_settings settings = to("127.0.0.1", server.port);

	(void)state;
	assert_int_equal(connect_with(&settings), PL_OK);
	assert_int_equal(asked, 1);
	talk(&server);
}

static void it_secures(void **state)
{
	pl_connector_settings settings = to("localhost", server.port);
	pl_slice alpn;

	(void)state;
	settings.tls = client_tls;
	server.tls = true;
	assert_int_equal(connect_with(&settings), PL_OK);
	alpn = pl_tls_alpn(client.stream);
	assert_int_equal(alpn.len, 8);
	talk(&server);
}

static void failures_are_named(void **state)
{
	pl_connector_settings settings = to("127.0.0.1", server.port);
	pl_address address;

	(void)state;
	pl_listener_close(server.listener);
	TURN_UNTIL(loop, !server.listener);
	expect(&settings, PL_ECONNREFUSED, "127.0.0.1:%u: connection refused", server.port);
	settings = to("nobody.invalid", 80);
	expect(&settings, PL_EHOST, "nobody.invalid:80: host name cannot be resolved");
	settings = to("::1", 9);
	strcpy(forbidden, "::1");
	expect(&settings, PL_EACCES, "[::1]:9: the address ::1 is not allowed");
	settings = to("[::1]", 9);
	expect(&settings, PL_EACCES, "[::1]:9: the address ::1 is not allowed");
	settings = to("127.0.0.1", proxy.port);
	assert_true(pl_address_parse(&address, "::1"));
	settings.local = address;
	expect(&settings, PL_EADDRNOTAVAIL, "127.0.0.1:%u: address is not of this machine",
	       proxy.port);
}

static void tls_failures_are_named(void **state)
{
	pl_connector_settings settings = to("127.0.0.1", server.port);
	uint16_t port = server.port;

	(void)state;
	settings.tls = client_tls;
	server.tls = true;
	expect(&settings, PL_EPROTO,
	       "127.0.0.1:%u: TLS: the certificate is for localhost, not for 127.0.0.1", port);
	settings.server_name = PL_SLICE("localhost");
	assert_int_equal(connect_with(&settings), PL_OK);
	hang_up();
	settings.server_name = PL_SLICE("other.example");
	expect(&settings, PL_EPROTO,
	       "127.0.0.1:%u: TLS: the certificate is for localhost, not for other.example", port);
	server.tls = false;
	server.hangs_up = true;
	settings = to("localhost", port);
	settings.tls = client_tls;
	expect(&settings, PL_ECONNRESET,
	       "localhost:%u: TLS: the server has closed the connection in the handshake", port);
	server.hangs_up = false;
	host_says(&server, "HTTP/1.1 400 Bad Request\r\n\r\n");
	connect_with(&settings);
	assert_int_equal(client.status, PL_EPROTO);
	assert_non_null(strstr(client.why, ": TLS: "));
}

static void wrong_settings_are_refused(void **state)
{
	pl_connector_settings settings = to("a.example", 80);
	pl_connector_proxy bad = through(PL_PROXY_SOCKS5, "");
	pl_connector *connector;
	char longest[300];

	(void)state;
	assert_null(pl_connector_problem(&settings));
	memset(longest, 'a', sizeof(longest));
	settings.host = pl_slice_make(longest, sizeof(longest));
	assert_int_equal(pl_connector_start(&connector, loop, &settings), PL_EINVAL);
	settings.host = PL_SLICE("");
	assert_int_equal(pl_connector_start(&connector, loop, &settings), PL_EINVAL);
	settings.host = PL_SLICE("a b");
	assert_int_equal(pl_connector_start(&connector, loop, &settings), PL_EINVAL);
	settings.host = PL_SLICE("a");
	settings.port = 0;
	assert_string_equal(pl_connector_problem(&settings), "there is no port 0");
	settings.port = 80;
	settings.proxy = &bad;
	assert_string_equal(pl_connector_problem(&settings),
			    "the proxy's host is neither a name nor an address");
	bad.host = PL_SLICE("proxy");
	bad.port = 0;
	assert_string_equal(pl_connector_problem(&settings), "the proxy has no port");
	bad.port = 1;
	bad.user = PL_SLICE("user");
	assert_string_equal(pl_connector_problem(&settings), "SOCKS5 has no empty password");
	bad = through(PL_PROXY_SOCKS4, "proxy");
	assert_null(pl_connector_problem(&settings));
	settings.host = PL_SLICE("::1");
	assert_string_equal(pl_connector_problem(&settings), "SOCKS4 has no IPv6");
}

static void it_is_told_where_from_and_how(void **state)
{
	pl_connector_settings settings = to("127.0.0.1", server.port);
	pl_address local;
	char text[PL_ADDRESS_TEXT];

	(void)state;
	assert_true(pl_address_parse(&settings.local, "127.0.0.3"));
	settings.tcp = (pl_tcp_options){
		.keepalive_time = 7, .keepalive_interval = 3, .keepalive_count = 2, .reset = true
	};
	assert_int_equal(connect_with(&settings), PL_OK);
	pl_stream_local(client.stream, &local);
	pl_address_ip(&local, text);
	assert_string_equal(text, "127.0.0.3");
	hang_up();
	/* As the system has them: the descriptor of a stream is nobody's business but its own. */
	for (int fd = socket(AF_INET, SOCK_STREAM, 0), once = 1; once; once = 0) {
		int value = 0;
		socklen_t len = sizeof(value);
		struct linger linger = { 0 };
		socklen_t linger_len = sizeof(linger);

		assert_int_equal(pl_tcp_options_set(fd, &settings.tcp), PL_OK);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len), 0);
		assert_int_equal(value, 7);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &value, &len), 0);
		assert_int_equal(value, 2);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &linger_len), 0);
		assert_true(linger.l_onoff && linger.l_linger == 0);
		close(fd);
		assert_int_equal(pl_tcp_options_set(fd, &settings.tcp),
				 pl_status_from_errno(EBADF));
	}
}

/* Through proxies. */

static void a_tunnel_opens(void **state)
{
	pl_connector_settings settings = to("far.example", 80);
	pl_connector_proxy way = through(PL_PROXY_HTTP, "127.0.0.1");

	(void)state;
	way.user = PL_SLICE("user");
	way.password = PL_SLICE("secret");
	settings.proxy = &way;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n220 hello");
	assert_int_equal(connect_with(&settings), PL_OK);
	assert_true(host_has(&proxy, "CONNECT far.example:80 HTTP/1.1\r\n"));
	assert_true(host_has(&proxy, "Basic dXNlcjpzZWNyZXQ="));
	assert_string_equal(client.rest, "220 hello"); /* of a server that speaks first */
	assert_int_equal(asked, 0); /* neither the proxy's address nor one that it resolves */
	talk(&proxy);
}

static void tls_goes_through_the_tunnel(void **state)
{
	pl_connector_settings settings = to("localhost", 443);
	pl_connector_proxy way = through(PL_PROXY_HTTP, "localhost");

	(void)state;
	settings.proxy = &way;
	settings.tls = client_tls;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
	proxy.then_tls = true;
	assert_int_equal(connect_with(&settings), PL_OK);
	talk(&proxy);
	settings.server_name = PL_SLICE("other.example");
	expect(&settings, PL_EPROTO,
	       "localhost:443: TLS: the certificate is for localhost, not for other.example");
	proxy.then_tls = false;
	settings.server_name = PL_SLICE("");
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\nx");
	expect(&settings, PL_EPROTO,
	       "proxy localhost:%u: bytes came through the tunnel ahead of TLS", proxy.port);
}

static void tls_to_the_proxy(void **state)
{
	pl_connector_settings settings = to("far.example", 80);
	pl_connector_proxy way = through(PL_PROXY_HTTP, "localhost");

	(void)state;
	settings.proxy = &way;
	way.tls = client_tls;
	proxy.tls = true;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
	assert_int_equal(connect_with(&settings), PL_OK);
	talk(&proxy);
	way.host = PL_SLICE("127.0.0.1");
	expect(&settings, PL_EPROTO,
	       "proxy 127.0.0.1:%u: TLS: the certificate is for localhost, not for 127.0.0.1",
	       proxy.port);
}

static void proxy_failures_are_named(void **state)
{
	pl_connector_settings settings = to("far.example", 80);
	pl_connector_proxy way = through(PL_PROXY_HTTP, "127.0.0.1");
	unsigned port = proxy.port;

	(void)state;
	settings.proxy = &way;
	host_says(&proxy, "HTTP/1.1 403 Forbidden\r\n\r\n");
	connect_with(&settings);
	assert_int_equal(client.status, PL_EACCES);
	assert_non_null(strstr(client.why, "proxy 127.0.0.1:"));
	assert_non_null(strstr(client.why, "403"));
	limits.header_block = 256;
	host_says(&proxy, "HTTP/1.1 200 OK\r\nX: "
			  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			  "\r\n\r\n");
	assert_int_equal(connect_with(&settings), PL_ELIMIT);
	proxy.hangs_up = true;
	connect_with(&settings);
	assert_int_equal(client.status, PL_ECONNRESET);
	pl_listener_close(proxy.listener);
	TURN_UNTIL(loop, !proxy.listener);
	expect(&settings, PL_ECONNREFUSED, "proxy 127.0.0.1:%u: connection refused", port);
	way.host = PL_SLICE("nobody.invalid");
	expect(&settings, PL_EHOST, "proxy nobody.invalid:%u: host name cannot be resolved", port);
}

/* SOCKS4 is given an address; who resolves it is asked whether it may be reached. */
static void socks4_is_given_an_address(void **state)
{
	pl_connector_settings settings = to("localhost", 0x1234);
	pl_connector_proxy way = through(PL_PROXY_SOCKS4, "127.0.0.1");

	(void)state;
	settings.proxy = &way;
	proxy.answer = "\0\x5a\0\0\0\0\0\0";
	proxy.answer_len = 8;
	assert_int_equal(connect_with(&settings), PL_OK);
	assert_int_equal(proxy.received.len, 9);
	assert_memory_equal(proxy.received.data, "\4\1\x12\x34\x7f\0\0\1\0", 9);
	assert_int_equal(asked, 1);
	talk(&proxy);
	strcpy(forbidden, "127.0.0.1");
	expect(&settings, PL_EACCES, "localhost:4660: the address 127.0.0.1 is not allowed");
	settings.host = PL_SLICE("nobody.invalid");
	expect(&settings, PL_EHOST, "nobody.invalid:4660: host name cannot be resolved");
}

static void socks5_is_given_a_name(void **state)
{
	pl_connector_settings settings = to("far.example", 80);
	pl_connector_proxy way = through(PL_PROXY_SOCKS5, "127.0.0.1");

	(void)state;
	settings.proxy = &way;
	proxy.answer = "\5\0\5\0\0\1\0\0\0\0\0\0";
	proxy.answer_len = 2;
	begin(&settings);
	TURN_UNTIL(loop, proxy.received.len > 3);
	assert_true(host_has(&proxy, "far.example"));
	pl_stream_write(proxy.stream, proxy.answer + 2, 10);
	TURN_UNTIL(loop, client.told);
	assert_int_equal(client.status, PL_OK);
	talk(&proxy);
}

/* What a proxy would take for an address, or for itself, is no name. */
static void the_guard_sees_through_a_proxy(void **state)
{
	static const char *const hosts[] = { "127.0.0.1",    "[::1]", "2130706433",
					     "0x7f.1",	     "127.1", "localhost",
					     "a.localhost.", "::",    "127.0.0.%31" };
	pl_connector_proxy way = through(PL_PROXY_HTTP, "127.0.0.1");

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		pl_connector_settings settings = to(hosts[i], 80);

		settings.proxy = &way;
		strcpy(forbidden, i == 0 ? "127.0.0.1" : i == 1 ? "::1" : i == 7 ? "::" : "");
		assert_int_equal(connect_with(&settings), PL_EACCES);
		assert_int_equal(proxy.accepted, 0);
		assert_non_null(strstr(client.why, "not allowed"));
	}
}

/* Time. */

/* A peer that says nothing: in which phase it is when the time is over. */
static void late_in(const pl_connector_settings *settings, const host *silent, size_t received,
		    const char *why)
{
	begin(settings);
	if (silent)
		TURN_UNTIL(loop, silent->stream && silent->received.len >= received);
	else
		pl_loop_turn(loop);
	turn_some(loop);
	assert_false(client.told);
	pl_loop_skip(loop, settings->timeout);
	TURN_UNTIL(loop, client.told);
	assert_int_equal(client.status, PL_ETIMEDOUT);
	if (!strstr(client.why, why))
		fail_msg("'%s' does not say '%s'", client.why, why);
	if (silent)
		TURN_UNTIL(loop, silent->open == 0);
}

static void one_deadline_ends_every_phase(void **state)
{
	pl_connector_settings settings = to("localhost", server.port);
	pl_connector_proxy way = through(PL_PROXY_HTTP, "localhost");

	(void)state;
	settings.tls = client_tls;
	late_in(&settings, &server, 1, "TLS: the handshake did not end in time");
	settings.proxy = &way;
	settings.tls = NULL;
	late_in(&settings, &proxy, 1, "no tunnel in time");
	pl_buffer_deinit(&proxy.received);
	way.tls = client_tls;
	late_in(&settings, &proxy, 1, "TLS: the handshake did not end in time");
	assert_non_null(strstr(client.why, "proxy localhost:"));
	pl_buffer_deinit(&proxy.received);
	way.tls = NULL;
	settings.tls = client_tls;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
	late_in(&settings, &proxy, 50, "TLS: the handshake did not end in time");
	assert_null(strstr(client.why, "proxy"));
}

/* A listener whose backlog is full answers nobody. */
static void a_phase_has_its_own_deadline(void **state)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	pl_connector_settings settings;
	int fds[4];

	(void)state;
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&name, &len), 0);
	for (int i = 1; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&name, sizeof(name));
	}
	settings = to("127.0.0.1", ntohs(name.sin_port));
	settings.timeout = 60000;
	settings.connect_timeout = 700;
	begin(&settings);
	turn_some(loop);
	pl_loop_skip(loop, 600);
	turn_some(loop);
	assert_false(client.told);
	pl_loop_skip(loop, 100);
	TURN_UNTIL(loop, client.told);
	assert_int_equal(client.status, PL_ETIMEDOUT);
	assert_non_null(strstr(client.why, ": no connection in time"));
	settings = to("nobody.invalid", 80);
	settings.timeout = 60000;
	settings.resolve_timeout = 100;
	begin(&settings);
	pl_loop_skip(loop, 100);
	assert_true(client.told);
	assert_string_equal(client.why,
			    "nobody.invalid:80: the host name was not resolved in time");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

/* Cancelling. */

static void it_can_be_cancelled_in_every_phase(void **state)
{
	pl_connector_proxy way = through(PL_PROXY_HTTP, "localhost");
	pl_connector_settings settings = to("localhost", 443);
	int before, most = 0;

	(void)state;
	settings.proxy = &way;
	settings.tls = client_tls;
	way.tls = NULL;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
	proxy.then_tls = true;
	assert_int_equal(connect_with(&settings), PL_OK);
	hang_up();
	TURN_UNTIL(loop, proxy.open == 0);
	before = descriptors();
	for (int steps = 0; steps < 60; steps++) {
		pl_connector *connector = begin(&settings);

		for (int i = 0; i < steps && !client.told; i++)
			pl_loop_turn(loop);
		if (client.told) {
			assert_int_equal(client.status, PL_OK);
			hang_up();
		} else {
			most = steps;
			pl_connector_cancel(connector);
		}
		turn_some(loop);
		assert_true(client.told == client.closed);
		TURN_UNTIL(loop, proxy.open == 0);
		assert_int_equal(descriptors(), before);
	}
	assert_in_range(most, 4, 58);
}

/* Memory. */

static void without_memory_it_fails(void **state)
{
	pl_connector_proxy way = through(PL_PROXY_HTTP, "localhost");
	pl_connector_settings settings = to("localhost", 443);
	int before;

	(void)state;
	settings.proxy = &way;
	settings.tls = client_tls;
	host_says(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
	proxy.then_tls = true;
	assert_int_equal(connect_with(&settings), PL_OK);
	hang_up();
	TURN_UNTIL(loop, proxy.open == 0);
	before = descriptors();
	for (uint64_t nth = 1;; nth++) {
		pl_connector *connector;
		int started;

		memset(&client, 0, sizeof(client));
		pl_alloc_fail_at(nth);
		started = pl_connector_start(&connector, loop, &settings);
		/* The other side has no memory either, and may be silent. */
		for (int i = 0; started == PL_OK && !client.told && i < 2000; i++)
			pl_loop_turn(loop);
		pl_alloc_fail_at(0);
		if (started == PL_OK && !client.told)
			pl_connector_cancel(connector);
		if (client.told && client.status == PL_OK) {
			hang_up();
			break;
		}
		if (started != PL_OK)
			assert_int_equal(started, PL_ENOMEM);
		if (client.told)
			assert_true(strlen(client.why) > 0);
		if (proxy.stream)
			pl_stream_abort(proxy.stream, PL_OK);
		pl_loop_skip(loop, 1000); /* a listener without memory rests */
		TURN_UNTIL(loop, proxy.open == 0 && descriptors() == before);
		pl_buffer_deinit(&proxy.received);
	}
}

static int begin_all(void **state)
{
	pl_tls_client_settings settings = { .verify_depth = -1,
					    .alpn = peer_alpn,
					    .alpn_count = 1 };
	static char root[TLS_FILE_PATH];
	char error[PL_TLS_ERROR_MAX];
	pl_tls_settings rules;

	tls_make_files(state);
	rules = peer_settings();
	server_tls = peer_context(&rules);
	tls_path(root, "ca.pem");
	settings.root_cert_file = root;
	assert_int_equal(pl_tls_client_context(&client_tls, &settings, error), PL_OK);
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
		TEST(it_connects),
		TEST(it_secures),
		TEST(failures_are_named),
		TEST(tls_failures_are_named),
		TEST(wrong_settings_are_refused),
		TEST(it_is_told_where_from_and_how),
		TEST(a_tunnel_opens),
		TEST(tls_goes_through_the_tunnel),
		TEST(tls_to_the_proxy),
		TEST(proxy_failures_are_named),
		TEST(socks4_is_given_an_address),
		TEST(socks5_is_given_a_name),
		TEST(the_guard_sees_through_a_proxy),
		TEST(one_deadline_ends_every_phase),
		TEST(a_phase_has_its_own_deadline),
		TEST(it_can_be_cancelled_in_every_phase),
		TEST(without_memory_it_fails),
#undef TEST
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
