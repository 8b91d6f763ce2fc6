#include "client/pool_internal.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/status.h"

enum {
	KEY_MAX = 2048,
	EARLY = 1000 /* ms before the server closes an idle connection, we do */
};

/* Where connections lead. */

static void put_text(char **to, pl_slice *text)
{
	uint16_t len = (uint16_t)text->len;

	memcpy(*to, &len, sizeof(len));
	*to += sizeof(len);
	if (len > 0)
		memcpy(*to, text->at, len);
	text->at = *to;
	*to += len;
}

static void put_bytes(char **to, const void *bytes, size_t len)
{
	memcpy(*to, bytes, len);
	*to += len;
}

/* Only what is asked of an HTTP proxy is dialled differently. */
static void read_where(pl_connector_settings *where, pl_connector_proxy *proxy,
		       const pl_pool_order *order)
{
	*where = (pl_connector_settings){ .host = order->host,
					  .port = order->port,
					  .tls = order->tls,
					  .server_name = order->server_name,
					  .local = order->local };
	*proxy = order->proxy ? *order->proxy : (pl_connector_proxy){ 0 };
}

/* Writes the key, to which the texts then belong; returns its length. */
static size_t put_key(char *key, pl_connector_settings *where, pl_connector_proxy *proxy,
		      const pl_pool_order *order)
{
	const uint8_t bits[] = { order->proxy != NULL, (uint8_t)proxy->kind, order->guarded,
				 order->local.family };
	char *to = key;

	put_bytes(&to, bits, sizeof(bits));
	put_bytes(&to, &where->port, sizeof(where->port));
	put_bytes(&to, &proxy->port, sizeof(proxy->port));
	put_bytes(&to, &where->tls, sizeof(where->tls));
	put_bytes(&to, &proxy->tls, sizeof(proxy->tls));
	put_bytes(&to, order->local.ip, sizeof(order->local.ip));
	put_bytes(&to, &order->local.scope, sizeof(order->local.scope));
	put_text(&to, &where->host);
	put_text(&to, &where->server_name);
	put_text(&to, &proxy->host);
	put_text(&to, &proxy->user);
	put_text(&to, &proxy->password);
	return (size_t)(to - key);
}

static bool is_public(void *owner, const pl_address *address)
{
	(void)owner;
	return pl_address_kind(address) == PL_ADDRESS_PUBLIC;
}

/* A proxy that is asked itself is what is dialled, and TLS, if any, is with it. */
static void aim(pl_pool_origin *self, const pl_pool_order *order)
{
	if (pl_pool_absolute(order)) {
		self->where.host = self->proxy.host;
		self->where.port = self->proxy.port;
		self->where.tls = self->proxy.tls;
		self->where.server_name = pl_slice_make(NULL, 0);
		return;
	}
	if (order->proxy)
		self->where.proxy = &self->proxy;
	if (order->guarded)
		self->where.allow = is_public;
}

static pl_pool_origin *make_origin(pl_pool *pool, const pl_pool_order *order, size_t key_len)
{
	pl_pool_origin *self = pl_calloc(1, sizeof(*self) + key_len);

	if (!self)
		return NULL;
	self->pool = pool;
	self->key_len = key_len;
	read_where(&self->where, &self->proxy, order);
	put_key(self->key, &self->where, &self->proxy, order);
	if (pl_map_insert(&pool->origins, &self->entry, self->key, key_len)) {
		pl_free(self);
		return NULL;
	}
	pl_list_init(&self->idle);
	pl_list_init(&self->waiting);
	pl_deferred_init(&self->serve, pl_pool_serve);
	self->host = self->where.host;
	self->has_proxy = order->proxy != NULL;
	self->tls = order->tls ? pl_tls_context_ref(order->tls) : NULL;
	if (self->proxy.tls)
		pl_tls_context_ref(self->proxy.tls);
	aim(self, order);
	return self;
}

pl_pool_origin *pl_pool_origin_of(pl_pool *pool, const pl_pool_order *order)
{
	char key[KEY_MAX];
	pl_connector_settings where;
	pl_connector_proxy proxy;
	pl_map_entry *found;
	size_t len;

	read_where(&where, &proxy, order);
	len = put_key(key, &where, &proxy, order);
	found = pl_map_find(&pool->origins, key, len);
	if (proxy.password.len > 0)
		explicit_bzero(key, len);
	return found ? PL_CONTAINER(found, pl_pool_origin, entry) : make_origin(pool, order, len);
}

static void free_pool(pl_pool *pool)
{
	pl_map_deinit(&pool->origins);
	pl_free(pool);
}

void pl_pool_origin_release(pl_pool_origin *self)
{
	pl_pool *pool = self->pool;

	if (self->count > 0 || self->holds > 0 || !pl_list_empty(&self->waiting))
		return;
	pl_deferred_cancel(&self->serve);
	pl_map_remove(&pool->origins, &self->entry);
	pl_tls_context_unref(self->tls);
	pl_tls_context_unref(self->proxy.tls);
	explicit_bzero(self->key, self->key_len);
	pl_free(self);
	if (pool->closing && pool->origins.count == 0)
		free_pool(pool);
}

bool pl_pool_origin_open(const pl_pool_origin *self)
{
	uint32_t most = self->pool->settings.max_per_origin;

	return most == 0 || self->count < most;
}

