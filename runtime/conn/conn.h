/*
 * conn.h - a connection as applications know it, whatever carries its messages.
 *
 * It begins when bytes can flow (over TCP: at accept, carrying HTTP) and may become a message
 * session (an upgrade to WebSocket) under the same guid. conn.c knows the heartbeat and closing,
 * conn_send.c sending and back-pressure; what carries the messages is a table of functions,
 * pl_conn_ops. Server and client share it. The owner gets pl_conn_events.
 */
#ifndef PL_CONN_CONN_H
#define PL_CONN_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "conn/info.h"
#include "conn/message.h"
#include "conn/message_log.h"
#include "conn/overflow.h"
#include "conn/queue.h"
#include "conn/subscriber.h"
#include "http/exchange.h"
#include "net/stream.h"

typedef struct pl_conn pl_conn;

enum { PL_BUFFERED = 1 }; /* > 0: taken, but the peer reads slower than we write */

enum pl_heartbeat_type { PL_HEARTBEAT_IF_NO_MESSAGE, PL_HEARTBEAT_ALWAYS };

typedef struct pl_heartbeat {
	uint32_t interval; /* ms; 0: off */
	uint32_t timeout;  /* ms from a ping to any sign of life; 0: never closes */
	enum pl_heartbeat_type type;
} pl_heartbeat;

typedef struct pl_conn_events {
	void (*message)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len);
	/* See pl_ws_events. */
	void (*fragment)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			 bool more);
	/* The heartbeat is due. True: the owner decides and calls pl_conn_heartbeat, now or later;
	 * who takes longer than the interval gets the ping. NULL: never. */
	bool (*heartbeat)(pl_conn *conn);
	/* A ping, which has been answered. NULL: nobody wants to know. */
	void (*ping)(pl_conn *conn, const uint8_t *payload, size_t len);
	void (*pong)(pl_conn *conn, const uint8_t *payload, size_t len);
	void (*drain)(pl_conn *conn); /* queued output fell below the low-water mark */
	/* After pl_conn_flush said PL_BUFFERED: output has left, see pl_conn_flushed. Comes as
	 * long as the connection takes output. NULL: nobody flushes. */
	void (*flushed)(pl_conn *conn);
	/* The peer broke a rule, went beyond a limit or took too long; before what that ends.
	 * NULL: nobody wants to know. */
	void (*error)(pl_conn *conn, int status, const char *message);
	/* Last, once, never within another call. The owner frees the conn. */
	void (*closed)(pl_conn *conn, uint16_t code, pl_slice reason);
} pl_conn_events;

/* What all connections of one owner share. */
typedef struct pl_conn_settings {
	pl_loop *loop;
	const pl_conn_events *events;
	const pl_limits *limits;
	pl_heartbeat heartbeat;
	pl_queue_options queue; /* what goes first when output waits */
	pl_overflow overflow;	/* when too much of it does; a message may have its own */
	bool leaves_out;	/* of some messages, then, some are left out */
	pl_message_log *log;	/* of all messages; NULL: none */
	bool client;		/* of a client: it is who asked for the session */
	uint32_t generation;	/* of the script */
} pl_conn_settings;

/* What carries messages. `frames` blocks are what `encode` made. */
typedef struct pl_conn_ops {
	const char *transport;		      /* "rfc6455", "hixie76", "sse", "tcp" */
	bool texts_only;		      /* bytes cannot be sent: PL_ENOTSUP */
	int (*encoding)(const pl_conn *conn); /* enum pl_encoding */
	/* NULL, for a client, whose frames are its own and cannot be another's (masks): what waits
	 * for blocked output is kept as it was given, and `send` sends it. `encoding` then gives
	 * PL_ENCODING_OWN, and there is no send_frames. */
	pl_block *(*encode)(pl_conn *conn, const pl_message *message);
	int (*send)(pl_conn *conn, enum pl_kind kind, const void *data, size_t len,
		    size_t fragment);
	int (*send_frames)(pl_conn *conn, pl_block *frames);
	/* NULL: there are none, and the heartbeat only asks the owner, or does `beat`. */
	int (*ping)(pl_conn *conn, const void *payload, size_t len);
	/* Without pings: something that nobody answers, to keep the connection in use. Or NULL. */
	int (*beat)(pl_conn *conn);
	void (*close)(pl_conn *conn, uint16_t code, pl_slice reason);
	void (*disconnect)(pl_conn *conn, uint16_t code, pl_slice reason);
	void (*abort)(pl_conn *conn, int status);
	void (*pause)(pl_conn *conn, bool pause);
	bool (*is_open)(const pl_conn *conn);
	void (*counts)(const pl_conn *conn, uint64_t *received, uint64_t *sent);
	void (*free)(pl_conn *conn); /* the session */
} pl_conn_ops;

enum pl_conn_state {
	PL_CONN_HTTP,	 /* requests; no messages yet */
	PL_CONN_OPEN,	 /* messages */
	PL_CONN_CLOSING, /* a Close is under way */
	PL_CONN_CLOSED
};

