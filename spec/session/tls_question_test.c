/*
 * A client's owner decides about the server: at once or later, against OpenSSL's verdict or with
 * it.
 *
 * covers: net/tls_certificate.c
 */
#include "session/tls_pair.h"

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

enum answer { ACCEPT, REFUSE, LATER };

/* The owner of the client's side. */
static struct {
	struct pair *pair;
	enum answer answer;
	int asked, error;
	char why[320], subject[64], fingerprint[65], names[128];
} owner;

static void on_verify(void *side, const pl_tls_question *question)
{
	const pl_tls_certificate *certificate = question->certificate;

	assert_ptr_equal(side, &owner.pair->client);
	owner.asked++;
	owner.error = question->error;
	assert_int_equal(question->error == 0, question->why == NULL);
	snprintf(owner.why, sizeof(owner.why), "%s", question->why ? question->why : "");
	snprintf(owner.subject, sizeof(owner.subject), "%.*s", (int)certificate->subject.len,
		 certificate->subject.at);
	snprintf(owner.fingerprint, sizeof(owner.fingerprint), "%.*s",
		 (int)certificate->fingerprint.len, certificate->fingerprint.at);
	owner.names[0] = '\0';
	for (size_t i = 0; i < certificate->name_count; i++) {
		size_t used = strlen(owner.names);

		snprintf(owner.names + used, sizeof(owner.names) - used, "%.*s ",
			 (int)certificate->names[i].len, certificate->names[i].at);
	}
	if (owner.answer != LATER)
		pl_tls_answer(owner.pair->client.tls, owner.answer == ACCEPT);
}

static pl_tls_context *server_of(const char *name, int version)
{
	static char cert[TLS_FILE_PATH];
	pl_tls_settings settings = peer_settings();

	tls_path(cert, name);
	settings.identity.cert_file = cert;
	settings.max_version = version;
	return peer_context(&settings);
}

static void open_to(struct pair *pair, pl_tls_context *client, pl_tls_context *server,
		    const char *host, enum answer answer)
{
	memset(&owner, 0, sizeof(owner));
	owner.pair = pair;
	owner.answer = answer;
	pair_verify = on_verify;
	assert_int_equal(pair_open(pair, client, server, host), PL_OK);
	pair_verify = NULL;
}

static void open_asking(struct pair *pair, pl_tls_context *client, pl_tls_context *server,
			enum answer answer)
{
	open_to(pair, client, server, "localhost", answer);
}

static const struct {
	const char *server, *host;
	enum answer answer;
	int error;
	const char *why; /* its begin */
	bool greeted;
	const char *failure; /* its begin */
} rows[] = {
	{ "server-both.pem", "localhost", ACCEPT, 0, "", true, "" },
	{ "server-both.pem", "localhost", REFUSE, 0, "", false,
	  "the application refuses the certificate" },
	{ "second-both.pem", "localhost", ACCEPT, X509_V_ERR_HOSTNAME_MISMATCH,
	  "the certificate is for second.example, not for localhost", true, "" },
	{ "second-both.pem", "localhost", REFUSE, X509_V_ERR_HOSTNAME_MISMATCH,
	  "the certificate is for second.example, not for localhost", false,
	  "the certificate is for second.example, not for localhost" },
	{ "stranger-both.pem", "client", ACCEPT, 20,
	  "unknown authority 'Other authority' (20: ", true, "" },
	{ "stranger-both.pem", "client", REFUSE, 20, "unknown authority 'Other authority' (20: ",
	  false, "unknown authority 'Other authority' (20: " },
	{ "expired-both.pem", "client", ACCEPT, X509_V_ERR_CERT_HAS_EXPIRED,
	  "the certificate has expired: ", true, "" },
};

