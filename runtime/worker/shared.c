#include "worker/shared.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/status.h"
#include "base/wheel.h"

enum { SHARDS = 16 }; /* each with a lock of its own */

typedef struct item {
	pl_map_entry entry;
	pl_timer timer;
	struct shard *shard;
	pl_shared_value value;
	size_t name_len;
	char name[];
} item;

typedef struct shard {
	pthread_mutex_t lock;
	pl_map by_name;
	pl_wheel wheel; /* of what ends */
	pl_shared *shared;
} shard;

struct pl_shared {
	shard shards[SHARDS];
	_Atomic size_t bytes;
	_Atomic size_t limit;
};

/* Values. */

static bool has_string(const pl_shared_value *value)
{
	return value->kind == PL_SHARED_STRING || value->kind == PL_SHARED_TABLE;
}

void pl_shared_value_deinit(pl_shared_value *value)
{
	if (has_string(value))
		pl_block_unref(value->string);
	value->kind = PL_SHARED_NONE;
}

static pl_shared_value copy(const pl_shared_value *value)
{
	pl_shared_value same = *value;

	if (has_string(&same))
		pl_block_ref(same.string);
	return same;
}

static bool equal(const pl_shared_value *a, const pl_shared_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case PL_SHARED_STRING:
	case PL_SHARED_TABLE:
		return a->string->len == b->string->len &&
		       memcmp(a->string->data, b->string->data, a->string->len) == 0;
	case PL_SHARED_NUMBER: /* all NaN are one, or nobody could swap it */
		return a->number == b->number || (isnan(a->number) && isnan(b->number));
	case PL_SHARED_BOOLEAN:
		return a->boolean == b->boolean;
	default:
		return true;
	}
}

static size_t cost(size_t name_len, const pl_shared_value *value)
{
	return PL_SHARED_OVERHEAD + name_len + (has_string(value) ? value->string->len : 0);
}

/* Life. */

pl_shared *pl_shared_new(void)
{
	pl_shared *shared = pl_calloc(1, sizeof(*shared));
	int i;

	if (!shared)
		return NULL;
	for (i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&shared->shards[i].lock, NULL);
		pl_wheel_init(&shared->shards[i].wheel, 0);
		shared->shards[i].shared = shared;
	}
	atomic_init(&shared->limit, PL_SHARED_LIMIT);
	return shared;
}

static void item_remove(item *self)
{
	shard *home = self->shard;

	atomic_fetch_sub(&home->shared->bytes, cost(self->name_len, &self->value));
	pl_wheel_stop(&home->wheel, &self->timer);
	pl_map_remove(&home->by_name, &self->entry);
	pl_shared_value_deinit(&self->value);
	pl_free(self);
}

static void on_end_of_life(pl_timer *timer)
{
	item_remove(PL_CONTAINER(timer, item, timer));
}

void pl_shared_free(pl_shared *shared)
{
	int i;

	if (!shared)
		return;
	for (i = 0; i < SHARDS; i++) {
		shard *home = &shared->shards[i];
		pl_map_entry *entry;

		while ((entry = pl_map_next(&home->by_name, NULL)))
			item_remove(PL_CONTAINER(entry, item, entry));
		pl_map_deinit(&home->by_name);
		pthread_mutex_destroy(&home->lock);
	}
	pl_free(shared);
}

/* The shard of a name, locked, without what has ended. */

static void enter(shard *home, uint64_t now)
{
	pthread_mutex_lock(&home->lock);
	/* The clock was read before the lock: somebody with a later time may have come first. */
	if (now > home->wheel.now)
		pl_wheel_advance(&home->wheel, now);
}

static shard *lock(pl_shared *shared, uint64_t now, pl_slice name)
{
	uint32_t hash = 2166136261; /* FNV-1a: only spreads the locks' load */
	shard *home;
	size_t i;

	for (i = 0; i < name.len; i++)
		hash = (hash ^ (uint8_t)name.at[i]) * 16777619;
	home = &shared->shards[hash % SHARDS];
	enter(home, now);
	return home;
}

static void unlock(shard *home)
{
	pthread_mutex_unlock(&home->lock);
}

static item *find(const shard *home, pl_slice name)
{
	pl_map_entry *entry = pl_map_find(&home->by_name, name.at, name.len);

	return entry ? PL_CONTAINER(entry, item, entry) : NULL;
}

/* Counts `more` bytes if they may still be held. */
static bool afford(pl_shared *shared, size_t more)
{
	size_t held = atomic_load(&shared->bytes);

	do {
		size_t limit = atomic_load(&shared->limit);

		if (more > limit || held > limit - more)
			return false;
	} while (!atomic_compare_exchange_weak(&shared->bytes, &held, held + more));
	return true;
}

static int item_new(shard *home, pl_slice name, item **result)
{
	item *self;
	int status;

	if (name.len == 0 || name.len > PL_SHARED_NAME_MAX)
		return PL_EINVAL;
	self = pl_calloc(1, sizeof(*self) + name.len);
	if (!self)
		return PL_ENOMEM;
	self->shard = home;
	self->name_len = name.len;
	memcpy(self->name, name.at, name.len);
	pl_timer_init(&self->timer, on_end_of_life);
	status = pl_map_insert(&home->by_name, &self->entry, self->name, name.len);
	if (status)
		pl_free(self);
	*result = self;
	return status;
}

