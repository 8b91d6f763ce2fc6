#include "net/tls_client.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls_internal.h"

/* The context. */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const pl_tls_wire *wire = BIO_get_data(SSL_get_rbio(ssl));
	const pl_tls_client *client = wire->client;

	if (!client->sessions)
		return 0;
	pl_tls_sessions_put(client->sessions, client->host, client->port, session);
	return 1; /* it is ours now */
}

static bool set_sessions(pl_tls_making *maker, pl_tls_context *context, SSL_CTX *ssl, size_t most)
{
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (most == 0) {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		return true;
	}
	context->sessions = pl_tls_sessions_new(most);
	if (!context->sessions)
		return pl_tls_fail(maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, on_session);
	return true;
}

/* RFC 7301 3.1: each name with its length in front. */
static bool set_alpn(pl_tls_making *maker, SSL_CTX *ssl)
{
	const pl_tls_settings *settings = maker->settings;
	uint8_t list[256];
	size_t len = 0;

	for (size_t i = 0; i < settings->alpn_count; i++) {
		pl_slice name = settings->alpn[i];

		if (name.len == 0 || name.len >= sizeof(list) - len)
			return pl_tls_fail(maker, PL_EINVAL,
					   "alpn: a name is empty, or all are too long");
		list[len++] = (uint8_t)name.len;
		memcpy(list + len, name.at, name.len);
		len += name.len;
	}
	return len == 0 || SSL_CTX_set_alpn_protos(ssl, list, (unsigned)len) == 0 ||
	       pl_tls_fail(maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
}

/* What the owner said counts more than the verdict. It is asked when this has returned: no call of
 * OpenSSL leads to another. Verifying again gives the chain and the words for a refusal. */
static int on_verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const pl_tls_wire *wire = BIO_get_data(SSL_get_rbio(ssl));
	pl_tls_client *client = wire->client;
	int verified;

	(void)unused;
	if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return 1;
	verified = X509_verify_cert(store);
	if (!client->verify)
		return verified > 0;
	if (client->answer == PL_TLS_UNASKED) {
		SSL_set_retry_verify(ssl);
		return 1;
	}
	if (client->answer == PL_TLS_ACCEPTED)
		X509_STORE_CTX_set_error(store, X509_V_OK);
	else if (X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return client->answer == PL_TLS_ACCEPTED;
}

static bool set_trust(pl_tls_making *maker, SSL_CTX *ssl, bool unverified)
{
	const pl_tls_settings *settings = maker->settings;

	SSL_CTX_set_cert_verify_callback(ssl, on_verify, NULL);
	SSL_CTX_set_verify(ssl, unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (unverified)
		return true;
	if (settings->verify_depth >= 0)
		SSL_CTX_set_verify_depth(ssl, settings->verify_depth);
	return (settings->root_cert_file ? pl_tls_set_authorities : pl_tls_set_system)(maker,
										       ssl) &&
	       pl_tls_set_revocations(maker, ssl);
}

static bool fill(pl_tls_making *maker, pl_tls_context *context,
		 const pl_tls_client_settings *settings)
{
	const pl_tls_identity *identity = &settings->identity;
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

	if (!ssl)
		return pl_tls_fail(maker, PL_ENOMEM, "TLS: %s", pl_tls_reason());
	context->site_count = 1;
	context->sites[0].ssl = ssl;
	if (!identity->p12_file && !identity->cert_file && identity->key_file)
		return pl_tls_fail(maker, PL_EINVAL, "key file '%s': there is no certificate to it",
				   identity->key_file);
	return pl_tls_set_rules(maker, ssl) &&
	       ((!identity->p12_file && !identity->cert_file) ||
		pl_tls_set_identity(maker, ssl, identity)) &&
	       set_trust(maker, ssl, settings->unverified) && set_alpn(maker, ssl) &&
	       set_sessions(maker, context, ssl, settings->sessions);
}

int pl_tls_client_context(pl_tls_context **result, const pl_tls_client_settings *settings,
			  char error[PL_TLS_ERROR_MAX])
{
	const pl_tls_settings common = { .min_version = settings->min_version,
					 .max_version = settings->max_version,
					 .cipher_list = settings->cipher_list,
					 .curves = settings->curves,
					 .root_cert_file = settings->root_cert_file,
					 .crl_file = settings->crl_file,
					 .verify_depth = settings->verify_depth,
					 .alpn = settings->alpn,
					 .alpn_count = settings->alpn_count };
	pl_tls_making maker = { .settings = &common, .error = error };
	pl_tls_context *context = pl_tls_context_allocate(&common);

	ERR_clear_error();
	if (!context) {
		pl_tls_fail(&maker, PL_ENOMEM, "%s", pl_status_text(PL_ENOMEM));
		return PL_ENOMEM;
	}
	if (!fill(&maker, context, settings)) {
		pl_tls_context_unref(context);
		return maker.status;
	}
	*result = context;
	return PL_OK;
}

/* The connection. */

/* What names the host in the certificate and in the hello. An IPv6 address may have brackets and a
 * scope (RFC 6874), a name a final dot, which does not go out (RFC 6066 3). */
static pl_slice host_of(pl_slice host)
{
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = pl_slice_make(host.at + 1, host.len - 2);
	if (pl_slice_find(host, ':') < host.len)
		host.len = pl_slice_find(host, '%');
	else if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

static bool is_host(pl_slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (host.at[i] <= ' ' || host.at[i] >= 0x7F)
			return false;
	return host.len > 0 && host.len <= PL_TLS_HOST_MAX;
}

/* Names are the same in any case, and so are their sessions. */
static void copy_host(char *to, pl_slice host)
{
	for (size_t i = 0; i < host.len; i++)
		to[i] = (char)tolower((unsigned char)host.at[i]);
	to[host.len] = '\0';
}

/* A partial wildcard (f*.example) is none (RFC 9525 6.3), nor is a common name a host (6.2). */
static int expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	pl_address address;

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (pl_address_parse(&address, host))
		return X509_VERIFY_PARAM_set1_ip(param, address.ip, address.family == 4 ? 4 : 16);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

static void offer_session(pl_tls_client *client, SSL *ssl)
{
	SSL_SESSION *session = NULL;

	if (client->sessions)
		session = pl_tls_sessions_take(client->sessions, client->host, client->port);
	if (session)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

int pl_tls_client_new(pl_tls_client **result, const pl_tls_context *context, SSL *ssl,
		      const pl_tls_connection *connection)
{
	pl_slice host = host_of(connection->host);
	pl_tls_client *client;

	if (!is_host(host))
		return PL_EINVAL;
	client = pl_calloc(1, sizeof(*client) + host.len + 1);
	if (!client)
		return PL_ENOMEM;
	copy_host(client->host, host);
	client->port = connection->port;
	client->sessions = connection->verify ? NULL : context->sessions;
	client->ready = connection->ready;
	client->verify = connection->verify;
	client->owner = connection->owner;
	SSL_set_connect_state(ssl);
	if (expect_host(ssl, client->host) != 1) {
		ERR_clear_error();
		pl_free(client);
		return PL_ENOMEM;
	}
	if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		pl_tls_unverified(client->host);
	if (client->verify)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	offer_session(client, ssl);
	*result = client;
	return PL_OK;
}

bool pl_tls_client_ask(pl_tls_client *client, SSL *ssl)
{
	char why[PL_TLS_WHY_MAX];
	pl_tls_certificate *certificate =
		pl_tls_certificate_of(sk_X509_value(SSL_get_peer_cert_chain(ssl), 0));
	pl_tls_question question = { .certificate = certificate,
				     .error = (int)SSL_get_verify_result(ssl) };

	client->answer = PL_TLS_ASKED;
	if (!certificate)
		return false;
	if (question.error != X509_V_OK) {
		pl_tls_verdict(why, sizeof(why), ssl, client->host);
		question.why = why;
	}
	client->verify(client->owner, &question);
	pl_tls_certificate_free(certificate);
	return true;
}

/* OpenSSL takes a connection that ended without close_notify for a reason not to resume; TLS no
 * longer does (RFC 5246 7.2.1). */
void pl_tls_client_end(const pl_tls_client *client, SSL *ssl)
{
	if (!client->why)
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void pl_tls_client_free(pl_tls_client *client)
{
	if (!client)
		return;
	pl_free(client->why);
	pl_free(client);
}

const char *pl_tls_client_failed(pl_tls_client *client, SSL *ssl)
{
	if (client->sessions)
		pl_tls_sessions_drop(client->sessions, client->host, client->port);
	if (!client->why)
		client->why = pl_alloc(PL_TLS_WHY_MAX);
	if (!client->why)
		return pl_tls_reason();
	pl_tls_verdict(client->why, PL_TLS_WHY_MAX, ssl, client->host);
	return client->why;
}
