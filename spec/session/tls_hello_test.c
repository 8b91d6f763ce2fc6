/*
 * What clients ask for: names, protocols, and plain HTTP where TLS is spoken.
 */
#include "session/tls_peer.h"

#include <openssl/x509v3.h>

static void alpn(void **state)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1", other[] = "\x02h2";
	pl_tls_settings settings = peer_settings();
	pl_tls_context *server = peer_context(&settings);
	SSL_CTX *client = peer_client_context();
	struct peer peer;

	(void)state;
	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	assert_int_equal(pl_tls_alpn(peer.tls).len, 0);
	assert_true(peer_greet(&peer));
	assert_int_equal(pl_tls_alpn(peer.tls).len, 0);
	assert_int_equal(pl_tls_alpn(&peer.memory.stream).len, 0);
	peer_close(&peer);

	SSL_CTX_set_alpn_protos(client, both, sizeof(both) - 1);
	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	assert_true(peer_greet(&peer));
	assert_true(pl_slice_equal(pl_tls_alpn(peer.tls), PL_SLICE("http/1.1")));
	peer_close(&peer);

	SSL_CTX_set_alpn_protos(client, other, sizeof(other) - 1);
	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	assert_false(peer_greet(&peer));
	assert_string_equal(peer.client_reason, "tlsv1 alert no application protocol");
	peer_expect(&peer, "closed:EPROTO ");
	peer_close(&peer);
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

static void names(void **state)
{
	static const struct {
		const char *asked, *host;
	} cases[] = {
		{ "localhost", "localhost" },		{ "second.example", "second.example" },
		{ "SECOND.example", "second.example" }, { "a.wild.example", "second.example" },
		{ "a.b.wild.example", "localhost" },	{ "wild.example", "localhost" },
		{ "elsewhere", "localhost" },
	};
	char path[TLS_FILE_PATH];
	const pl_tls_identity others[] = {
		{ .name = "second.example", .cert_file = path },
		{ .name = "*.wild.example", .cert_file = path },
	};
	pl_tls_settings settings = peer_settings();
	SSL_CTX *client = peer_client_context();
	pl_tls_context *server;

	(void)state;
	tls_path(path, "second-both.pem");
	settings.others = others;
	settings.other_count = 2;
	server = peer_context(&settings);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer;
		X509 *shown;

		assert_int_equal(peer_open(&peer, server, client), PL_OK);
		SSL_set_tlsext_host_name(peer.client, cases[i].asked);
		assert_true(peer_greet(&peer));
		shown = SSL_get0_peer_certificate(peer.client);
		assert_int_equal(X509_check_host(shown, cases[i].host, 0, 0, NULL), 1);
		peer_close(&peer);
	}
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

/* Names that OpenSSL refuses, and such that only we look at. */
static void bad_names(void **state)
{
	char path[TLS_FILE_PATH], longest[300];
	const pl_tls_identity others[] = { { .name = "second.example", .cert_file = path } };
	const char *const asked[] = { "", ".", "second.example.", "second", longest };
	pl_tls_settings settings = peer_settings();
	SSL_CTX *client = peer_client_context();
	pl_tls_context *server;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[255] = '\0';
	tls_path(path, "second-both.pem");
	settings.others = others;
	settings.other_count = 1;
	server = peer_context(&settings);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct peer peer;

		assert_int_equal(peer_open(&peer, server, client), PL_OK);
		assert_int_equal(SSL_set_tlsext_host_name(peer.client, (char *)asked[i]),
				 asked[i][0] != '\0');
		assert_true(peer_greet(&peer));
		assert_int_equal(X509_check_host(SSL_get0_peer_certificate(peer.client),
						 "localhost", 0, 0, NULL),
				 1);
		peer_close(&peer);
	}
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

/* Lengths and kinds in the list of names (RFC 6066 3) that are not as they should be. */
static void broken_names(void **state)
{
	static const char asked[] = "second.example";
	enum { LIST = -5, KIND = -3, LENGTH = -2 };
	static const struct {
		int place, value;
	} changes[] = { { LIST, 255 },	     { LIST + 1, 0 }, { LIST + 1, 16 },	 { LIST + 1, 18 },
			{ KIND, 1 },	     { LENGTH, 1 },   { LENGTH + 1, 0 }, { LENGTH + 1, 13 },
			{ LENGTH + 1, 255 }, { 3, 0 } };
	char path[TLS_FILE_PATH];
	const pl_tls_identity others[] = { { .name = asked, .cert_file = path } };
	pl_tls_settings settings = peer_settings();
	SSL_CTX *client = peer_client_context();
	pl_tls_context *server;

	(void)state;
	tls_path(path, "second-both.pem");
	settings.others = others;
	settings.other_count = 1;
	server = peer_context(&settings);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char hello[2048], *name;
		struct peer peer;
		int len;

		assert_int_equal(peer_open(&peer, server, client), PL_OK);
		SSL_set_tlsext_host_name(peer.client, asked);
		peer_client_step(&peer);
		len = BIO_read(peer.from_client, hello, sizeof(hello));
		name = memmem(hello, (size_t)len, asked, sizeof(asked) - 1);
		assert_non_null(name);
		name[changes[i].place] = (char)changes[i].value;
		pl_memory_feed(&peer.memory, hello, (size_t)len);
		peer_turn(&peer);
		peer_expect(&peer, "closed:EPROTO ");
		peer_close(&peer);
	}
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

static void says_plain(pl_stream *stream)
{
	assert_int_equal(pl_stream_write(stream, "use TLS", 7), PL_OK);
}

static void plain_text(void **state)
{
	static const pl_slice texts[] = { PL_SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
					  PL_SLICE("OPTIONS * HTTP/1.1\r\n"), PL_SLICE("X") };
	pl_tls_settings settings = peer_settings();
	SSL_CTX *client = peer_client_context();

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++) {
		pl_slice text = texts[i / 2];
		pl_tls_context *server;
		struct peer peer;

		settings.plain = i % 2 ? says_plain : NULL;
		server = peer_context(&settings);
		assert_int_equal(peer_open(&peer, server, client), PL_OK);
		for (size_t at = 0; at < text.len; at++)
			pl_memory_feed(&peer.memory, text.at + at, 1);
		peer_turn(&peer);
		peer_expect(&peer, "closed:EPROTO ");
		assert_int_equal(peer.memory.sent.len, i % 2 ? 7 : 0);
		if (i % 2)
			assert_memory_equal(peer.memory.sent.data, "use TLS", 7);
		assert_true(peer.memory.finished);
		peer_close(&peer);
		pl_tls_context_unref(server);
	}
	SSL_CTX_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alpn),	      cmocka_unit_test(names),
		cmocka_unit_test(bad_names),  cmocka_unit_test(broken_names),
		cmocka_unit_test(plain_text),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