static void check(size_t row, pl_tls_context *client, pl_tls_context *server, bool later,
		  size_t step)
{
	struct pair pair;
	bool greeted;

	open_to(&pair, client, server, rows[row].host, later ? LATER : rows[row].answer);
	pair.step = step;
	if (later) {
		pair_talk(&pair);
		pair_expect(&pair, "");
		assert_int_equal(owner.asked, 1);
		pl_tls_answer(pair.client.tls, rows[row].answer == ACCEPT);
		pl_tls_answer(pair.client.tls, rows[row].answer != ACCEPT);
	}
	greeted = pair_greet(&pair);
	if (!greeted) {
		pl_memory_end(&pair.client.memory);
		pair_turn(&pair);
	}
	assert_int_equal(owner.asked, 1);
	assert_int_equal(owner.error, rows[row].error);
	assert_int_equal(strncmp(owner.why, rows[row].why, strlen(rows[row].why)), 0);
	assert_int_equal(greeted, rows[row].greeted);
	pair_expect(&pair, greeted ? "ready " : "closed:EPROTO ");
	if (strncmp(pair.client.failure, rows[row].failure, strlen(rows[row].failure)) != 0)
		fail_msg("%s: %s", rows[row].server, pair.client.failure);
	pair_close(&pair);
}

static void answers(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);

	(void)state;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
			pl_tls_context *server = server_of(rows[row].server, version);

			for (int later = 0; later < 2; later++) {
				check(row, client, server, later, 0);
				check(row, client, server, later, 7);
			}
			pl_tls_context_unref(server);
		}
	}
	pl_tls_context_unref(client);
}

/* What was accepted for one owner is nothing that another one resumes. */
static void no_sessions(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);

	(void)state;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *server = server_of("second-both.pem", version);
		struct pair pair;

		for (int i = 0; i < 2; i++) {
			open_asking(&pair, client, server, ACCEPT);
			assert_true(pair_greet(&pair));
			assert_int_equal(owner.asked, 1);
			assert_false(pair.client.resumed);
			pair_close(&pair);
		}
		assert_false(pair_greets(client, server, "localhost", NULL));
		pl_tls_context_unref(server);
		/* And the other way: it is asked although there is a session. */
		server = server_of("server-both.pem", version);
		assert_true(pair_greets(client, server, "localhost", NULL));
		open_asking(&pair, client, server, REFUSE);
		assert_false(pair_greet(&pair));
		assert_int_equal(owner.asked, 1);
		pair_close(&pair);
		pl_tls_context_unref(server);
	}
	pl_tls_context_unref(client);
}

