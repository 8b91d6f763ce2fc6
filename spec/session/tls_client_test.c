/*
 * The client's side of TLS against our server's, in memory.
 *
 * covers: net/tls_verdict.c
 */
#include "session/tls_pair.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/log.h"
#include "net/tls_internal.h"

/* Certificates that crypto/certificate.c would not make. */
struct plan {
	const char *name;   /* of its file, "-both.pem" */
	const char *issuer; /* likewise; NULL: itself */
	const char *subject;
	const char *names; /* NULL: none */
	bool authority, early;
};

static const struct plan plans[] = {
	{ "wild", "ca", "wild", "DNS:*.a.example", false, false },
	{ "four", "ca", "four", "IP:127.0.0.1", false, false },
	{ "six", "ca", "six", "IP:::1", false, false },
	{ "partial", "ca", "partial", "DNS:f*.a.example", false, false },
	{ "unnamed", "ca", "localhost", NULL, false, false },
	{ "evil", "ca", "evil", "DNS:a\x1B[31m.example,DNS:b,DNS:c,DNS:d", false, false },
	{ "early", "ca", "early", "DNS:localhost", false, true },
	{ "self", NULL, "self", "DNS:localhost", false, false },
	{ "root", NULL, "Root", NULL, true, false },
	{ "middle", "root", "Middle", NULL, true, false },
	{ "chain", "middle", "chain", "DNS:localhost", false, false },
};

static FILE *open_both(const char *name, const char *mode)
{
	char file[24], path[TLS_FILE_PATH];
	FILE *opened;

	snprintf(file, sizeof(file), "%s-both.pem", name);
	tls_path(path, file);
	opened = fopen(path, mode);
	assert_non_null(opened);
	return opened;
}

static void read_both(const char *name, X509 **x509, EVP_PKEY **key)
{
	FILE *file = open_both(name, "r");

	*x509 = PEM_read_X509(file, NULL, NULL, NULL);
	rewind(file);
	*key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
}

static void extend(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(x509, extension, -1);
	X509_EXTENSION_free(extension);
}

static void make_certificate(const struct plan *plan)
{
	X509 *x509 = X509_new(), *issuer = NULL;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = NULL;
	X509_NAME *subject = X509_get_subject_name(x509);
	FILE *file = open_both(plan->name, "w");

	if (plan->issuer)
		read_both(plan->issuer, &issuer, &signer);
	X509_set_version(x509, 2);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)plan->subject, -1, -1, 0);
	X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer) : subject);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)(plan - plans) + 2);
	X509_gmtime_adj(X509_getm_notBefore(x509), plan->early ? TLS_DAY / 2 : -TLS_DAY);
	X509_gmtime_adj(X509_getm_notAfter(x509), TLS_DAY);
	X509_set_pubkey(x509, key);
	if (plan->authority)
		extend(x509, NID_basic_constraints, "critical,CA:TRUE");
	if (plan->names)
		extend(x509, NID_subject_alt_name, plan->names);
	assert_true(X509_sign(x509, signer ? signer : key, EVP_sha256()) > 0);
	PEM_write_X509(file, x509);
	if (issuer)
		PEM_write_X509(file, issuer);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_free(x509);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
}

static int make_files(void **state)
{
	tls_make_files(state);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		make_certificate(&plans[i]);
	return 0;
}

static pl_tls_context *server_of(const char *name)
{
	static char cert[TLS_FILE_PATH];
	pl_tls_settings settings = peer_settings();

	tls_path(cert, name);
	settings.identity.cert_file = cert;
	return peer_context(&settings);
}

static void handshakes_in_pieces(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = server_of("server-both.pem");

	(void)state;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *client;

		settings.min_version = settings.max_version = version;
		settings.sessions = 0;
		client = pair_context(&settings);
		for (size_t step = 0; step < 800; step += step < 20 ? 1 : 61) {
			struct pair pair;

			assert_int_equal(pair_open(&pair, client, server, "localhost"), PL_OK);
			pair.step = step;
			assert_true(pair_greet(&pair));
			pair_expect(&pair, "ready ");
			assert_string_equal(pair.client.alpn, "http/1.1");
			pl_stream_finish(pair.server.tls);
			pair_talk(&pair);
			pair_expect(&pair, "ready end ");
			pair_close(&pair);
		}
		pl_tls_context_unref(client);
	}
	pl_tls_context_unref(server);
}

