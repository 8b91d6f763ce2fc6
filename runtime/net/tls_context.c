#include "net/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "net/tls_internal.h"

/* What is under way: the settings, and where the reason of a failure goes. */
typedef struct making {
	const pl_tls_settings *settings;
	char *error;
	int status;
} making;

const char *pl_tls_reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *reason = NULL;

	if (ERR_SYSTEM_ERROR(code))
		reason = pl_status_text(pl_status_from_errno(ERR_GET_REASON(code)));
	else if (code)
		reason = ERR_reason_error_string(code);
	ERR_clear_error();
	return reason ? reason : "OpenSSL gives no reason";
}

static bool __attribute__((format(printf, 3, 4)))
fail(making *maker, int status, const char *format, ...)
{
	va_list arguments;

	ERR_clear_error();
	maker->status = status;
	va_start(arguments, format);
	vsnprintf(maker->error, PL_TLS_ERROR_MAX, format, arguments);
	va_end(arguments);
	return false;
}

/* Files. */

/* OpenSSL's own words for a missing file are about BIOs. */
static bool readable(making *maker, const char *what, const char *path)
{
	FILE *file = fopen(path, "rb");
	int error = 0;

	if (!file || (fgetc(file) == EOF && ferror(file)))
		error = errno;
	if (file)
		fclose(file);
	if (!error)
		return true;
	return fail(maker, pl_status_from_errno(error), "%s '%s': %s", what, path,
		    pl_status_text(pl_status_from_errno(error)));
}

static bool no_start(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static bool file_failed(making *maker, const char *what, const char *path, const char *missing)
{
	bool none = no_start(ERR_peek_error()) || no_start(ERR_peek_last_error());

	return fail(maker, PL_EINVAL, "%s '%s': %s", what, path, none ? missing : pl_tls_reason());
}

static bool use_certificate(making *maker, SSL_CTX *ssl, const char *path)
{
	static const char what[] = "certificate file";

	return readable(maker, what, path) &&
	       (SSL_CTX_use_certificate_chain_file(ssl, path) == 1 ||
		file_failed(maker, what, path, "there is no certificate in it"));
}

typedef struct key_password {
	const char *text;
	bool asked;
} key_password;

/* Never asks at the terminal, as OpenSSL would without this. */
static int give_password(char *buffer, int size, int writing, void *context)
{
	key_password *password = context;
	size_t len = password->text ? strlen(password->text) : 0;

	(void)writing;
	password->asked = true;
	if (len == 0 || len > (size_t)size)
		return -1;
	memcpy(buffer, password->text, len);
	return (int)len;
}

static EVP_PKEY *read_key(making *maker, const pl_tls_identity *identity, const char *path)
{
	static const char what[] = "key file";
	key_password password = { .text = identity->password };
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (!readable(maker, what, path))
		return NULL;
	bio = BIO_new_file(path, "rb");
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
	BIO_free(bio);
	if (key)
		return key;
	if (!password.asked)
		fail(maker, PL_EINVAL, "%s '%s': there is no private key in it", what, path);
	else
		fail(maker, PL_EINVAL, "%s '%s': %s", what, path,
		     password.text ? "wrong password"
				   : "the key is encrypted, and no password is given");
	return NULL;
}

static bool use_key(making *maker, SSL_CTX *ssl, const pl_tls_identity *identity)
{
	const char *path = identity->key_file ? identity->key_file : identity->cert_file;
	EVP_PKEY *key = read_key(maker, identity, path);
	bool used = false;

	if (!key)
		return false;
	if (X509_check_private_key(SSL_CTX_get0_certificate(ssl), key) != 1)
		fail(maker, PL_EINVAL,
		     "key file '%s': the key does not belong to the certificate in '%s'", path,
		     identity->cert_file);
	else if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
		fail(maker, PL_EINVAL, "key file '%s': %s", path, pl_tls_reason());
	else
		used = true;
	EVP_PKEY_free(key);
	return used;
}

static bool use_authorities(making *maker, SSL_CTX *ssl)
{
	static const char what[] = "root certificate file";
	const char *path = maker->settings->root_cert_file;
	STACK_OF(X509_NAME) * names;

	if (!readable(maker, what, path))
		return false;
	names = SSL_load_client_CA_file(path);
	if (!names || SSL_CTX_load_verify_file(ssl, path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return file_failed(maker, what, path, "there is no certificate in it");
	}
	SSL_CTX_set_client_CA_list(ssl, names);
	return true;
}

/* Lists, versions, verification. */

static int version_number(enum pl_tls_version version)
{
	static const int numbers[] = { 0, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
				       TLS1_3_VERSION };

	return numbers[version];
}

static bool set_versions(making *maker, SSL_CTX *ssl)
{
	enum pl_tls_version min = maker->settings->min_version;
	enum pl_tls_version max = maker->settings->max_version;

	if (min == PL_TLS_ANY)
		min = max != PL_TLS_ANY && max < PL_TLS_1_2 ? max : PL_TLS_1_2;
	if (max != PL_TLS_ANY && max < min)
		return fail(maker, PL_EINVAL, "max_version is below min_version");
	/* Their signatures are of SHA-1, which no higher level allows. */
	if (min < PL_TLS_1_2)
		SSL_CTX_set_security_level(ssl, 0);
	return (SSL_CTX_set_min_proto_version(ssl, version_number(min)) == 1 &&
		SSL_CTX_set_max_proto_version(ssl, version_number(max)) == 1) ||
	       fail(maker, PL_EINVAL, "TLS versions: %s", pl_tls_reason());
}

static bool list_failed(making *maker, const char *option, pl_slice wrong)
{
	if (wrong.len == 0)
		return fail(maker, PL_EINVAL, "%s: it names none", option);
	return fail(maker, PL_EINVAL, "%s: there is no '%.*s'", option, (int)wrong.len, wrong.at);
}

static bool set_lists(making *maker, SSL_CTX *ssl)
{
	/* SHA-1 and CBC, without which TLS 1.0 and 1.1 have nothing. */
	static const char old[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:AES128-SHA:AES256-SHA";
	const pl_tls_settings *settings = maker->settings;
	bool aged = SSL_CTX_get_min_proto_version(ssl) < TLS1_2_VERSION;
	pl_slice wrong = { NULL, 0 };

	if (!pl_tls_set_ciphers(ssl, settings->cipher_list || !aged ? settings->cipher_list : old,
				&wrong))
		return list_failed(maker, "cipher_list", wrong);
	return pl_tls_set_curves(ssl, settings->curves, &wrong) ||
	       list_failed(maker, "curves", wrong);
}

static bool set_verification(making *maker, SSL_CTX *ssl)
{
	const pl_tls_settings *settings = maker->settings;
	int mode = SSL_VERIFY_NONE;

	if (settings->verify == PL_TLS_VERIFY_OFF)
		return true;
	if (!settings->root_cert_file)
		return fail(maker, PL_EINVAL,
			    "clients cannot be verified without a root certificate file");
	mode = SSL_VERIFY_PEER;
	if (settings->verify == PL_TLS_VERIFY_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ssl, mode, NULL);
	if (settings->verify_depth >= 0)
		SSL_CTX_set_verify_depth(ssl, settings->verify_depth);
	return use_authorities(maker, ssl);
}

/* Sessions. */

static uint8_t ticket_keys[80]; /* name, HMAC key, AES key */
static pthread_once_t ticket_keys_made = PTHREAD_ONCE_INIT;

static void make_ticket_keys(void)
{
	pl_random(ticket_keys, sizeof(ticket_keys));
}

static void mix(uint8_t id[PL_SHA256_SIZE], const void *data, size_t len)
{
	uint8_t both[2 * PL_SHA256_SIZE];

	memcpy(both, id, PL_SHA256_SIZE);
	if (len > 0 && pl_sha256(data, len, both + PL_SHA256_SIZE) == PL_OK)
		pl_sha256(both, sizeof(both), id);
}

static void mix_authorities(uint8_t id[PL_SHA256_SIZE], SSL_CTX *ssl)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ssl));
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (x509 && X509_digest(x509, EVP_sha256(), digest, &len))
			mix(id, digest, len);
	}
}

