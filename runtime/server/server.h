/*
 * server.h - a server: its listeners, its connections, and what it serves by itself.
 *
 * One port carries HTTP and WebSocket. The server accepts, admits, upgrades, keeps the registry of
 * guids and the channels; the script's side (pl_server_events) decides the rest. One
 * loop's thread owns it.
 */
#ifndef PL_SERVER_SERVER_H
#define PL_SERVER_SERVER_H

#include "codec/frame_end.h"
#include "conn/conn.h"
#include "conn/conn_http.h"
#include "conn/conn_ws.h"
#include "http/files.h"
#include "net/listener.h"
#include "net/throttle.h"
#include "net/tls.h"
#include "net/tls_context.h"
#include "server/admission.h"
#include "server/authentication.h"
#include "server/channel.h"
#include "server/group.h"
#include "server/overflow_rule.h"
#include "server/protocols.h"
#include "ws/ws_deflate.h"

typedef struct pl_server pl_server;
typedef struct pl_arrival pl_arrival;
typedef struct pl_stranger pl_stranger;
typedef struct pl_upgrade pl_upgrade;

/* What the script may want to be asked. */
enum pl_question {
	PL_ASKS_ARRIVAL,
	PL_ASKS_CERTIFICATE,
	PL_ASKS_PROTOCOL,
	PL_ASKS_STRANGER,
	PL_ASKS_HANDSHAKE,
	PL_ASKS_FORWARDING,
	PL_ASKS_COMMAND,    /* whether a request needs to say who it is */
	PL_ASKS_LOGIN,	    /* whether a user and password are good */
	PL_ASKS_OTHER_LOGIN /* whether another scheme's data are */
};

typedef struct pl_server_events {
	/* Whether it does now; NULL: never. */
	bool (*asks)(pl_server *server, enum pl_question question);
	/* A connection is there, of which nothing was read yet. The receiver calls pl_arrival_end,
	 * now or later; who takes longer than limits.handshake_timeout loses the connection. */
	void (*arrived)(pl_conn *conn, pl_arrival *arrival);
	/* A client has shown a certificate, or offers protocols by ALPN: see pl_tls_acceptance. The
	 * receiver calls pl_tls_answer, or pl_tls_select, on the conn's stream, now or later; who
	 * takes longer than limits.handshake_timeout loses the connection. */
	void (*certificate)(pl_conn *conn, const pl_tls_question *question);
	void (*protocols)(pl_conn *conn, const pl_slice *offered, size_t count);
	/* What a connection says first is no HTTP: `said`, which is borrowed. The receiver calls
	 * pl_stranger_end, now or later; who takes longer than limits.handshake_timeout loses the
	 * connection. */
	void (*stranger)(pl_conn *conn, pl_stranger *stranger, pl_slice said);
	/* One of PL_ASKS_COMMAND, PL_ASKS_LOGIN and PL_ASKS_OTHER_LOGIN. The receiver calls
	 * pl_login_end, now or later: within limits.handshake_timeout, else the answer is 503. */
	void (*login)(pl_conn *conn, pl_login *login, enum pl_question question);
	/* A WebSocket handshake is good; the conn's info tells of its request already. The receiver
	 * calls pl_upgrade_end, now or later: within limits.handshake_timeout, else the answer is
	 * 503. */
	void (*handshake)(pl_conn *conn, pl_upgrade *upgrade);
	void (*connect)(pl_conn *conn); /* a message session has begun */
	void (*message)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len);
	/* With settings.delivery. */
	void (*fragment)(pl_conn *conn, enum pl_kind kind, const uint8_t *data, size_t len,
			 bool more);
	/* See pl_conn_events; NULL: never. */
	bool (*heartbeat)(pl_conn *conn);
	void (*ping)(pl_conn *conn, const uint8_t *payload, size_t len); /* may be NULL */
	void (*pong)(pl_conn *conn, const uint8_t *payload, size_t len);
	void (*drain)(pl_conn *conn);
	void (*flushed)(pl_conn *conn);
	/* See pl_conn_events; NULL: nobody wants to know. */
	void (*error)(pl_conn *conn, int status, const char *message);
	/* Last for a conn; `session`: it was a message session (connect was called). The conn is
	 * gone when this returns, its info only when the last reference is given back. */
	void (*disconnect)(pl_conn *conn, bool session, uint16_t code, pl_slice reason);
	/* An HTTP request that is no upgrade. The receiver owns the exchange before it returns, or
	 * calls pl_server_serve. */
	void (*request)(pl_conn *conn, pl_exchange *exchange);
	/* Any request, before all else. The receiver owns the exchange before it returns, or calls
	 * pl_request_next with PL_STAGE_FORWARDING, now or later. */
	void (*forwarding)(pl_conn *conn, pl_exchange *exchange);
	void (*stopped)(pl_server *server); /* no listener and no connection is left */
} pl_server_events;

