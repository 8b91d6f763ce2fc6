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
#include "net/tls_context.h"

typedef struct pl_tls_patience {
	uint32_t timeout; /* ms for a whole handshake, then PL_ETIMEDOUT */
	uint32_t steps;	  /* of handshakes in one turn of the loop; the others wait */
} pl_tls_patience;

/* Takes `below` over, a new connection that nothing was read from. PL_OK, or PL_ENOMEM: `below` is
 * still the caller's. */
int pl_tls_accept(pl_stream **stream, pl_stream *below, pl_tls_context *context,
		  pl_tls_patience patience);

/* The protocol agreed by ALPN (RFC 7301), a slice of the context's settings; empty when there is
 * none (yet), and for streams that are no TLS. */
pl_slice pl_tls_alpn(const pl_stream *stream);

/* Why the handshake failed, for a client also why the connection did later; NULL when it did not,
 * and for streams that are no TLS. Valid until `closed` returns. */
const char *pl_tls_failure(const pl_stream *stream);

#endif
