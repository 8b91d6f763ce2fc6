/*
 * authentication.h - the first stage of requests: who is it, and is that one let in?
 *
 * A request says it in one of the ways of credentials.h. A password is looked up in the list of
 * users; hashes are made on the thread pool, some at a time. When the list does not let it in the
 * script is asked, if it wants to be. Who is let in gets a user in the conn's info, and the
 * request goes on without the prefix that said it; others get 401, or 429 when too many of their
 * passwords were wrong.
 */
#ifndef PL_SERVER_AUTHENTICATION_H
#define PL_SERVER_AUTHENTICATION_H

#include "conn/conn.h"
#include "server/attempts.h"
#include "server/credentials.h"
#include "server/tokens.h"
#include "server/users.h"

typedef struct pl_authentication_settings {
	bool enabled;
	pl_credentials_ways ways;
	pl_slice realm;		      /* without '"', '\' and control characters */
	pl_users *users;	      /* the server's from pl_server_new on, whatever that says */
	const pl_http_field *fields;  /* of refusals */
	size_t field_count;	      /* at most PL_REFUSAL_FIELDS */
	const pl_slice *public_paths; /* "/a", or "/a*" for all that begin so */
	size_t public_count;
	uint64_t session_lifetime; /* ms */
} pl_authentication_settings;

enum { PL_REFUSAL_FIELDS = 100 };

/* What the workers of a server share. */
typedef struct pl_logins {
	pl_attempts attempts;
	pl_tokens tokens;
} pl_logins;

void pl_logins_init(pl_logins *logins);
void pl_logins_deinit(pl_logins *logins);

typedef struct pl_authentication pl_authentication;
typedef struct pl_login pl_login;

/* Their users are its own, if there is memory; NULL: there is none. */
pl_authentication *pl_authentication_new(const pl_authentication_settings *settings);
void pl_authentication_unref(pl_authentication *authentication); /* NULL is allowed */

/* A stage of requests. */
void pl_server_authenticate(pl_conn *conn, pl_exchange *exchange);

/* What the script is asked (events->login). Texts and request are there while it is pending. */

bool pl_login_pending(const pl_login *login);
pl_slice pl_login_user(const pl_login *login);
pl_slice pl_login_password(const pl_login *login); /* of another scheme: its data */
pl_slice pl_login_scheme(const pl_login *login);
const pl_exchange_request *pl_login_request(const pl_login *login);

/* The script's answer, once, also when it is not pending any more. `user` says who it is (at most
 * PL_CREDENTIAL_MAX bytes); at == NULL: as was said. */
void pl_login_end(pl_login *login, bool yes, pl_slice user);

#endif