static const struct {
	const char *server, *host, *failure;
} hosts[] = {
	{ "server-both.pem", "localhost", NULL },
	{ "server-both.pem", "LocalHost.", NULL },
	{ "second-both.pem", "localhost",
	  "the certificate is for second.example, not for localhost" },
	{ "second-both.pem", "example", "the certificate is for second.example, not for example" },
	{ "second-both.pem", "second.example", NULL },
	{ "wild-both.pem", "x.a.example", NULL },
	{ "wild-both.pem", "a.example", "the certificate is for *.a.example, not for a.example" },
	{ "wild-both.pem", "y.x.a.example",
	  "the certificate is for *.a.example, not for y.x.a.example" },
	{ "four-both.pem", "127.0.0.1", NULL },
	{ "four-both.pem", "127.0.0.2", "the certificate is for 127.0.0.1, not for 127.0.0.2" },
	{ "four-both.pem", "localhost", "the certificate is for 127.0.0.1, not for localhost" },
	{ "six-both.pem", "[::1]", NULL },
	{ "six-both.pem", "0:0:0:0:0:0:0:1", NULL },
	{ "six-both.pem", "::2", "the certificate is for ::1, not for ::2" },
	{ "server-both.pem", "127.0.0.1", "the certificate is for localhost, not for 127.0.0.1" },
	{ "partial-both.pem", "foo.a.example",
	  "the certificate is for f*.a.example, not for foo.a.example" },
	{ "unnamed-both.pem", "localhost", "the certificate is for no host, not for localhost" },
	{ "evil-both.pem", "localhost",
	  "the certificate is for a?[31m.example, b, c and others, not for localhost" },
	{ "expired-both.pem", "client", "the certificate has expired: it was valid until " },
	{ "early-both.pem", "localhost", "the certificate is not valid yet: it is from " },
	{ "stranger-both.pem", "client",
	  "unknown authority 'Other authority' (20: unable to get local issuer certificate)" },
	{ "self-both.pem", "localhost", "the certificate is signed by itself, and not trusted" },
};

static void hosts_and_certificates(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		const char *failure = hosts[i].failure;
		pl_tls_context *server = server_of(hosts[i].server);
		struct pair seen;
		bool greeted = pair_greets(client, server, hosts[i].host, &seen);

		if (greeted != !failure ||
		    (failure && strncmp(seen.client.failure, failure, strlen(failure)) != 0))
			fail_msg("%s as %s: '%s'", hosts[i].server, hosts[i].host,
				 seen.client.failure);
		pl_tls_context_unref(server);
	}
	pl_tls_context_unref(client);
}

static unsigned warnings;

static void count_warnings(void *context, enum pl_log_level level, const char *line, size_t len)
{
	if (level == PL_LOG_WARN && memmem(line, len, context, strlen(context)))
		warnings++;
}

/* Only the explicit setting takes what is wrong, and the operator is told which host it is. */
static void unverified(void **state)
{
	static char warning[] = "TLS: the certificate of elsewhere.example is not verified";
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = server_of("expired-both.pem"), *client;

	(void)state;
	settings.unverified = true;
	pl_log_set_sink(count_warnings, warning);
	client = pair_context(&settings);
	assert_true(pair_greets(client, server, "elsewhere.example", NULL));
	pl_tls_context_unref(client);
	client = pair_context(&settings);
	assert_true(pair_greets(client, server, "Elsewhere.Example", NULL));
	assert_int_equal(warnings, 1);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
	pl_log_set_sink(NULL, NULL);
}

/* A script that goes through the internet says so in a bounded number of lines. */
static void unverified_hosts(void **state)
{
	static char warning[] = "is not verified";

	(void)state;
	warnings = 0;
	pl_log_set_sink(count_warnings, warning);
	for (int i = 0; i < 1000; i++) {
		char host[32];

		snprintf(host, sizeof(host), "host-%d.example", i % 500);
		pl_tls_unverified(host);
	}
	assert_in_range(warnings, 64, 65);
	pl_log_set_sink(NULL, NULL);
}

static X509_STORE *store_of(const pl_tls_context *context)
{
	return SSL_CTX_get_cert_store(context->sites[0].ssl);
}

