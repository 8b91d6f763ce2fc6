/*
 * pool.h - the connections of HTTP calls, kept for the next ones.
 *
 * Those of one origin are alike: the same host and port, TLS context and name, proxy, local
 * address, and rules for addresses. A call takes the one that was used last, or a new one; where an
 * origin may have only so many, calls wait in order. Idle connections hold nothing but their
 * structs, and do not hold the loop.
 *
 * An HTTP proxy is asked for plain calls in absolute-form (RFC 9112 3.2.2), and for a tunnel for
 * those over TLS.
 */
#ifndef PL_CLIENT_POOL_H
#define PL_CLIENT_POOL_H

#include "client/connector.h"
#include "http/call.h"

typedef struct pl_pool pl_pool;
typedef struct pl_pool_ticket pl_pool_ticket;

typedef struct pl_pool_settings {
	uint32_t max_idle_per_origin;
	uint32_t max_idle;
	uint32_t max_per_origin; /* connections, idle ones too; 0: no limit */
	uint32_t idle_timeout;	 /* ms; shorter where the server says so (Keep-Alive) */
} pl_pool_settings;

/* What an opening comes to; all of it is borrowed. */
typedef struct pl_pool_opened {
	const char *why; /* after a failure: a sentence */
	pl_call *call;	 /* its head is sent */
	bool reused;	 /* the connection has served before: the server may just have closed it */
	uint32_t wait;	 /* ms of each phase: for a place; the connector's */
	uint32_t resolve, connect, tunnel, tls;
} pl_pool_opened;

typedef struct pl_pool_order {
	pl_slice host;
	uint16_t port;
	pl_tls_context *tls;
	pl_slice server_name;
	const pl_connector_proxy *proxy; /* NULL: none */
	pl_address local;		 /* to connect from; family 0: the system's choice */
	bool guarded;			 /* public addresses alone (base/guard) */
	bool fresh;			 /* on a connection that has carried no call yet */
	uint32_t resolve_timeout;	 /* ms for resolving; 0: no limit of its own */
	uint32_t connect_timeout;	 /* ms from then on until the head is sent; 0: the same */
	pl_call_order call; /* times.total counts from pl_pool_open; limits also bound a proxy's
			     * answer; where a proxy is asked, the request's fields are at most
			     * PL_HTTP_FIELDS_MAX */
	/* Once, unless it came to something at once. As pl_connector_settings.done, PL_ENOMEM,
	 * PL_ETIMEDOUT. From PL_OK on the call's events come. */
	void (*done)(void *owner, int status, const pl_pool_opened *opened);
	void *owner;
} pl_pool_order;

int pl_pool_new(pl_pool **pool, pl_loop *loop, const pl_pool_settings *settings);

/* Closes all connections at once, for the loop may not turn again: calls in progress fail with
 * PL_ECANCELED. Who waits for `done` has cancelled before. */
void pl_pool_free(pl_pool *pool);

/* Why an order cannot be tried at all, as a constant sentence; NULL: it can. */
const char *pl_pool_problem(const pl_pool_order *order);

/* Begins a call, for an order without a problem. PL_OK with *ticket NULL: `opened` says what has
 * begun at once, on a connection that was there. PL_OK with a ticket: `done` comes. PL_EACCES: a
 * proxy would be asked for an address that is guarded; PL_ENOMEM. What the order points to is
 * copied, but for limits, events and owners. */
int pl_pool_open(pl_pool *pool, const pl_pool_order *order, pl_pool_opened *opened,
		 pl_pool_ticket **ticket);

/* `done` will not come. */
void pl_pool_cancel(pl_pool_ticket *ticket);

/* Connections that wait for a call; those that carry one or are being opened. */
size_t pl_pool_idle(const pl_pool *pool);
size_t pl_pool_active(const pl_pool *pool);

#endif
