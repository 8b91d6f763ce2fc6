/*
 * credentials.h - who a request says it comes from.
 *
 *     Authorization: Basic BASE64                      user and password (RFC 7617)
 *     Authorization: SCHEME DATA                       any other scheme, for the script
 *     /sgc/auth/url/USER/PASSWORD[/PATH]               user and password in front of a path
 *     /sgc/auth/session/TOKEN[/PATH]                   a token
 *     /sgc/req/auth/session[/USER/PASSWORD]            asks for one; without these: Authorization
 *
 * Parts of a path are percent-encoded. Reads only, and keeps what it decodes in the struct.
 */
#ifndef PL_SERVER_CREDENTIALS_H
#define PL_SERVER_CREDENTIALS_H

#include <stdbool.h>

#include "http/exchange.h"

enum { PL_CREDENTIAL_MAX = 1024 }; /* a user, a password; and four times that other data */

enum pl_credentials_kind {
	PL_CREDENTIALS_NONE,
	PL_CREDENTIALS_PASSWORD,
	PL_CREDENTIALS_TOKEN,
	PL_CREDENTIALS_OTHER /* of a scheme that is the script's */
};

/* The ways that are open. */
typedef struct pl_credentials_ways {
	bool basic;
	bool session;
	bool url;
} pl_credentials_ways;

typedef struct pl_credentials {
	enum pl_credentials_kind kind;
	bool wants_token; /* the request asks for one */
	bool in_path;	  /* they were found there */
	size_t prefix;	  /* bytes of the path that are not for others; 0: none */
	pl_slice user;
	pl_slice password; /* or the token, or the data of another scheme */
	pl_slice scheme;
	char room[6 * PL_CREDENTIAL_MAX];
} pl_credentials;

/* PL_OK, or PL_EPROTO with *error a phrase: what they are written in is malformed. */
int pl_credentials_read(pl_credentials *credentials, const pl_credentials_ways *ways,
			const pl_exchange_request *request, const char **error);

#endif
