/* Which sessions may be resumed: tickets (RFC 5077, RFC 8446 2.2), under which rules they were
 * given, and for how long. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/status.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "net/tls_internal.h"
#include "net/tls_ticket.h"

enum { IV = 16 }; /* of AES-256-CBC */

/* Fetching takes longer than encrypting. */
static EVP_CIPHER *cipher;
static pthread_once_t cipher_fetched = PTHREAD_ONCE_INIT;

static void fetch_cipher(void)
{
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
}

static bool use_key(const pl_tls_ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *aes,
		    EVP_MAC_CTX *mac, int encrypt)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex2(aes, cipher, key->cipher, iv, encrypt, NULL) == 1 &&
	       EVP_MAC_init(mac, key->mac, sizeof(key->mac), params) == 1;
}

/* OpenSSL's contract: 1 use the key, 2 use it and give a new ticket, 0 this is no ticket of ours,
 * -1 the handshake fails. */
static int on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *aes,
		  EVP_MAC_CTX *mac, int encrypt)
{
	const pl_tls_wire *wire = BIO_get_data(SSL_get_rbio(ssl));
	uint64_t now = pl_loop_now(wire->below->loop);
	enum pl_tls_ticket_age age = PL_TLS_TICKET_NEWEST;
	pl_tls_ticket_key key;
	int result = -1;

	if (encrypt) {
		pl_tls_ticket_newest(wire->tickets, now, &key);
		memcpy(name, key.name, sizeof(key.name));
		pl_random(iv, IV);
	} else {
		age = pl_tls_ticket_find(wire->tickets, now, name, &key);
	}
	if (age == PL_TLS_TICKET_UNKNOWN)
		return 0;
	/* A client of 1.3 uses each ticket once (RFC 8446 C.4), so it gets another. */
	if (use_key(&key, iv, aes, mac, encrypt))
		result = age == PL_TLS_TICKET_OLD || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
	OPENSSL_cleanse(&key, sizeof(key));
	return result;
}

static bool has_expired(SSL_SESSION *session)
{
	const X509 *x509 = session ? SSL_SESSION_get0_peer(session) : NULL;

	return x509 && X509_cmp_current_time(X509_get0_notAfter(x509)) <= 0;
}

/* A resumed client is not verified again: it must not outlive its certificate. */
static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				   size_t len, SSL_TICKET_STATUS status, void *unused)
{
	(void)ssl, (void)name, (void)len, (void)unused;
	switch (status) {
	case SSL_TICKET_SUCCESS:
		return has_expired(session) ? SSL_TICKET_RETURN_IGNORE_RENEW
					    : SSL_TICKET_RETURN_USE;
	case SSL_TICKET_SUCCESS_RENEW:
		return has_expired(session) ? SSL_TICKET_RETURN_IGNORE_RENEW
					    : SSL_TICKET_RETURN_USE_RENEW;
	case SSL_TICKET_EMPTY:
	case SSL_TICKET_NO_DECRYPT:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	default:
		return SSL_TICKET_RETURN_ABORT;
	}
}

static bool mix(uint8_t id[PL_SHA256_SIZE], const void *data, size_t len)
{
	uint8_t both[2 * PL_SHA256_SIZE];

	memcpy(both, id, PL_SHA256_SIZE);
	return pl_sha256(data, len, both + PL_SHA256_SIZE) == PL_OK &&
	       pl_sha256(both, sizeof(both), id) == PL_OK;
}

static bool mix_text(uint8_t id[PL_SHA256_SIZE], const char *text)
{
	return mix(id, text ? text : "", text ? strlen(text) : 0);
}

static bool mix_authorities(uint8_t id[PL_SHA256_SIZE], SSL_CTX *ssl)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl));
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		X509 *x509 = X509_OBJECT_get0_X509(object);
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(object);

		if ((x509 && X509_digest(x509, EVP_sha256(), digest, &len) != 1) ||
		    (crl && X509_CRL_digest(crl, EVP_sha256(), digest, &len) != 1) ||
		    !mix(id, digest, len))
			return false;
	}
	return true;
}

/* The ticket keys are the process's, so a ticket says under which rules it was given: whom one
 * server or name has let in is not let in by another (CVE-2025-23419), and a session of 1.2 keeps
 * its cipher. */
static bool make_id(uint8_t id[PL_SHA256_SIZE], SSL_CTX *ssl, const pl_tls_settings *settings)
{
	const int rules[] = { settings->verify, settings->verify_depth, settings->min_version,
			      settings->max_version };
	unsigned char certificate[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return X509_digest(SSL_CTX_get0_certificate(ssl), EVP_sha256(), certificate, &len) == 1 &&
	       mix(id, certificate, len) && mix(id, rules, sizeof(rules)) &&
	       mix_text(id, settings->cipher_list) && mix_authorities(id, ssl);
}

bool pl_tls_set_sessions(SSL_CTX *ssl, const pl_tls_settings *settings)
{
	uint8_t id[PL_SHA256_SIZE] = { 0 };

	pthread_once(&cipher_fetched, fetch_cipher);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (!cipher || !make_id(id, ssl, settings) ||
	    SSL_CTX_set_session_id_context(ssl, id, sizeof(id)) != 1)
		return false;
	if (settings->ticket_lifetime == 0) {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		return SSL_CTX_set_num_tickets(ssl, 0) == 1;
	}
	SSL_CTX_set_timeout(ssl, (long)settings->ticket_lifetime);
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_key) == 1 &&
	       SSL_CTX_set_session_ticket_cb(ssl, NULL, on_ticket, NULL) == 1;
}
