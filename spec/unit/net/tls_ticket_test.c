/*
 * Keys of tickets, and what several threads make of them: contexts of the same settings, with one
 * client that goes from one to the other.
 */
#include "session/tls_peer.h"

#include <pthread.h>

#include "net/tls_ticket.h"

static void one_ring_for_a_lifetime(void **state)
{
	pl_tls_ticket_ring *ring = pl_tls_ticket_ring_get(1);

	(void)state;
	assert_non_null(ring);
	assert_ptr_equal(pl_tls_ticket_ring_get(1), ring);
	assert_ptr_not_equal(pl_tls_ticket_ring_get(2), ring);
}

static bool same(const pl_tls_ticket_key *a, const pl_tls_ticket_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void a_key_lives_twice_its_time(void **state)
{
	enum { LIFE = 100 };
	pl_tls_ticket_ring *ring = pl_tls_ticket_ring_get(LIFE);
	pl_tls_ticket_key first, second, found;

	(void)state;
	assert_int_equal(pl_tls_ticket_find(ring, 0, (const uint8_t *)"0123456789abcdef", &found),
			 PL_TLS_TICKET_UNKNOWN);
	pl_tls_ticket_newest(ring, 1000, &first);
	pl_tls_ticket_newest(ring, 1000 + LIFE - 1, &found);
	assert_true(same(&first, &found));
	pl_tls_ticket_newest(ring, 900, &found); /* a loop whose clock is behind */
	assert_true(same(&first, &found));
	assert_int_equal(pl_tls_ticket_find(ring, 1050, first.name, &found), PL_TLS_TICKET_NEWEST);
	assert_int_equal(pl_tls_ticket_find(ring, 1000 + LIFE, first.name, &found),
			 PL_TLS_TICKET_OLD);
	pl_tls_ticket_newest(ring, 1000 + LIFE, &second);
	assert_memory_not_equal(first.name, second.name, sizeof(first.name));
	assert_memory_not_equal(first.cipher, second.cipher, sizeof(first.cipher));
	assert_memory_not_equal(first.mac, second.mac, sizeof(first.mac));
	assert_int_equal(pl_tls_ticket_find(ring, 1000 + LIFE, second.name, &found),
			 PL_TLS_TICKET_NEWEST);
	assert_int_equal(pl_tls_ticket_find(ring, 1000 + 2 * LIFE - 1, first.name, &found),
			 PL_TLS_TICKET_OLD);
	assert_true(same(&first, &found));
	assert_int_equal(pl_tls_ticket_find(ring, 1000 + 2 * LIFE, first.name, &found),
			 PL_TLS_TICKET_UNKNOWN);
}

/* Nobody came for long. */
static void stale_keys_are_forgotten(void **state)
{
	enum { LIFE = 200 };
	pl_tls_ticket_ring *ring = pl_tls_ticket_ring_get(LIFE);
	pl_tls_ticket_key first, second, found;

	(void)state;
	pl_tls_ticket_newest(ring, 0, &first);
	pl_tls_ticket_newest(ring, 2 * LIFE, &second);
	assert_false(same(&first, &second));
	assert_int_equal(pl_tls_ticket_find(ring, 2 * LIFE, first.name, &found),
			 PL_TLS_TICKET_UNKNOWN);
	assert_int_equal(pl_tls_ticket_find(ring, 4 * LIFE, second.name, &found),
			 PL_TLS_TICKET_UNKNOWN);
}

static void no_memory_for_a_ring(void **state)
{
	(void)state;
	pl_alloc_fail_at(1);
	assert_null(pl_tls_ticket_ring_get(300));
	pl_alloc_fail_at(0);
	assert_non_null(pl_tls_ticket_ring_get(300));
}

enum { THREADS = 4, VISITS = 12 };

/* A session that goes from hand to hand. */
static pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;
static SSL_SESSION *session;

static SSL_SESSION *swap_session(SSL_SESSION *own)
{
	SSL_SESSION *other;

	pthread_mutex_lock(&session_lock);
	other = session;
	session = own;
	pthread_mutex_unlock(&session_lock);
	return other;
}

/* False: the conversation failed. */
static bool visit(pl_loop *loop, SSL_CTX *client, const pl_tls_settings *settings, int *resumed)
{
	pl_tls_context *server = peer_context(settings);
	SSL_SESSION *other = swap_session(NULL);
	struct peer peer;
	bool greeted;

	peer_join(&peer, loop, server, client);
	if (other)
		SSL_set_session(peer.client, other);
	greeted = peer_greet(&peer);
	*resumed += SSL_session_reused(peer.client);
	SSL_SESSION_free(other);
	SSL_SESSION_free(swap_session(SSL_get1_session(peer.client)));
	SSL_shutdown(peer.client);
	peer_leave(&peer);
	pl_tls_context_unref(server);
	return greeted;
}

/* Loops outlive the threads: the sanitizer does not see when libuv closes a descriptor. */
struct worker {
	pthread_t thread;
	pl_loop *loop;
	pl_tls_settings settings;
	int greeted, resumed;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	SSL_CTX *client = peer_client_of(TLS1_3_VERSION);

	for (size_t i = 0; i < VISITS; i++)
		worker->greeted += visit(worker->loop, client, &worker->settings, &worker->resumed);
	SSL_CTX_free(client);
	return NULL;
}

static void threads_share_tickets(void **state)
{
	struct worker workers[THREADS] = { 0 };
	pl_tls_settings settings = peer_settings();
	int resumed = 0;

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i].settings = settings;
		assert_int_equal(pl_loop_new(&workers[i].loop), PL_OK);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pl_loop_free(workers[i].loop);
		assert_int_equal(workers[i].greeted, VISITS);
		resumed += workers[i].resumed;
	}
	assert_true(resumed >= THREADS); /* most of them; not when all come at once */
	SSL_SESSION_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_ring_for_a_lifetime),
		cmocka_unit_test(a_key_lives_twice_its_time),
		cmocka_unit_test(stale_keys_are_forgotten),
		cmocka_unit_test(no_memory_for_a_ring),
		cmocka_unit_test(threads_share_tickets),
	};

	return cmocka_run_group_tests(tests, tls_make_files, tls_remove_files);
}
