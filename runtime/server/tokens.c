#include "server/tokens.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "crypto/compare.h"
#include "crypto/digest.h"
#include "crypto/random.h"

typedef struct holder {
	pl_map_entry entry;
	pl_list tokens; /* the oldest first */
	uint32_t count;
	size_t name_len;
	char name[];
} holder;

typedef struct token {
	pl_map_entry entry;
	pl_list node; /* in `all` */
	pl_list own;  /* in the holder's */
	holder *holder;
	uint64_t end;
	uint8_t digest[PL_SHA256_SIZE];
} token;

void pl_tokens_init(pl_tokens *self)
{
	*self = (pl_tokens){ 0 };
	pthread_mutex_init(&self->lock, NULL);
	pl_list_init(&self->all);
}

static void holder_leave(pl_tokens *self, holder *user)
{
	if (--user->count > 0)
		return;
	pl_map_remove(&self->by_user, &user->entry);
	pl_free(user);
}

static void token_end(pl_tokens *self, token *one)
{
	pl_map_remove(&self->by_digest, &one->entry);
	pl_list_remove(&one->node);
	pl_list_remove(&one->own);
	holder_leave(self, one->holder);
	pl_free(one);
}

void pl_tokens_deinit(pl_tokens *self)
{
	while (!pl_list_empty(&self->all))
		token_end(self, PL_CONTAINER(self->all.next, token, node));
	pl_map_deinit(&self->by_digest);
	pl_map_deinit(&self->by_user);
	pthread_mutex_destroy(&self->lock);
}

static void end_old(pl_tokens *self, uint64_t now)
{
	while (!pl_list_empty(&self->all)) {
		token *oldest = PL_CONTAINER(self->all.next, token, node);

		if (now < oldest->end)
			return;
		token_end(self, oldest);
	}
}

static holder *find_holder(const pl_tokens *self, pl_slice user)
{
	pl_map_entry *entry = pl_map_find(&self->by_user, user.at, user.len);

	return entry ? PL_CONTAINER(entry, holder, entry) : NULL;
}

/* Counted for the token to come. */
static holder *holder_enter(pl_tokens *self, pl_slice user)
{
	holder *one = find_holder(self, user);

	if (!one) {
		one = pl_calloc(1, sizeof(*one) + user.len);
		if (!one)
			return NULL;
		pl_list_init(&one->tokens);
		one->name_len = user.len;
		if (user.len > 0)
			memcpy(one->name, user.at, user.len);
		if (pl_map_insert(&self->by_user, &one->entry, one->name, user.len)) {
			pl_free(one);
			return NULL;
		}
	}
	one->count++;
	return one;
}

static int add(pl_tokens *self, token *one, pl_slice user)
{
	one->holder = holder_enter(self, user);
	if (!one->holder)
		return PL_ENOMEM;
	if (pl_map_insert(&self->by_digest, &one->entry, one->digest, sizeof(one->digest))) {
		holder_leave(self, one->holder);
		return PL_ENOMEM;
	}
	pl_list_append(&self->all, &one->node);
	pl_list_append(&one->holder->tokens, &one->own);
	return PL_OK;
}

static int enter(pl_tokens *self, const pl_limits *limits, uint64_t now, token *one, pl_slice user)
{
	holder *known;

	end_old(self, now);
	known = find_holder(self, user);
	if (known && known->count >= limits->login_sessions_per_user)
		token_end(self, PL_CONTAINER(known->tokens.next, token, own));
	if (self->by_digest.count >= limits->login_sessions)
		return PL_ELIMIT;
	return add(self, one, user);
}

/* 192 bits as letters, digits, '-' and '_': 32 characters of six bits each. */
static void make_text(char out[PL_TOKEN_SIZE])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bytes[PL_TOKEN_SIZE];

	pl_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = alphabet[bytes[i] & 63];
	pl_secret_wipe(bytes, sizeof(bytes));
}

int pl_tokens_new(pl_tokens *self, const pl_limits *limits, uint64_t now, pl_slice user,
		  uint64_t lifetime, char out[PL_TOKEN_SIZE])
{
	token *one = pl_calloc(1, sizeof(*one));
	int status;

	if (!one)
		return PL_ENOMEM;
	make_text(out);
	one->end = now + lifetime;
	status = pl_sha256(out, PL_TOKEN_SIZE, one->digest);
	if (!status) {
		pthread_mutex_lock(&self->lock);
		status = enter(self, limits, now, one, user);
		pthread_mutex_unlock(&self->lock);
	}
	if (status)
		pl_free(one);
	return status;
}

ptrdiff_t pl_tokens_find(pl_tokens *self, uint64_t now, pl_slice text, char user[PL_TOKEN_USER_MAX])
{
	uint8_t digest[PL_SHA256_SIZE];
	ptrdiff_t len = -1;
	pl_map_entry *entry;

	if (text.len != PL_TOKEN_SIZE || pl_sha256(text.at, text.len, digest))
		return -1;
	pthread_mutex_lock(&self->lock);
	end_old(self, now);
	entry = pl_map_find(&self->by_digest, digest, sizeof(digest));
	if (entry) {
		const holder *found = PL_CONTAINER(entry, token, entry)->holder;

		memcpy(user, found->name, found->name_len);
		len = (ptrdiff_t)found->name_len;
	}
	pthread_mutex_unlock(&self->lock);
	return len;
}

size_t pl_tokens_end(pl_tokens *self, pl_slice user)
{
	size_t count = 0;
	holder *known;

	pthread_mutex_lock(&self->lock);
	known = find_holder(self, user);
	for (uint32_t left = known ? known->count : 0; left > 0; left--, count++)
		token_end(self, PL_CONTAINER(known->tokens.next, token, own));
	pthread_mutex_unlock(&self->lock);
	return count;
}
