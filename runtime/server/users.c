#include "server/users.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"
#include "crypto/compare.h"
#include "crypto/random.h"

enum { KEY_SIZE = 32 };

/* One for all workers: a name that is not in the list has the same stand-in in each. */
static uint8_t key[KEY_SIZE];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	pl_random(key, KEY_SIZE);
}

typedef struct user {
	pl_map_entry entry;
	pl_slice name;
	bool hashed;
	pl_scrypt hash;
	uint8_t digest[PL_SHA256_SIZE]; /* of a plain password, or of the one that was right */
	uint64_t until;			/* the latter counts; 0: there is none */
} user;

struct pl_users {
	pl_map by_name;
	char *names; /* all of them */
	size_t count;
	user list[];
};

/* SHA-256 of key, then text. The key stands first and is long: nobody who does not know it can make
 * use of digests, and none of them leaves the process. PL_OK or PL_ENOMEM. */
static int digest(pl_slice text, uint8_t out[PL_SHA256_SIZE])
{
	uint8_t inner[KEY_SIZE + PL_SHA256_SIZE];
	int status;

	pthread_once(&key_once, make_key);
	memcpy(inner, key, KEY_SIZE);
	status = pl_sha256(text.at, text.len, inner + KEY_SIZE);
	if (!status)
		status = pl_sha256(inner, sizeof(inner), out);
	pl_secret_wipe(inner, sizeof(inner));
	return status;
}

static int user_init(user *one, pl_slice password)
{
	one->hashed = pl_scrypt_looks_like(password.at, password.len);
	if (one->hashed)
		return pl_scrypt_decode(&one->hash, password.at, password.len);
	return digest(password, one->digest);
}

static int fill(pl_users *self, const pl_user_entry *list, size_t count)
{
	char *at = self->names;
	int status = PL_OK;

	for (size_t i = 0; i < count && !status; i++) {
		user *one = &self->list[i];

		if (list[i].name.len > 0)
			memcpy(at, list[i].name.at, list[i].name.len);
		one->name = pl_slice_make(at, list[i].name.len);
		at += list[i].name.len;
		status = user_init(one, list[i].password);
		if (!status)
			status = pl_map_insert(&self->by_name, &one->entry, one->name.at,
					       one->name.len);
	}
	return status;
}

int pl_users_new(pl_users **result, const pl_user_entry *list, size_t count)
{
	pl_users *self = pl_calloc(1, sizeof(*self) + count * sizeof(self->list[0]));
	size_t bytes = 1;
	int status;

	if (!self)
		return PL_ENOMEM;
	for (size_t i = 0; i < count; i++)
		bytes += list[i].name.len;
	self->count = count;
	self->names = pl_alloc(bytes);
	status = self->names ? fill(self, list, count) : PL_ENOMEM;
	if (status)
		pl_users_free(self);
	else
		*result = self;
	return status;
}

void pl_users_free(pl_users *self)
{
	if (!self)
		return;
	pl_map_deinit(&self->by_name);
	pl_free(self->names);
	pl_secret_wipe(self->list, self->count * sizeof(self->list[0]));
	pl_free(self);
}

/* The one that stands for a name which is not in the list. */
static size_t stand_in(const pl_users *self, pl_slice name)
{
	uint8_t out[PL_SHA256_SIZE] = { 0 };
	uint32_t number;

	digest(name, out);
	memcpy(&number, out, sizeof(number));
	return number % self->count;
}

enum pl_users_answer pl_users_check_now(const pl_users *self, uint64_t now, pl_slice name,
					pl_slice password, pl_users_check *check)
{
	const pl_map_entry *entry = pl_map_find(&self->by_name, name.at, name.len);
	size_t other = self->count > 0 ? stand_in(self, name) : 0;
	const user *one;
	bool same;

	if (self->count == 0)
		return PL_USERS_WRONG;
	one = entry ? PL_CONTAINER(entry, user, entry) : &self->list[other];
	check->known = entry != NULL;
	check->index = (size_t)(one - self->list);
	if (digest(password, check->digest))
		return PL_USERS_WRONG;
	same = pl_secret_equal(check->digest, PL_SHA256_SIZE, one->digest, PL_SHA256_SIZE);
	if (same && check->known && (!one->hashed || now < one->until))
		return PL_USERS_RIGHT;
	if (!one->hashed)
		return PL_USERS_WRONG;
	check->hash = one->hash;
	return PL_USERS_HASH;
}

void pl_users_remember(pl_users *self, uint64_t now, const pl_users_check *check)
{
	user *one = &self->list[check->index];

	memcpy(one->digest, check->digest, PL_SHA256_SIZE);
	one->until = now + PL_USERS_MEMORY;
}