/* Connections. */

static void leave_idle(pl_pool_connection *self)
{
	pl_pool *pool = self->origin->pool;

	if (!self->idle)
		return;
	self->idle = false;
	self->origin->idle_count--;
	pool->idle_count--;
	pl_loop_stop_timer(pool->loop, &self->timer);
	pl_list_remove(&self->node);
	pl_list_remove(&self->pool_node);
	pl_list_append(&pool->busy, &self->pool_node);
}

static void drop(pl_pool_connection *self)
{
	leave_idle(self);
	pl_call_http1_close(self->session);
}

static void on_timer(pl_timer *timer)
{
	drop(PL_CONTAINER(timer, pl_pool_connection, timer));
}

/* ms for which it is kept; 0: not at all. */
static uint32_t patience(const pl_pool_connection *self)
{
	uint32_t ours = self->origin->pool->settings.idle_timeout;
	uint32_t theirs = pl_call_http1_patience(self->session);

	if (theirs == 0)
		return ours;
	theirs = theirs > EARLY ? theirs - EARLY : 0;
	return theirs < ours ? theirs : ours;
}

static pl_pool_connection *oldest(pl_list *list)
{
	return PL_CONTAINER(list->next, pl_pool_connection, node);
}

/* The one that has waited longest makes room. */
void pl_pool_trim(pl_pool_origin *origin)
{
	pl_pool *pool = origin->pool;

	if (origin->idle_count > pool->settings.max_idle_per_origin)
		drop(oldest(&origin->idle));
	if (pool->idle_count > pool->settings.max_idle)
		drop(PL_CONTAINER(pool->idle.next, pl_pool_connection, pool_node));
}

/* Called before the end of the last call is told: nobody else is to be called from here. */
static void on_idle(void *owner)
{
	pl_pool_connection *self = owner;
	pl_pool_origin *origin = self->origin;
	pl_pool *pool = origin->pool;
	uint32_t kept = patience(self);

	if (kept == 0 || pool->closing) {
		pl_call_http1_close(self->session);
		return;
	}
	self->idle = true;
	origin->idle_count++;
	pool->idle_count++;
	pl_list_append(&origin->idle, &self->node);
	pl_list_remove(&self->pool_node);
	pl_list_append(&pool->idle, &self->pool_node);
	pl_loop_start(pool->loop, &self->timer, kept);
	if (!pl_list_empty(&origin->waiting))
		pl_loop_defer(pool->loop, &origin->serve);
	else
		pl_pool_trim(origin);
}

void pl_pool_lost(pl_pool_origin *origin)
{
	origin->count--;
	origin->pool->count--;
	if (!pl_list_empty(&origin->waiting))
		pl_loop_defer(origin->pool->loop, &origin->serve);
	pl_pool_origin_release(origin);
}

static void on_closed(void *owner)
{
	pl_pool_connection *self = owner;
	pl_pool_origin *origin = self->origin;

	leave_idle(self);
	pl_list_remove(&self->pool_node);
	pl_free(self);
	pl_pool_lost(origin);
}

int pl_pool_connection_start(pl_pool_connection *self, pl_pool_origin *origin, pl_stream *stream)
{
	static const pl_call_http1_events events = { .idle = on_idle, .closed = on_closed };
	int status = pl_call_http1_start(&self->session, stream, &events, self);

	if (status) {
		pl_free(self);
		return status;
	}
	self->origin = origin;
	pl_list_init(&self->node);
	pl_list_append(&origin->pool->busy, &self->pool_node);
	pl_timer_init(&self->timer, on_timer);
	return PL_OK;
}

/* One that is closing says so only at the end of the turn. */
pl_pool_connection *pl_pool_take(pl_pool_origin *origin)
{
	while (!pl_list_empty(&origin->idle)) {
		pl_pool_connection *last =
			PL_CONTAINER(origin->idle.prev, pl_pool_connection, node);

		leave_idle(last);
		if (pl_call_http1_ready(last->session))
			return last;
	}
	return NULL;
}

/* The pool. */

int pl_pool_new(pl_pool **pool, pl_loop *loop, const pl_pool_settings *settings)
{
	pl_pool *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return PL_ENOMEM;
	self->loop = loop;
	self->settings = *settings;
	pl_list_init(&self->idle);
	pl_list_init(&self->busy);
	*pool = self;
	return PL_OK;
}

void pl_pool_free(pl_pool *self)
{
	pl_list all;

	self->closing = true;
	pl_list_init(&all);
	while (!pl_list_empty(&self->idle))
		leave_idle(PL_CONTAINER(self->idle.next, pl_pool_connection, pool_node));
	pl_list_move(&all, &self->busy);
	while (!pl_list_empty(&all)) {
		pl_list *node = all.next;

		pl_list_remove(node);
		pl_list_append(&self->busy, node);
		pl_call_http1_cut(PL_CONTAINER(node, pl_pool_connection, pool_node)->session);
	}
	if (self->origins.count == 0)
		free_pool(self);
}

size_t pl_pool_idle(const pl_pool *self)
{
	return self->idle_count;
}

size_t pl_pool_active(const pl_pool *self)
{
	return self->count - self->idle_count;
}
