/*
 * origin.h - which pages may open a WebSocket or an event stream: the Origin of a request against a
 * list.
 *
 * A browser sends the origin of the page (RFC 6454 section 6.2, RFC 6455 section 10.2); without a
 * check any page that a user visits could speak with the user's cookies (attacks D-26).
 */
#ifndef PL_SERVER_ORIGIN_H
#define PL_SERVER_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "codec/http_head.h"

/* Whether `origin` equals one of the list, ASCII case ignored. A rule that ends in ":*" goes for
 * any port and for none ("http://127.0.0.1:*"). "null" is an origin like any other: it matches only
 * a rule "null". */
bool pl_origin_allowed(const pl_slice *rules, size_t count, pl_slice origin);

/* Whether a request with these fields may do so: there is no list, no origin (only browsers send
 * one, and only they need to be kept from what a page must not do), or it is allowed. *named
 * receives the origin if it is on the list; empty otherwise. */
bool pl_origin_admits(const pl_slice *rules, size_t count, const pl_http_field *fields,
		      size_t field_count, pl_slice *named);

#endif
