#include "server/attempts.h"

#include "base/alloc.h"
#include "base/status.h"
#include "server/admission.h"

typedef struct visitor {
	pl_map_entry entry;
	pl_list node; /* in `failed` while it has failures */
	uint64_t since;
	uint32_t failures;
	uint32_t pending; /* being decided */
	uint8_t key[PL_GUEST_KEY];
} visitor;

void pl_attempts_init(pl_attempts *self)
{
	*self = (pl_attempts){ 0 };
	pthread_mutex_init(&self->lock, NULL);
	pl_list_init(&self->failed);
}

void pl_attempts_deinit(pl_attempts *self)
{
	pl_map_entry *entry;

	while ((entry = pl_map_next(&self->by_address, NULL))) {
		pl_map_remove(&self->by_address, entry);
		pl_free(PL_CONTAINER(entry, visitor, entry));
	}
	pl_map_deinit(&self->by_address);
	pthread_mutex_destroy(&self->lock);
}

static void forgive(pl_attempts *self, visitor *one)
{
	pl_list_remove(&one->node);
	one->failures = 0;
	if (one->pending > 0)
		return;
	pl_map_remove(&self->by_address, &one->entry);
	pl_free(one);
}

/* Those whose time is over. */
static void forgive_old(pl_attempts *self, const pl_limits *limits, uint64_t now)
{
	while (!pl_list_empty(&self->failed)) {
		visitor *oldest = PL_CONTAINER(self->failed.next, visitor, node);

		if (now < oldest->since + (uint64_t)limits->failed_login_time)
			return;
		forgive(self, oldest);
	}
}

static void make_room(pl_attempts *self)
{
	while (self->by_address.count >= PL_ATTEMPTS_MAX && !pl_list_empty(&self->failed))
		forgive(self, PL_CONTAINER(self->failed.next, visitor, node));
}

static visitor *find(const pl_attempts *self, const pl_address *address)
{
	uint8_t key[PL_GUEST_KEY];
	size_t len = pl_guest_key(key, address);
	pl_map_entry *entry = pl_map_find(&self->by_address, key, len);

	return entry ? PL_CONTAINER(entry, visitor, entry) : NULL;
}

static visitor *visitor_new(pl_attempts *self, const pl_address *address)
{
	visitor *one = pl_calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	make_room(self);
	pl_list_init(&one->node);
	if (pl_map_insert(&self->by_address, &one->entry, one->key,
			  pl_guest_key(one->key, address))) {
		pl_free(one);
		return NULL;
	}
	return one;
}

static int seconds_until(uint64_t then, uint64_t now)
{
	return then > now ? (int)((then - now + 999) / 1000) : 1;
}

static int begin(pl_attempts *self, const pl_limits *limits, uint64_t now,
		 const pl_address *address)
{
	visitor *one;

	forgive_old(self, limits, now);
	one = find(self, address);
	if (one && one->failures >= limits->failed_logins)
		return seconds_until(one->since + (uint64_t)limits->failed_login_time, now);
	if (one && one->failures + one->pending >= limits->failed_logins)
		return 1; /* those that are being decided may all be wrong */
	if (!one)
		one = visitor_new(self, address);
	if (!one)
		return PL_ENOMEM;
	one->pending++;
	return 0;
}

int pl_attempts_begin(pl_attempts *self, const pl_limits *limits, uint64_t now,
		      const pl_address *address)
{
	int result;

	pthread_mutex_lock(&self->lock);
	result = begin(self, limits, now, address);
	pthread_mutex_unlock(&self->lock);
	return result;
}

static bool end(pl_attempts *self, const pl_limits *limits, uint64_t now, visitor *one, bool failed)
{
	one->pending--;
	if (failed && one->failures++ == 0) {
		one->since = now;
		pl_list_append(&self->failed, &one->node);
	}
	if (one->pending == 0 && one->failures == 0) {
		pl_map_remove(&self->by_address, &one->entry);
		pl_free(one);
		return false;
	}
	return failed && one->failures == limits->failed_logins;
}

bool pl_attempts_end(pl_attempts *self, const pl_limits *limits, uint64_t now,
		     const pl_address *address, bool failed)
{
	visitor *one;
	bool blocked;

	pthread_mutex_lock(&self->lock);
	one = find(self,
		   address); /* NULL: it began in another table, before a server joined a group */
	blocked = one && one->pending > 0 && end(self, limits, now, one, failed);
	pthread_mutex_unlock(&self->lock);
	return blocked;
}
