/* A request whose authentication takes time: a hash is made, the script is asked. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "crypto/compare.h"
#include "net/work.h"
#include "server/authentication_internal.h"
#include "server/hold.h"

struct pl_login {
	pl_authentication *authentication;
	pl_conn *conn;
	pl_exchange *exchange; /* the held one; NULL: it is over */
	pl_hold *hold;	       /* NULL: the same */
	pl_list node;	       /* in `waiting` */
	enum pl_question question;
	bool attempt; /* to be ended */
	bool queued;
	bool busy; /* somebody else frees it: the thread pool, the script */
	bool wants_token;
	size_t prefix;
	pl_users_check check;
	bool right; /* the thread pool's result ... */
	int status; /* ... if it has one */
	pl_slice scheme;
	pl_slice user;
	pl_slice password;
	size_t size;
	char text[];
};

static pl_slice keep(pl_login *self, pl_slice text)
{
	char *to = self->text + self->size;

	if (text.len > 0)
		memcpy(to, text.at, text.len);
	self->size += text.len;
	return pl_slice_make(to, text.len);
}

static void keep_all(pl_login *self, const pl_credentials *given)
{
	self->wants_token = given->wants_token;
	self->prefix = given->prefix;
	self->scheme = keep(self, given->scheme);
	self->user = keep(self, given->user);
	self->password = keep(self, given->password);
}

static void login_free(pl_login *self)
{
	pl_secret_wipe(self->text, self->size);
	pl_free(self);
}

static void end_attempt(pl_login *self, bool failed)
{
	if (self->attempt)
		pl_authentication_end_attempt(pl_server_of(self->conn), &self->conn->info->peer,
					      failed);
	self->attempt = false;
}

static void leave_queue(pl_login *self)
{
	if (self->queued)
		self->authentication->waiting_count--;
	self->queued = false;
	pl_list_remove(&self->node);
}

/* Answered with 503, or the client has gone: then its attempt counts, or it could be repeated
 * without end. */
static void on_over(void *owner, pl_conn *conn)
{
	pl_login *self = owner;

	end_attempt(self, conn == NULL);
	pl_hold_take(self->hold);
	self->hold = NULL;
	self->exchange = NULL;
	if (self->busy)
		return;
	leave_queue(self);
	login_free(self);
}

/* NULL: no memory; that was answered. */
static pl_login *login_new(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given,
			   const char *who)
{
	size_t size = given ? given->scheme.len + given->user.len + given->password.len : 0;
	pl_login *self = pl_calloc(1, sizeof(*self) + size);

	if (!self)
		return NULL;
	pl_list_init(&self->node);
	self->authentication = pl_server_of(conn)->authentication;
	self->conn = conn;
	self->exchange = exchange;
	if (given)
		keep_all(self, given);
	self->hold = pl_hold_new(conn, exchange, who, on_over, self);
	if (self->hold)
		return self;
	login_free(self);
	return NULL;
}

static void out_of_memory(pl_conn *conn, pl_exchange *exchange, bool attempt)
{
	if (attempt)
		pl_authentication_end_attempt(pl_server_of(conn), &conn->info->peer, false);
	pl_exchange_answer(exchange, 503, NULL);
}

/* The end. */

static void decide(pl_login *self, pl_exchange *exchange, bool yes, pl_slice user)
{
	const pl_admittance who = { .user = user,
				    .prefix = self->prefix,
				    .wants_token = self->wants_token };

	if (yes) {
		pl_authentication_admit(self->conn, exchange, &who);
	} else if (self->question == PL_ASKS_COMMAND) {
		pl_authentication_check(self->conn, exchange);
	} else {
		if (self->user.len + self->password.len + self->scheme.len > 0)
			pl_conn_error(self->conn, PL_EACCES, "authentication failed");
		pl_verdict_refuse(self->conn, exchange, self->prefix == 0 && !self->wants_token);
	}
}

static pl_exchange *take(pl_login *self)
{
	pl_exchange *exchange = pl_hold_take(self->hold);

	self->hold = NULL;
	self->exchange = NULL;
	return exchange;
}

void pl_login_end(pl_login *self, bool yes, pl_slice user)
{
	if (self->hold) {
		end_attempt(self, !yes);
		decide(self, take(self), yes, user.at ? user : self->user);
	}
	login_free(self);
}

