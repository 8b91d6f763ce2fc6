/* Lists of ciphers and curves, as people write them, to those that OpenSSL takes. */
#include <openssl/ssl.h>
#include <string.h>

#include "base/buffer.h"
#include "base/status.h"
#include "net/tls_internal.h"

/* RFC 8446 B.4. OpenSSL passes over names that it does not know; we do not. */
static const struct {
	pl_slice name;
	pl_slice other;
} suites[] = {
	{ PL_SLICE("TLS_AES_128_GCM_SHA256"), PL_SLICE("AEAD-AES128-GCM-SHA256") },
	{ PL_SLICE("TLS_AES_256_GCM_SHA384"), PL_SLICE("AEAD-AES256-GCM-SHA384") },
	{ PL_SLICE("TLS_CHACHA20_POLY1305_SHA256"), PL_SLICE("AEAD-CHACHA20-POLY1305-SHA256") },
	{ PL_SLICE("TLS_AES_128_CCM_SHA256"), PL_SLICE("AEAD-AES128-CCM-SHA256") },
	{ PL_SLICE("TLS_AES_128_CCM_8_SHA256"), PL_SLICE("AEAD-AES128-CCM8-SHA256") },
};

static const char separators[] = ":, \t\r\n";

static bool next_name(const char **rest, pl_slice *name)
{
	*rest += strspn(*rest, separators);
	*name = pl_slice_make(*rest, strcspn(*rest, separators));
	*rest += name->len;
	return name->len > 0;
}

static bool append(pl_buffer *list, pl_slice name)
{
	return pl_buffer_printf(list, "%s%.*s", list->len ? ":" : "", (int)name.len, name.at) ==
	       PL_OK;
}

static pl_slice suite_name(pl_slice name)
{
	size_t i;

	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (pl_slice_equal(name, suites[i].name) || pl_slice_equal(name, suites[i].other))
			return suites[i].name;
	return pl_slice_make(NULL, 0);
}

static bool is_suite(pl_slice name)
{
	return (name.len > 4 && memcmp(name.at, "TLS_", 4) == 0) ||
	       (name.len > 5 && memcmp(name.at, "AEAD-", 5) == 0);
}

/* Tried alone, for in a list OpenSSL passes over what it does not know. Names with a sign in front
 * and "@SECLEVEL=1" say something about the rest of the list. */
static bool known_cipher(SSL_CTX *ssl, pl_slice name)
{
	char text[128];

	if (strchr("!-+@", name.at[0]))
		return true;
	if (name.len >= sizeof(text))
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	return SSL_CTX_set_cipher_list(ssl, text);
}

static bool sort(SSL_CTX *ssl, const char *list, pl_buffer *old, pl_buffer *new, pl_slice *wrong)
{
	pl_slice name;

	while (next_name(&list, &name)) {
		pl_slice suite = suite_name(name);

		*wrong = name;
		if (suite.len > 0
			    ? !append(new, suite)
			    : is_suite(name) || !known_cipher(ssl, name) || !append(old, name))
			return false;
	}
	*wrong = pl_slice_make(NULL, 0);
	return true;
}

bool pl_tls_set_ciphers(SSL_CTX *ssl, const char *list, pl_slice *wrong)
{
	static const char standard[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				       "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				       "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
	/* SHA-256 first: hardware has it, and a handshake hashes more than it encrypts. */
	static const char standard_new[] =
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
	pl_buffer old = { 0 }, new = { 0 };
	bool set = sort(ssl, list ? list : standard, &old, &new, wrong);

	set = set && old.len + new.len > 0 &&
	      SSL_CTX_set_cipher_list(ssl, old.len ? (const char *)old.data : standard) &&
	      SSL_CTX_set_ciphersuites(ssl, new.len ? (const char *)new.data : standard_new);
	pl_buffer_deinit(&old);
	pl_buffer_deinit(&new);
	return set;
}

static bool known_curve(SSL_CTX *ssl, pl_slice name)
{
	char text[64];

	if (name.len >= sizeof(text))
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	return SSL_CTX_set1_groups_list(ssl, text);
}

bool pl_tls_set_curves(SSL_CTX *ssl, const char *list, pl_slice *wrong)
{
	const char *rest = list ? list : "X25519:P-256:P-384";
	pl_buffer all = { 0 };
	pl_slice name;
	bool set = true;

	while (set && next_name(&rest, &name)) {
		*wrong = name;
		set = known_curve(ssl, name) && append(&all, name);
	}
	if (set)
		*wrong = pl_slice_make(NULL, 0);
	set = set && all.len > 0 && SSL_CTX_set1_groups_list(ssl, (const char *)all.data);
	pl_buffer_deinit(&all);
	return set;
}
