/*
 * Which sessions are resumed: by whom, under which rules, for how long.
 */
#include "session/tls_peer.h"

#include <time.h>

#include "net/tls_internal.h"

/* OpenSSL's clock: certificates and sessions run out by it. */
static time_t ahead;

__attribute__((visibility("default"))) time_t time(time_t *at)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec + ahead;
	return now.tv_sec + ahead;
}

/* One greeting that a session may be kept from and given to. */
struct visit {
	const pl_tls_settings *settings;
	const char *name; /* asked for; NULL: localhost */
	uint64_t later;	  /* ms ahead of the loop's clock */
	bool refused;
	bool resumed;
};

static void visit(SSL_CTX *client, struct visit *to, SSL_SESSION **session)
{
	pl_tls_context *server = peer_context(to->settings);
	struct peer peer;
	pl_loop *loop;

	assert_int_equal(pl_loop_new(&loop), PL_OK);
	pl_loop_still(loop);
	pl_loop_skip(loop, to->later);
	assert_int_equal(peer_join(&peer, loop, server, client), PL_OK);
	if (to->name)
		SSL_set_tlsext_host_name(peer.client, to->name);
	if (*session)
		SSL_set_session(peer.client, *session);
	to->refused = !peer_greet(&peer);
	to->resumed = !to->refused && SSL_session_reused(peer.client);
	if (!to->refused) {
		SSL_SESSION_free(*session);
		*session = SSL_get1_session(peer.client);
		SSL_shutdown(peer.client);
	}
	peer_close(&peer);
	pl_tls_context_unref(server);
}

/* Visits both with one client; whether the second was resumed. */
static bool resumes(int version, struct visit first, struct visit second, const char *certificate)
{
	SSL_CTX *client = peer_client_of(version);
	SSL_SESSION *session = NULL;

	if (certificate)
		peer_client_use(client, certificate);
	visit(client, &first, &session);
	assert_false(first.refused);
	assert_false(first.resumed);
	visit(client, &second, &session);
	SSL_SESSION_free(session);
	SSL_CTX_free(client);
	return second.resumed;
}

#define VISIT(of, ...) ((struct visit){ .settings = (of), __VA_ARGS__ })

/* Two contexts, as two workers have them, share the tickets; other rules do not. */
static void between_contexts(void **state)
{
	pl_tls_settings open = peer_settings(), strict = peer_settings(), others = peer_settings();
	pl_tls_settings shallow = peer_settings();
	char other_root[TLS_FILE_PATH];

	(void)state;
	strict.verify = others.verify = shallow.verify = PL_TLS_VERIFY_REQUIRED;
	shallow.verify_depth = 1;
	tls_path(other_root, "other-ca.pem");
	others.root_cert_file = other_root;
	for (size_t v = 0; v < 2; v++) {
		int version = peer_versions[v];

		assert_true(resumes(version, VISIT(&open), VISIT(&open), NULL));
		assert_true(resumes(version, VISIT(&strict), VISIT(&strict), "client-both.pem"));
		assert_false(resumes(version, VISIT(&open), VISIT(&strict), "client-both.pem"));
		assert_false(resumes(version, VISIT(&strict), VISIT(&open), "client-both.pem"));
		assert_false(resumes(version, VISIT(&strict), VISIT(&others), "client-both.pem"));
		assert_false(resumes(version, VISIT(&strict), VISIT(&shallow), "client-both.pem"));
	}
}

/* OpenSSL does not ask whether it would still choose the cipher of a session. */
static void ciphers_do_not_wander(void **state)
{
	pl_tls_settings usual = peer_settings(), strong = peer_settings();

	(void)state;
	strong.cipher_list = "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384";
	for (size_t v = 0; v < 2; v++) {
		int version = peer_versions[v];

		assert_true(resumes(version, VISIT(&strong), VISIT(&strong), NULL));
		assert_false(resumes(version, VISIT(&usual), VISIT(&strong), NULL));
	}
}

/* A session belongs to the certificate that the client was shown (CVE-2025-23419). */
static void between_names(void **state)
{
	char path[TLS_FILE_PATH];
	const pl_tls_identity others[] = { { .name = "second.example", .cert_file = path },
					   { .name = "*.wild.example", .cert_file = path } };
	pl_tls_settings settings = peer_settings();
	const char *const second = "second.example", *const wild = "a.wild.example";

	(void)state;
	tls_path(path, "second-both.pem");
	settings.others = others;
	settings.other_count = 2;
	for (size_t v = 0; v < 2; v++) {
		int version = peer_versions[v];

		assert_true(resumes(version, VISIT(&settings), VISIT(&settings), NULL));
		assert_true(resumes(version, VISIT(&settings, .name = second),
				    VISIT(&settings, .name = second), NULL));
		assert_true(resumes(version, VISIT(&settings, .name = second),
				    VISIT(&settings, .name = wild), NULL));
		assert_false(
			resumes(version, VISIT(&settings), VISIT(&settings, .name = second), NULL));
		assert_false(
			resumes(version, VISIT(&settings, .name = second), VISIT(&settings), NULL));
	}
}

