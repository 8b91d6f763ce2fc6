/*
 * A server's owner decides about the client, and which protocol is spoken: at once or later.
 *
 * covers: net/tls_server.c net/tls_hello.c
 */
#include "session/tls_pair.h"

#include <openssl/x509_vfy.h>

#include "net/tls_internal.h"

enum answer { ACCEPT, REFUSE, LATER };

/* The owner of the server's side. */
static struct {
	struct pair *pair;
	enum answer answer;
	int asked, error;
	char why[320], subject[64];
	int offers;
	char offered[256];
	enum pl_tls_selection selection;
	const char *protocol; /* NULL: later */
} owner;

static void on_verify(void *side, const pl_tls_question *question)
{
	assert_ptr_equal(side, &owner);
	owner.asked++;
	owner.error = question->error;
	assert_int_equal(question->error == 0, question->why == NULL);
	snprintf(owner.why, sizeof(owner.why), "%s", question->why ? question->why : "");
	snprintf(owner.subject, sizeof(owner.subject), "%.*s",
		 (int)question->certificate->subject.len, question->certificate->subject.at);
	if (owner.answer != LATER)
		pl_tls_answer(owner.pair->server.tls, owner.answer == ACCEPT);
}

static void choose(void)
{
	pl_tls_select(owner.pair->server.tls, owner.selection,
		      pl_slice_make(owner.protocol, strlen(owner.protocol)));
}

static void on_select(void *side, const pl_slice *offered, size_t count)
{
	size_t used = 0;

	assert_ptr_equal(side, &owner);
	owner.offers++;
	owner.offered[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(owner.offered + used, sizeof(owner.offered) - used,
					 "%.*s ", (int)offered[i].len, offered[i].at);
	if (owner.protocol)
		choose();
}

static pl_tls_context *server_that(enum pl_tls_verify verify, int version)
{
	pl_tls_settings settings = peer_settings();

	settings.verify = verify;
	settings.max_version = version;
	return peer_context(&settings);
}

/* NULL: without a certificate. */
static pl_tls_context *client_of(const char *name)
{
	static char cert[TLS_FILE_PATH];
	pl_tls_client_settings settings = pair_settings();

	if (name)
		tls_path(cert, name);
	settings.identity.cert_file = name ? cert : NULL;
	return pair_context(&settings);
}

static void begin(struct pair *pair, pl_tls_context *client, pl_tls_context *server)
{
	owner.pair = pair;
	owner.asked = owner.error = owner.offers = 0;
	pair_acceptance.owner = &owner;
	assert_int_equal(pair_open(pair, client, server, "localhost"), PL_OK);
}

static const struct {
	const char *client; /* NULL: no certificate */
	enum answer answer;
	int asked, error;
	const char *why; /* its begin */
	bool greeted;
} rows[] = {
	{ "client-both.pem", ACCEPT, 1, 0, "", true },
	{ "client-both.pem", REFUSE, 1, 0, "", false },
	{ "stranger-both.pem", ACCEPT, 1, 20, "unknown authority 'Other authority' (20: ", true },
	{ "stranger-both.pem", REFUSE, 1, 20, "unknown authority 'Other authority' (20: ", false },
	{ "expired-both.pem", ACCEPT, 1, X509_V_ERR_CERT_HAS_EXPIRED,
	  "the certificate has expired: ", true },
	{ NULL, REFUSE, 0, 0, "", true },
};

static void check(size_t row, pl_tls_context *server, bool later, size_t step)
{
	pl_tls_context *client = client_of(rows[row].client);
	struct pair pair;
	bool greeted;

	owner.answer = later ? LATER : rows[row].answer;
	begin(&pair, client, server);
	pair.step = step;
	pair_talk(&pair);
	assert_int_equal(owner.asked, rows[row].asked);
	if (later && owner.asked) {
		/* What the client says meanwhile waits. */
		pl_stream_write(pair.client.tls, "hello", 5);
		pair_talk(&pair);
		assert_int_equal(pair.server.received.len, 0);
		pl_tls_answer(pair.server.tls, rows[row].answer == ACCEPT);
		pl_tls_answer(pair.server.tls, rows[row].answer != ACCEPT);
		pair_talk(&pair);
		greeted = pair.server.received.len == 5 &&
			  pair_says(&pair, &pair.server, &pair.client);
	} else {
		greeted = pair_greet(&pair);
	}
	assert_int_equal(greeted, rows[row].greeted);
	assert_int_equal(owner.asked, rows[row].asked);
	if (owner.asked) {
		assert_int_equal(owner.error, rows[row].error);
		assert_int_equal(strncmp(owner.why, rows[row].why, strlen(rows[row].why)), 0);
	}
	assert_int_equal(pair.server.tls != NULL, greeted);
	if (!greeted)
		assert_int_equal(pair.server.received.len, 0);
	pair_close(&pair);
	pl_tls_context_unref(client);
}

static void answers(void **state)
{
	(void)state;
	pair_acceptance.verify = on_verify;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *server = server_that(PL_TLS_VERIFY_OPTIONAL, version);

		for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
			for (int later = 0; later < 2; later++) {
				check(row, server, later, 0);
				check(row, server, later, 7);
			}
		pl_tls_context_unref(server);
	}
	pair_acceptance.verify = NULL;
}

