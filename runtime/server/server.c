#include "server/server.h"

#include <string.h>

#include "base/alloc.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/status.h"
#include "server/event_post.h"
#include "server/hold.h"
#include "server/roster.h"
#include "server/server_internal.h"
#include "server/texts.h"
#include "ws/ws_session.h"

/* An address that the server listens on. */
typedef struct server_port {
	pl_list node;
	pl_server *server;     /* NULL: it is gone already */
	pl_listener *listener; /* NULL: closing */
	pl_tls_context *tls;   /* NULL: plain */
} server_port;

void pl_server_leave_group(pl_server *server)
{
	pl_group *group = server->group;

	if (!group)
		return;
	pl_event_post_refuse(server);
	server->group = NULL;
	server->admission = &server->own_admission;
	server->logins = &server->own_logins;
	pl_group_leave(group, server->settings.worker);
	pl_roster_cancel_all(server);
}

/* Tells the other workers how many message sessions there are. */
static void count_sessions(const pl_server *server)
{
	if (server->group)
		pl_group_set_sessions(server->group, server->settings.worker,
				      server->by_guid.count);
}

/* Connections. */

enum transport { RFC6455, HIXIE76, SSE, TCP, OTHER };

static enum transport transport_of(const pl_conn *conn)
{
	static const char *const names[OTHER] = { "rfc6455", "hixie76", "sse", "tcp" };
	int i = 0;

	while (i < OTHER && strcmp(names[i], conn->ops->transport) != 0)
		i++;
	return (enum transport)i;
}

static void count_begin(const pl_conn *conn)
{
	enum transport transport = transport_of(conn);

	pl_count(PL_COUNT_NOW_HTTP, -1);
	pl_count(PL_COUNT_NOW_RFC6455 + transport, 1);
	pl_count(PL_COUNT_SESSIONS_RFC6455 + transport, 1);
}

static void count_end(const pl_conn *conn, bool session)
{
	pl_count(session ? PL_COUNT_NOW_RFC6455 + transport_of(conn) : PL_COUNT_NOW_HTTP, -1);
}

bool pl_server_session_begin(pl_conn *conn)
{
	pl_server *server = conn->server;

	if (pl_map_insert(&server->by_guid, &conn->entry, &conn->info->guid, PL_GUID_SIZE)) {
		conn->entry.key = NULL;
		conn->ops->abort(conn, PL_ENOMEM);
		return false;
	}
	count_sessions(server);
	count_begin(conn);
	server->events->connect(conn);
	return true;
}

static void on_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len)
{
	pl_server_of(conn)->events->message(conn, kind, data, len);
}

static void on_fragment(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			bool more)
{
	pl_server_of(conn)->events->fragment(conn, kind, data, len, more);
}

static bool on_heartbeat(pl_conn *conn)
{
	const pl_server_events *events = pl_server_of(conn)->events;

	return events->heartbeat && events->heartbeat(conn);
}

static void on_ping(pl_conn *conn, const uint8_t *payload, size_t len)
{
	const pl_server_events *events = pl_server_of(conn)->events;

	if (events->ping)
		events->ping(conn, payload, len);
}

static void on_pong(pl_conn *conn, const uint8_t *payload, size_t len)
{
	pl_server_of(conn)->events->pong(conn, payload, len);
}

static void on_drain(pl_conn *conn)
{
	pl_server_of(conn)->events->drain(conn);
}

static void on_flushed(pl_conn *conn)
{
	pl_server_of(conn)->events->flushed(conn);
}

static void on_closed(pl_conn *conn, uint16_t code, pl_slice reason)
{
	pl_server *server = conn->server;
	bool session = conn->entry.key != NULL;

	count_end(conn, session);
	if (session) {
		pl_map_remove(&server->by_guid, &conn->entry);
		count_sessions(server);
	}
	pl_channels_unsubscribe_all(&server->channels, &conn->subscriber);
	pl_list_remove(&conn->node);
	pl_admission_leave(server->admission, conn->guest);
	server->events->disconnect(conn, session, code, reason);
	pl_conn_free(conn);
	pl_server_check_stopped(server);
}

static void on_error(pl_conn *conn, int status, const char *message)
{
	if (pl_server_of(conn)->events->error)
		pl_server_of(conn)->events->error(conn, status, message);
}

const pl_conn_events pl_server_conn_events = {
	.message = on_message,
	.fragment = on_fragment,
	.heartbeat = on_heartbeat,
	.ping = on_ping,
	.pong = on_pong,
	.drain = on_drain,
	.flushed = on_flushed,
	.error = on_error,
	.closed = on_closed,
};

/* Listening. */

void pl_server_adopt(pl_server *server, pl_stream *stream)
{
	pl_server_admit(server, stream, NULL);
}

