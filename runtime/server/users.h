/*
 * users.h - a server's list of users, with their passwords in plain text or as scrypt hashes.
 *
 * Whether a name is in the list must not show in the time that a refusal takes: a name that is not
 * takes as long as one of those that are, always the same one. A password that was right once is
 * known again at once, by a digest with a key of this process, for PL_USERS_MEMORY ms.
 */
#ifndef PL_SERVER_USERS_H
#define PL_SERVER_USERS_H

#include <stdbool.h>

#include "base/map.h"
#include "base/slice.h"
#include "crypto/digest.h"
#include "crypto/scrypt.h"

enum { PL_USERS_MEMORY = 300000 };

typedef struct pl_user_entry {
	pl_slice name;
	pl_slice password; /* plain, or text of a hash */
} pl_user_entry;

typedef struct pl_users pl_users;

enum pl_users_answer { PL_USERS_WRONG, PL_USERS_RIGHT, PL_USERS_HASH };

/* What is to be hashed, by whoever gets PL_USERS_HASH. */
typedef struct pl_users_check {
	pl_scrypt hash;
	uint8_t digest[PL_SHA256_SIZE];
	size_t index; /* of the user */
	bool known;   /* false: there is no such user, whatever comes out */
} pl_users_check;

/* PL_OK; PL_ENOMEM; PL_EINVAL: a hash is none, or a name is there twice. All is copied. */
int pl_users_new(pl_users **users, const pl_user_entry *list, size_t count);
void pl_users_free(pl_users *users); /* NULL is allowed */

/* Whether a password is right, as far as that can be said at once. */
enum pl_users_answer pl_users_check_now(const pl_users *users, uint64_t now, pl_slice name,
					pl_slice password, pl_users_check *check);

/* It was hashed, and was the right one of a known user. */
void pl_users_remember(pl_users *users, uint64_t now, const pl_users_check *check);

#endif
