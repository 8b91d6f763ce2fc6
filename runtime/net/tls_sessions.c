/* What a client may resume (RFC 8446 2.2, RFC 5077), by host and port. */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/list.h"
#include "net/tls_internal.h"

typedef struct entry {
	pl_list node; /* the one used last is at the end */
	SSL_SESSION *session;
	uint16_t port;
	char host[];
} entry;

struct pl_tls_sessions {
	pthread_mutex_t lock;
	pl_list entries;
	size_t count, most;
};

pl_tls_sessions *pl_tls_sessions_new(size_t most)
{
	pl_tls_sessions *sessions = pl_calloc(1, sizeof(*sessions));

	if (!sessions || pthread_mutex_init(&sessions->lock, NULL)) {
		pl_free(sessions);
		return NULL;
	}
	pl_list_init(&sessions->entries);
	sessions->most = most;
	return sessions;
}

static void drop(pl_tls_sessions *sessions, entry *one)
{
	if (!one)
		return;
	pl_list_remove(&one->node);
	sessions->count--;
	SSL_SESSION_free(one->session);
	pl_free(one);
}

static entry *oldest(pl_tls_sessions *sessions)
{
	return PL_CONTAINER(sessions->entries.next, entry, node);
}

void pl_tls_sessions_free(pl_tls_sessions *sessions)
{
	if (!sessions)
		return;
	while (sessions->count > 0)
		drop(sessions, oldest(sessions));
	pthread_mutex_destroy(&sessions->lock);
	pl_free(sessions);
}

/* A cache is small: its list is looked through. */
static entry *find(pl_tls_sessions *sessions, const char *host, uint16_t port)
{
	for (pl_list *node = sessions->entries.next; node != &sessions->entries;
	     node = node->next) {
		entry *one = PL_CONTAINER(node, entry, node);

		if (one->port == port && strcmp(one->host, host) == 0)
			return one;
	}
	return NULL;
}

void pl_tls_sessions_put(pl_tls_sessions *sessions, const char *host, uint16_t port,
			 SSL_SESSION *session)
{
	size_t size = strlen(host) + 1;
	entry *one = pl_calloc(1, sizeof(*one) + size);

	if (!one) {
		SSL_SESSION_free(session);
		return;
	}
	one->session = session;
	one->port = port;
	memcpy(one->host, host, size);
	pthread_mutex_lock(&sessions->lock);
	drop(sessions, find(sessions, host, port));
	if (sessions->count == sessions->most)
		drop(sessions, oldest(sessions));
	pl_list_append(&sessions->entries, &one->node);
	sessions->count++;
	pthread_mutex_unlock(&sessions->lock);
}

/* The server's certificate is not looked at again, so it must not be outlived. */
static bool is_good(const SSL_SESSION *session)
{
	const X509 *x509 = SSL_SESSION_get0_peer((SSL_SESSION *)session);
	long age = (long)time(NULL) - SSL_SESSION_get_time(session);

	return SSL_SESSION_is_resumable(session) && age >= 0 &&
	       age < SSL_SESSION_get_timeout(session) && x509 &&
	       X509_cmp_current_time(X509_get0_notAfter(x509)) > 0;
}

static SSL_SESSION *take(pl_tls_sessions *sessions, entry *one)
{
	SSL_SESSION *session = one->session;

	if (!is_good(session)) {
		drop(sessions, one);
		return NULL;
	}
	SSL_SESSION_up_ref(session);
	if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
		drop(sessions, one);
		return session;
	}
	pl_list_remove(&one->node);
	pl_list_append(&sessions->entries, &one->node);
	return session;
}

SSL_SESSION *pl_tls_sessions_take(pl_tls_sessions *sessions, const char *host, uint16_t port)
{
	SSL_SESSION *session = NULL;
	entry *one;

	pthread_mutex_lock(&sessions->lock);
	one = find(sessions, host, port);
	if (one)
		session = take(sessions, one);
	pthread_mutex_unlock(&sessions->lock);
	return session;
}

void pl_tls_sessions_drop(pl_tls_sessions *sessions, const char *host, uint16_t port)
{
	pthread_mutex_lock(&sessions->lock);
	drop(sessions, find(sessions, host, port));
	pthread_mutex_unlock(&sessions->lock);
}