static void on_accept(void *owner, pl_stream *stream)
{
	server_port *port = owner;

	pl_server_count_accept(port->server);
	pl_server_admit(port->server, stream, port->tls);
}

static uint64_t on_delay(void *owner)
{
	const server_port *port = owner;

	return pl_server_accept_delay(port->server);
}

static void port_free(server_port *port)
{
	pl_list_remove(&port->node);
	pl_tls_context_unref(port->tls);
	pl_free(port);
}

static void on_listener_closed(void *owner)
{
	server_port *port = owner;
	pl_server *server = port->server;

	port_free(port);
	if (server)
		pl_server_check_stopped(server);
}

static const pl_listener_events listener_events = {
	.accept = on_accept,
	.closed = on_listener_closed,
	.delay = on_delay,
};

static int join_group(pl_server *server, const pl_address *asked)
{
	int status;

	if (server->group || !server->settings.groups)
		return PL_OK;
	status = pl_group_join(&server->group, server->settings.groups, server->settings.worker,
			       server, server->loop, asked);
	if (!status) {
		server->admission = pl_group_admission(server->group);
		server->logins = pl_group_logins(server->group);
	}
	return status;
}

static int open_listener(server_port *port, const pl_address *asked)
{
	pl_server *server = port->server;
	pl_listener_options options = { .tcp = server->settings.tcp };
	pl_address address = *asked;
	int status = join_group(server, asked);

	if (!status && server->group)
		status = pl_group_reserve(server->group, server->settings.worker, asked, &address);
	options.shared = server->group != NULL;
	return status ? status
		      : pl_listener_open(&port->listener, server->loop, &address, &options,
					 &listener_events, port);
}

static void leave_unused(pl_server *server)
{
	if (pl_list_empty(&server->conns) && !server->stopping)
		pl_server_leave_group(server);
}

int pl_server_listen(pl_server *server, const pl_address *address, pl_tls_context *tls,
		     pl_address *bound)
{
	server_port *port = pl_calloc(1, sizeof(*port));
	int status;

	if (!port)
		return PL_ENOMEM;
	pl_list_init(&port->node);
	port->server = server;
	port->tls = tls ? pl_tls_context_ref(tls) : NULL;
	status = open_listener(port, address);
	if (status) {
		port_free(port);
		if (pl_list_empty(&server->ports))
			leave_unused(server);
		return status;
	}
	pl_list_append(&server->ports, &port->node);
	pl_listener_address(port->listener, bound);
	return PL_OK;
}

void pl_server_renew_tls(pl_server *server, const pl_tls_context *former, pl_tls_context *now)
{
	pl_list *node;

	for (node = server->ports.next; node != &server->ports; node = node->next) {
		server_port *port = PL_CONTAINER(node, server_port, node);

		if (port->tls != former)
			continue;
		pl_tls_context_unref(port->tls);
		port->tls = pl_tls_context_ref(now);
	}
}

static bool is_open(const server_port *port)
{
	return port->listener && !pl_listener_lost(port->listener);
}

bool pl_server_listening(const pl_server *server)
{
	const pl_list *node;

	if (server->stopping)
		return false;
	for (node = server->ports.next; node != &server->ports; node = node->next)
		if (!is_open(PL_CONTAINER(node, server_port, node)))
			return false;
	return !pl_list_empty(&server->ports);
}

bool pl_server_announces(pl_server *server)
{
	return !server->group || pl_group_announce(server->group);
}

void pl_server_close_listeners(pl_server *server, bool drain)
{
	pl_list *node;

	for (node = server->ports.next; node != &server->ports; node = node->next) {
		server_port *port = PL_CONTAINER(node, server_port, node);

		if (port->listener && drain)
			pl_listener_drain(port->listener);
		if (port->listener)
			pl_listener_close(port->listener);
		port->listener = NULL;
	}
}

void pl_server_unlisten(pl_server *server)
{
	pl_server_close_listeners(server, false);
	leave_unused(server);
}

/* Life. */

static void set_up(pl_server *server, pl_loop *loop)
{
	const pl_server_settings *settings = &server->settings;

	server->loop = loop;
	server->conn_settings.loop = loop;
	server->conn_settings.events = &pl_server_conn_events;
	server->conn_settings.limits = &settings->limits;
	server->conn_settings.heartbeat = settings->heartbeat;
	server->conn_settings.queue = settings->queue;
	server->conn_settings.overflow = settings->overflow;
	server->conn_settings.leaves_out = pl_overflow_rule_any(
		settings->overflow_rules, settings->overflow_rule_count, &settings->overflow);
	server->conn_settings.generation = settings->generation;
	server->http1_settings.limits = &settings->limits;
	server->http1_settings.software = settings->software;
	server->http1_settings.fields = settings->fields;
	server->http1_settings.field_count = settings->field_count;
	server->http1_settings.close = settings->http_close;
	server->http1_settings.announce = settings->http_announce;
	server->settings.files.limits = &settings->limits;
	pl_admission_init(&server->own_admission);
	server->admission = &server->own_admission;
	pl_logins_init(&server->own_logins);
	server->logins = &server->own_logins;
	pl_list_init(&server->ports);
	pl_list_init(&server->conns);
	pl_list_init(&server->holds);
	pl_list_init(&server->rosters);
	pl_list_init(&server->posts);
	pl_list_init(&server->letters);
	pl_server_stop_init(server);
}