/* A client that comes again and again, with the ticket that it got the last time. */
static void chains(void **state)
{
	pl_tls_settings settings = peer_settings();

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		SSL_CTX *client = peer_client_of(peer_versions[v]);
		SSL_SESSION *session = NULL;

		for (size_t i = 0; i < 5; i++) {
			struct visit one = VISIT(&settings);

			visit(client, &one, &session);
			assert_int_equal(one.resumed, i > 0);
		}
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
	}
}

/* The key changes; the one before is good for as long again. */
static void keys_change(void **state)
{
	enum { LIFETIME = 1000 };
	pl_tls_settings settings = peer_settings();
	uint64_t later = 0;

	(void)state;
	settings.ticket_lifetime = LIFETIME;
	for (size_t v = 0; v < 2; v++) {
		static const struct {
			uint64_t between;
			bool resumed;
		} cases[] = { { 0, true },
			      { (LIFETIME - 1) * 1000, true },
			      { (LIFETIME + 1) * 1000, true },
			      { (2 * LIFETIME - 1) * 1000, true },
			      { (2 * LIFETIME + 1) * 1000, false } };

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			later += 10 * LIFETIME * 1000; /* with a new key */
			assert_int_equal(
				resumes(peer_versions[v], VISIT(&settings, .later = later),
					VISIT(&settings, .later = later + cases[i].between), NULL),
				cases[i].resumed);
		}
	}
}

/* A forged name of a key, a changed ticket. */
static void changed_tickets(void **state)
{
	static const size_t places[] = { 0, 15, 16, 40, 100 };
	pl_tls_settings settings = peer_settings();

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			SSL_CTX *client = peer_client_of(peer_versions[v]);
			struct visit one = VISIT(&settings);
			const unsigned char *ticket;
			SSL_SESSION *session = NULL;
			size_t len;

			visit(client, &one, &session);
			SSL_SESSION_get0_ticket(session, &ticket, &len);
			assert_true(len > places[i]);
			((unsigned char *)ticket)[places[i]] ^= 1;
			visit(client, &one, &session);
			assert_false(one.refused);
			assert_false(one.resumed);
			SSL_SESSION_free(session);
			SSL_CTX_free(client);
		}
	}
}

static void sessions_run_out(void **state)
{
	pl_tls_settings settings = peer_settings();

	(void)state;
	settings.ticket_lifetime = 100;
	for (size_t v = 0; v < 2; v++) {
		SSL_CTX *client = peer_client_of(peer_versions[v]);
		SSL_SESSION *session = NULL;
		struct visit one = VISIT(&settings);

		visit(client, &one, &session);
		ahead = 99;
		SSL_SESSION_set_timeout(session, 100000); /* the client would still try */
		visit(client, &one, &session);
		assert_true(one.resumed);
		ahead = 300;
		SSL_SESSION_set_timeout(session, 100000);
		visit(client, &one, &session);
		assert_false(one.resumed);
		ahead = 0;
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
	}
}

/* Whose certificate has expired since is not let in by an old ticket. */
static void certificates_run_out(void **state)
{
	pl_tls_settings settings = peer_settings();
	char cert[TLS_FILE_PATH];

	(void)state;
	settings.verify = PL_TLS_VERIFY_REQUIRED;
	settings.ticket_lifetime = 7 * TLS_DAY;
	tls_path(cert, "lasting-both.pem");
	settings.identity.cert_file = cert;
	for (size_t v = 0; v < 2; v++) {
		SSL_CTX *client = peer_client_of(peer_versions[v]);
		SSL_SESSION *session = NULL;
		struct visit one = VISIT(&settings);

		SSL_CTX_set_verify(client, SSL_VERIFY_NONE, NULL);
		peer_client_use(client, "client-both.pem");
		visit(client, &one, &session);
		ahead = TLS_DAY - 60;
		visit(client, &one, &session);
		assert_true(one.resumed);
		ahead = TLS_DAY + 60;
		visit(client, &one, &session);
		assert_true(one.refused);
		ahead = 0;
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
	}
}

static void without_tickets(void **state)
{
	pl_tls_settings settings = peer_settings(), given = peer_settings();

	(void)state;
	settings.ticket_lifetime = 0;
	for (size_t v = 0; v < 2; v++) {
		assert_false(resumes(peer_versions[v], VISIT(&settings), VISIT(&settings), NULL));
		assert_false(resumes(peer_versions[v], VISIT(&given), VISIT(&settings), NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_contexts),	 cmocka_unit_test(between_names),
		cmocka_unit_test(ciphers_do_not_wander), cmocka_unit_test(chains),
		cmocka_unit_test(keys_change),		 cmocka_unit_test(changed_tickets),
		cmocka_unit_test(sessions_run_out),	 cmocka_unit_test(certificates_run_out),
		cmocka_unit_test(without_tickets),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
