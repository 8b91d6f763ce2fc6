/*
 * tokens.h - sessions of authentication: who has shown a password once shows a token from then on.
 *
 * 192 random bits as text; only its SHA-256 is kept, so that neither the time of a look-up nor the
 * memory tells of it. All live equally long, from their begin. When a user has too many, his oldest
 * ends. Any thread.
 */
#ifndef PL_SERVER_TOKENS_H
#define PL_SERVER_TOKENS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

enum { PL_TOKEN_SIZE = 32, PL_TOKEN_USER_MAX = 1024 };

typedef struct pl_tokens {
	pthread_mutex_t lock;
	pl_map by_digest;
	pl_map by_user;
	pl_list all; /* by their end */
} pl_tokens;

void pl_tokens_init(pl_tokens *tokens);
void pl_tokens_deinit(pl_tokens *tokens);

/* A token of a user (at most PL_TOKEN_USER_MAX bytes) for `lifetime` ms. PL_OK, PL_ENOMEM, or
 * PL_ELIMIT: limits.login_sessions are there. */
int pl_tokens_new(pl_tokens *tokens, const pl_limits *limits, uint64_t now, pl_slice user,
		  uint64_t lifetime, char out[PL_TOKEN_SIZE]);

/* Whose it is: the length of the name, or -1: nobody's. */
ptrdiff_t pl_tokens_find(pl_tokens *tokens, uint64_t now, pl_slice token,
			 char user[PL_TOKEN_USER_MAX]);

/* Ends all of a user; how many. */
size_t pl_tokens_end(pl_tokens *tokens, pl_slice user);

#endif