/* Without verification the owner still is asked, and counts. */
static void unverified(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = server_of("server-both.pem", PL_TLS_ANY), *client;
	struct pair pair;

	(void)state;
	settings.unverified = true;
	client = pair_context(&settings);
	for (int accept = 0; accept < 2; accept++) {
		open_asking(&pair, client, server, accept ? ACCEPT : REFUSE);
		assert_int_equal(pair_greet(&pair), accept);
		assert_int_equal(owner.error, 20);
		pair_close(&pair);
	}
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

static void no_answer(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	pl_tls_context *server = server_of("server-both.pem", PL_TLS_ANY);
	struct pair pair;

	(void)state;
	open_asking(&pair, client, server, LATER);
	pair_talk(&pair);
	pl_loop_skip(pair.loop, PEER_TIMEOUT);
	pair_turn(&pair);
	pair_expect(&pair, "closed:ETIMEDOUT ");
	assert_string_equal(pair.client.failure, "it took too long");
	pair_close(&pair);
	/* Given up by its owner meanwhile. */
	open_asking(&pair, client, server, LATER);
	pair_talk(&pair);
	pl_stream_abort(pair.client.tls, PL_ECANCELED);
	pl_tls_answer(pair.client.tls, true);
	pair_turn(&pair);
	pair_expect(&pair, "closed:ECANCELED ");
	pair_close(&pair);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* What was written, and the end of it, wait for the answer. */
static void finishes_while_asked(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	pl_tls_context *server = server_of("server-both.pem", PL_TLS_1_3);
	struct pair pair;

	(void)state;
	open_asking(&pair, client, server, LATER);
	pair_talk(&pair);
	assert_int_equal(pl_stream_write(pair.client.tls, "hello", 5), PL_OK);
	pl_stream_finish(pair.client.tls);
	pair_talk(&pair);
	assert_int_equal(pair.server.received.len, 0);
	pl_tls_answer(pair.client.tls, true);
	pair_talk(&pair);
	assert_int_equal(pair.server.received.len, 5);
	pair_close(&pair);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* Whatever ends the connection later, it was not the certificate. */
static void accepted_and_broken_later(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	pl_tls_context *server = server_of("second-both.pem", PL_TLS_ANY);
	struct pair pair;

	(void)state;
	open_asking(&pair, client, server, ACCEPT);
	assert_true(pair_greet(&pair));
	assert_true(pl_memory_feed(&pair.client.memory, "\x17\x03\x03\xFF\xFF", 5));
	pl_memory_end(&pair.client.memory);
	pair_turn(&pair);
	pair_expect(&pair, "ready closed:EPROTO ");
	assert_non_null(strstr(pair.client.failure, "length"));
	pair_close(&pair);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* One allocation and all after it fail: the handshake does too, or it is whole. */
static void without_memory(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	pl_tls_context *server = server_of("server-both.pem", PL_TLS_1_3);
	bool greeted = false;
	uint64_t nth;

	(void)state;
	for (nth = 1; !greeted; nth++) {
		struct pair pair;

		open_asking(&pair, client, server, LATER);
		pair_turn(&pair);
		pair_move(&pair, &pair.client, &pair.server);
		pair_turn(&pair);
		pl_alloc_fail_at(nth);
		pair_move(&pair, &pair.server, &pair.client);
		if (pair.client.tls)
			pl_tls_answer(pair.client.tls, true);
		pair_turn(&pair);
		pl_alloc_fail_at(0);
		greeted = pair_greet(&pair);
		if (!greeted) {
			pl_memory_end(&pair.client.memory);
			pair_turn(&pair);
			assert_null(pair.client.tls);
		}
		pair_close(&pair);
	}
	assert_true(nth > 8);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* The certificate says what openssl says of it. */
static void certificate(void **state)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *client = pair_context(&settings);
	pl_tls_context *server = server_of("server-both.pem", PL_TLS_ANY);
	pl_tls_certificate *seen;
	char path[TLS_FILE_PATH], hex[65], *serial;
	unsigned char digest[32];
	struct pair pair;
	BIGNUM *number;
	FILE *file;
	X509 *x509;
	BIO *pem;

	(void)state;
	tls_path(path, "server-both.pem");
	file = fopen(path, "r");
	x509 = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	X509_digest(x509, EVP_sha256(), digest, NULL);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	open_asking(&pair, client, server, ACCEPT);
	assert_null(pl_tls_peer_certificate(pair.client.tls));
	assert_true(pair_greet(&pair));
	assert_string_equal(owner.fingerprint, hex);
	assert_string_equal(owner.subject, "CN=localhost");
	assert_string_equal(owner.names, "localhost ");
	seen = pl_tls_peer_certificate(pair.client.tls);
	assert_non_null(seen);
	assert_true(pl_slice_equal(seen->issuer, PL_SLICE("CN=Authority")));
	number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	serial = BN_bn2hex(number);
	BN_free(number);
	assert_int_equal(seen->serial.len, strlen(serial));
	assert_int_equal(strncasecmp(seen->serial.at, serial, seen->serial.len), 0);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(x509), &(time_t){ seen->not_after }), -1);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(x509), &(time_t){ seen->not_after - 1 }),
			 1);
	assert_true(seen->not_before < seen->not_after);
	pem = BIO_new_mem_buf(seen->pem.at, (int)seen->pem.len);
	X509_free(x509);
	x509 = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	assert_non_null(x509);
	X509_digest(x509, EVP_sha256(), digest, NULL);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(owner.fingerprint, hex);
	assert_null(pl_tls_peer_certificate(pair.server.tls)); /* the client has none */
	assert_null(pl_tls_peer_certificate(&pair.client.memory.stream));
	BIO_free(pem);
	X509_free(x509);
	OPENSSL_free(serial);
	pl_tls_certificate_free(seen);
	pair_close(&pair);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(no_sessions),
		cmocka_unit_test(unverified),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(finishes_while_asked),
		cmocka_unit_test(accepted_and_broken_later),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(certificate),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
