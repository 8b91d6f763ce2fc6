/*
 * authentication_internal.h - what the files of authentication share.
 *
 * authentication.c: what is decided at once. login.c: what takes time. verdict.c: the answers.
 */
#ifndef PL_SERVER_AUTHENTICATION_INTERNAL_H
#define PL_SERVER_AUTHENTICATION_INTERNAL_H

#include "server/authentication.h"
#include "server/server.h"

struct pl_authentication {
	pl_users *users;
	uint32_t refs;	  /* the server, and each hash that is made */
	uint32_t hashing; /* at this time */
	uint32_t waiting_count;
	pl_list waiting; /* of logins, for a place */
};

/* What becomes of a request whose credentials are good. */
typedef struct pl_admittance {
	pl_slice user; /* empty: nobody known */
	size_t prefix; /* of the path, which nobody else gets to see */
	bool wants_token;
} pl_admittance;

/* authentication.c */
void pl_authentication_admit(pl_conn *conn, pl_exchange *exchange, const pl_admittance *who);
void pl_authentication_check(pl_conn *conn, pl_exchange *exchange);

/* The end of what pl_attempts_begin began. */
void pl_authentication_end_attempt(pl_server *server, const pl_address *address, bool failed);

/* login.c: the request waits for a hash, or for the script; they answer it. Of a hash an attempt
 * has begun, of the script with `attempt`. `given` NULL: nothing is said to the script. */
void pl_login_hash(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given,
		   const pl_users_check *check);
void pl_login_ask(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given,
		  enum pl_question question, bool attempt);

/* verdict.c: 401, which asks for Basic if that is open and wanted. */
void pl_verdict_refuse(pl_conn *conn, pl_exchange *exchange, bool wanted);

/* 429 or 503: again in so many seconds. */
void pl_verdict_later(pl_conn *conn, pl_exchange *exchange, int status, int seconds);

/* A token. */
void pl_verdict_token(pl_exchange *exchange, const char token[PL_TOKEN_SIZE]);

#endif