/* The system's store, which the environment can name (OpenSSL's own way). */
static void system_authorities(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = server_of("server-both.pem"), *client;
	struct pair seen;

	(void)state;
	settings.root_cert_file = NULL;
	client = pair_context(&settings);
	assert_false(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.failure, "unknown authority 'Authority' "
						 "(20: unable to get local issuer certificate)");
	assert_string_equal((char *)seen.server.failure, "tlsv1 alert unknown ca");
	pl_tls_context_unref(client);
	setenv("SSL_CERT_FILE", pair_settings().root_cert_file, 1);
	client = pair_context(&settings);
	unsetenv("SSL_CERT_FILE");
	assert_true(pair_greets(client, server, "localhost", NULL));
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* What takes 20 ms to read is read once, and again when it has changed. */
static void shared_authorities(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *contexts[4];
	char path[TLS_FILE_PATH];
	struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

	(void)state;
	tls_path(path, "ca.pem");
	setenv("SSL_CERT_FILE", path, 1);
	settings.root_cert_file = NULL;
	contexts[0] = pair_context(&settings);
	settings.min_version = PL_TLS_1_3;
	contexts[1] = pair_context(&settings);
	assert_ptr_equal(store_of(contexts[0]), store_of(contexts[1]));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	contexts[2] = pair_context(&settings);
	assert_ptr_not_equal(store_of(contexts[0]), store_of(contexts[2]));
	unsetenv("SSL_CERT_FILE");
	contexts[3] = pair_context(&settings);
	assert_ptr_not_equal(store_of(contexts[2]), store_of(contexts[3]));
	for (int i = 0; i < 4; i++)
		pl_tls_context_unref(contexts[i]);
}

static void depth(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = server_of("chain-both.pem"), *client;
	char root[TLS_FILE_PATH];
	struct pair seen;

	(void)state;
	tls_path(root, "root-both.pem");
	settings.root_cert_file = root;
	client = pair_context(&settings);
	assert_true(pair_greets(client, server, "localhost", NULL));
	pl_tls_context_unref(client);
	settings.verify_depth = 0;
	client = pair_context(&settings);
	assert_false(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.failure,
			    "there are more authorities than verify_depth allows");
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* A server that asks for a certificate. */
static void client_certificates(void **state)
{
	static char cert[TLS_FILE_PATH], key[TLS_FILE_PATH];
	pl_tls_settings rules = peer_settings();
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server, *client;
	struct pair seen;

	(void)state;
	rules.verify = PL_TLS_VERIFY_REQUIRED;
	server = peer_context(&rules);
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		settings = pair_settings();
		settings.max_version = version;
		client = pair_context(&settings);
		assert_false(pair_greets(client, server, "localhost", &seen));
		assert_string_equal(seen.client.failure,
				    version == PL_TLS_1_3 ? "the server ends it with the alert "
							    "'certificate required'"
							  : "the server ends it with the alert "
							    "'handshake failure'");
		pl_tls_context_unref(client);
		tls_path(cert, "locked.pem");
		tls_path(key, "locked-key.pem");
		settings.identity = (pl_tls_identity){ .cert_file = cert,
						       .key_file = key,
						       .password = "sesame" };
		client = pair_context(&settings);
		assert_true(pair_greets(client, server, "localhost", &seen));
		assert_string_equal(seen.server.subject, "CN=localhost");
		pl_tls_context_unref(client);
		tls_path(cert, "stranger-both.pem");
		settings.identity = (pl_tls_identity){ .cert_file = cert };
		client = pair_context(&settings);
		assert_false(pair_greets(client, server, "localhost", &seen));
		assert_string_equal(seen.client.failure,
				    "the server ends it with the alert 'unknown CA'");
		pl_tls_context_unref(client);
	}
	pl_tls_context_unref(server);
}

static void resumption(void **state)
{
	pl_tls_settings rules = peer_settings();
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = peer_context(&rules);

	(void)state;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *client;
		struct pair seen;

		settings.max_version = version;
		client = pair_context(&settings);
		for (int i = 0; i < 4; i++) {
			assert_true(pair_greets(client, server, "localhost", &seen));
			assert_int_equal(seen.client.resumed, i > 0);
		}
		/* Another name of the same machine is verified by itself. */
		assert_false(pair_greets(client, server, "other.example", &seen));
		assert_string_equal(seen.client.failure,
				    "the certificate is for localhost, not for other.example");
		pl_tls_context_unref(client);
	}
	pl_tls_context_unref(server);
}

