/*
 * head_secrets.h - heads of requests and responses for the eyes of others: "***" in place of what
 * is secret.
 *
 * That is the value of a field, or of a parameter of a query, with a name that says so
 * (Authorization, Cookie, X-Auth-Token, access_token, ...), a user and password in a URL, and what
 * stands behind /sgc/auth/ and /sgc/req/auth/ in a path: users, passwords, sessions.
 */
#ifndef PL_CONN_HEAD_SECRETS_H
#define PL_CONN_HEAD_SECRETS_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends the head, or PL_ENOMEM: then a part of it may be there. */
int pl_head_secrets_hide(pl_buffer *out, pl_slice head);

#endif
