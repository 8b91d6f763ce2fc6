/*
 * mqtt_internal.h - an MQTT session, shared by its files: life and connection, what goes out, what
 * comes in.
 */
#ifndef PL_MQTT_MQTT_INTERNAL_H
#define PL_MQTT_MQTT_INTERNAL_H

#include "base/buffer.h"
#include "base/list.h"
#include "mqtt/mqtt_alias.h"
#include "mqtt/mqtt_ids.h"
#include "mqtt/mqtt_session.h"

enum session_state {
	SESSION_IDLE,	    /* no stream */
	SESSION_CONNECTING, /* CONNECT is written */
	SESSION_CONNECTED,
	SESSION_ENDING /* the stream is about to close */
};

/* What the store is asked to tell. */
enum note_kind { NOTE_EXCHANGE, NOTE_HANDLED, NOTE_RELEASED };

typedef struct note {
	enum note_kind kind;
	uint32_t link;
	uint16_t id;
	pl_list node; /* session->notes, but of exchanges */
} note;

/* What a message of QoS 1 or 2 that we publish waits for, or a SUBSCRIBE, an UNSUBSCRIBE. */
enum exchange_state {
	EXCHANGE_STORING,   /* the store, before it may be sent */
	EXCHANGE_READY,	    /* its turn */
	EXCHANGE_SENT,	    /* PUBACK or PUBREC; SUBACK, UNSUBACK */
	EXCHANGE_RELEASING, /* the store, behind PUBREC */
	EXCHANGE_RELEASED,  /* PUBREL may be sent */
	EXCHANGE_COMPLETING /* PUBCOMP */
};

typedef struct exchange {
	pl_mqtt_id id; /* first */
	uint8_t type;  /* PL_MQTT_PUBLISH, PL_MQTT_SUBSCRIBE, PL_MQTT_UNSUBSCRIBE */
	uint8_t qos;
	uint8_t state;
	bool sent;    /* on any connection */
	bool counted; /* in session->in_flight */
	bool storing; /* the store will call; when the exchange has gone it is freed then */
	bool gone;
	uint16_t alias;	 /* the script's for this topic; 0: none */
	uint32_t wanted; /* filters of a SUBSCRIBE, UNSUBSCRIBE */
	note stored;
	uint64_t number;
	uint64_t expires; /* ms of the loop; 0: never */
	pl_list node;	  /* session->exchanges, or asks */
	pl_block *packet; /* PUBLISH, with its topic; NULL behind PUBREC */
	void *waiter;
} exchange;

/* A message that was given out and is not handled yet. */
typedef struct receipt {
	uint32_t link; /* the connection that it, or its repetition, came on */
	uint16_t id;
	uint8_t qos;
} receipt;

/* Received identifiers of QoS 2: two bits for each. */
enum { KNOWN_BYTES = 65536 / 8 };

struct pl_mqtt_session {
	pl_loop *loop;
	pl_mqtt_session_settings settings;
	const pl_mqtt_session_events *events;
	void *owner;
	pl_mqtt_store *store; /* NULL: none */

	/* The connection. */
	pl_stream *stream;
	enum session_state state;
	uint32_t link; /* its number */
	pl_timer timer;
	pl_deferred again; /* reads on, sends on */
	pl_buffer partial; /* a packet that is not whole; with `unseen` what came in a pause */
	uint64_t heard;	   /* when, ms */
	uint64_t said;
	uint32_t interval; /* of pings, ms; 0: none */
	bool pinged;
	bool paused;
	bool unseen;
	bool told;	/* `disconnected` was called */
	uint64_t asked; /* when the ping left */
	pl_mqtt_end end;
	char end_text[192];
	pl_buffer method; /* of the authentication; empty: none */
	uint32_t keep_alive;
	uint32_t our_receive_maximum;
	uint32_t our_packet_size;
	uint32_t unacknowledged; /* received messages of QoS 1 and 2 */
	pl_mqtt_aliases_in aliases_in;
	pl_mqtt_aliases_out aliases_out;
	/* What the server has said it takes. */
	uint32_t receive_maximum;
	uint32_t packet_size;
	uint8_t maximum_qos;
	bool retain;
	bool wildcards;
	bool identifiers;
	bool shared;
	bool clean; /* CONNECT asked for a new session */

