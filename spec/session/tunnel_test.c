/*
 * TLS through a proxy, and to a proxy, in memory: streams that are handed on in the middle of what
 * they give.
 *
 * covers: proxy/proxy.c net/tls_client.c
 */
#include "session/tls_pair.h"

#include "proxy/proxy.h"

struct tunnel {
	struct pair pair;
	pl_tls_context *client;
	bool then_tls; /* through the tunnel */
	bool told;
	int status;
	char why[256];
};

static void on_done(void *owner, int status, const char *why, pl_stream *stream, uint8_t *rest,
		    size_t len)
{
	struct tunnel *tunnel = owner;
	struct pair_side *side = &tunnel->pair.client;
	const pl_tls_connection connection = { .host = PL_SLICE("localhost"),
					       .port = 443,
					       .timeout = PEER_TIMEOUT,
					       .ready = pair_on_ready,
					       .owner = side };

	tunnel->told = true;
	snprintf(tunnel->why, sizeof(tunnel->why), "%s", why ? why : "");
	tunnel->status = status;
	if (status)
		return;
	side->tls = stream;
	if (tunnel->then_tls) {
		assert_int_equal(len, 0);
		assert_int_equal(pl_tls_connect(&side->tls, stream, tunnel->client, &connection),
				 PL_OK);
	}
	pair_own(side);
	if (len > 0)
		pair_on_data(side, rest, len);
}

static int ask(struct tunnel *tunnel, pl_stream *stream)
{
	const pl_proxy_settings settings = { .kind = PL_PROXY_HTTP,
					     .host = PL_SLICE("localhost"),
					     .port = 443,
					     .timeout = PEER_TIMEOUT,
					     .max_answer = 1000,
					     .done = on_done,
					     .owner = tunnel };
	pl_proxy *proxy;

	return pl_proxy_start(&proxy, stream, &settings);
}

static void open_sides(struct pair *pair, pl_tls_context *server)
{
	memset(pair, 0, sizeof(*pair));
	assert_int_equal(pl_loop_new(&pair->loop), PL_OK);
	pl_loop_still(pair->loop);
	pl_memory_init(&pair->client.memory, pair->loop);
	pl_memory_init(&pair->server.memory, pair->loop);
	assert_int_equal(
		pl_tls_accept(&pair->server.tls, &pair->server.memory.stream, server,
			      &(pl_tls_acceptance){ .timeout = PEER_TIMEOUT, .steps = 16 }),
		PL_OK);
	pair_own(&pair->server);
}

static void tls_through_the_tunnel(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
	pl_tls_client_settings settings = pair_settings();
	pl_tls_settings rules = peer_settings();
	pl_tls_context *server = peer_context(&rules);
	struct tunnel tunnel = { .client = pair_context(&settings), .then_tls = true };
	struct pair *pair = &tunnel.pair;

	(void)state;
	for (size_t step = 1; step < sizeof(answer) + 2; step++) {
		pl_memory *memory = &pair->client.memory;

		tunnel.told = false;
		open_sides(pair, server);
		assert_int_equal(ask(&tunnel, &memory->stream), PL_OK);
		pair_turn(pair);
		assert_non_null(memmem(memory->sent.data, memory->sent.len, "\r\n\r\n", 4));
		memory->sent.len = 0;
		for (size_t at = 0; at < sizeof(answer) - 1; at += step) {
			size_t left = sizeof(answer) - 1 - at;

			pl_memory_feed(memory, answer + at, left < step ? left : step);
		}
		assert_true(tunnel.told);
		assert_int_equal(tunnel.status, PL_OK);
		assert_true(pair_greet(pair));
		pair_expect(pair, "ready ");
		pair_close(pair);
	}
	pl_tls_context_unref(tunnel.client);
	pl_tls_context_unref(server);
}

static void tls_to_the_proxy(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\nhello";
	pl_tls_client_settings settings = pair_settings();
	pl_tls_settings rules = peer_settings();
	pl_tls_context *server = peer_context(&rules);
	struct tunnel tunnel = { .client = pair_context(&settings) };
	struct pair *pair = &tunnel.pair;

	(void)state;
	for (size_t step = 1; step < sizeof(answer) + 2; step++) {
		tunnel.told = false;
		open_sides(pair, server);
		assert_int_equal(pair_connect(pair, tunnel.client, "localhost"), PL_OK);
		assert_int_equal(ask(&tunnel, pair->client.tls), PL_OK);
		pair_talk(pair);
		assert_int_equal(memcmp(pair->server.received.data, "CONNECT localhost:443 ", 22),
				 0);
		pair->server.received.len = 0;
		for (size_t at = 0; at < sizeof(answer) - 1; at += step) {
			size_t left = sizeof(answer) - 1 - at;

			pl_stream_write(pair->server.tls, answer + at, left < step ? left : step);
			pair_talk(pair);
		}
		assert_true(tunnel.told);
		assert_int_equal(tunnel.status, PL_OK);
		assert_int_equal(pair->client.received.len, 5);
		assert_memory_equal(pair->client.received.data, "hello", 5);
		assert_true(pair_says(pair, &pair->client, &pair->server));
		pair_close(pair);
	}
	pl_tls_context_unref(tunnel.client);
	pl_tls_context_unref(server);
}

/* The proxy's certificate is for another: nobody is asked for a tunnel. */
static void tls_to_a_wrong_proxy(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_settings rules = peer_settings();
	pl_tls_context *server = peer_context(&rules);
	struct tunnel tunnel = { .client = pair_context(&settings) };
	struct pair *pair = &tunnel.pair;

	(void)state;
	open_sides(pair, server);
	assert_int_equal(pair_connect(pair, tunnel.client, "other.example"), PL_OK);
	assert_int_equal(ask(&tunnel, pair->client.tls), PL_OK);
	pair_talk(pair);
	pl_memory_end(&pair->client.memory);
	pair_turn(pair);
	assert_true(tunnel.told);
	assert_int_equal(tunnel.status, PL_EPROTO);
	assert_string_equal(tunnel.why, "TLS with the proxy: the certificate is for localhost, not "
					"for other.example");
	assert_int_equal(pair->server.received.len, 0);
	pair->client.tls = NULL; /* gone, and the proxy's session was its owner */
	pair_close(pair);
	pl_tls_context_unref(tunnel.client);
	pl_tls_context_unref(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_through_the_tunnel),
		cmocka_unit_test(tls_to_the_proxy),
		cmocka_unit_test(tls_to_a_wrong_proxy),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