/* False without memory. */
static bool make_parts(pl_server *server)
{
	if (server->settings.authentication.enabled) {
		server->authentication = pl_authentication_new(&server->settings.authentication);
		if (!server->authentication)
			return false;
	}
	server->files = pl_files_new(server->loop, &server->settings.files);
	if (pl_throttle_rates_any(&server->settings.throttle_total) &&
	    pl_throttle_total_new(&server->throttle, server->loop,
				  &server->settings.throttle_total))
		return false;
	return server->files &&
	       pl_deflate_settings_pool(&server->settings.deflate, &server->deflate_pool) &&
	       pl_deflate_settings_pool(&server->settings.deflate_frame,
					&server->deflate_frame_pool);
}

int pl_server_new(pl_server **result, pl_loop *loop, const pl_server_settings *settings,
		  const pl_server_events *events, void *binding)
{
	pl_server *server = pl_calloc(1, sizeof(*server));

	if (!server) {
		pl_users_free(settings->authentication.users);
		return PL_ENOMEM;
	}
	server->settings = *settings;
	server->events = events;
	server->binding = binding;
	server->texts = pl_server_texts_copy(&server->settings);
	set_up(server, loop);
	if (!server->texts || !make_parts(server)) {
		pl_server_free(server);
		return PL_ENOMEM;
	}
	*result = server;
	return PL_OK;
}

void pl_server_set_log(pl_server *server, pl_message_log *log)
{
	pl_message_log_unref(server->conn_settings.log);
	server->conn_settings.log = log ? pl_message_log_ref(log) : NULL;
}

void pl_server_rebind(pl_server *server, const pl_server_events *events, void *binding)
{
	pl_list *node;

	for (node = server->conns.next; node != &server->conns; node = node->next) {
		pl_conn *conn = PL_CONTAINER(node, pl_conn, node);

		server->events->disconnect(conn, false, 0, pl_slice_make(NULL, 0));
		conn->binding = NULL;
	}
	server->events = events;
	server->binding = binding;
}

void pl_server_free(pl_server *server)
{
	pl_deferred_cancel(&server->stopped);
	pl_loop_stop_timer(server->loop, &server->stop_timer);
	pl_server_close_listeners(server, false);
	pl_server_leave_group(server);
	if (server->settings.groups)
		pl_groups_forget(server->settings.groups, server->settings.worker, server);
	while (!pl_list_empty(&server->ports)) {
		server_port *port = PL_CONTAINER(server->ports.next, server_port, node);

		port->server = NULL;
		pl_list_remove(&port->node);
	}
	pl_channels_deinit(&server->channels);
	pl_protocols_deinit(&server->protocols);
	pl_admission_deinit(&server->own_admission);
	pl_logins_deinit(&server->own_logins);
	if (server->authentication)
		pl_authentication_unref(server->authentication);
	else
		pl_users_free(server->settings.authentication.users);
	pl_map_deinit(&server->by_guid);
	pl_files_free(server->files);
	pl_ws_deflate_pool_free(server->deflate_pool);
	pl_ws_deflate_pool_free(server->deflate_frame_pool);
	pl_throttle_total_free(server->throttle);
	pl_message_log_unref(server->conn_settings.log);
	pl_free(server->texts);
	pl_free(server);
}

uint32_t pl_server_count(const pl_server *server)
{
	return server->group ? pl_group_sessions(server->group) : server->by_guid.count;
}

pl_conn *pl_server_find(const pl_server *server, const pl_guid *guid)
{
	pl_map_entry *entry = pl_map_find(&server->by_guid, guid->bytes, PL_GUID_SIZE);

	return entry ? PL_CONTAINER(entry, pl_conn, entry) : NULL;
}

int pl_server_subscribe(pl_conn *conn, pl_slice channel)
{
	pl_server *server = conn->server;

	if (!pl_conn_is_open(conn))
		return PL_ECLOSED;
	return pl_channels_subscribe(&server->channels, &conn->subscriber, channel,
				     (uint32_t)server->settings.limits.channels_per_connection);
}

bool pl_server_unsubscribe(pl_conn *conn, pl_slice channel)
{
	pl_server *server = conn->server;

	return pl_channels_unsubscribe(&server->channels, &conn->subscriber, channel);
}