/* Event streams (conn/conn_sse.h). */
typedef struct pl_event_settings {
	bool enabled;
	bool raw_fields; /* texts that are fields go out as them */
	bool greets_all; /* not only clients that say they are our library */
	uint32_t retry;	 /* ms after which a client comes back */
} pl_event_settings;

typedef struct pl_server_settings {
	pl_limits limits;
	pl_heartbeat heartbeat;
	pl_queue_options queue;			/* what goes first when output waits */
	pl_overflow overflow;			/* of connections, when too much of it does, */
	const pl_overflow_rule *overflow_rules; /* and of what goes to channels */
	size_t overflow_rule_count;
	pl_slice software;	     /* Server header; empty: none */
	const pl_http_field *fields; /* of every HTTP answer, see pl_http1_settings */
	size_t field_count;
	pl_deflate_settings deflate;
	pl_deflate_settings deflate_frame;
	enum pl_ws_delivery delivery;
	bool hixie76; /* WebSockets of that draft, too */
	pl_event_settings events;
	pl_slice flash_policy;		  /* the file for Flash Player; empty: it is not answered */
	pl_frame_end frames;		  /* of plain TCP */
	pl_tcp_options tcp;		  /* of its connections */
	pl_throttle_rates throttle;	  /* of each connection */
	pl_throttle_rates throttle_total; /* of all together */
	bool http_close;		  /* every answer ends its connection */
	bool http_announce;		  /* answers say how long a connection is kept */
	const pl_slice *protocols;	  /* subprotocols it speaks, */
	size_t protocol_count;		  /* 0: any handshake goes, without subprotocol */
	const pl_slice *origins;	  /* that may open a WebSocket (origin.h), */
	size_t origin_count;		  /* 0: all */
	pl_authentication_settings authentication;
	const char *document_root; /* folder of files, or NULL */
	pl_files_settings files;   /* its limits are those above */
	bool html_files;	   /* serve the built-in pages */
	bool javascript_files;	   /* serve the built-in libraries */
	uint16_t worker;
	uint32_t generation; /* of the script */
	pl_groups *groups;   /* where the other workers' servers are; NULL: there is one worker */
} pl_server_settings;

struct pl_server {
	pl_loop *loop;
	pl_server_settings settings;
	void *texts; /* of the settings */
	pl_conn_settings conn_settings;
	pl_http1_settings http1_settings;
	const pl_server_events *events;
	void *binding;	/* the script's side */
	pl_list ports;	/* from listening until the listener is closed */
	pl_list conns;	/* all, from accept to close */
	pl_map by_guid; /* message sessions */
	pl_channels channels;
	pl_protocols protocols; /* besides those of the settings */
	pl_files *files;
	pl_ws_deflate_pool *deflate_pool; /* NULL: not enabled */
	pl_ws_deflate_pool *deflate_frame_pool;
	pl_group *group;	 /* while it listens with others; NULL: alone */
	pl_admission *admission; /* its own or the group's */
	pl_admission own_admission;
	pl_authentication *authentication; /* NULL: not enabled */
	pl_logins *logins;		   /* its own or the group's */
	pl_logins own_logins;
	pl_throttle_total *throttle; /* NULL: they have no bound together */
	pl_list holds;		     /* requests about which something is decided */
	pl_list rosters;	     /* being collected */
	uint32_t roster_serial;
	pl_list posts; /* messages that another worker takes in, see event_post.c */
	uint32_t post_serial;
	pl_list letters; /* such messages of other workers */
	pl_deferred stopped;
	pl_timer stop_timer; /* the next sessions to end; then the end of patience with the rest */
	uint64_t stop_at;    /* when the last session is ended, ms */
	uint64_t accept_due; /* when limits.accept_rate allows for another connection, us */
	uint32_t mark;	     /* of the latest publication with exclusions */
	uint64_t last_refusal; /* when a refused connection was logged last, ms */
	bool stopping;
	bool spreading; /* sessions are left that have not been told of it */
};

