/*
 * https.h - what a server says of itself to TLS: the protocols it speaks there, and the answer to
 * HTTP that comes without TLS.
 */
#ifndef PL_SERVER_HTTPS_H
#define PL_SERVER_HTTPS_H

#include "net/tls_context.h"

void pl_https_settings(pl_tls_settings *settings);

#endif