struct pl_conn {
	const pl_conn_ops *ops;
	const pl_conn_settings *settings;
	void *session; /* of ops */
	void *server;  /* whose connection it is: the server or the client */
	pl_stream *stream;
	pl_conn_info *info;
	pl_queue *queue;    /* NULL while nothing waits */
	void *binding;	    /* the script's side; NULL while it has none */
	void *guest;	    /* its client address, as the server counts it */
	pl_timer timer;	    /* deadline of the begin, heartbeat, deadline of closing */
	pl_list node;	    /* in its server's list */
	pl_map_entry entry; /* in its server's registry, under the guid */
	pl_subscriber subscriber;
	uint32_t last_read; /* ms, the low bits of them */
	uint8_t state;
	bool paused : 1;
	bool leaving : 1;      /* pl_conn_close was called while it spoke HTTP */
	bool asked : 1;	       /* the owner decides about a ping */
	bool pinged : 1;       /* by the heartbeat or pl_conn_demand, and nothing was read since */
	bool drain_wanted : 1; /* was over the high-water mark */
	bool flush_wanted : 1; /* `flushed` is to come */
	bool logged : 1;       /* the log of messages has its begin */
	uint32_t queued;       /* messages that ever went to the queue; wraps around */
	uint32_t left_out;     /* messages that were, for this peer reads slowly */
};

/* A connection at its begin. PL_OK or PL_ENOMEM. */
int pl_conn_new(pl_conn **conn, pl_stream *stream, uint16_t worker,
		const pl_conn_settings *settings, void *server);
void pl_conn_free(pl_conn *conn);

/* The conn's info from now on has these heads. Returns the info so far, whose reference is the
 * caller's; NULL: no memory, nothing has changed. */
pl_conn_info *pl_conn_describe(pl_conn *conn, const pl_conn_heads *heads);

/* Gives what waited for blocked output, behind what `to` has: for whom a connection has ended that
 * another will follow. What was encoded for this one alone is dropped. */
void pl_conn_salvage(pl_conn *conn, pl_queue *to);

/* Sends to this one. PL_OK, PL_BUFFERED, PL_ECLOSED, PL_EUTF8, PL_ENOMEM, PL_ENOTSUP: what carries
 * the messages has none of this kind, or PL_ELIMIT: the send queue was full, and the connection is
 * being dropped or, if its messages may be left out, this one was. */
int pl_conn_write(pl_conn *conn, enum pl_kind kind, const void *data, size_t len, size_t fragment);

/* Sends a message that others get as well, or one with fields. Text is known to be UTF-8. Results
 * as above. */
int pl_conn_publish(pl_conn *conn, pl_message *message);

/* The owner's answer to the event `heartbeat`. `handled`: no ping, and nothing is waited for. */
void pl_conn_heartbeat(pl_conn *conn, bool handled);

/* PL_OK, PL_ECLOSED, PL_ENOTSUP: what carries the messages has no pings, nor a beat, in the place
 * of which there is no payload; and what goes wrong when one is sent. */
int pl_conn_ping(pl_conn *conn, const void *payload, size_t len);

/* Whether pings are answered. */
bool pl_conn_answers(const pl_conn *conn);

/* A ping, after which the peer has `timeout` ms for any sign of life, else it is dropped.
 * PL_ENOTSUP: it would not be answered. */
int pl_conn_demand(pl_conn *conn, uint32_t timeout);

/* Close frame behind what was written (limits.write_timeout watches that), then up to
 * limits.close_timeout for the peer's. */
void pl_conn_close(pl_conn *conn, uint16_t code, pl_slice reason);

/* Close frame if it can leave at once, then the connection ends. */
void pl_conn_disconnect(pl_conn *conn, uint16_t code, pl_slice reason);

void pl_conn_pause(pl_conn *conn, bool pause);
bool pl_conn_is_open(const pl_conn *conn);

/* Hands to the system what was written, as far as it takes it. PL_OK: all of it; PL_BUFFERED: what
 * waits has left when pl_conn_flushed(conn, *mark) says so, which `flushed` events are for;
 * PL_ECLOSED. Whatever carries the connection, also before it carries messages. */
int pl_conn_flush(pl_conn *conn, uint32_t *mark);
bool pl_conn_flushed(const pl_conn *conn, uint32_t mark);

/* Output that waits, in the queue and in the stream, in bytes. */
size_t pl_conn_queued(const pl_conn *conn);

/* For the files that implement pl_conn_ops. What arrives goes to the log and the owner. */
void pl_conn_message(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len);
void pl_conn_fragment(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len, bool more);
void pl_conn_pong(pl_conn *conn, const uint8_t *payload, size_t len);
void pl_conn_opened(pl_conn *conn, const pl_conn_ops *ops, void *session);
void pl_conn_alive(pl_conn *conn);
void pl_conn_drained(pl_conn *conn); /* all output of the stream, which was blocked, is sent */
void pl_conn_error(pl_conn *conn, int status, const char *message);
void pl_conn_closing(pl_conn *conn);
void pl_conn_ended(pl_conn *conn, uint16_t code, pl_slice reason);

#endif
