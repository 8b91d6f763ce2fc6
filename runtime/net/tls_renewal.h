/*
 * tls_renewal.h - a server's TLS context that is made anew when its files have changed: a
 * certificate is renewed, and no connection ends for it.
 *
 * The files are looked at and read on the thread pool. One that is gone, that cannot be read or
 * does not fit the others (a certificate whose key is not written yet) is logged once, and the
 * context stays as it was until they change again. One loop's thread owns a renewal.
 */
#ifndef PL_NET_TLS_RENEWAL_H
#define PL_NET_TLS_RENEWAL_H

#include "net/loop.h"
#include "net/tls_context.h"

typedef struct pl_tls_renewal pl_tls_renewal;

/* Makes the first context. The settings are copied. Results and `error` as of
 * pl_tls_context_new. */
int pl_tls_renewal_new(pl_tls_renewal **renewal, const pl_tls_settings *settings,
		       char error[PL_TLS_ERROR_MAX]);

/* The context as it is now; the renewal's. */
pl_tls_context *pl_tls_renewal_context(const pl_tls_renewal *renewal);

typedef void pl_tls_renewed(void *owner, const pl_tls_context *former, pl_tls_context *now);

/* From now on the files are looked at every `interval` ms, and `renewed` says which context the
 * connections to come are to have in place of the former. Once. */
void pl_tls_renewal_start(pl_tls_renewal *renewal, pl_loop *loop, uint32_t interval,
			  pl_tls_renewed *renewed, void *owner);

/* No call comes any more; NULL is allowed. */
void pl_tls_renewal_free(pl_tls_renewal *renewal);

#endif
