/*
 * client.h - a client: one connection to a server, opened, kept, and opened again.
 *
 * WebSocket (RFC 6455) or plain TCP, either with TLS, through a proxy or not. An attempt goes
 * through the places one after the other until one lets us in, follows redirects of the handshake,
 * and ends with a pl_conn, whose events are as on a server. After an attempt that failed or a
 * connection that was lost the watchdog, if enabled, tries again. One loop's thread owns a client.
 *
 *	idle -> asking -> connecting -> [asking] -> open -> waiting -> asking ...
 *	any of these -> ending -> idle (event `stopped`)
 *
 * All calls are safe within all events. Events marked ~ ask: the client waits until the owner has
 * called the function that answers, within the event or later; pl_client_stop ends such a wait, and
 * an answer that comes then does nothing.
 */
#ifndef PL_CLIENT_CLIENT_H
#define PL_CLIENT_CLIENT_H

#include "client/attempt.h"
#include "client/route.h"
#include "client/wait.h"
#include "client/watchdog.h"
#include "codec/frame_end.h"
#include "conn/conn.h"
#include "conn/conn_ws.h"

typedef struct pl_client pl_client;

typedef struct pl_client_events {
	/* ~ A place is about to be tried. The owner may change the route (pl_client_route_set), and
	 * answers with pl_client_connect_end. NULL: not asked. */
	void (*before_connect)(pl_client *client);
	/* ~ The stream is there; `request` is what will be sent for the handshake. The owner
	 * answers with pl_client_handshake_end. There is no conn yet. The time that it takes counts
	 * as the attempt's. NULL: not asked. */
	void (*handshake)(pl_client *client, pl_slice request);
	/* ~ What a server's certificate has come to, see pl_tls_connection; of TLS with a proxy
	 * nobody is asked. The owner answers with pl_client_verified, before connect_timeout. NULL:
	 * a certificate that is not good is refused. */
	void (*verify)(pl_client *client, const pl_tls_question *question);
	/* ~ The watchdog's wait is over. The owner may change the route, and answers with
	 * pl_client_watchdog_end. NULL: not asked. */
	void (*before_watchdog)(pl_client *client, uint32_t attempt);
	/* A message session has begun; what was kept waits for pl_client_resend. */
	void (*connected)(pl_client *client, pl_conn *conn);
	/* A place could not be connected to; the next one, the watchdog or `stopped` follow. */
	void (*failed)(pl_client *client, const pl_client_failure *failure);
	/* As pl_conn_events have them; NULL where they allow it. */
	void (*message)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len);
	void (*fragment)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			 bool more);
	bool (*heartbeat)(pl_conn *conn);
	void (*ping)(pl_conn *conn, const uint8_t *payload, size_t len); /* may be NULL */
	void (*pong)(pl_conn *conn, const uint8_t *payload, size_t len);
	void (*drain)(pl_conn *conn);
	void (*flushed)(pl_conn *conn);
	void (*error)(pl_conn *conn, int status, const char *message);
	/* The connection has ended. The conn is gone when this returns; its info when its last
	 * reference is. */
	void (*disconnected)(pl_conn *conn, uint16_t code, pl_slice reason);
	/* The client is idle: it was stopped, or will not try again. It may be started again or
	 * freed, here already. Who waits is told after this. */
	void (*stopped)(pl_client *client);
} pl_client_events;

typedef struct pl_client_settings {
	pl_client_route route;
	uint32_t connect_timeout; /* ms for a place: from resolving to the end of the handshake,
				   * redirects included; then PL_ETIMEDOUT */
	uint32_t redirects;   /* in a row that are followed (301, 302, 303, 307, 308); 0: none */
	bool redirect_plain;  /* from TLS to no TLS, too */
	bool redirect_inward; /* from the internet to private addresses, too */
	bool guard;	      /* public addresses alone, from the beginning */
	bool clean;	      /* pl_client_stop sends Close and waits for the peer's */
	bool keep;	  /* pl_client_write keeps messages while there is no connection, and what
			   * a lost connection had not begun to send; limits.kept_messages
			   * bounds both */
	pl_address local; /* as pl_dial_settings has them */
	uint16_t local_first, local_last;
	pl_tcp_options tcp;
	pl_throttle_rates throttle;
	pl_frame_end frames;	     /* of TCP */
	pl_deflate_settings deflate; /* is offered */
	pl_deflate_settings deflate_frame;
	enum pl_ws_delivery delivery;
	pl_watchdog_settings watchdog;
	pl_heartbeat heartbeat;
	pl_message_log *log;	/* the client refers to it; NULL: none */
	pl_queue_options queue; /* what goes first when output waits, or is kept */
	pl_limits limits;
	uint16_t worker;
	uint32_t generation; /* of the script */
} pl_client_settings;