/* The script. */

static void ask(pl_login *self, enum pl_question question)
{
	pl_server *server = pl_server_of(self->conn);

	self->question = question;
	self->busy = true;
	server->events->login(self->conn, self, question);
}

void pl_login_ask(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given,
		  enum pl_question question, bool attempt)
{
	static const char *const names[] = { [PL_ASKS_COMMAND] = "OnBeforeCommand",
					     [PL_ASKS_LOGIN] = "OnAuthentication",
					     [PL_ASKS_OTHER_LOGIN] = "OnUnknownAuthentication" };
	pl_login *self = login_new(conn, exchange, given, names[question]);

	if (!self) {
		out_of_memory(conn, exchange, attempt);
		return;
	}
	self->attempt = attempt;
	ask(self, question);
}

bool pl_login_pending(const pl_login *self)
{
	return self->hold != NULL;
}

pl_slice pl_login_user(const pl_login *self)
{
	return self->user;
}

pl_slice pl_login_password(const pl_login *self)
{
	return self->password;
}

pl_slice pl_login_scheme(const pl_login *self)
{
	return self->scheme;
}

const pl_exchange_request *pl_login_request(const pl_login *self)
{
	return self->exchange->request;
}

/* Hashes. */

static void start_waiting(pl_authentication *authentication, uint32_t places);

static void run_hash(void *context)
{
	pl_login *self = context;

	self->status = pl_scrypt_check(&self->check.hash, self->password.at, self->password.len,
				       &self->right);
}

static void refuse_later(pl_login *self)
{
	pl_conn *conn = self->conn;

	end_attempt(self, false);
	pl_verdict_later(conn, take(self), 503, 1);
	login_free(self);
}

static void hashed(pl_login *self)
{
	pl_server *server = pl_server_of(self->conn);
	bool yes = !self->status && self->right && self->check.known;

	if (yes)
		pl_users_remember(self->authentication->users, pl_loop_now(server->loop),
				  &self->check);
	if (self->status)
		refuse_later(self);
	else if (!yes && server->events->asks && server->events->asks(server, PL_ASKS_LOGIN))
		ask(self, PL_ASKS_LOGIN);
	else
		pl_login_end(self, yes, self->user);
}

static void on_hashed(void *context)
{
	pl_login *self = context;
	pl_authentication *authentication = self->authentication;

	authentication->hashing--;
	self->busy = false;
	if (self->hold) {
		uint32_t places =
			(uint32_t)pl_server_of(self->conn)->settings.limits.password_hashes;

		start_waiting(authentication, places);
		hashed(self);
	} else {
		start_waiting(authentication, authentication->hashing + 1);
		login_free(self);
	}
	pl_authentication_unref(authentication);
}

static void start_hash(pl_login *self)
{
	pl_server *server = pl_server_of(self->conn);

	if (pl_work_start(server->loop, run_hash, on_hashed, self)) {
		refuse_later(self);
		return;
	}
	self->busy = true;
	self->authentication->hashing++;
	self->authentication->refs++;
}

static void start_waiting(pl_authentication *authentication, uint32_t places)
{
	while (authentication->hashing < places && !pl_list_empty(&authentication->waiting)) {
		pl_login *next = PL_CONTAINER(authentication->waiting.next, pl_login, node);

		leave_queue(next);
		start_hash(next);
	}
}

void pl_login_hash(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given,
		   const pl_users_check *check)
{
	const pl_limits *limits = &pl_server_of(conn)->settings.limits;
	pl_authentication *authentication = pl_server_of(conn)->authentication;
	pl_login *self = login_new(conn, exchange, given, "an authentication");

	if (!self) {
		out_of_memory(conn, exchange, true);
		return;
	}
	self->question = PL_ASKS_LOGIN;
	self->attempt = true;
	self->check = *check;
	if (authentication->hashing < limits->password_hashes) {
		start_hash(self);
	} else if (authentication->waiting_count < limits->password_queue) {
		self->queued = true;
		authentication->waiting_count++;
		pl_list_append(&authentication->waiting, &self->node);
	} else {
		refuse_later(self);
	}
}
