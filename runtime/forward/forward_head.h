/*
 * forward_head.h - the heads of forwarded requests and responses: what goes on, what ends here,
 * what is added (RFC 9110 7.6; RFC 7239).
 *
 * Pure. Nothing of a request's head is handed on as it stands: the request is made anew of what was
 * decoded. What speaks of the connection, or is named in Connection, ends here; what we add cannot
 * be taken away by that. Who the client is says our word alone, unless the client is itself a proxy
 * that is trusted: then its word is handed on and ours is put behind it.
 */
#ifndef PL_FORWARD_FORWARD_HEAD_H
#define PL_FORWARD_FORWARD_HEAD_H

#include "base/address.h"
#include "forward/forward_target.h"
#include "http/call.h"
#include "http/exchange.h"

enum {
	/* Fields of a request, at most: the client's, the application's, ours. */
	PL_FORWARD_FIELDS = 2 * PL_HTTP_FIELDS_MAX + 16,
	PL_FORWARD_HOPS = 16 /* servers of this kind on a request's way: more is a loop */
};

typedef struct pl_forward_client {
	pl_address peer;
	uint16_t port; /* of ours that it has connected to */
	bool secure;   /* by TLS */
	bool trusted;  /* a proxy whose word on its clients counts */
} pl_forward_client;

/* How a request is to be changed. */
typedef struct pl_forward_change {
	pl_slice authority;			      /* Host */
	pl_slice strip, base, document, query_params; /* see pl_forward_target */
	pl_slice origin;			      /* Origin; at NULL: as it came */
	bool no_cache;				      /* caches on the way have to ask */
	const pl_http_field *fields; /* in place of those of the same names; at NULL a value: the
				      * field is left out */
	size_t field_count;
} pl_forward_change;

typedef struct pl_forward_head {
	pl_call_request request;
	pl_http_field fields[PL_FORWARD_FIELDS];
	pl_buffer texts; /* of the target and what is added */
} pl_forward_head;

/* PL_OK; PL_EINVAL: the target cannot be sent (400), or a field that was added cannot (500);
 * PL_ELIMIT: the request goes round (508), or was to go no further (200, Max-Forwards); PL_ENOTSUP:
 * CONNECT and TRACE are not forwarded (501); PL_ENOMEM. *answer: the status for the client. All is
 * borrowed from the request and the change but what is in `texts`. To be deinited whatever comes.
 */
int pl_forward_head_make(pl_forward_head *head, const pl_exchange_request *request,
			 const pl_forward_change *change, const pl_forward_client *client,
			 int *answer);
void pl_forward_head_deinit(pl_forward_head *head);

/* The fields of a response that go on, written to `fields` (PL_HTTP_FIELDS_MAX): their number. A
 * Location on the server behind leads to us: the part of it that names the authority is left out,
 * and `base` and `strip` are undone. `scratch` has the texts. Or PL_ENOMEM. */
int pl_forward_response_fields(pl_http_field *fields, const pl_http_response *response,
			       const pl_forward_change *change, bool trailers, pl_buffer *scratch);

/* The status line and fields of a 101, as the client gets it. PL_OK or PL_ENOMEM. */
int pl_forward_changed_head(pl_buffer *out, const pl_http_response *response);

/* Lines of trailers, as calls give them, to at most PL_HTTP_FIELDS_MAX fields: their number. */
size_t pl_forward_trailers(pl_http_field *fields, pl_slice lines);

#endif
