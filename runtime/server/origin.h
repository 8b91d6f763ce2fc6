/*
 * origin.h - which pages may open a WebSocket: the Origin of a handshake against a list.
 *
 * A browser sends the origin of the page (RFC 6454 section 6.2, RFC 6455 section 10.2); without a
 * check any page that a user visits could speak with the user's cookies (attacks D-26).
 */
#ifndef PL_SERVER_ORIGIN_H
#define PL_SERVER_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Whether `origin` equals one of the list, ASCII case ignored. A rule that ends in ":*" goes for
 * any port and for none ("http://127.0.0.1:*"). "null" is an origin like any other: it matches only
 * a rule "null". */
bool pl_origin_allowed(const pl_slice *rules, size_t count, pl_slice origin);

#endif