/* The ticket key is one for the process, so a ticket says under which rules it was given: whom one
 * server has let in is not let in by another (CVE-2025-23419). */
static bool set_sessions(making *maker, SSL_CTX *ssl)
{
	const pl_tls_settings *settings = maker->settings;
	unsigned char certificate[EVP_MAX_MD_SIZE];
	uint8_t id[PL_SHA256_SIZE] = { 0 };
	int rules[] = { settings->verify, settings->verify_depth };
	unsigned len = 0;

	pthread_once(&ticket_keys_made, make_ticket_keys);
	X509_digest(SSL_CTX_get0_certificate(ssl), EVP_sha256(), certificate, &len);
	mix(id, certificate, len);
	mix(id, rules, sizeof(rules));
	mix_authorities(id, ssl);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	return (SSL_CTX_set_session_id_context(ssl, id, sizeof(id)) == 1 &&
		SSL_CTX_set_tlsext_ticket_keys(ssl, ticket_keys, sizeof(ticket_keys)) == 1) ||
	       fail(maker, PL_EINVAL, "TLS tickets: %s", pl_tls_reason());
}

/* What the client asks for. */

pl_slice pl_tls_context_alpn(const pl_tls_context *context, const unsigned char *name, size_t len)
{
	pl_slice wanted = pl_slice_make((const char *)name, len);
	size_t i;

	for (i = 0; i < context->alpn_count; i++)
		if (pl_slice_equal(context->alpn[i], wanted))
			return context->alpn[i];
	return pl_slice_make(NULL, 0);
}