/* The settings are copied, with all texts; TLS contexts are referred to. PL_OK; PL_EINVAL when the
 * route has a problem; PL_ENOMEM. */
int pl_client_new(pl_client **client, pl_loop *loop, const pl_client_settings *settings,
		  const pl_client_events *events, void *binding);

/* Only while it is idle and nobody waits. */
void pl_client_free(pl_client *client);

/* Another route, copied, from the next place on, or within before_connect from this one on; its
 * places begin at the first, but no more of them are tried in a row than it has. Errors as above.
 */
int pl_client_route_set(pl_client *client, const pl_client_route *route);

/* The same route said anew (a token, a target): the walk through the places goes on where it is. As
 * many places as there are now, else PL_EINVAL. */
int pl_client_route_refresh(pl_client *client, const pl_client_route *route);

/* Begins to connect, and to hold the loop; of a client that is about to be idle (it was stopped,
 * its last attempt has failed or its connection has ended for good), when it is so, and then
 * without a `stopped`. PL_OK; PL_ESTATE: it is active. */
int pl_client_start(pl_client *client);

/* Ends whatever it does; `stopped` comes when that has ended, never within this call. What was kept
 * is dropped. A second call does not wait for the peer's Close. Idle: does nothing. */
void pl_client_stop(pl_client *client);

/* Starts an idle client and waits until it is connected, the places were gone through in vain
 * (status and `why` are the last one's; the watchdog goes on, or, without one, the client is idle
 * again), it was stopped (PL_ECANCELED), or `timeout` ms
 * have gone: PL_ETIMEDOUT, and a client without a watchdog that this started, and for which nobody
 * else waits, is stopped. `done` comes once, never within this call. PL_OK; PL_ENOMEM. */
int pl_client_connect(pl_client *client, uint32_t timeout, pl_client_done *done, void *owner,
		      pl_client_wait **wait);

/* Stops it and waits until it is idle, or `timeout` ms have gone: PL_ETIMEDOUT. Otherwise as
 * above. */
int pl_client_disconnect(pl_client *client, uint32_t timeout, pl_client_done *done, void *owner,
			 pl_client_wait **wait);

/* Answers to the events marked ~; without the question they do nothing.
 * connect_end: PL_OK: go on; else the place counts as failed with this status.
 * handshake_end: PL_OK: sends the request, with these fields added (one takes the place of those of
 * its name); else the place counts as failed. PL_EINVAL: a field cannot be sent, and the place has
 * failed. watchdog_end: false: no reconnection, the client stops. */
void pl_client_connect_end(pl_client *client, int status);
int pl_client_handshake_end(pl_client *client, int status, const pl_http_field *fields,
			    size_t count);
void pl_client_watchdog_end(pl_client *client, bool go_on);
void pl_client_verified(pl_client *client, bool accept);

/* Sends on the connection, results as of pl_conn_write. While there is none: PL_BUFFERED when it is
 * kept, PL_ELIMIT when limits.kept_messages are, else PL_ECLOSED. */
int pl_client_write(pl_client *client, enum pl_kind kind, const void *data, size_t len,
		    size_t fragment);

/* Sends what was kept: for the owner to call once per connection, when its own first words (a
 * login) are said. Until then writes go out ahead of it. */
void pl_client_resend(pl_client *client);

bool pl_client_active(const pl_client *client);	  /* not idle */
pl_conn *pl_client_conn(const pl_client *client); /* NULL while it is not open or closing */
size_t pl_client_kept(const pl_client *client);	  /* bytes */
void *pl_client_binding(const pl_client *client);

/* Where it is connected or about to be (before_connect), or was last; after redirects it is where
 * they led. Its index is that of the route's place which led there. Valid until the next place is
 * tried. */
const pl_client_place *pl_client_place_of(const pl_client *client);
size_t pl_client_place_index(const pl_client *client);

static inline pl_client *pl_client_of(const pl_conn *conn)
{
	return conn->server;
}

#endif
