/*
 * What the threads of a program share of TLS clients: the system's authorities, and whom the
 * operator was told of.
 *
 * covers: net/tls_unverified.c
 */
#include "unit/net/tls_files.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/tls_internal.h"

enum { THREADS = 4, ROUNDS = 20, HOSTS = 8 };

static pl_tls_context *make(void)
{
	const pl_tls_client_settings settings = { .verify_depth = -1 };
	char error[PL_TLS_ERROR_MAX];
	pl_tls_context *context = NULL;

	assert_int_equal(pl_tls_client_context(&context, &settings, error), PL_OK);
	return context;
}

static X509_STORE *store_of(const pl_tls_context *context)
{
	return SSL_CTX_get_cert_store(context->sites[0].ssl);
}

/* Holds what it made, so that the addresses of two stores cannot be the same. */
static void *make_many(void *unused)
{
	pl_tls_context *made[ROUNDS];
	X509_STORE *first;

	(void)unused;
	for (int i = 0; i < ROUNDS; i++)
		made[i] = make();
	first = store_of(made[0]);
	for (int i = 0; i < ROUNDS; i++) {
		if (store_of(made[i]) != first)
			first = NULL;
		pl_tls_context_unref(made[i]);
	}
	return first;
}

static void *warn(void *unused)
{
	char host[16];

	for (int i = 0; i < ROUNDS * HOSTS; i++) {
		snprintf(host, sizeof(host), "%d.example", i % HOSTS);
		pl_tls_unverified(host);
	}
	return unused;
}

static void in_threads(void *(*work)(void *), void *results[THREADS])
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], &results[i]), 0);
}

static void one_store(void **state)
{
	pl_tls_context *held;
	void *stores[THREADS];
	char path[TLS_FILE_PATH];

	(void)state;
	tls_path(path, "ca.pem");
	setenv("SSL_CERT_FILE", path, 1);
	held = make();
	in_threads(make_many, stores);
	for (int i = 0; i < THREADS; i++)
		assert_ptr_equal(stores[i], store_of(held));
	assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(store_of(held))), 1);
	pl_tls_context_unref(held);
	unsetenv("SSL_CERT_FILE");
}

/* A program without any of them trusts nobody, and runs. */
static void no_authorities(void **state)
{
	pl_tls_context *held;

	(void)state;
	setenv("SSL_CERT_FILE", "/nowhere/at-all.pem", 1);
	setenv("SSL_CERT_DIR", "/nowhere", 1);
	held = make();
	assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(store_of(held))), 0);
	pl_tls_context_unref(held);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
}

static int lines;

static void count(void *context, enum pl_log_level level, const char *line, size_t len)
{
	(void)context, (void)line, (void)len;
	lines += level == PL_LOG_WARN;
}

static void each_host_once(void **state)
{
	void *results[THREADS];

	(void)state;
	pl_log_set_sink(count, NULL);
	in_threads(warn, results);
	pl_log_set_sink(NULL, NULL);
	assert_int_equal(lines, HOSTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_store),
		cmocka_unit_test(no_authorities),
		cmocka_unit_test(each_host_once),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