static void versions_and_protocols(void **state)
{
	static const pl_slice other[] = { PL_SLICE("h2") };
	pl_tls_settings rules = peer_settings();
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server, *client;
	struct pair seen;

	(void)state;
	rules.min_version = PL_TLS_1_3;
	server = peer_context(&rules);
	settings.max_version = PL_TLS_1_2;
	client = pair_context(&settings);
	assert_false(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.failure,
			    "the server ends it with the alert 'protocol version'");
	pl_tls_context_unref(client);
	/* A server that knows nothing newer than 1.1 is let in by who asks for it alone. */
	rules = peer_settings();
	rules.min_version = PL_TLS_1_0;
	rules.max_version = PL_TLS_1_1;
	pl_tls_context_unref(server);
	server = peer_context(&rules);
	settings = pair_settings();
	client = pair_context(&settings);
	assert_false(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.failure,
			    "the server ends it with the alert 'protocol version'");
	pl_tls_context_unref(client);
	settings.min_version = PL_TLS_1_1;
	client = pair_context(&settings);
	assert_true(pair_greets(client, server, "localhost", NULL));
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
	rules = peer_settings();
	server = peer_context(&rules);
	settings = pair_settings();
	settings.alpn = other;
	client = pair_context(&settings);
	assert_false(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.failure,
			    "the server ends it with the alert 'no application protocol'");
	pl_tls_context_unref(client);
	settings.alpn_count = 0;
	client = pair_context(&settings);
	assert_true(pair_greets(client, server, "localhost", &seen));
	assert_string_equal(seen.client.alpn, "");
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

static int choose_another(SSL *ssl, const unsigned char **chosen, unsigned char *len,
			  const unsigned char *list, unsigned list_len, void *owner)
{
	(void)ssl, (void)list, (void)list_len, (void)owner;
	*chosen = (const unsigned char *)"evil";
	*len = 4;
	return SSL_TLSEXT_ERR_OK;
}

/* A server that agrees to what nobody offered. */
static void chosen_without_offer(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *context = pair_context(&settings);
	SSL_CTX *rules = SSL_CTX_new(TLS_server_method());
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *server;
	struct pair pair;
	char *bytes;
	long len;

	(void)state;
	peer_client_use(rules, "server-both.pem");
	SSL_CTX_set_alpn_select_cb(rules, choose_another, NULL);
	server = SSL_new(rules);
	SSL_set_bio(server, in, out);
	assert_int_equal(pair_open(&pair, context, NULL, "localhost"), PL_OK);
	pair_turn(&pair);
	BIO_write(in, pair.client.memory.sent.data, (int)pair.client.memory.sent.len);
	assert_true(SSL_accept(server) <= 0);
	len = BIO_get_mem_data(out, &bytes);
	assert_true(pl_memory_feed(&pair.client.memory, bytes, (size_t)len));
	pl_memory_end(&pair.client.memory);
	pair_turn(&pair);
	pair_expect(&pair, "closed:EPROTO ");
	assert_string_equal(pair.client.failure, "bad extension");
	pair_close(&pair);
	SSL_free(server);
	SSL_CTX_free(rules);
	pl_tls_context_unref(context);
}

/* What the one has for the other goes over, until neither has anything. */
static void exchange_with(struct pair *pair, SSL *server)
{
	BIO *in = SSL_get_rbio(server), *out = SSL_get_wbio(server);
	pl_buffer *sent = &pair->client.memory.sent;
	char *bytes;
	long len;

	do {
		pair_turn(pair);
		BIO_write(in, sent->data, (int)sent->len);
		sent->len = 0;
		SSL_do_handshake(server);
		len = BIO_get_mem_data(out, &bytes);
		if (len > 0)
			assert_true(pl_memory_feed(&pair->client.memory, bytes, (size_t)len));
		BIO_reset(out);
	} while (len > 0);
}

/* A server that wants another handshake (RFC 5246 7.4.1.1) gets none. */
static void renegotiation(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *context = pair_context(&settings);
	SSL_CTX *rules = SSL_CTX_new(TLS_server_method());
	SSL *server;
	struct pair pair;
	char byte;

	(void)state;
	peer_client_use(rules, "server-both.pem");
	SSL_CTX_set_max_proto_version(rules, TLS1_2_VERSION);
	server = SSL_new(rules);
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	assert_int_equal(pair_open(&pair, context, NULL, "localhost"), PL_OK);
	exchange_with(&pair, server);
	pair_expect(&pair, "ready ");
	assert_int_equal(SSL_renegotiate(server), 1);
	exchange_with(&pair, server);
	ERR_clear_error();
	assert_true(SSL_read(server, &byte, 1) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	pair_expect(&pair, "ready ");
	assert_int_equal(pl_stream_write(pair.client.tls, "hello", 5), PL_OK);
	pair_close(&pair);
	SSL_free(server);
	SSL_CTX_free(rules);
	pl_tls_context_unref(context);
}

static void answers_without_tls(void **state)
{
	static const struct {
		const char *text, *failure;
	} answers[] = {
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", "the server answers without TLS" },
		{ "SSH-2.0-x\r\n", "the server answers without TLS" },
		{ "220 mail.example\r\n", "wrong version number" },
		{ "\x16\x03\x03\xff\xff\x02", "packet length too long" },
		{ "\x15\x03\x03\x01\x02", "tlsv1 alert" },
	};
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);

	(void)state;
	for (size_t i = 0; i < 2 * 4; i++) {
		const char *text = answers[i / 2].text;
		size_t len = strlen(text), step = i % 2 ? 1 : len;
		struct pair pair;

		assert_int_equal(pair_open(&pair, client, NULL, "localhost"), PL_OK);
		for (size_t at = 0; at < len; at += step)
			pl_memory_feed(&pair.client.memory, text + at, step);
		pair_turn(&pair);
		pl_memory_end(&pair.client.memory);
		pair_turn(&pair);
		pair_expect(&pair, "closed:EPROTO ");
		assert_string_equal(pair.client.failure, answers[i / 2].failure);
		pair_close(&pair);
	}
	pl_tls_context_unref(client);
}

/* The server goes after each byte of the handshake. */
static void cut_at_every_byte(void **state)
{
	pl_tls_settings rules = peer_settings();
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = peer_context(&rules), *client;

	(void)state;
	settings.sessions = 0;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		bool ready = false;
		size_t limit;

		settings.max_version = version;
		client = pair_context(&settings);
		for (limit = 1; !ready; limit++) {
			struct pair pair;

			assert_int_equal(pair_open(&pair, client, server, "localhost"), PL_OK);
			pair.limit = limit;
			pair_talk(&pair);
			ready = pair.client.journal.len > 0;
			pl_memory_end(&pair.client.memory);
			pair_turn(&pair);
			pair_expect(&pair,
				    ready ? "ready closed:ECONNRESET " : "closed:ECONNRESET ");
			assert_string_equal(
				pair.client.failure,
				ready ? ""
				      : "the server has closed the connection in the handshake");
			pair_close(&pair);
		}
		assert_true(limit > 500);
		pl_tls_context_unref(client);
	}
	pl_tls_context_unref(server);
}

