/*
 * scrypt.h - passwords as salted scrypt (RFC 7914), and the text in which lists of users keep them:
 *
 *     $scrypt$ln=15,r=8,p=3$SALT$HASH
 *
 * ln is log2 of scrypt's N; salt and hash are base64 without padding. Making and checking one takes
 * a tenth of a second and 128 * r * 2^ln bytes: on a thread that nobody waits for.
 */
#ifndef PL_CRYPTO_SCRYPT_H
#define PL_CRYPTO_SCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PL_SCRYPT_SALT_MIN = 8,
	PL_SCRYPT_SALT_MAX = 64,
	PL_SCRYPT_KEY_MIN = 16,
	PL_SCRYPT_KEY_MAX = 64,
	PL_SCRYPT_TEXT_MAX = 256,    /* with its NUL */
	PL_SCRYPT_MEMORY = 256 << 20 /* more than this is not taken */
};

typedef struct pl_scrypt {
	uint8_t log_n; /* 1 to 24 */
	uint8_t r;     /* 1 to 32 */
	uint8_t p;     /* 1 to 16 */
	uint8_t salt_len;
	uint8_t key_len;
	uint8_t salt[PL_SCRYPT_SALT_MAX];
	uint8_t key[PL_SCRYPT_KEY_MAX];
} pl_scrypt;

/* Whether a text says that it is such a hash, good or not. */
bool pl_scrypt_looks_like(const char *text, size_t len);

/* PL_OK, or PL_EINVAL: it is none, or asks for more than the bounds above. */
int pl_scrypt_decode(pl_scrypt *hash, const char *text, size_t len);

/* Of a password, with a fresh salt and what OWASP recommends of 32 MiB (N 2^15, r 8, p 3). PL_OK or
 * PL_ENOMEM. */
int pl_scrypt_make(char out[PL_SCRYPT_TEXT_MAX], const void *password, size_t len);

/* Whether the password is the one; the time does not depend on that. PL_OK or PL_ENOMEM. */
int pl_scrypt_check(const pl_scrypt *hash, const void *password, size_t len, bool *same);

#endif
