#include "net/tls_ticket.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/random.h"

struct pl_tls_ticket_ring {
	pl_tls_ticket_ring *next;
	uint64_t lifetime;
	pthread_mutex_t lock;
	bool made; /* `newest` is a key */
	bool kept; /* `before` is one */
	pl_tls_ticket_key newest, before;
};

static pl_tls_ticket_ring *rings;
static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;

static pl_tls_ticket_ring *add_ring(uint64_t lifetime)
{
	pl_tls_ticket_ring *ring = pl_calloc(1, sizeof(*ring));

	if (!ring || pthread_mutex_init(&ring->lock, NULL)) {
		pl_free(ring);
		return NULL;
	}
	ring->lifetime = lifetime;
	ring->next = rings;
	rings = ring;
	return ring;
}

pl_tls_ticket_ring *pl_tls_ticket_ring_get(uint64_t lifetime)
{
	pl_tls_ticket_ring *ring;

	pthread_mutex_lock(&rings_lock);
	for (ring = rings; ring && ring->lifetime != lifetime; ring = ring->next)
		;
	if (!ring)
		ring = add_ring(lifetime);
	pthread_mutex_unlock(&rings_lock);
	return ring;
}

/* Loops of several threads do not read the clock at the same moment. */
static uint64_t age(const pl_tls_ticket_key *key, uint64_t now)
{
	return now > key->born ? now - key->born : 0;
}

static void make(pl_tls_ticket_key *key, uint64_t now)
{
	pl_random(key->name, sizeof(key->name));
	pl_random(key->cipher, sizeof(key->cipher));
	pl_random(key->mac, sizeof(key->mac));
	key->born = now;
}

static void forget(pl_tls_ticket_key *key, bool *is_key)
{
	OPENSSL_cleanse(key, sizeof(*key));
	*is_key = false;
}

/* No ticket of a key is valid once it is two lifetimes old. */
static void drop_stale(pl_tls_ticket_ring *ring, uint64_t now)
{
	if (ring->kept && age(&ring->before, now) >= 2 * ring->lifetime)
		forget(&ring->before, &ring->kept);
	if (ring->made && age(&ring->newest, now) >= 2 * ring->lifetime)
		forget(&ring->newest, &ring->made);
}

void pl_tls_ticket_newest(pl_tls_ticket_ring *ring, uint64_t now, pl_tls_ticket_key *key)
{
	pthread_mutex_lock(&ring->lock);
	drop_stale(ring, now);
	if (ring->made && age(&ring->newest, now) >= ring->lifetime) {
		ring->before = ring->newest;
		ring->kept = true;
		ring->made = false;
	}
	if (!ring->made) {
		make(&ring->newest, now);
		ring->made = true;
	}
	*key = ring->newest;
	pthread_mutex_unlock(&ring->lock);
}

static bool is_named(const pl_tls_ticket_key *key, const uint8_t *name)
{
	return memcmp(key->name, name, PL_TLS_TICKET_NAME) == 0;
}

enum pl_tls_ticket_age pl_tls_ticket_find(pl_tls_ticket_ring *ring, uint64_t now,
					  const uint8_t name[PL_TLS_TICKET_NAME],
					  pl_tls_ticket_key *key)
{
	enum pl_tls_ticket_age found = PL_TLS_TICKET_UNKNOWN;

	pthread_mutex_lock(&ring->lock);
	drop_stale(ring, now);
	if (ring->made && is_named(&ring->newest, name)) {
		*key = ring->newest;
		found = age(key, now) < ring->lifetime ? PL_TLS_TICKET_NEWEST : PL_TLS_TICKET_OLD;
	} else if (ring->kept && is_named(&ring->before, name)) {
		*key = ring->before;
		found = PL_TLS_TICKET_OLD;
	}
	pthread_mutex_unlock(&ring->lock);
	return found;
}