/* What was accepted is asked about again, and what was resumed before is no way around it. */
static void no_sessions(void **state)
{
	pl_tls_context *client = client_of("client-both.pem");

	(void)state;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *server = server_that(PL_TLS_VERIFY_OPTIONAL, version);
		struct pair pair;

		begin(&pair, client, server);
		assert_true(pair_greet(&pair));
		pair_close(&pair);
		begin(&pair, client, server);
		assert_true(pair_greet(&pair));
		assert_true(pair.client.resumed);
		pair_close(&pair);
		pair_acceptance.verify = on_verify;
		owner.answer = ACCEPT;
		for (int i = 0; i < 2; i++) {
			begin(&pair, client, server);
			assert_true(pair_greet(&pair));
			assert_int_equal(owner.asked, 1);
			assert_false(pair.client.resumed);
			pair_close(&pair);
		}
		pair_acceptance.verify = NULL;
		pl_tls_context_unref(server);
	}
	pl_tls_context_unref(client);
}

static void a_certificate_that_has_to_be(void **state)
{
	pl_tls_context *server = server_that(PL_TLS_VERIFY_REQUIRED, PL_TLS_ANY);
	pl_tls_context *client = client_of(NULL);
	struct pair pair;

	(void)state;
	pair_acceptance.verify = on_verify;
	owner.answer = ACCEPT;
	begin(&pair, client, server);
	assert_false(pair_greet(&pair));
	assert_int_equal(owner.asked, 0);
	pair_close(&pair);
	pair_acceptance.verify = NULL;
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

static void no_answer(void **state)
{
	pl_tls_context *server = server_that(PL_TLS_VERIFY_OPTIONAL, PL_TLS_ANY);
	pl_tls_context *client = client_of("client-both.pem");
	struct pair pair;

	(void)state;
	pair_acceptance.verify = on_verify;
	owner.answer = LATER;
	begin(&pair, client, server);
	pair_talk(&pair);
	assert_int_equal(owner.asked, 1);
	pl_loop_skip(pair.loop, PEER_TIMEOUT);
	pair_turn(&pair);
	assert_null(pair.server.tls);
	pair_close(&pair);
	begin(&pair, client, server);
	pair_talk(&pair);
	pl_stream_abort(pair.server.tls, PL_ECANCELED);
	pl_tls_answer(pair.server.tls, true);
	pair_turn(&pair);
	assert_null(pair.server.tls);
	pair_close(&pair);
	pair_acceptance.verify = NULL;
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

static pl_tls_context *client_that_offers(const pl_slice *alpn, size_t count)
{
	pl_tls_client_settings settings = pair_settings();

	settings.alpn = alpn;
	settings.alpn_count = count;
	return pair_context(&settings);
}

static const pl_slice offers[] = { PL_SLICE("mqtt"), PL_SLICE("http/1.1") };

static const struct {
	enum pl_tls_selection selection;
	const char *protocol;
	bool greeted;
	const char *agreed; /* as both sides see it */
} choices[] = {
	{ PL_TLS_SELECT_DEFAULT, "", true, "http/1.1" },
	{ PL_TLS_SELECT_NONE, "", true, "" },
	{ PL_TLS_SELECT_THIS, "mqtt", true, "mqtt" },
	{ PL_TLS_SELECT_THIS, "http/1.1", true, "http/1.1" },
	{ PL_TLS_SELECT_THIS, "h2", false, "" },
	{ PL_TLS_SELECT_THIS, "", false, "" },
	{ PL_TLS_SELECT_REFUSED, "", false, "" },
};

static void check_choice(size_t row, pl_tls_context *client, pl_tls_context *server, bool later,
			 size_t step)
{
	struct pair pair;
	bool greeted;

	owner.selection = choices[row].selection;
	owner.protocol = later ? NULL : choices[row].protocol;
	begin(&pair, client, server);
	pair.step = step;
	pair_talk(&pair);
	if (later) {
		pair_expect(&pair, "");
		owner.protocol = choices[row].protocol;
		choose();
		owner.selection = PL_TLS_SELECT_NONE;
		choose(); /* counts for nothing */
	}
	greeted = pair_greet(&pair);
	assert_int_equal(owner.offers, 1);
	assert_string_equal(owner.offered, "mqtt http/1.1 ");
	assert_int_equal(greeted, choices[row].greeted);
	if (greeted) {
		pl_slice agreed = pl_tls_alpn(pair.server.tls);

		assert_string_equal(pair.client.alpn, choices[row].agreed);
		assert_int_equal(agreed.len, strlen(choices[row].agreed));
		assert_memory_equal(agreed.at ? agreed.at : "", choices[row].agreed, agreed.len);
	} else {
		assert_non_null(strstr(pair.client.failure, "no application protocol"));
	}
	pair_close(&pair);
}

static void selections(void **state)
{
	pl_tls_context *client = client_that_offers(offers, 2);

	(void)state;
	pair_acceptance.select = on_select;
	for (int version = PL_TLS_1_2; version <= PL_TLS_1_3; version++) {
		pl_tls_context *server = server_that(PL_TLS_VERIFY_OFF, version);

		for (size_t row = 0; row < sizeof(choices) / sizeof(choices[0]); row++)
			for (int later = 0; later < 2; later++) {
				check_choice(row, client, server, later, 0);
				check_choice(row, client, server, later, 5);
			}
		pl_tls_context_unref(server);
	}
	pair_acceptance.select = NULL;
	pl_tls_context_unref(client);
}

static void nothing_offered(void **state)
{
	pl_tls_context *server = server_that(PL_TLS_VERIFY_OFF, PL_TLS_ANY);
	pl_tls_context *client = client_that_offers(NULL, 0);
	struct pair pair;

	(void)state;
	pair_acceptance.select = on_select;
	begin(&pair, client, server);
	assert_true(pair_greet(&pair));
	assert_int_equal(owner.offers, 0);
	pair_close(&pair);
	pair_acceptance.select = NULL;
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* Both questions about one connection, both answered later. */
static void both(void **state)
{
	pl_tls_context *server = server_that(PL_TLS_VERIFY_REQUIRED, PL_TLS_ANY);
	pl_tls_context *client = client_of("stranger-both.pem");
	struct pair pair;

	(void)state;
	pair_acceptance.select = on_select;
	pair_acceptance.verify = on_verify;
	owner.answer = LATER;
	owner.protocol = NULL;
	begin(&pair, client, server);
	pair_talk(&pair);
	assert_int_equal(owner.asked, 0);
	pl_tls_answer(pair.server.tls, true); /* nobody has asked */
	pl_tls_select(pair.server.tls, PL_TLS_SELECT_NONE, pl_slice_make(NULL, 0));
	pair_talk(&pair);
	assert_int_equal(owner.asked, 1);
	pl_tls_answer(pair.server.tls, true);
	assert_true(pair_greet(&pair));
	pair_close(&pair);
	pair_acceptance.select = NULL;
	pair_acceptance.verify = NULL;
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

/* Names that scripts choose are kept for ever, and therefore not any number of them. */
static void kept_names(void **state)
{
	char name[16];
	size_t kept = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int len = snprintf(name, sizeof(name), "name-%d", i);

		kept += pl_tls_keep_protocol(pl_slice_make(name, (size_t)len)).len > 0;
	}
	assert_in_range(kept, 32, 64);
	assert_int_equal(pl_tls_keep_protocol(PL_SLICE("mqtt")).len, 4); /* from above */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(no_sessions),
		cmocka_unit_test(a_certificate_that_has_to_be),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(selections),
		cmocka_unit_test(nothing_offered),
		cmocka_unit_test(both),
		cmocka_unit_test(kept_names),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
