#include "server/authentication.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/http_path.h"
#include "server/authentication_internal.h"
#include "server/event_post.h"
#include "server/event_token.h"
#include "server/events.h"
#include "server/server_internal.h"

enum { PUBLIC_MAX = 4096 }; /* longer paths are not public */

void pl_logins_init(pl_logins *logins)
{
	pl_attempts_init(&logins->attempts);
	pl_tokens_init(&logins->tokens);
}

void pl_logins_deinit(pl_logins *logins)
{
	pl_attempts_deinit(&logins->attempts);
	pl_tokens_deinit(&logins->tokens);
}

pl_authentication *pl_authentication_new(const pl_authentication_settings *settings)
{
	pl_authentication *self = pl_calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->users = settings->users;
	self->refs = 1;
	pl_list_init(&self->waiting);
	return self;
}

void pl_authentication_unref(pl_authentication *self)
{
	if (!self || --self->refs > 0)
		return;
	pl_users_free(self->users);
	pl_free(self);
}

static bool asks(pl_server *server, enum pl_question question)
{
	return server->events->asks && server->events->asks(server, question);
}

/* Who is let in. */

/* Of a connection that carries requests each says anew who it is. False: no memory. */
static bool set_user(pl_conn *conn, pl_slice user)
{
	pl_conn_info *info;

	if (pl_slice_equal(pl_conn_info_user(conn->info), user))
		return true;
	info = pl_conn_info_with_user(conn->info, user);
	if (!info)
		return false;
	pl_conn_info_unref(conn->info);
	conn->info = info;
	return true;
}

static void give_token(pl_conn *conn, pl_exchange *exchange, pl_slice user)
{
	pl_server *server = pl_server_of(conn);
	char token[PL_TOKEN_SIZE];
	int status = pl_tokens_new(&server->logins->tokens, &server->settings.limits,
				   pl_loop_now(server->loop), user,
				   server->settings.authentication.session_lifetime, token);

	if (status) {
		pl_log(PL_LOG_WARN, "no session of authentication: %s",
		       status == PL_ELIMIT ? "limits.login_sessions" : "out of memory");
		pl_exchange_answer(exchange, 503, NULL);
		return;
	}
	pl_verdict_token(exchange, token);
}

void pl_authentication_admit(pl_conn *conn, pl_exchange *exchange, const pl_admittance *who)
{
	if (who->prefix > 0 && !pl_exchange_skip_path(exchange, who->prefix))
		pl_exchange_answer(exchange, 400, NULL);
	else if (!set_user(conn, who->user))
		pl_exchange_answer(exchange, 503, NULL);
	else if (who->wants_token)
		give_token(conn, exchange, who->user);
	else
		pl_request_next(conn, exchange, PL_STAGE_AUTHENTICATION);
}

/* Which requests need none. */

static bool matches(pl_slice path, pl_slice rule)
{
	if (rule.len == 0 || rule.at[rule.len - 1] != '*')
		return pl_slice_equal(path, rule);
	return path.len >= rule.len - 1 && memcmp(path.at, rule.at, rule.len - 1) == 0;
}

/* A path that another reader could take for one elsewhere. */
static bool is_devious(pl_slice path)
{
	for (size_t i = 0; i < path.len; i++) {
		pl_slice rest = pl_slice_make(path.at + i, path.len - i);
		size_t part;

		if (rest.at[0] == '\\' || rest.at[0] == '\0')
			return true;
		if (rest.at[0] != '/')
			continue;
		rest = pl_slice_make(rest.at + 1, rest.len - 1);
		part = pl_slice_find(rest, '/');
		if ((part == 0 && rest.len > 0) || (part == 1 && rest.at[0] == '.') ||
		    (part == 2 && rest.at[0] == '.' && rest.at[1] == '.'))
			return true;
	}
	return false;
}

static bool is_public_path(const pl_authentication_settings *settings, pl_slice path)
{
	char plain[PUBLIC_MAX];
	ptrdiff_t len;

	if (settings->public_count == 0 || path.len > sizeof(plain))
		return false;
	len = pl_percent_decode(plain, path);
	if (len < 0 || is_devious(pl_slice_make(plain, (size_t)len)))
		return false;
	for (size_t i = 0; i < settings->public_count; i++)
		if (matches(pl_slice_make(plain, (size_t)len), settings->public_paths[i]))
			return true;
	return false;
}

/* A page at that path may be seen by all. That lets nobody in who would get messages there. */
static bool is_public(const pl_server *server, const pl_exchange_request *request)
{
	return is_public_path(&server->settings.authentication, request->path) &&
	       !pl_server_is_handshake(request) && !pl_server_is_stream(server, request);
}

/* What the client of an event stream sends shows a token, which only who was let in has got. A
 * handshake cannot come that way: it is a GET. */
static bool is_of_events(const pl_exchange_request *request)
{
	static const pl_slice place = PL_SLICE(PL_EVENT_POST_PATH);
	pl_slice path = request->path;
	pl_guid guid;

	if (!pl_slice_equal(request->method, PL_SLICE("POST")) &&
	    !pl_slice_equal(request->method, PL_SLICE("OPTIONS")))
		return false;
	return path.len > place.len && memcmp(path.at, place.at, place.len) == 0 &&
	       pl_event_token_decode(&guid,
				     pl_slice_make(path.at + place.len, path.len - place.len));
}

/* What is decided at once. */

void pl_authentication_end_attempt(pl_server *server, const pl_address *address, bool failed)
{
	char ip[PL_ADDRESS_TEXT];

	if (!pl_attempts_end(&server->logins->attempts, &server->settings.limits,
			     pl_loop_now(server->loop), address, failed))
		return;
	pl_address_ip(address, ip);
	pl_log(PL_LOG_WARN, "%s has to wait: limits.failed_logins", ip);
}

