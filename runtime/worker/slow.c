#include "worker/slow.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char places[PL_SLOW_PLACES][PL_SLOW_PLACE_MAX]; /* by hash, then the next that is free */
static pl_slow kept[PL_SLOW_KEPT];

/* FNV-1a */
static uint32_t hash(const char *text, size_t len)
{
	uint32_t value = 2166136261U;
	size_t i;

	for (i = 0; i < len; i++)
		value = (value ^ (uint8_t)text[i]) * 16777619U;
	return value;
}

static const char *find(const char *text, size_t len)
{
	uint32_t at = hash(text, len);
	size_t i;

	for (i = 0; i < PL_SLOW_PLACES; i++) {
		char *place = places[(at + i) % PL_SLOW_PLACES];

		if (place[0] == '\0') {
			memcpy(place, text, len);
			return place;
		}
		if (strncmp(place, text, len) == 0 && place[len] == '\0')
			return place;
	}
	return "a handler";
}

static uint64_t after;
static pthread_once_t after_read = PTHREAD_ONCE_INIT;

static void read_after(void)
{
	const char *text = getenv("PERILUNE_SLOW_HANDLER");
	char *end = NULL;
	double seconds = text ? strtod(text, &end) : 0;

	after = PL_SLOW_AFTER;
	if (!text)
		return;
	if (end == text || *end || !(seconds >= 0 && seconds <= 86400)) {
		pl_log(PL_LOG_WARN, "PERILUNE_SLOW_HANDLER is no time: it is not heeded");
		return;
	}
	after = seconds == 0 ? UINT64_MAX : (uint64_t)(seconds * 1000);
}

uint64_t pl_slow_after(void)
{
	pthread_once(&after_read, read_after);
	return after;
}

const char *pl_slow_place(const char *text)
{
	const char *place;

	pthread_mutex_lock(&lock);
	place = find(text, strnlen(text, PL_SLOW_PLACE_MAX - 1));
	pthread_mutex_unlock(&lock);
	return place;
}

/* That of the place, else a free one, else that which was slow for the shortest time. */
static pl_slow *entry_of(const char *place)
{
	pl_slow *least = &kept[0];
	size_t i;

	for (i = 0; i < PL_SLOW_KEPT; i++) {
		if (kept[i].place == place)
			return &kept[i];
		if (kept[i].total < least->total)
			least = &kept[i];
	}
	*least = (pl_slow){ .place = place };
	return least;
}

void pl_slow_ran(const char *place, uint64_t ms, uint64_t now)
{
	pl_slow *entry;
	bool tell;

	pl_count(PL_COUNT_SLOW_HANDLERS, 1);
	pthread_mutex_lock(&lock);
	entry = entry_of(place);
	entry->count++;
	entry->total += ms;
	if (ms > entry->most)
		entry->most = ms;
	tell = entry->told == 0 || now - entry->told >= PL_SLOW_AGAIN;
	if (tell)
		entry->told = now;
	pthread_mutex_unlock(&lock);
	if (tell)
		pl_log(PL_LOG_WARN, "slow: %s has held its worker for %.2f s", place,
		       (double)ms / 1000);
}

size_t pl_slow_list(pl_slow list[PL_SLOW_KEPT])
{
	size_t count = 0;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < PL_SLOW_KEPT; i++) {
		size_t at = count;

		if (!kept[i].place)
			continue;
		for (; at > 0 && list[at - 1].total < kept[i].total; at--)
			list[at] = list[at - 1];
		list[at] = kept[i];
		count++;
	}
	pthread_mutex_unlock(&lock);
	return count;
}
