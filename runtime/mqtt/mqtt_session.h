/*
 * mqtt_session.h - the client's side of MQTT 3.1.1 and 5.0.
 *
 * A session lives longer than its connections: what was published with QoS 1 or 2 stays until the
 * server has acknowledged it, over as many connections as that takes, and with a store over as many
 * processes. A connection begins with a stream, TCP or WebSocket alike (pl_mqtt_session_connect),
 * and ends with `disconnected`; then there may be another.
 *
 * Sent is as much as the server wants at a time (Receive Maximum, MQTT 5.0 3.3.4) and
 * limits.in_flight lets; what is more waits here, in the order of the calls, up to
 * limits.kept_messages. Received messages are acknowledged when the owner has handled them
 * (pl_mqtt_session_handled), in the order in which they came; of QoS 2 none is given out twice.
 *
 * A server that breaks the protocol gets a DISCONNECT that says how (5.0), and is left. All calls
 * are safe within all events.
 */
#ifndef PL_MQTT_MQTT_SESSION_H
#define PL_MQTT_MQTT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "codec/mqtt_packet.h"
#include "mqtt/mqtt_store.h"
#include "net/stream.h"

typedef struct pl_mqtt_session pl_mqtt_session;

enum { PL_MQTT_BUFFERED = 1 }; /* taken, and waits: the server wants no more now, or is not there */

/* How a connection has ended. */
typedef struct pl_mqtt_end {
	int status;	/* PL_OK: by our DISCONNECT; PL_ECLOSED: by the server's; what else went
			 * wrong */
	bool connected; /* CONNACK had let us in */
	bool by_server; /* the reason is what it said, in a CONNACK or DISCONNECT */
	uint8_t reason; /* Reason Code, of 3.1.1 the return code of CONNACK */
	const char *message;		      /* a sentence */
	const pl_mqtt_properties *properties; /* the server's; NULL: none */
} pl_mqtt_end;

typedef struct pl_mqtt_session_events {
	/* CONNACK has let us in. What waits is sent when this returns. */
	void (*connected)(void *owner, const pl_mqtt_connack *connack);
	/* A message, borrowed. The owner calls pl_mqtt_session_handled when it is done with it, at
	 * once or later: once for each, in their order. */
	void (*message)(void *owner, const pl_mqtt_publish *publish);
	/* PUBACK, PUBREC or PUBCOMP (`type`) of what was published. */
	void (*acknowledged)(void *owner, uint8_t type, const pl_mqtt_ack *ack);
	/* SUBACK, UNSUBACK. */
	void (*subscribed)(void *owner, const pl_mqtt_suback *suback);
	void (*unsubscribed)(void *owner, const pl_mqtt_suback *unsuback);
	/* AUTH: the owner answers with pl_mqtt_session_auth, but to reason 0. */
	void (*auth)(void *owner, const pl_mqtt_ack *auth);
	void (*pong)(void *owner);
	/* What was given with a waiter has come to its end: acknowledged (PL_OK, with the server's
	 * Reason Code, or the first one's of several), or not (< 0). Called once for each. */
	void (*settled)(void *owner, void *waiter, int status, uint8_t reason);
	/* A message that nobody waits for cannot be delivered, or may not have been. */
	void (*undelivered)(void *owner, int status, pl_slice topic, const char *message);
	/* After PL_MQTT_BUFFERED or PL_ELIMIT: there is room again. */
	void (*drain)(void *owner);
	/* Last, of this connection; never within a call. */
	void (*disconnected)(void *owner, const pl_mqtt_end *end);
} pl_mqtt_session_events;

typedef struct pl_mqtt_session_settings {
	uint8_t version;	/* PL_MQTT_3 or PL_MQTT_5 */
	uint32_t ping_interval; /* ms; 0: none, but what the keep alive needs */
	uint32_t ping_timeout;	/* ms for any sign of life after a ping; 0: for ever */
	uint16_t topic_aliases; /* 5.0: topics that get one by themselves, at most; 0: none */
	bool publish_lost; /* QoS 2 of which a server that has lost the session may have had: is
			    * published again; false: is told as undelivered (PL_ELOST) */
	const pl_limits *limits;
} pl_mqtt_session_settings;