	/* What we publish. */
	pl_list exchanges;
	pl_list *next; /* the first that may have to be sent on this connection; the head: none */
	pl_list asks;
	pl_mqtt_ids ids;
	uint64_t taken;
	size_t kept;
	size_t pending;
	uint32_t in_flight;
	bool drain_wanted;

	/* What we receive. */
	uint8_t *known;	  /* KNOWN_BYTES, or NULL: identifiers that were not released */
	uint8_t *handled; /* the same: and acknowledged by PUBREC, or to be */
	pl_list notes;	  /* what the store has still to tell of them */
	receipt *receipts;
	uint32_t receipt_size; /* a power of two, or 0 */
	uint32_t receipt_first;
	uint32_t receipt_count;
};

/* mqtt_session.c: the connection ends: with what we say to the server (5.0), or without a word
 * (reason 0). Never calls `disconnected` itself. */
void pl_mqtt_session_fail(pl_mqtt_session *session, int status, uint8_t reason,
			  const char *message);
void pl_mqtt_fault_found(pl_mqtt_session *session, const pl_mqtt_fault *fault);
/* The server has ended it, within `data`: `disconnected` comes at once. */
void pl_mqtt_refused(pl_mqtt_session *session, uint8_t reason, const char *message,
		     const pl_mqtt_properties *properties);
void pl_mqtt_tell_end(pl_mqtt_session *session);
/* CONNACK is there. */
void pl_mqtt_begin_beating(pl_mqtt_session *session);

/* mqtt_write.c: PL_OK, PL_ECLOSED, PL_ENOMEM, and what pl_mqtt_packet_size says. */
pl_mqtt_rules pl_mqtt_our_rules(const pl_mqtt_session *session);
int pl_mqtt_write_connect(pl_mqtt_session *session, pl_stream *stream,
			  const pl_mqtt_connect *connect);
int pl_mqtt_write(pl_mqtt_session *session, const pl_mqtt_packet *packet);
/* PUBACK and its like; without memory the connection fails, as the protocol cannot go on. */
void pl_mqtt_write_ack(pl_mqtt_session *session, uint8_t type, uint16_t id, uint8_t reason);
/* `whole`: the packet as it would be, but for DUP; NULL: it is encoded. */
int pl_mqtt_write_publish(pl_mqtt_session *session, const pl_mqtt_publish *publish,
			  pl_block *whole);

/* mqtt_incoming.c */
void pl_mqtt_received(void *owner, uint8_t *data, size_t len);
void pl_mqtt_read_on(pl_mqtt_session *session);
void pl_mqtt_incoming_resume(pl_mqtt_session *session, bool present);
void pl_mqtt_incoming_ended(pl_mqtt_session *session);
void pl_mqtt_incoming_deinit(pl_mqtt_session *session);
int pl_mqtt_incoming_restore(pl_mqtt_session *session, const uint16_t *ids, size_t count);

/* mqtt_outgoing.c */
void pl_mqtt_send_on(pl_mqtt_session *session);
void pl_mqtt_outgoing_resume(pl_mqtt_session *session, bool present);
void pl_mqtt_outgoing_ended(pl_mqtt_session *session);
void pl_mqtt_outgoing_deinit(pl_mqtt_session *session);
int pl_mqtt_outgoing_restore(pl_mqtt_session *session, const pl_mqtt_loaded *loaded);
void pl_mqtt_outgoing_acknowledged(pl_mqtt_session *session, uint8_t type, const pl_mqtt_ack *ack);
void pl_mqtt_outgoing_answered(pl_mqtt_session *session, uint8_t type,
			       const pl_mqtt_suback *suback);

void pl_mqtt_exchange_stored(pl_mqtt_session *session, note *note, int status);
void pl_mqtt_receipt_stored(pl_mqtt_session *session, note *note, int status);

#endif
