/*
 * attempt.h - one place tried: the stream, the opening handshake with its redirects, before one
 * deadline.
 */
#ifndef PL_CLIENT_ATTEMPT_H
#define PL_CLIENT_ATTEMPT_H

#include "client/route.h"
#include "conn/conn_ws.h"
#include "ws/ws_opening.h"

typedef struct pl_attempt pl_attempt;

/* What a failure was. All of it is borrowed. */
typedef struct pl_client_failure {
	int status;
	const char *why; /* a sentence; no secrets in it */
	int answered;	 /* the HTTP status of the server's answer in place of 101; */
	const pl_http_response *response; /* that answer; 0 and NULL: there was none */
	const pl_client_place *place;	  /* where */
} pl_client_failure;

/* What a success was. All of it is borrowed, but for the stream. */
typedef struct pl_attempt_joined {
	pl_stream *stream; /* the receiver's, who owns it before `joined` returns */
	uint8_t *rest;	   /* what came behind the handshake; may be changed */
	size_t len;
	pl_conn_heads heads;		    /* not of TCP */
	const pl_ws_deflate_terms *deflate; /* NULL: not agreed on */
} pl_attempt_joined;

typedef struct pl_attempt_events {
	/* The stream is there; `request` is what will be sent on it. The receiver calls
	 * pl_attempt_send, now or later. */
	void (*handshake)(void *owner, pl_slice request);
	/* About the certificate of the server, see pl_tls_connection; the receiver calls
	 * pl_attempt_verified, now or later. NULL: as OpenSSL has found it. */
	void (*verify)(void *owner, const pl_tls_question *question);
	/* One of these, once, never within pl_attempt_start or pl_attempt_send, and then the
	 * attempt is gone. */
	void (*joined)(void *owner, const pl_attempt_joined *joined);
	void (*failed)(void *owner, const pl_client_failure *failure);
} pl_attempt_events;

typedef struct pl_attempt_settings {
	const pl_client_route *route; /* stays */
	size_t place;		      /* of the route */
	uint32_t timeout;	      /* ms for all of it, then PL_ETIMEDOUT */
	uint32_t redirects;	      /* in a row that are followed */
	bool redirect_plain;	      /* from TLS to no TLS, too */
	bool redirect_inward;	      /* from the internet to private addresses, too */
	bool guard;		      /* public addresses alone */
	pl_address local;
	uint16_t local_first, local_last;
	pl_tcp_options tcp;
	pl_throttle_rates throttle;
	pl_ws_deflate_wishes deflate; /* is offered; the terms stay */
	const pl_limits *limits;      /* they stay */
	const pl_attempt_events *events;
	void *owner;
} pl_attempt_settings;

/* PL_OK or PL_ENOMEM. The route has no problem. */
int pl_attempt_start(pl_attempt **attempt, pl_loop *loop, const pl_attempt_settings *settings);

/* No event comes any more; what is open is closed. */
void pl_attempt_cancel(pl_attempt *attempt);

/* Answers `handshake`: PL_OK: the request is sent, with these fields added, each in place of those
 * of its name; else the attempt fails with this status. PL_OK; PL_EINVAL: a field cannot be sent,
 * or PL_ENOMEM, and the attempt fails. */
int pl_attempt_send(pl_attempt *attempt, int status, const pl_http_field *fields, size_t count);

/* Answers `verify`; without the question it does nothing. */
void pl_attempt_verified(pl_attempt *attempt, bool accept);

/* Where it is now: the place, or where redirects have led. */
const pl_client_place *pl_attempt_place(const pl_attempt *attempt);

#endif