static void silence(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	struct pair pair;

	(void)state;
	assert_int_equal(pair_open(&pair, client, NULL, "localhost"), PL_OK);
	pl_loop_skip(pair.loop, PEER_TIMEOUT / 2);
	pair_turn(&pair);
	pair_expect(&pair, "");
	pl_loop_skip(pair.loop, PEER_TIMEOUT / 2);
	pair_turn(&pair);
	pair_expect(&pair, "closed:ETIMEDOUT ");
	assert_string_equal(pair.client.failure, "it took too long");
	pair_close(&pair);
	pl_tls_context_unref(client);
}

static void what_is_no_host(void **state)
{
	static const char *const wrong[] = { "", "a b", "a\nb", "[]", "\xC3\xA9.example" };
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	char long_name[PL_TLS_HOST_MAX + 2];
	struct pair pair;

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *host = i < sizeof(wrong) / sizeof(wrong[0]) ? wrong[i] : long_name;

		assert_int_equal(pair_open(&pair, client, NULL, host), PL_EINVAL);
		assert_false(pair.client.memory.stream.closing);
		pair_close(&pair);
	}
	pl_tls_context_unref(client);
}

/* The names of the server that the client asks for: no address is one (RFC 6066 3). */
static void asked_names(void **state)
{
	static const struct {
		const char *host, *asked;
	} rows[] = { { "a.example", "a.example" },
		     { "A.example.", "a.example" },
		     { "127.0.0.1", NULL },
		     { "[::1]", NULL } };
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair;
		const pl_buffer *sent = &pair.client.memory.sent;

		assert_int_equal(pair_open(&pair, client, NULL, rows[i].host), PL_OK);
		pair_turn(&pair);
		if (rows[i].asked)
			assert_non_null(memmem(sent->data, sent->len, rows[i].asked,
					       strlen(rows[i].asked)));
		else
			assert_null(memmem(sent->data, sent->len, "\0\0\0\x16\0\x14\0", 7));
		pair_close(&pair);
	}
	pl_tls_context_unref(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_in_pieces),
		cmocka_unit_test(hosts_and_certificates),
		cmocka_unit_test(unverified),
		cmocka_unit_test(unverified_hosts),
		cmocka_unit_test(system_authorities),
		cmocka_unit_test(shared_authorities),
		cmocka_unit_test(depth),
		cmocka_unit_test(client_certificates),
		cmocka_unit_test(resumption),
		cmocka_unit_test(versions_and_protocols),
		cmocka_unit_test(chosen_without_offer),
		cmocka_unit_test(renegotiation),
		cmocka_unit_test(answers_without_tls),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(silence),
		cmocka_unit_test(what_is_no_host),
		cmocka_unit_test(asked_names),
	};

	return cmocka_run_group_tests(tests, make_files, tls_remove_files);
}
