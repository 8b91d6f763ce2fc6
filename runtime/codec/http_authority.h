/*
 * http_authority.h - host and port as Host and absolute targets carry them (RFC 3986 3.2).
 */
#ifndef PL_CODEC_HTTP_AUTHORITY_H
#define PL_CODEC_HTTP_AUTHORITY_H

#include <stdbool.h>

#include "base/slice.h"

/* An authority without userinfo: reg-name, IPv4 or [IPv6], not empty; then perhaps ':' and a
 * port, which may be empty (3.2.3) and is at most 65535. */
bool pl_http_authority_valid(pl_slice text);

/* The port's digits of a valid authority; empty when it names none. */
pl_slice pl_http_authority_port(pl_slice authority);

#endif
