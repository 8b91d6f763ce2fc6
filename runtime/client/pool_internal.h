/*
 * pool_internal.h - what the files of the pool share.
 *
 * pool.c has the connections and where they lead, pool_open.c those who want one, pool_proxy.c what
 * a proxy is asked in absolute-form.
 */
#ifndef PL_CLIENT_POOL_INTERNAL_H
#define PL_CLIENT_POOL_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "client/pool.h"
#include "http/call_http1.h"

/* Where connections lead. Lives while there is a connection, or somebody who wants one. */
typedef struct pl_pool_origin {
	pl_map_entry entry;
	pl_pool *pool;
	pl_list idle;	   /* connections, the one used last at the end */
	pl_list waiting;   /* tickets without a connection */
	pl_deferred serve; /* somebody who waits may get one */
	uint32_t idle_count;
	uint32_t count;	     /* connections, those being opened too */
	uint32_t holds;	     /* functions on the stack that need it */
	pl_slice host;	     /* of the calls; the texts of all these are in `key` */
	pl_tls_context *tls; /* with the host; a reference, as that of the proxy */
	pl_connector_proxy proxy;
	bool has_proxy;
	pl_connector_settings where; /* what is dialled */
	size_t key_len;
	char key[];
} pl_pool_origin;

typedef struct pl_pool_connection {
	pl_list node;	   /* in origin->idle, or in no list */
	pl_list pool_node; /* in pool->idle, or in pool->busy */
	pl_pool_origin *origin;
	pl_call_http1 *session;
	pl_timer timer; /* of an idle one */
	bool idle;
} pl_pool_connection;

struct pl_pool {
	pl_loop *loop;
	pl_pool_settings settings;
	pl_map origins;
	pl_list idle; /* connections, the one used last at the end */
	pl_list busy;
	size_t idle_count;
	size_t count; /* of all connections, those being opened too */
	bool closing;
};

/* pool.c */

/* The origin of an order, made if need be; NULL without memory. */
pl_pool_origin *pl_pool_origin_of(pl_pool *pool, const pl_pool_order *order);

/* Frees it if nobody needs it any more. */
void pl_pool_origin_release(pl_pool_origin *origin);

/* Whether another connection may be opened. */
bool pl_pool_origin_open(const pl_pool_origin *origin);

/* The idle connection that was used last, which is not idle any more; NULL: there is none. */
pl_pool_connection *pl_pool_take(pl_pool_origin *origin);

/* A connection over a new stream, in zeroed memory of pl_alloc's. PL_OK; PL_ENOMEM: the stream is
 * closed, the memory freed. */
int pl_pool_connection_start(pl_pool_connection *connection, pl_pool_origin *origin,
			     pl_stream *stream);

/* Closes idle connections beyond the limits. */
void pl_pool_trim(pl_pool_origin *origin);

/* A connection of an origin that was being opened is there (`count` stays), or will not be. */
void pl_pool_lost(pl_pool_origin *origin);

/* pool_open.c */

/* Gives connections to those who wait. */
void pl_pool_serve(pl_deferred *deferred);

/* pool_proxy.c */

/* Whether the proxy is asked itself, in absolute-form. */
bool pl_pool_absolute(const pl_pool_order *order);

/* An order's request, as such a proxy is to get it. */
typedef struct pl_pool_absolute_request {
	pl_call_request request;
	pl_http_field fields[PL_HTTP_FIELDS_MAX + 1];
	char *texts;
	size_t texts_len;
} pl_pool_absolute_request;

/* PL_OK or PL_ENOMEM. */
int pl_pool_absolute_init(pl_pool_absolute_request *absolute, const pl_pool_order *order);
void pl_pool_absolute_deinit(pl_pool_absolute_request *absolute);

#endif
