/* What a client's hello asks for: a host name (RFC 6066 3) and a protocol (RFC 7301). */
#include <string.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

enum { KEPT_MAX = 64 }; /* names of protocols that scripts have chosen, in the process */

/* Scripts choose among what clients offer; what they choose is a connection's for as long as
 * anybody knows of it. */
static struct {
	pthread_mutex_t lock;
	size_t count;
	pl_slice names[KEPT_MAX];
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* With the lock. */
static pl_slice keep(pl_slice name)
{
	char *copy;
	size_t i;

	for (i = 0; i < kept.count; i++)
		if (pl_slice_equal(kept.names[i], name))
			return kept.names[i];
	copy = kept.count < KEPT_MAX ? pl_alloc(name.len) : NULL;
	if (!copy)
		return pl_slice_make(NULL, 0);
	memcpy(copy, name.at, name.len);
	kept.names[kept.count] = pl_slice_make(copy, name.len);
	return kept.names[kept.count++];
}

pl_slice pl_tls_keep_protocol(pl_slice name)
{
	pl_slice found;

	pthread_mutex_lock(&kept.lock);
	found = keep(name);
	pthread_mutex_unlock(&kept.lock);
	return found;
}

static const pl_tls_wire *wire_of(SSL *ssl)
{
	return BIO_get_data(SSL_get_rbio(ssl));
}

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

/* The first of ours that is offered; empty: none is. */
static pl_slice own_choice(const pl_tls_context *context, const unsigned char *list, unsigned len)
{
	size_t i;

	for (i = 0; i < context->alpn_count; i++)
		if (offers(list, len, context->alpn[i]))
			return context->alpn[i];
	return pl_slice_make(NULL, 0);
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
		   const unsigned char *list, unsigned len, void *owner)
{
	const pl_tls_server *server = wire_of(ssl)->server;
	enum pl_tls_selection selection = server ? server->selection : PL_TLS_SELECT_DEFAULT;
	pl_slice choice = { NULL, 0 };

	if (selection == PL_TLS_SELECT_NONE)
		return SSL_TLSEXT_ERR_NOACK;
	if (selection == PL_TLS_SELECT_DEFAULT)
		choice = own_choice(owner, list, len);
	else if (selection == PL_TLS_SELECT_THIS && offers(list, len, server->protocol))
		choice = server->protocol;
	if (choice.len == 0)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = (const unsigned char *)choice.at;
	*chosen_len = (unsigned char)choice.len;
	return SSL_TLSEXT_ERR_OK;
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

static size_t read16(const unsigned char *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* The one host name of the extension; empty when there is none or the bytes are no such list, which
 * OpenSSL refuses by itself. */
static pl_slice asked_name(SSL *ssl)
{
	enum { LIST = 2, HEAD = 5 }; /* list length; and type, name length */
	const unsigned char *at = NULL;
	size_t len = 0;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) != 1 || len < HEAD ||
	    read16(at) != len - LIST || at[LIST] != TLSEXT_NAMETYPE_host_name ||
	    read16(at + LIST + 1) != len - HEAD)
		return pl_slice_make(NULL, 0);
	return pl_slice_make((const char *)at + HEAD, len - HEAD);
}

/* Whether the owner has to be asked for a protocol first. What is no list (RFC 7301 3.1: each name
 * with its length in front) OpenSSL refuses by itself. */
static bool has_to_ask(SSL *ssl)
{
	pl_tls_server *server = wire_of(ssl)->server;
	const unsigned char *at = NULL;
	size_t len = 0;

	return server &&
	       SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
					 &at, &len) == 1 &&
	       len > 2 && read16(at) == len - 2 && pl_tls_server_holds(server, at + 2, len - 2);
}

/* Before OpenSSL looks at the client's ticket: it has to be judged by the rules of the name that is
 * asked for now. OpenSSL's servername callback comes after that. */
static int on_hello(SSL *ssl, int *alert, void *owner)
{
	SSL_CTX *site = find_site(owner, asked_name(ssl));

	if (site && !SSL_set_SSL_CTX(ssl, site)) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return has_to_ask(ssl) ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
}

/* Tells the client whether its name made a difference (RFC 6066 3). */
static int on_server_name(SSL *ssl, int *alert, void *owner)
{
	const pl_tls_context *context = owner;

	(void)alert;
	return SSL_get_SSL_CTX(ssl) == context->sites[0].ssl ? SSL_TLSEXT_ERR_NOACK
							     : SSL_TLSEXT_ERR_OK;
}

void pl_tls_set_hello(SSL_CTX *ssl, pl_tls_context *context)
{
	SSL_CTX_set_client_hello_cb(ssl, on_hello, context);
	if (context->site_count > 1) {
		SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
		SSL_CTX_set_tlsext_servername_arg(ssl, context);
	}
	if (context->alpn_count > 0)
		SSL_CTX_set_alpn_select_cb(ssl, on_alpn, context);
}
