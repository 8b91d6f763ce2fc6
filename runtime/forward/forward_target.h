/*
 * forward_target.h - what a forwarded request asks for, made strictly (attacks D-15).
 *
 * Pure. The path that a client sends decides what an application forwards, and may mean something
 * else to the server behind it: whoever lets /internal through lets "/internal/../admin" through,
 * unless such paths are refused.
 */
#ifndef PL_FORWARD_FORWARD_TARGET_H
#define PL_FORWARD_FORWARD_TARGET_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* Whether a path begins with '/' and means to everybody what it says: no segment "." or ".."
 * (escaped, between backslashes or escaped slashes, or before a semicolon, too), no control byte or
 * NUL (escaped, too),
 * no malformed escape. */
bool pl_forward_path_safe(pl_slice path);

typedef struct pl_forward_target {
	pl_slice path;	/* the request's, still escaped */
	pl_slice query; /* at NULL: none */
	pl_slice strip; /* as text; taken off the front of the path, where that is at a border of
			 * segments */
	pl_slice base;	/* put in front of it; empty, or begins with '/' and does not end with it */
	pl_slice document;     /* in place of the path; as text, to be escaped; at NULL: none */
	pl_slice query_params; /* in place of the query; at NULL: none, empty: no query */
} pl_forward_target;

/* Appends it. PL_OK; PL_EINVAL: a path or query is none that can be sent; PL_ENOMEM. */
int pl_forward_target_put(pl_buffer *out, const pl_forward_target *target);

#endif