/* PL_OK or PL_ENOMEM. The settings are copied. */
int pl_mqtt_session_new(pl_mqtt_session **session, pl_loop *loop,
			const pl_mqtt_session_settings *settings,
			const pl_mqtt_session_events *events, void *owner);

/* While there is no connection, and not within an event. Waiters are settled with PL_ECANCELED. */
void pl_mqtt_session_free(pl_mqtt_session *session);

/* What follows is kept in the store, which is open: what it held is the session's. PL_OK;
 * PL_EINVAL: it holds what is no packet. The store's events go to pl_mqtt_session_stored. */
int pl_mqtt_session_restore(pl_mqtt_session *session, pl_mqtt_store *store,
			    const pl_mqtt_loaded *loaded);
void pl_mqtt_session_stored(pl_mqtt_session *session, void *context, int status);

/* Begins a connection: takes the stream over and sends CONNECT. The server has
 * limits.handshake_timeout to answer. PL_OK; PL_EINVAL, PL_ENOMEM, PL_ESTATE: the stream is the
 * caller's; the last one: that of the connection before is not closed yet. */
int pl_mqtt_session_connect(pl_mqtt_session *session, pl_stream *stream,
			    const pl_mqtt_connect *connect);

/* DISCONNECT behind what was written, then the end. PL_OK; PL_ECLOSED; what cannot be said:
 * PL_EINVAL, PL_EUTF8, PL_ETOOBIG, PL_ENOTSUP (properties in 3.1.1), and nothing happens. */
int pl_mqtt_session_disconnect(pl_mqtt_session *session, uint8_t reason,
			       const pl_mqtt_properties *properties);

/* The end at once, without DISCONNECT: the server publishes the will. */
void pl_mqtt_session_abort(pl_mqtt_session *session, int status, const char *message);

/* Publishes; id and dup of the struct mean nothing. *id: 0 of QoS 0. A waiter, not of QoS 0, is
 * settled later, never within this call.
 * PL_OK; PL_MQTT_BUFFERED; PL_ECLOSED: QoS 0 and no connection; PL_ELIMIT: limits.kept_messages, or
 * all identifiers are in use, `drain` follows; PL_EINVAL: no topic; PL_ETOOBIG: for the protocol or
 * this server; PL_ENOTSUP: the server has said that it does not support this, *why says what;
 * PL_ENOMEM. */
int pl_mqtt_session_publish(pl_mqtt_session *session, const pl_mqtt_publish *publish, void *waiter,
			    uint16_t *id, const char **why);

/* SUBSCRIBE, UNSUBSCRIBE; results as above, but that nothing is buffered: PL_ECLOSED. */
int pl_mqtt_session_subscribe(pl_mqtt_session *session, const pl_mqtt_subscribe *subscribe,
			      void *waiter, uint16_t *id, const char **why);
int pl_mqtt_session_unsubscribe(pl_mqtt_session *session, const pl_mqtt_subscribe *unsubscribe,
				void *waiter, uint16_t *id, const char **why);

/* PINGREQ: `pong` follows. AUTH, in 5.0 and when CONNECT had an Authentication Method, which is
 * added: with PL_MQTT_RE_AUTHENTICATE it begins anew. PL_OK, PL_ECLOSED, PL_ESTATE, PL_ENOMEM. */
int pl_mqtt_session_ping(pl_mqtt_session *session);
int pl_mqtt_session_auth(pl_mqtt_session *session, uint8_t reason,
			 const pl_mqtt_properties *properties);

/* The oldest message that `message` gave and that was not handled is. */
void pl_mqtt_session_handled(pl_mqtt_session *session);

/* The waiter has gone: it is not settled any more. What it waits for goes on. */
void pl_mqtt_session_forget(pl_mqtt_session *session, const void *waiter);

/* While paused no packet is read, but what is sent goes on. */
void pl_mqtt_session_pause(pl_mqtt_session *session, bool pause);

bool pl_mqtt_session_connected(const pl_mqtt_session *session);

/* Messages of QoS 1 and 2 that are not acknowledged, their bytes, and all that were ever taken. */
size_t pl_mqtt_session_pending(const pl_mqtt_session *session);
uint64_t pl_mqtt_session_taken(const pl_mqtt_session *session);

#endif
