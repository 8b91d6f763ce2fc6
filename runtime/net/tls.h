/*
 * tls.h - TLS (RFC 8446, RFC 5246) as a stream over another stream; the server's side. The client's
 * is in tls_client.h.
 *
 * What stream.h says holds here: `closed` is last, output leaves at the end of the turn, `blocked`
 * is that of the stream below. Besides:
 * - `end` comes for the peer's close_notify. An end below without one is a truncation (RFC 8446
 *   6.1): the stream closes with PL_ECONNRESET and no `end`.
 * - pl_stream_finish sends close_notify behind what is queued. Before the end of the handshake it
 *   waits for that, if there is something to send.
 * - the handshake begins at once, also while the owner has not resumed; a failed one closes with
 *   PL_EPROTO, after the alert, and a debug line says why. So does text in place of a handshake,
 *   after the context's answer to it.
 */
#ifndef PL_NET_TLS_H
#define PL_NET_TLS_H

#include "base/slice.h"
#include "net/stream.h"
#include "net/tls_certificate.h"
#include "net/tls_context.h"

/* What the owner is asked about the peer. All of it is borrowed. */
typedef struct pl_tls_question {
	const pl_tls_certificate *certificate;
	int error;	 /* 0: nothing speaks against it; else OpenSSL's X509_V_ERR_..., as 20 */
	const char *why; /* that in words; NULL without an error */
} pl_tls_question;

typedef struct pl_tls_acceptance {
	uint32_t timeout; /* ms for a whole handshake, then PL_ETIMEDOUT */
	uint32_t steps;	  /* of handshakes in one turn of the loop; the others wait */
	/* Asked once, when a client has shown a certificate and it was verified, whatever came of
	 * that: the owner decides, by pl_tls_answer. OpenSSL's server waits for nobody, so its
	 * handshake has ended then; no byte of the client's is handed on before the answer, and
	 * none goes to the client. No session is resumed or given: there would be no certificate to
	 * ask about. NULL: nobody is asked. */
	void (*verify)(void *owner, const pl_tls_question *question);
	/* Asked once, which of the protocols that the client offers (RFC 7301) is spoken: the
	 * handshake waits for pl_tls_select. Not when it offers none. NULL: the first of the
	 * context's that is offered. */
	void (*select)(void *owner, const pl_slice *offered, size_t count);
	void *owner; /* its functions are never called within pl_tls_accept */
} pl_tls_acceptance;

/* Takes `below` over, a new connection that nothing was read from. PL_OK, or PL_ENOMEM: `below` is
 * still the caller's. */
int pl_tls_accept(pl_stream **stream, pl_stream *below, pl_tls_context *context,
		  const pl_tls_acceptance *acceptance);

/* The answer to `verify`: whether the peer may be spoken to. Within it or later, but not after
 * `closed`; a second one counts for nothing. Whoever is not accepted is closed with PL_EPROTO. */
void pl_tls_answer(pl_stream *stream, bool accept);

enum pl_tls_selection {
	PL_TLS_SELECT_DEFAULT, /* as if nobody had been asked */
	PL_TLS_SELECT_NONE,    /* no protocol is agreed on */
	PL_TLS_SELECT_THIS,
	PL_TLS_SELECT_REFUSED /* the handshake ends with the alert no_application_protocol */
};

/* The answer to `select`, in the same way; the protocol counts for PL_TLS_SELECT_THIS alone, and
 * has to be one that was offered, else the client is refused. */
void pl_tls_select(pl_stream *stream, enum pl_tls_selection selection, pl_slice protocol);

/* Whether the stream is one of TLS. */
bool pl_tls_is(const pl_stream *stream);

/* The protocol agreed by ALPN (RFC 7301), a slice that is there for ever; empty when there is none
 * (yet), and for streams that are no TLS. */
pl_slice pl_tls_alpn(const pl_stream *stream);

/* Why the handshake failed, for a client also why the connection did later; NULL when it did not,
 * and for streams that are no TLS. Valid until `closed` returns. */
const char *pl_tls_failure(const pl_stream *stream);

#endif