static bool offers(const unsigned char *list, unsigned len, pl_slice protocol)
{
	for (unsigned at = 0; at < len; at += list[at] + 1u)
		if (list[at] == protocol.len && at + list[at] < len &&
		    memcmp(list + at + 1, protocol.at, protocol.len) == 0)
			return true;
	return false;
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
		   const unsigned char *list, unsigned len, void *owner)
{
	const pl_tls_context *context = owner;
	size_t i;

	(void)ssl;
	for (i = 0; i < context->alpn_count; i++) {
		if (!offers(list, len, context->alpn[i]))
			continue;
		*chosen = (const unsigned char *)context->alpn[i].at;
		*chosen_len = (unsigned char)context->alpn[i].len;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* "*.a.example" is any one label before ".a.example" (RFC 9525 6.3). */
static bool matches(pl_slice pattern, pl_slice name)
{
	size_t label;

	if (pattern.len < 2 || memcmp(pattern.at, "*.", 2) != 0)
		return pl_slice_equal_nocase(pattern, name);
	label = pl_slice_find(name, '.');
	return label > 0 && pl_slice_equal_nocase(pl_slice_make(pattern.at + 1, pattern.len - 1),
						  pl_slice_make(name.at + label, name.len - label));
}

static SSL_CTX *find_site(const pl_tls_context *context, pl_slice name)
{
	SSL_CTX *found = NULL;
	size_t i;

	for (i = 1; i < context->site_count; i++) {
		const char *own = context->sites[i].name;

		if (!matches(pl_slice_make(own, strlen(own)), name))
			continue;
		if (own[0] != '*')
			return context->sites[i].ssl;
		if (!found)
			found = context->sites[i].ssl;
	}
	return found;
}

static int on_server_name(SSL *ssl, int *alert, void *owner)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *site = name ? find_site(owner, pl_slice_make(name, strlen(name))) : NULL;

	(void)alert;
	if (!site)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, site);
	return SSL_TLSEXT_ERR_OK;
}

/* Making. */

static void set_behaviour(SSL_CTX *ssl, pl_tls_context *context)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, context);
	if (context->alpn_count > 0)
		SSL_CTX_set_alpn_select_cb(ssl, on_alpn, context);
}

static bool fill(making *maker, pl_tls_context *context, pl_tls_site *site,
		 const pl_tls_identity *identity)
{
	site->ssl = SSL_CTX_new(TLS_server_method());
	if (!site->ssl)
		return fail(maker, PL_ENOMEM, "TLS: %s", pl_tls_reason());
	set_behaviour(site->ssl, context);
	return set_versions(maker, site->ssl) && set_lists(maker, site->ssl) &&
	       use_certificate(maker, site->ssl, identity->cert_file) &&
	       use_key(maker, site->ssl, identity) && set_verification(maker, site->ssl) &&
	       set_sessions(maker, site->ssl);
}

static bool add(making *maker, pl_tls_context *context, const pl_tls_identity *identity)
{
	pl_tls_site *site = &context->sites[context->site_count++];

	if (identity->name) {
		size_t size = strlen(identity->name) + 1;

		site->name = pl_alloc(size);
		if (!site->name)
			return fail(maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
		memcpy(site->name, identity->name, size);
	}
	return fill(maker, context, site, identity);
}

static bool add_all(making *maker, pl_tls_context *context)
{
	const pl_tls_settings *settings = maker->settings;
	size_t i;

	if (!add(maker, context, &settings->identity))
		return false;
	for (i = 0; i < settings->other_count; i++)
		if (!add(maker, context, &settings->others[i]))
			return false;
	return true;
}

static pl_tls_context *allocate(const pl_tls_settings *settings)
{
	size_t sites = (settings->other_count + 1) * sizeof(pl_tls_site);
	size_t alpn = settings->alpn_count * sizeof(pl_slice);
	pl_tls_context *context = pl_calloc(1, sizeof(*context) + sites + alpn);

	if (!context)
		return NULL;
	atomic_init(&context->refs, 1);
	context->alpn = (pl_slice *)((char *)(context + 1) + sites);
	context->alpn_count = settings->alpn_count;
	if (alpn > 0)
		memcpy(context->alpn, settings->alpn, alpn);
	return context;
}

int pl_tls_context_new(pl_tls_context **result, const pl_tls_settings *settings,
		       char error[PL_TLS_ERROR_MAX])
{
	making maker = { .settings = settings, .error = error };
	pl_tls_context *context = allocate(settings);

	ERR_clear_error();
	if (!context) {
		fail(&maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
		return PL_ENOMEM;
	}
	if (!add_all(&maker, context)) {
		pl_tls_context_unref(context);
		return maker.status;
	}
	*result = context;
	return PL_OK;
}

pl_tls_context *pl_tls_context_ref(pl_tls_context *context)
{
	atomic_fetch_add(&context->refs, 1);
	return context;
}

void pl_tls_context_unref(pl_tls_context *context)
{
	size_t i;

	if (!context || atomic_fetch_sub(&context->refs, 1) > 1)
		return;
	for (i = 0; i < context->site_count; i++) {
		SSL_CTX_free(context->sites[i].ssl);
		pl_free(context->sites[i].name);
	}
	pl_free(context);
}
