/* Whose certificates are not verified, for the operator. */
#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "net/tls_internal.h"

enum { HOSTS = 64 }; /* that are told by name; those after them share one line */

static struct {
	pthread_mutex_t lock;
	size_t count;
	char hosts[HOSTS][PL_TLS_HOST_MAX + 1];
} told = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_told(const char *host)
{
	for (size_t i = 0; i < told.count && i < HOSTS; i++)
		if (strcmp(told.hosts[i], host) == 0)
			return true;
	return told.count > HOSTS;
}

/* Whether it is news. */
static bool note(const char *host)
{
	if (is_told(host))
		return false;
	if (told.count < HOSTS)
		strcpy(told.hosts[told.count], host);
	told.count++;
	return true;
}

void pl_tls_unverified(const char *host)
{
	bool news, last;

	pthread_mutex_lock(&told.lock);
	news = note(host);
	last = told.count > HOSTS;
	pthread_mutex_unlock(&told.lock);
	if (news)
		pl_log(PL_LOG_WARN,
		       "TLS: the certificate of %s is not verified (tls.verify = false)%s", host,
		       last ? ", nor are those of hosts to come" : "");
}
