/*
 * info.h - what stays readable of a connection for as long as anybody refers to it, also after its
 * end. One block, as small as it can be: every idle connection has one.
 */
#ifndef PL_CONN_INFO_H
#define PL_CONN_INFO_H

#include "base/address.h"
#include "base/slice.h"
#include "conn/guid.h"
#include "net/stream.h"

typedef struct pl_conn_info {
	const char *transport; /* "http", "rfc6455", "hixie76", "sse", "tcp" */
	const char *alpn;      /* see pl_conn_info_alpn */
	uint32_t alpn_len : 8;
	uint32_t protocol_len : 24;
	uint32_t refs;
	pl_guid guid;
	pl_address peer;
	pl_address local;
	uint32_t url_at; /* in bytes */
	uint32_t url_len;
	uint32_t request_len; /* packed */
	uint32_t response_len;
	uint32_t generation; /* of the script under which it began */
	uint32_t user_len;
	char bytes[]; /* the subprotocol, then the heads as http_pack.h makes them, then the user */
} pl_conn_info;

/* Of a connection at its begin, with a new guid. NULL without memory. */
pl_conn_info *pl_conn_info_new(pl_stream *stream, uint16_t worker);

pl_conn_info *pl_conn_info_ref(pl_conn_info *info);
void pl_conn_info_unref(pl_conn_info *info); /* NULL is allowed */

/* The protocol agreed on by ALPN, in memory that is there for ever; at most 255 bytes. */
void pl_conn_info_set_alpn(pl_conn_info *info, pl_slice alpn);

/* The heads that opened a message session. */
typedef struct pl_conn_heads {
	pl_slice request;
	pl_slice target; /* the part of it that conn.url gives */
	pl_slice response;
	pl_slice protocol; /* subprotocol agreed on; empty: none */
} pl_conn_heads;

/* A new one that says the same, also of the user, with these heads. NULL without memory. */
pl_conn_info *pl_conn_info_with(const pl_conn_info *info, const pl_conn_heads *heads);

/* A new one that says the same, but for the user. NULL without memory. */
pl_conn_info *pl_conn_info_with_user(const pl_conn_info *info, pl_slice user);

pl_slice pl_conn_info_alpn(const pl_conn_info *info);	  /* empty: none */
pl_slice pl_conn_info_url(const pl_conn_info *info);	  /* the target as sent; empty before */
pl_slice pl_conn_info_protocol(const pl_conn_info *info); /* empty: none */
pl_slice pl_conn_info_user(const pl_conn_info *info);	  /* who it is; empty: nobody known */

/* Writes the head as it was, and returns its length; out NULL: only tells it. */
size_t pl_conn_info_request(const pl_conn_info *info, char *out);
size_t pl_conn_info_response(const pl_conn_info *info, char *out);

#endif
