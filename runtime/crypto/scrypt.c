#include "crypto/scrypt.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/status.h"
#include "crypto/compare.h"
#include "crypto/random.h"

enum { LOG_N = 15, R = 8, P = 3, SALT = 16, KEY = 32 };

/* Base64 of so many bytes, padded, with a NUL. */
#define TEXT_OF(bytes) (((bytes) + 2) / 3 * 4 + 1)

static const char prefix[] = "$scrypt$";

bool pl_scrypt_looks_like(const char *text, size_t len)
{
	return len >= sizeof(prefix) - 1 && memcmp(text, prefix, sizeof(prefix) - 1) == 0;
}

/* Room for TEXT_OF(len); without padding. */
static size_t encode(char *out, const uint8_t *bytes, size_t len)
{
	size_t used = (size_t)EVP_EncodeBlock((uint8_t *)out, bytes, (int)len);

	while (used > 0 && out[used - 1] == '=')
		used--;
	out[used] = '\0';
	return used;
}

/* Base64 without padding, of `smallest` to `largest` bytes (at most 64). 0: it is none. */
static size_t decode(uint8_t *out, const char *text, size_t len, size_t smallest, size_t largest)
{
	char padded[TEXT_OF(PL_SCRYPT_KEY_MAX)];
	char again[TEXT_OF(PL_SCRYPT_KEY_MAX)];
	uint8_t bytes[PL_SCRYPT_KEY_MAX + 2];
	size_t count = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
	size_t size = len;

	if (len % 4 == 1 || count < smallest || count > largest)
		return 0;
	memcpy(padded, text, len);
	while (size % 4)
		padded[size++] = '=';
	if (EVP_DecodeBlock(bytes, (const uint8_t *)padded, (int)size) < 0)
		return 0;
	/* OpenSSL forgives white space and bits left over. */
	if (encode(again, bytes, count) != len || memcmp(text, again, len) != 0)
		return 0;
	memcpy(out, bytes, count);
	return count;
}

/* "ln=15" at *at, up to and with `end`: the number, or -1. */
static int number(const char **at, const char *name, char end)
{
	size_t len = strlen(name);
	int value = 0;
	int digits = 0;

	if (strncmp(*at, name, len) != 0)
		return -1;
	*at += len;
	for (; **at >= '0' && **at <= '9' && digits < 3; digits++)
		value = value * 10 + *(*at)++ - '0';
	return digits > 0 && *(*at)++ == end ? value : -1;
}

static bool affordable(int log_n, int r, int p)
{
	return log_n >= 1 && log_n <= 24 && r >= 1 && r <= 32 && p >= 1 && p <= 16 &&
	       ((uint64_t)128 * (uint64_t)r << log_n) <= PL_SCRYPT_MEMORY;
}

int pl_scrypt_decode(pl_scrypt *hash, const char *given, size_t len)
{
	char text[PL_SCRYPT_TEXT_MAX];
	const char *at = text + sizeof(prefix) - 1;
	size_t salt;
	int log_n, r, p;

	if (!pl_scrypt_looks_like(given, len) || len >= sizeof(text) || memchr(given, '\0', len))
		return PL_EINVAL;
	memcpy(text, given, len);
	text[len] = '\0';
	log_n = number(&at, "ln=", ',');
	r = log_n < 0 ? -1 : number(&at, "r=", ',');
	p = r < 0 ? -1 : number(&at, "p=", '$');
	if (p < 0 || !affordable(log_n, r, p))
		return PL_EINVAL;
	hash->log_n = (uint8_t)log_n;
	hash->r = (uint8_t)r;
	hash->p = (uint8_t)p;
	salt = strcspn(at, "$");
	hash->salt_len =
		(uint8_t)decode(hash->salt, at, salt, PL_SCRYPT_SALT_MIN, PL_SCRYPT_SALT_MAX);
	if (!hash->salt_len || at[salt] != '$')
		return PL_EINVAL;
	at += salt + 1;
	hash->key_len =
		(uint8_t)decode(hash->key, at, strlen(at), PL_SCRYPT_KEY_MIN, PL_SCRYPT_KEY_MAX);
	return hash->key_len ? PL_OK : PL_EINVAL;
}

static int derive(const pl_scrypt *hash, const void *password, size_t len, uint8_t *key)
{
	/* OpenSSL takes NULL for no password, and then derives nothing. */
	const char *bytes = len > 0 ? password : "";

	/* It counts a little more than the table itself. */
	return EVP_PBE_scrypt(bytes, len, hash->salt, hash->salt_len, (uint64_t)1 << hash->log_n,
			      hash->r, hash->p, (uint64_t)PL_SCRYPT_MEMORY + (1 << 20), key,
			      hash->key_len) == 1
		       ? PL_OK
		       : PL_ENOMEM;
}

int pl_scrypt_make(char out[PL_SCRYPT_TEXT_MAX], const void *password, size_t len)
{
	pl_scrypt hash = { .log_n = LOG_N, .r = R, .p = P, .salt_len = SALT, .key_len = KEY };
	char salt[TEXT_OF(SALT)];
	char key[TEXT_OF(KEY)];

	pl_random(hash.salt, SALT);
	if (derive(&hash, password, len, hash.key))
		return PL_ENOMEM;
	encode(salt, hash.salt, SALT);
	encode(key, hash.key, KEY);
	snprintf(out, PL_SCRYPT_TEXT_MAX, "%sln=%d,r=%d,p=%d$%s$%s", prefix, LOG_N, R, P, salt,
		 key);
	return PL_OK;
}

int pl_scrypt_check(const pl_scrypt *hash, const void *password, size_t len, bool *same)
{
	uint8_t key[PL_SCRYPT_KEY_MAX];
	int status = derive(hash, password, len, key);

	*same = !status && pl_secret_equal(key, hash->key_len, hash->key, hash->key_len);
	pl_secret_wipe(key, sizeof(key));
	return status;
}