static void refuse(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given)
{
	if (given->kind != PL_CREDENTIALS_NONE)
		pl_conn_error(conn, PL_EACCES, "authentication failed");
	pl_verdict_refuse(conn, exchange, !given->in_path && !given->wants_token);
}

static void admit(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given, pl_slice user)
{
	const pl_admittance who = { .user = user,
				    .prefix = given->prefix,
				    .wants_token = given->wants_token };

	pl_authentication_admit(conn, exchange, &who);
}

/* False: it was answered that it has to wait. */
static bool begin_attempt(pl_conn *conn, pl_exchange *exchange)
{
	pl_server *server = pl_server_of(conn);
	int wait = pl_attempts_begin(&server->logins->attempts, &server->settings.limits,
				     pl_loop_now(server->loop), &conn->info->peer);

	if (wait > 0)
		pl_verdict_later(conn, exchange, 429, wait);
	else if (wait < 0)
		pl_exchange_answer(exchange, 503, NULL);
	return wait == 0;
}

static void check_token(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given)
{
	pl_server *server = pl_server_of(conn);
	char user[PL_TOKEN_USER_MAX];
	ptrdiff_t len = pl_tokens_find(&server->logins->tokens, pl_loop_now(server->loop),
				       given->password, user);

	if (len < 0)
		refuse(conn, exchange, given);
	else
		admit(conn, exchange, given, pl_slice_make(user, (size_t)len));
}

static void check_password(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given)
{
	pl_server *server = pl_server_of(conn);
	pl_users_check check;
	enum pl_users_answer answer;

	if (!begin_attempt(conn, exchange))
		return;
	answer = pl_users_check_now(server->authentication->users, pl_loop_now(server->loop),
				    given->user, given->password, &check);
	if (answer == PL_USERS_HASH) {
		pl_login_hash(conn, exchange, given, &check);
	} else if (answer == PL_USERS_WRONG && asks(server, PL_ASKS_LOGIN)) {
		pl_login_ask(conn, exchange, given, PL_ASKS_LOGIN, true);
	} else {
		pl_authentication_end_attempt(server, &conn->info->peer, answer == PL_USERS_WRONG);
		if (answer == PL_USERS_RIGHT)
			admit(conn, exchange, given, given->user);
		else
			refuse(conn, exchange, given);
	}
}

static void check(pl_conn *conn, pl_exchange *exchange, const pl_credentials *given)
{
	pl_server *server = pl_server_of(conn);

	if (given->kind == PL_CREDENTIALS_TOKEN)
		check_token(conn, exchange, given);
	else if (given->kind == PL_CREDENTIALS_PASSWORD)
		check_password(conn, exchange, given);
	else if (given->kind == PL_CREDENTIALS_OTHER && asks(server, PL_ASKS_OTHER_LOGIN)) {
		if (begin_attempt(conn, exchange))
			pl_login_ask(conn, exchange, given, PL_ASKS_OTHER_LOGIN, true);
	} else if (given->kind == PL_CREDENTIALS_NONE && !given->wants_token &&
		   asks(server, PL_ASKS_LOGIN))
		pl_login_ask(conn, exchange, given, PL_ASKS_LOGIN, false);
	else
		refuse(conn, exchange, given);
}

/* False: what it says is malformed, and that was answered. */
static bool read_credentials(pl_conn *conn, pl_exchange *exchange, pl_credentials *given)
{
	const pl_authentication_settings *settings = &pl_server_of(conn)->settings.authentication;
	const char *error;

	if (pl_credentials_read(given, &settings->ways, exchange->request, &error) == PL_OK)
		return true;
	pl_conn_error(conn, PL_EPROTO, error);
	pl_exchange_answer(exchange, 400, error);
	return false;
}

/* Tokens are made for who asks plainly, and not for who only looks at heads. */
static bool may_ask_for_token(pl_exchange *exchange)
{
	static const pl_http_field allow = { { "Allow", 5 }, { "GET, POST", 9 } };
	pl_slice method = exchange->request->method;

	if (pl_slice_equal(method, PL_SLICE("GET")) || pl_slice_equal(method, PL_SLICE("POST")))
		return true;
	if (pl_exchange_respond(exchange, 405, &allow, 1, 0) == PL_OK)
		pl_exchange_end(exchange);
	else
		pl_exchange_answer(exchange, 405, NULL);
	return false;
}

void pl_authentication_check(pl_conn *conn, pl_exchange *exchange)
{
	pl_credentials given;

	if (read_credentials(conn, exchange, &given))
		check(conn, exchange, &given);
}

void pl_server_authenticate(pl_conn *conn, pl_exchange *exchange)
{
	static const pl_admittance nobody = { .prefix = 0 };
	pl_server *server = pl_server_of(conn);
	pl_credentials given;

	if (!server->authentication) {
		pl_request_next(conn, exchange, PL_STAGE_AUTHENTICATION);
		return;
	}
	if (!read_credentials(conn, exchange, &given))
		return;
	if (!given.in_path && !given.wants_token) {
		if (is_public(server, exchange->request) || is_of_events(exchange->request)) {
			pl_authentication_admit(conn, exchange, &nobody);
			return;
		}
		if (asks(server, PL_ASKS_COMMAND)) {
			pl_login_ask(conn, exchange, NULL, PL_ASKS_COMMAND, false);
			return;
		}
	}
	if (!given.wants_token || may_ask_for_token(exchange))
		check(conn, exchange, &given);
}
