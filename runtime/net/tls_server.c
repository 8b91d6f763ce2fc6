/* What the owner of a server's connection decides: who the client is, what is spoken. */
#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "net/tls_internal.h"

enum { OFFERED_MAX = 64 }; /* names that the owner is shown; no client offers as many */

/* A session would be resumed without the certificate, or by the word of another day. */
static void give_no_tickets(SSL *ssl)
{
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_set_num_tickets(ssl, 0);
}

pl_tls_server *pl_tls_server_new(SSL *ssl, const pl_tls_acceptance *acceptance, int *status)
{
	bool verify = acceptance->verify && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
	pl_tls_server *self;

	*status = PL_OK;
	if (!verify && !acceptance->select)
		return NULL;
	self = pl_calloc(1, sizeof(*self));
	if (!self) {
		*status = PL_ENOMEM;
		return NULL;
	}
	self->verify = verify ? acceptance->verify : NULL;
	self->select = acceptance->select;
	self->owner = acceptance->owner;
	if (verify)
		give_no_tickets(ssl);
	return self;
}

void pl_tls_server_free(pl_tls_server *self)
{
	if (!self)
		return;
	pl_free(self->offered);
	pl_free(self);
}

bool pl_tls_server_holds(pl_tls_server *self, const uint8_t *offered, size_t len)
{
	if (!self->select || self->selecting != PL_TLS_UNASKED)
		return self->selecting == PL_TLS_ASKED;
	if (!self->offered)
		self->offered = pl_alloc(len);
	if (self->offered)
		memcpy(self->offered, offered, len);
	self->offered_len = len;
	return true;
}

bool pl_tls_server_curious(const pl_tls_server *self, SSL *ssl)
{
	if (!self)
		return false;
	if (!SSL_is_init_finished(ssl))
		return self->select && self->selecting == PL_TLS_UNASKED;
	return self->verify && self->verified == PL_TLS_UNASKED && SSL_get0_peer_certificate(ssl);
}

static bool ask_protocol(pl_tls_server *self)
{
	pl_slice names[OFFERED_MAX];
	size_t count = 0;
	size_t at = 0;

	self->selecting = PL_TLS_ASKED;
	if (!self->offered)
		return false;
	while (count < OFFERED_MAX && at < self->offered_len &&
	       self->offered[at] < self->offered_len - at) {
		names[count++] = pl_slice_make((char *)self->offered + at + 1, self->offered[at]);
		at += self->offered[at] + 1u;
	}
	self->select(self->owner, names, count);
	return true;
}

static bool ask_verdict(pl_tls_server *self, SSL *ssl)
{
	char why[PL_TLS_WHY_MAX];
	pl_tls_certificate *certificate = pl_tls_certificate_of(SSL_get0_peer_certificate(ssl));
	pl_tls_question question = { .certificate = certificate,
				     .error = (int)SSL_get_verify_result(ssl) };

	self->verified = PL_TLS_ASKED;
	if (!certificate)
		return false;
	if (question.error != X509_V_OK) {
		pl_tls_verdict(why, sizeof(why), ssl, "");
		question.why = why;
	}
	self->verify(self->owner, &question);
	pl_tls_certificate_free(certificate);
	return true;
}

bool pl_tls_server_ask(pl_tls_server *self, SSL *ssl)
{
	return SSL_is_init_finished(ssl) ? ask_verdict(self, ssl) : ask_protocol(self);
}

bool pl_tls_server_asking(const pl_tls_server *self)
{
	return self && (self->verified == PL_TLS_ASKED || self->selecting == PL_TLS_ASKED);
}

void pl_tls_server_select(pl_tls_server *self, enum pl_tls_selection selection, pl_slice protocol)
{
	self->selecting = PL_TLS_ACCEPTED;
	self->selection = (uint8_t)selection;
	if (selection == PL_TLS_SELECT_THIS)
		self->protocol = pl_tls_keep_protocol(protocol);
	pl_free(self->offered);
	self->offered = NULL;
}

bool pl_tls_server_refuses(const pl_tls_server *self, SSL *ssl)
{
	if (!self || self->verified == PL_TLS_UNASKED)
		return false;
	if (self->verified == PL_TLS_ACCEPTED)
		SSL_set_verify_result(ssl, X509_V_OK);
	else if (SSL_get_verify_result(ssl) == X509_V_OK)
		SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
	return self->verified == PL_TLS_REFUSED;
}

int pl_tls_server_on_verify(X509_STORE_CTX *store, void *unused)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const pl_tls_wire *wire = BIO_get_data(SSL_get_rbio(ssl));
	int verified = X509_verify_cert(store);

	(void)unused;
	return wire->server && wire->server->verify ? 1 : verified;
}