/* Every message is in the log from now on; the server refers to it. NULL: in none. */
void pl_server_set_log(pl_server *server, pl_message_log *log);

/* The settings are copied, with all texts. PL_OK or PL_ENOMEM. */
int pl_server_new(pl_server **server, pl_loop *loop, const pl_server_settings *settings,
		  const pl_server_events *events, void *binding);

/* Gives the server, with its connections, to another script's side. The former one loses each of
 * them as if it had gone, but for requests that it answers; the next event of a connection is the
 * new one's. Not from within an event. */
void pl_server_rebind(pl_server *server, const pl_server_events *events, void *binding);

/* Only while no connection is there. */
void pl_server_free(pl_server *server);

/* Adds a listener; see pl_listener_open. With a TLS context its connections are TLS: the server
 * keeps a reference. `bound` gets the address with the real port. With several workers the first
 * listener makes the server a member of its group. */
int pl_server_listen(pl_server *server, const pl_address *address, pl_tls_context *tls,
		     pl_address *bound);

/* Connections to come of the ports that have the former context get the other one. */
void pl_server_renew_tls(pl_server *server, const pl_tls_context *former, pl_tls_context *now);

/* Takes in a connection that came another way, as if a listener had accepted it. */
void pl_server_adopt(pl_server *server, pl_stream *stream);

enum pl_arrival_answer {
	PL_ARRIVAL_REFUSED,
	PL_ARRIVAL_LET_IN,
	PL_ARRIVAL_TCP /* and it speaks plain TCP, of which nothing has to come first */
};

/* Answers `arrived`, once. conn is NULL when it has gone. */
void pl_arrival_end(pl_arrival *arrival, pl_conn *conn, enum pl_arrival_answer answer);

/* Answers `stranger`, once: it is a session of plain TCP, or is closed. conn is NULL when it has
 * gone. */
void pl_stranger_end(pl_stranger *stranger, pl_conn *conn, bool accept);

/* Whether it is not over without the script: the connection has gone, the deadline has come or the
 * server stops. */
bool pl_upgrade_pending(const pl_upgrade *upgrade);

/* What the handshake will be answered with, besides what is added; valid while it is pending. PL_OK
 * or PL_ENOMEM. */
int pl_upgrade_answer(const pl_upgrade *upgrade, pl_conn_ws_answer *answer);

/* Answers `handshake`, once, also when the connection has gone: with a refusal (a status), or, if
 * that is 0, with 101 and these fields added. PL_EINVAL: a field is wrong, or set for you, and the
 * answer is 500. */
int pl_upgrade_end(pl_upgrade *upgrade, int refusal, const pl_http_field *fields, size_t count);

/* Takes all listeners away; connections stay. Without connections it leaves its group. */
void pl_server_unlisten(pl_server *server);

/* Whether somebody who connects now is served. */
bool pl_server_listening(const pl_server *server);

/* Whether it is for this server to tell that it listens: the first one of its group. */
bool pl_server_announces(pl_server *server);

/* Stops listening, disconnects message sessions (1001), at once or over limits.drain_time, lets
 * requests under way finish within that and limits.close_timeout; `stopped` comes when all is
 * closed. */
void pl_server_stop(pl_server *server);

/* Message sessions now, in all workers. */
uint32_t pl_server_count(const pl_server *server);
pl_conn *pl_server_find(const pl_server *server, const pl_guid *guid);

static inline pl_server *pl_server_of(const pl_conn *conn)
{
	return conn->server;
}

int pl_server_subscribe(pl_conn *conn, pl_slice channel);
bool pl_server_unsubscribe(pl_conn *conn, pl_slice channel);

/* Answers a request with what the server has: a file of document_root, a built-in page or library,
 * else 404. Takes the exchange over. */
void pl_server_serve(pl_server *server, pl_exchange *exchange);

#endif
