/*
 * TLS when OpenSSL's allocations fail, from the Nth on, on the server's side, or on both between
 * our client and our server: the connection ends, nothing is lost, and the next one is as good as
 * the first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "net/memory.h"

static bool serving;	 /* the server runs, not the client */
static uint64_t allowed; /* allocations that still succeed, and one; 0: all */

static bool feed(pl_memory *memory, const void *data, size_t len)
{
	bool taken;

	serving = true;
	taken = pl_memory_feed(memory, data, len);
	serving = false;
	return taken;
}

static void turn(pl_loop *loop)
{
	serving = true;
	pl_loop_turn(loop);
	serving = false;
}

#define pl_memory_feed feed
#define pl_loop_turn turn
#include "session/tls_pair.h"

static bool fails(void)
{
	if (!serving || allowed == 0)
		return false;
	if (allowed > 1)
		allowed--;
	return allowed == 1;
}

static void *allocate(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return size == 0 || fails() ? NULL : pl_alloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	if (size == 0) {
		pl_free(old);
		return NULL;
	}
	if (fails())
		return NULL;
	return old ? pl_realloc(old, size) : pl_alloc(size);
}

static void release(void *block, const char *file, int line)
{
	(void)file, (void)line;
	pl_free(block);
}

static bool attempt(pl_tls_context *server, SSL_CTX *client, uint64_t nth)
{
	struct peer peer;
	bool greeted;

	assert_int_equal(peer_open(&peer, server, client), PL_OK);
	allowed = nth;
	greeted = peer_greet(&peer);
	allowed = 0;
	pl_loop_skip(peer.loop, 2 * PEER_TIMEOUT);
	peer_turn(&peer);
	peer_close(&peer);
	ERR_clear_error();
	return greeted;
}

static void connections(int version)
{
	pl_tls_settings settings = peer_settings();
	pl_tls_context *server = peer_context(&settings);
	SSL_CTX *client = peer_client_context();
	uint64_t nth = 2;
	int64_t live;

	SSL_CTX_set_min_proto_version(client, version);
	SSL_CTX_set_max_proto_version(client, version);
	assert_true(attempt(server, client, 0));
	live = pl_alloc_live();
	while (!attempt(server, client, nth)) {
		assert_int_equal(pl_alloc_live(), live);
		assert_true(attempt(server, client, 0));
		assert_true(++nth < 5000);
	}
	print_message("%d allocations\n", (int)nth - 2);
	assert_true(nth > 100);
	SSL_CTX_free(client);
	pl_tls_context_unref(server);
}

static void every_allocation_of_a_connection(void **state)
{
	(void)state;
	connections(TLS1_2_VERSION);
	connections(TLS1_3_VERSION);
}

static bool attempt_pair(pl_tls_context *client, pl_tls_context *server, const char *host,
			 uint64_t nth)
{
	struct pair pair;
	bool greeted = false;
	int status;

	memset(&pair, 0, sizeof(pair));
	assert_int_equal(pl_loop_new(&pair.loop), PL_OK);
	pl_memory_init(&pair.client.memory, pair.loop);
	pl_memory_init(&pair.server.memory, pair.loop);
	assert_int_equal(
		pl_tls_accept(&pair.server.tls, &pair.server.memory.stream, server,
			      &(pl_tls_acceptance){ .timeout = PEER_TIMEOUT, .steps = 16 }),
		PL_OK);
	pair_own(&pair.server);
	allowed = nth;
	serving = true;
	status = pair_connect(&pair, client, host);
	serving = false;
	assert_true(status == PL_OK || status == PL_ENOMEM);
	if (status == PL_OK)
		greeted = pair_greet(&pair);
	allowed = 0;
	pl_loop_skip(pair.loop, 2 * PEER_TIMEOUT);
	pair_turn(&pair);
	pair_close(&pair);
	ERR_clear_error();
	return greeted;
}

static void pairs(int version)
{
	pl_tls_settings rules = peer_settings();
	pl_tls_client_settings settings = pair_settings();
	pl_tls_context *server = peer_context(&rules), *client;
	uint64_t nth = 2;
	int64_t live;

	settings.max_version = version;
	settings.sessions = 0; /* a kept session is no leak, but it would count as one */
	client = pair_context(&settings);
	assert_true(attempt_pair(client, server, "localhost", 0));
	assert_false(attempt_pair(client, server, "wrong.example", 0));
	live = pl_alloc_live();
	while (!attempt_pair(client, server, "localhost", nth)) {
		assert_int_equal(pl_alloc_live(), live);
		attempt_pair(client, server, "wrong.example", nth);
		assert_int_equal(pl_alloc_live(), live);
		assert_true(++nth < 9000);
	}
	print_message("%d allocations\n", (int)nth - 2);
	assert_true(nth > 200);
	pl_tls_context_unref(client);
	pl_tls_context_unref(server);
}

static void every_allocation_of_a_pair(void **state)
{
	(void)state;
	pairs(PL_TLS_1_2);
	pairs(PL_TLS_1_3);
}

/* Thousands, of which every 29th is tried. */
static void allocations_of_a_context(void **state)
{
	pl_tls_settings settings = peer_settings();
	int64_t live;
	int status = PL_ENOMEM;

	(void)state;
	settings.verify = PL_TLS_VERIFY_REQUIRED;
	pl_tls_context_unref(peer_context(&settings));
	live = pl_alloc_live();
	for (uint64_t nth = 2; status; nth += 29) {
		char error[PL_TLS_ERROR_MAX] = "";
		pl_tls_context *context = NULL;

		serving = true;
		allowed = nth;
		status = pl_tls_context_new(&context, &settings, error);
		allowed = 0;
		serving = false;
		assert_true(status == PL_OK || error[0] != '\0');
		pl_tls_context_unref(context);
		ERR_clear_error();
		assert_int_equal(pl_alloc_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_of_a_connection),
		cmocka_unit_test(every_allocation_of_a_pair),
		cmocka_unit_test(allocations_of_a_context),
	};

	if (!CRYPTO_set_mem_functions(allocate, reallocate, release))
		return 1;
	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
