/*
 * forward.h - a request that another server answers: an exchange on one side, a call on the other.
 *
 * Both bodies are handed on as they come, piece by piece: whoever takes slowly is not given more,
 * and nothing is kept. The head is made anew (forward_head.h). A request without a body and with a
 * method that may be sent twice is sent again, once, when a connection that was kept turns out to
 * be closed before a byte of an answer came. A client that waits for 100 (Continue) gets it from
 * the other server, or after a while from us.
 */
#ifndef PL_FORWARD_FORWARD_H
#define PL_FORWARD_FORWARD_H

#include "client/pool.h"
#include "forward/forward_head.h"

typedef struct pl_forward pl_forward;

/* What it came to. Borrowed. */
typedef struct pl_forward_outcome {
	int error;	   /* PL_OK, or why the answer is not whole: the other server's doing */
	const char *why;   /* then: a sentence */
	bool gone;	   /* the client's doing: it went before the end, or broke the protocol */
	int status;	   /* that the other server has answered; 0: none */
	uint64_t sent;	   /* bytes of the request's body, */
	uint64_t received; /* of the response's */
	uint32_t first_byte, total; /* ms from the begin; first_byte is 0 when there was none */
} pl_forward_outcome;

typedef struct pl_forward_events {
	/* No server was reached, so that nothing of the request has left: the exchange is the
	 * owner's again, paused. The forward is gone. */
	void (*unreached)(void *owner, pl_exchange *exchange, int status, const char *why);
	/* The other server speaks another protocol from now on: the exchange, not answered, and the
	 * stream are the owner's. The forward is gone. */
	void (*changed)(void *owner, pl_exchange *exchange, const pl_call_changed *changed);
	/* The final head, and pieces of both bodies, as they go on. NULL: nobody wants to know. */
	void (*head)(void *owner, const pl_http_response *response, pl_slice raw);
	void (*body)(void *owner, bool response, const uint8_t *data, size_t len);
	/* It is over, the exchange too. The forward is gone. */
	void (*ended)(void *owner, const pl_forward_outcome *outcome);
} pl_forward_events;

typedef struct pl_forward_order {
	pl_pool *pool;
	pl_slice host;
	uint16_t port;
	pl_tls_context *tls;  /* NULL: plain */
	pl_slice server_name; /* see pl_connector_settings */
	bool guarded;	      /* public addresses alone (base/guard) */
	pl_forward_change change;
	pl_forward_client client;
	uint32_t resolve_timeout, connect_timeout; /* ms, see pl_pool_order */
	pl_call_times times;
	uint32_t continue_timeout; /* ms for the other server's 100 */
	const pl_limits *limits;   /* they stay */
	const pl_forward_events *events;
	void *owner;
} pl_forward_order;

/* Takes the exchange over, of whose body nothing was read. What the order points to is copied, but
 * for limits, events and owner. PL_OK: one of `unreached`, `changed`, `ended` comes, perhaps at
 * once. Else the exchange is still the caller's, and *answer is the status for the client: see
 * pl_forward_head_make. */
int pl_forward_start(pl_exchange *exchange, const pl_forward_order *order, int *answer);

/* The status for a client whose request came to this: 504 for PL_ETIMEDOUT, 503 where we lack
 * something, 403 for an address that is guarded, else 502. */
int pl_forward_status(int status);

/* Answers with a status and the name of the reason: "Bad Gateway (ECONNREFUSED)". */
void pl_forward_refuse(pl_exchange *exchange, int answer, int status);

#endif