static void live_until(item *self, uint64_t now, uint64_t lifetime)
{
	pl_wheel_stop(&self->shard->wheel, &self->timer);
	if (lifetime > 0)
		pl_wheel_start(&self->shard->wheel, &self->timer, now + lifetime);
}

static int add(shard *home, uint64_t now, pl_slice name, const pl_shared_value *value,
	       uint64_t lifetime)
{
	size_t bytes = cost(name.len, value);
	item *self;
	int status;

	if (!afford(home->shared, bytes))
		return PL_ELIMIT;
	status = item_new(home, name, &self);
	if (status) {
		atomic_fetch_sub(&home->shared->bytes, bytes);
		return status;
	}
	self->value = copy(value);
	live_until(self, now, lifetime);
	return PL_OK;
}

/* All that grows is the text. */
static int replace(item *self, uint64_t now, const pl_shared_value *value, uint64_t lifetime)
{
	pl_shared *shared = self->shard->shared;
	size_t before = cost(self->name_len, &self->value);
	size_t after = cost(self->name_len, value);

	if (after > before && !afford(shared, after - before))
		return PL_ELIMIT;
	if (after < before)
		atomic_fetch_sub(&shared->bytes, before - after);
	pl_shared_value_deinit(&self->value);
	self->value = copy(value);
	live_until(self, now, lifetime);
	return PL_OK;
}

static int put(shard *home, item *present, uint64_t now, pl_slice name,
	       const pl_shared_value *value, uint64_t lifetime)
{
	if (value->kind != PL_SHARED_NONE)
		return present ? replace(present, now, value, lifetime)
			       : add(home, now, name, value, lifetime);
	if (present)
		item_remove(present);
	return PL_OK;
}

/* What workers do. */

void pl_shared_get(pl_shared *shared, uint64_t now, pl_slice name, pl_shared_value *value)
{
	shard *home = lock(shared, now, name);
	const item *present = find(home, name);

	*value = present ? copy(&present->value) : (pl_shared_value){ 0 };
	unlock(home);
}

void pl_shared_take(pl_shared *shared, uint64_t now, pl_slice name, pl_shared_value *value)
{
	shard *home = lock(shared, now, name);
	item *present = find(home, name);

	*value = present ? copy(&present->value) : (pl_shared_value){ 0 };
	if (present)
		item_remove(present);
	unlock(home);
}

int pl_shared_set(pl_shared *shared, uint64_t now, pl_slice name, const pl_shared_value *value,
		  uint64_t lifetime)
{
	shard *home = lock(shared, now, name);
	int status = put(home, find(home, name), now, name, value, lifetime);

	unlock(home);
	return status;
}

int pl_shared_swap(pl_shared *shared, uint64_t now, pl_slice name, const pl_shared_value *expected,
		   const pl_shared_value *value, uint64_t lifetime, bool *done)
{
	static const pl_shared_value none = { 0 };
	shard *home = lock(shared, now, name);
	item *present = find(home, name);
	int status = PL_OK;

	*done = equal(present ? &present->value : &none, expected);
	if (*done)
		status = put(home, present, now, name, value, lifetime);
	unlock(home);
	return status;
}

int pl_shared_increment(pl_shared *shared, uint64_t now, pl_slice name, double by,
			uint64_t lifetime, double *result)
{
	shard *home = lock(shared, now, name);
	item *present = find(home, name);
	pl_shared_value value = { .kind = PL_SHARED_NUMBER, .number = by };
	int status = PL_OK;

	if (!present)
		status = add(home, now, name, &value, lifetime);
	else if (present->value.kind != PL_SHARED_NUMBER)
		status = PL_ESTATE;
	else
		value.number = present->value.number += by;
	unlock(home);
	*result = value.number;
	return status;
}

static int append_name(pl_buffer *names, const item *one)
{
	if (pl_buffer_reserve(names, sizeof(one->name_len) + one->name_len))
		return PL_ENOMEM;
	pl_buffer_append(names, &one->name_len, sizeof(one->name_len));
	pl_buffer_append(names, one->name, one->name_len);
	return PL_OK;
}

static int append_names(const shard *home, pl_slice prefix, size_t *left, pl_buffer *names)
{
	pl_map_entry *entry = NULL;
	int status = PL_OK;

	while (!status && *left > 0 && (entry = pl_map_next(&home->by_name, entry))) {
		const item *one = PL_CONTAINER(entry, item, entry);

		if (one->name_len < prefix.len ||
		    (prefix.len > 0 && memcmp(one->name, prefix.at, prefix.len) != 0))
			continue;
		status = append_name(names, one);
		--*left;
	}
	return status;
}

int pl_shared_names(pl_shared *shared, uint64_t now, pl_slice prefix, size_t most, pl_buffer *names)
{
	int status = PL_OK;
	int i;

	for (i = 0; i < SHARDS && !status; i++) {
		enter(&shared->shards[i], now);
		status = append_names(&shared->shards[i], prefix, &most, names);
		unlock(&shared->shards[i]);
	}
	return status;
}

void pl_shared_set_limit(pl_shared *shared, size_t bytes)
{
	atomic_store(&shared->limit, bytes);
}

void pl_shared_size(pl_shared *shared, uint64_t now, size_t *count, size_t *bytes, size_t *limit)
{
	int i;

	*count = 0;
	for (i = 0; i < SHARDS; i++) {
		enter(&shared->shards[i], now);
		*count += shared->shards[i].by_name.count;
		unlock(&shared->shards[i]);
	}
	*bytes = atomic_load(&shared->bytes);
	*limit = atomic_load(&shared->limit);
}
