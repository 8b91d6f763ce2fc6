#include "server/admission.h"

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"

size_t pl_guest_key(uint8_t key[PL_GUEST_KEY], const pl_address *address)
{
	size_t len = address->family == 6 ? 8 : 4;

	key[0] = address->family;
	memcpy(key + 1, address->ip, len);
	return len + 1;
}

void pl_admission_init(pl_admission *admission)
{
	*admission = (pl_admission){ 0 };
	pthread_mutex_init(&admission->lock, NULL);
}

void pl_admission_deinit(pl_admission *admission)
{
	pl_map_entry *entry;

	while ((entry = pl_map_next(&admission->guests, NULL))) {
		pl_map_remove(&admission->guests, entry);
		pl_free(PL_CONTAINER(entry, pl_guest, entry));
	}
	pl_map_deinit(&admission->guests);
	pthread_mutex_destroy(&admission->lock);
}

static pl_guest *guest_new(pl_admission *admission, const uint8_t *key, size_t len)
{
	pl_guest *guest = pl_calloc(1, sizeof(*guest));

	if (!guest)
		return NULL;
	memcpy(guest->key, key, len);
	if (pl_map_insert(&admission->guests, &guest->entry, guest->key, len)) {
		pl_free(guest);
		return NULL;
	}
	return guest;
}

static int enter(pl_admission *admission, const pl_limits *limits, const pl_address *address,
		 pl_guest **result, const char **limit)
{
	uint8_t key[PL_GUEST_KEY];
	size_t len = pl_guest_key(key, address);
	pl_map_entry *entry = pl_map_find(&admission->guests, key, len);
	pl_guest *guest = entry ? PL_CONTAINER(entry, pl_guest, entry) : NULL;

	if (admission->count >= limits->connections) {
		*limit = "connections";
		return PL_ELIMIT;
	}
	if (guest && guest->count >= limits->connections_per_address) {
		*limit = "connections_per_address";
		return PL_ELIMIT;
	}
	if (!guest)
		guest = guest_new(admission, key, len);
	if (!guest)
		return PL_ENOMEM;
	guest->count++;
	admission->count++;
	*result = guest;
	return PL_OK;
}

int pl_admission_enter(pl_admission *admission, const pl_limits *limits, const pl_address *address,
		       pl_guest **guest, const char **limit)
{
	int status;

	pthread_mutex_lock(&admission->lock);
	status = enter(admission, limits, address, guest, limit);
	pthread_mutex_unlock(&admission->lock);
	return status;
}

static void leave(pl_admission *admission, pl_guest *guest)
{
	admission->count--;
	if (--guest->count > 0)
		return;
	pl_map_remove(&admission->guests, &guest->entry);
	pl_free(guest);
}

void pl_admission_leave(pl_admission *admission, pl_guest *guest)
{
	pthread_mutex_lock(&admission->lock);
	leave(admission, guest);
	pthread_mutex_unlock(&admission->lock);
}
