#include "net/tls_context.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls_internal.h"

enum { MS = 1000 }; /* in a second */

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

bool pl_tls_fail(pl_tls_making *maker, int status, const char *format, ...)
{
	va_list arguments;

	ERR_clear_error();
	maker->status = status;
	va_start(arguments, format);
	vsnprintf(maker->error, PL_TLS_ERROR_MAX, format, arguments);
	va_end(arguments);
	return false;
}

/* Lists, versions, verification. */

static int version_number(enum pl_tls_version version)
{
	static const int numbers[] = { 0, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
				       TLS1_3_VERSION };

	return numbers[version];
}

static bool set_versions(pl_tls_making *maker, SSL_CTX *ssl)
{
	enum pl_tls_version min = maker->settings->min_version;
	enum pl_tls_version max = maker->settings->max_version;

	if (min == PL_TLS_ANY)
		min = max != PL_TLS_ANY && max < PL_TLS_1_2 ? max : PL_TLS_1_2;
	if (max != PL_TLS_ANY && max < min)
		return pl_tls_fail(maker, PL_EINVAL, "max_version is below min_version");
	/* Their signatures are of SHA-1, which no higher level allows. */
	if (min < PL_TLS_1_2)
		SSL_CTX_set_security_level(ssl, 0);
	return (SSL_CTX_set_min_proto_version(ssl, version_number(min)) == 1 &&
		SSL_CTX_set_max_proto_version(ssl, version_number(max)) == 1) ||
	       pl_tls_fail(maker, PL_EINVAL, "TLS versions: %s", pl_tls_reason());
}

static bool list_failed(pl_tls_making *maker, const char *option, pl_slice wrong)
{
	if (wrong.len == 0)
		return pl_tls_fail(maker, PL_EINVAL, "%s: it names none", option);
	return pl_tls_fail(maker, PL_EINVAL, "%s: there is no '%.*s'", option, (int)wrong.len,
			   wrong.at);
}

static bool set_lists(pl_tls_making *maker, SSL_CTX *ssl)
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

static bool set_verification(pl_tls_making *maker, SSL_CTX *ssl)
{
	const pl_tls_settings *settings = maker->settings;
	int mode = SSL_VERIFY_NONE;

	if (settings->verify == PL_TLS_VERIFY_OFF)
		return true;
	mode = SSL_VERIFY_PEER;
	if (settings->verify == PL_TLS_VERIFY_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	if (settings->verify_once)
		mode |= SSL_VERIFY_CLIENT_ONCE;
	SSL_CTX_set_verify(ssl, mode, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, pl_tls_server_on_verify, NULL);
	if (settings->verify_depth >= 0)
		SSL_CTX_set_verify_depth(ssl, settings->verify_depth);
	return (!settings->root_cert_file || pl_tls_set_authorities(maker, ssl)) &&
	       pl_tls_set_revocations(maker, ssl);
}

static void set_behaviour(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

bool pl_tls_set_rules(pl_tls_making *maker, SSL_CTX *ssl)
{
	set_behaviour(ssl);
	return set_versions(maker, ssl) && set_lists(maker, ssl);
}

/* Making. */

static bool set_sessions(pl_tls_making *maker, SSL_CTX *ssl)
{
	return pl_tls_set_sessions(ssl, maker->settings) ||
	       pl_tls_fail(maker, PL_EINVAL, "TLS tickets: %s", pl_tls_reason());
}

static bool fill(pl_tls_making *maker, pl_tls_site *site, const pl_tls_identity *identity)
{
	site->ssl = SSL_CTX_new(TLS_server_method());
	if (!site->ssl)
		return pl_tls_fail(maker, PL_ENOMEM, "TLS: %s", pl_tls_reason());
	return pl_tls_set_rules(maker, site->ssl) &&
	       pl_tls_set_identity(maker, site->ssl, identity) &&
	       set_verification(maker, site->ssl) && set_sessions(maker, site->ssl);
}

static bool add(pl_tls_making *maker, pl_tls_context *context, const pl_tls_identity *identity)
{
	pl_tls_site *site = &context->sites[context->site_count++];

	if (identity->name) {
		size_t size = strlen(identity->name) + 1;

		site->name = pl_alloc(size);
		if (!site->name)
			return pl_tls_fail(maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
		memcpy(site->name, identity->name, size);
	}
	return fill(maker, site, identity);
}

static bool add_all(pl_tls_making *maker, pl_tls_context *context)
{
	const pl_tls_settings *settings = maker->settings;
	size_t i;

	if (!add(maker, context, &settings->identity))
		return false;
	for (i = 0; i < settings->other_count; i++)
		if (!add(maker, context, &settings->others[i]))
			return false;
	for (i = 0; i < context->site_count; i++)
		pl_tls_set_hello(context->sites[i].ssl, context);
	return true;
}

pl_tls_context *pl_tls_context_allocate(const pl_tls_settings *settings)
{
	size_t sites = (settings->other_count + 1) * sizeof(pl_tls_site);
	size_t alpn = settings->alpn_count * sizeof(pl_slice);
	pl_tls_context *context = pl_calloc(1, sizeof(*context) + sites + alpn);

	if (!context)
		return NULL;
	atomic_init(&context->refs, 1);
	if (settings->ticket_lifetime > 0) {
		context->tickets = pl_tls_ticket_ring_get((uint64_t)settings->ticket_lifetime * MS);
		if (!context->tickets) {
			pl_free(context);
			return NULL;
		}
	}
	context->alpn = (pl_slice *)((char *)(context + 1) + sites);
	context->alpn_count = settings->alpn_count;
	context->plain = settings->plain;
	if (alpn > 0)
		memcpy(context->alpn, settings->alpn, alpn);
	return context;
}

int pl_tls_context_new(pl_tls_context **result, const pl_tls_settings *settings,
		       char error[PL_TLS_ERROR_MAX])
{
	pl_tls_making maker = { .settings = settings, .error = error };
	pl_tls_context *context = pl_tls_context_allocate(settings);

	ERR_clear_error();
	if (!context) {
		pl_tls_fail(&maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
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
	pl_tls_sessions_free(context->sessions);
	pl_free(context);
}
