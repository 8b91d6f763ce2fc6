/*
 * route.h - the places of a client and what is said there: what may be another from one attempt to
 * the next.
 */
#ifndef PL_CLIENT_ROUTE_H
#define PL_CLIENT_ROUTE_H

#include "client/connector.h"
#include "client/place.h"

typedef struct pl_client_route {
	const pl_client_place *places; /* at least one; the next is tried when one has failed */
	size_t place_count;
	pl_tls_context *tls;  /* of the secure places, and of redirects to such; NULL: there can
			       * be none */
	pl_slice server_name; /* asked for and verified in place of the host; not after a redirect
			       * to another host; empty: the host */
	const pl_connector_proxy *proxy; /* NULL: none */
	pl_slice origin;		 /* Origin; empty: none */
	const pl_slice *protocols;	 /* subprotocols, the first is preferred */
	size_t protocol_count;
	const pl_http_field *fields; /* of the handshake, besides its own */
	size_t field_count;
	/* The same, for the places alone: no redirect to another origin (scheme, host, port) takes
	 * them along, nor Authorization, Cookie or Proxy-Authorization among `fields`. */
	const pl_http_field *secrets;
	size_t secret_count;
} pl_client_route;

/* Why it cannot be taken at all, as a constant sentence; NULL: it can. */
const char *pl_client_route_problem(const pl_client_route *route);

/* With all its texts, and references to its TLS contexts. NULL without memory. */
pl_client_route *pl_route_copy(const pl_client_route *route);
void pl_route_free(pl_client_route *copy); /* NULL is allowed */

/* Whether a field says who we are. */
bool pl_route_secret(pl_slice name);

#endif
