#include "session/tls_pair.h"

#include <time.h>

#include "net/tls_internal.h"

static pl_tls_context *server;

static int make_server(void **state)
{
	pl_tls_settings rules;

	tls_make_files(state);
	rules = peer_settings();
	server = peer_context(&rules);
	return 0;
}

static int remove_server(void **state)
{
	pl_tls_context_unref(server);
	return tls_remove_files(state);
}

/* One as a handshake leaves it, now the caller's. */
static SSL_SESSION *session_of(int version)
{
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *context;
	SSL_SESSION *session;

	settings.max_version = version;
	context = pair_context(&settings);
	assert_true(pair_greets(context, server, "localhost", NULL));
	session = pl_tls_sessions_take(context->sessions, "localhost", 443);
	assert_non_null(session);
	pl_tls_context_unref(context);
	return session;
}

static bool has(pl_tls_sessions *sessions, const char *host, uint16_t port)
{
	SSL_SESSION *session = pl_tls_sessions_take(sessions, host, port);

	SSL_SESSION_free(session);
	return session != NULL;
}

static void put(pl_tls_sessions *sessions, const char *host, uint16_t port, SSL_SESSION *session)
{
	SSL_SESSION_up_ref(session);
	pl_tls_sessions_put(sessions, host, port, session);
}

static void by_host_and_port(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(4);
	SSL_SESSION *session = session_of(PL_TLS_1_2);

	(void)state;
	put(sessions, "a", 1, session);
	assert_true(has(sessions, "a", 1));
	assert_true(has(sessions, "a", 1));
	assert_false(has(sessions, "a", 2));
	assert_false(has(sessions, "b", 1));
	assert_false(has(sessions, "", 1));
	pl_tls_sessions_drop(sessions, "a", 2);
	assert_true(has(sessions, "a", 1));
	pl_tls_sessions_drop(sessions, "a", 1);
	assert_false(has(sessions, "a", 1));
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

/* RFC 8446 C.4 */
static void once_in_new_versions(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(4);
	SSL_SESSION *session = session_of(PL_TLS_1_3);

	(void)state;
	put(sessions, "a", 1, session);
	assert_true(has(sessions, "a", 1));
	assert_false(has(sessions, "a", 1));
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

static void the_oldest_goes(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(2);
	SSL_SESSION *session = session_of(PL_TLS_1_2);
	int64_t live;

	(void)state;
	live = pl_alloc_live();
	put(sessions, "a", 1, session);
	put(sessions, "b", 1, session);
	assert_true(has(sessions, "a", 1)); /* used: b is the older one now */
	put(sessions, "c", 1, session);
	assert_true(has(sessions, "a", 1));
	assert_false(has(sessions, "b", 1));
	assert_true(has(sessions, "c", 1));
	for (uint16_t port = 0; port < 1000; port++)
		put(sessions, "a", port, session);
	assert_int_equal(pl_alloc_live(), live + 2);
	put(sessions, "a", 999, session); /* in place of the one before */
	assert_true(has(sessions, "a", 998));
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

static void what_has_run_out(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(2);
	SSL_SESSION *session = session_of(PL_TLS_1_2);

	(void)state;
	SSL_SESSION_set_time(session, (long)time(NULL) - 100);
	SSL_SESSION_set_timeout(session, 200);
	put(sessions, "a", 1, session);
	assert_true(has(sessions, "a", 1));
	SSL_SESSION_set_timeout(session, 100);
	assert_false(has(sessions, "a", 1));
	SSL_SESSION_set_timeout(session, 200);
	assert_false(has(sessions, "a", 1)); /* forgotten */
	SSL_SESSION_set_time(session, (long)time(NULL) + 100);
	put(sessions, "a", 1, session);
	assert_false(has(sessions, "a", 1)); /* the clock has been put back */
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

/* A resumed server is not verified again. */
static void certificate_has_expired(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(2);
	SSL_SESSION *session = session_of(PL_TLS_1_2);
	X509 *x509 = SSL_SESSION_get0_peer(session);

	(void)state;
	put(sessions, "a", 1, session);
	assert_true(has(sessions, "a", 1));
	X509_gmtime_adj(X509_getm_notAfter(x509), -1);
	assert_false(has(sessions, "a", 1));
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

static void out_of_memory(void **state)
{
	pl_tls_sessions *sessions = pl_tls_sessions_new(2);
	SSL_SESSION *session = session_of(PL_TLS_1_2);

	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_tls_sessions_new(2));
	pl_alloc_fail_at(1);
	put(sessions, "a", 1, session);
	pl_alloc_fail_at(0);
	assert_false(has(sessions, "a", 1));
	SSL_SESSION_free(session);
	pl_tls_sessions_free(sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_host_and_port),	   cmocka_unit_test(once_in_new_versions),
		cmocka_unit_test(the_oldest_goes),	   cmocka_unit_test(what_has_run_out),
		cmocka_unit_test(certificate_has_expired), cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, make_server, remove_server);
}
