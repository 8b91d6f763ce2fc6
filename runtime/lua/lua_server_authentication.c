/* The option `authentication` of a script's server, and what its handlers decide: OnBeforeCommand,
 * OnAuthentication, OnUnknownAuthentication. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "codec/http_path.h"
#include "lua/lua_conn.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_settings.h"
#include "lua/lua_value.h"

/* The option. */

/* A list of { name, password } is on top. */
static int read_users(lua_State *L, pl_users **users)
{
	int table = lua_gettop(L);
	size_t count = lua_objlen(L, table);
	pl_user_entry *list = pl_calloc(count + 1, sizeof(*list));
	int status;

	if (!list)
		return PL_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, table, (int)i + 1);
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);
		list[i].name.at = lua_tolstring(L, -2, &list[i].name.len);
		list[i].password.at = lua_tolstring(L, -1, &list[i].password.len);
		lua_settop(L, table);
	}
	status = pl_users_new(users, list, count);
	pl_free(list);
	return status;
}

static void read_ways(lua_State *L, int table, pl_authentication_settings *settings)
{
	settings->ways.basic = pl_lua_bool_field(L, table, "basic");
	settings->ways.url = pl_lua_bool_field(L, table, "url");
	lua_getfield(L, table, "session");
	settings->ways.session = lua_istable(L, -1);
	if (settings->ways.session)
		settings->session_lifetime =
			pl_lua_milliseconds(pl_lua_number_field(L, lua_gettop(L), "lifetime"));
	lua_pop(L, 1);
	lua_getfield(L, table, "realm");
	settings->realm = pl_lua_check_slice(L, -1);
	lua_pop(L, 1);
}

int pl_server_read_authentication(lua_State *L, int options, pl_authentication_settings *settings,
				  pl_http_field fields[PL_LUA_FIELDS_MAX])
{
	int table = lua_gettop(L) + 1;
	int status;

	lua_getfield(L, options, "authentication");
	settings->enabled = lua_istable(L, table);
	if (!settings->enabled) {
		lua_settop(L, table - 1);
		return PL_OK;
	}
	read_ways(L, table, settings);
	lua_getfield(L, table, "custom_headers");
	pl_lua_fields(L, table + 1, fields, &settings->field_count);
	settings->fields = fields;
	lua_getfield(L, table, "public_paths");
	status = pl_lua_read_list(L, table + 2, &settings->public_paths, &settings->public_count);
	lua_getfield(L, table, "auth_users");
	if (!status)
		status = read_users(L, &settings->users);
	lua_settop(L, table - 1);
	return status;
}

int pl_server_is_password_hash(lua_State *L)
{
	pl_slice text = pl_lua_check_slice(L, 1);
	pl_scrypt hash;

	if (!pl_scrypt_looks_like(text.at, text.len))
		return 0;
	lua_pushboolean(L, pl_scrypt_decode(&hash, text.at, text.len) == PL_OK);
	return 1;
}

int pl_server_logout(lua_State *L)
{
	const server_object *self = pl_server_object(L, 1);
	size_t count = pl_tokens_end(&self->server->logins->tokens, pl_lua_check_slice(L, 2));

	lua_pushinteger(L, (lua_Integer)count);
	return 1;
}

/* Questions. */

typedef struct login_question {
	pl_lua_question base;
	pl_login *login;
} login_question;

/* request: a plain table, for the exchange is not the script's yet. */
static void push_request(lua_State *L, const pl_exchange_request *request)
{
	char *out = lua_newuserdata(L, request->path.len + 1);
	ptrdiff_t len = pl_percent_decode(out, request->path);
	int room = lua_gettop(L);

	lua_createtable(L, 0, 5);
	pl_lua_push(L, request->method);
	lua_setfield(L, -2, "command");
	pl_lua_push(L, len < 0 ? request->path : pl_slice_make(out, (size_t)len));
	lua_setfield(L, -2, "document");
	pl_lua_push(L, request->query);
	lua_setfield(L, -2, "query");
	lua_pushfstring(L, "HTTP/1.%d", request->minor);
	lua_setfield(L, -2, "version");
	pl_lua_push_headers(L, request->raw);
	lua_setfield(L, -2, "headers");
	lua_remove(L, room);
}

static int push_question(pl_lua_question *question, lua_State *L)
{
	const pl_login *login = ((const login_question *)question)->login;

	if (question->event == PL_OnBeforeCommand) {
		push_request(L, pl_login_request(login));
		return 1;
	}
	pl_lua_push(L, question->event == PL_OnAuthentication ? pl_login_user(login)
							      : pl_login_scheme(login));
	pl_lua_push(L, pl_login_password(login));
	return 2;
}

/* Whoever returns something else is told, and nobody is let in for that. */
static void complain(pl_event event)
{
	if (event == PL_OnBeforeCommand)
		pl_log(PL_LOG_ERROR, "OnBeforeCommand returns \"authorized\" or nil: the request "
				     "has to be authenticated");
	else if (event == PL_OnAuthentication)
		pl_log(PL_LOG_ERROR, "OnAuthentication returns a boolean: the user is refused");
	else
		pl_log(PL_LOG_ERROR,
		       "OnUnknownAuthentication returns a boolean and a user of at "
		       "most %d bytes: the client is refused",
		       PL_CREDENTIAL_MAX);
}

/* false, nil and a handler that throws refuse. */
static bool says_yes(lua_State *L, pl_event event)
{
	if (lua_isnoneornil(L, 1))
		return false;
	if (event == PL_OnBeforeCommand) {
		pl_slice word = { NULL, 0 };

		if (lua_type(L, 1) == LUA_TSTRING)
			word = pl_lua_check_slice(L, 1);
		if (pl_slice_equal(word, PL_SLICE("authorized")))
			return true;
	} else if (lua_type(L, 1) == LUA_TBOOLEAN) {
		return lua_toboolean(L, 1);
	}
	complain(event);
	return false;
}

/* Whom OnUnknownAuthentication names. False: that is no user. */
static bool read_user(lua_State *L, pl_slice *user)
{
	if (lua_isnoneornil(L, 2))
		return true;
	if (lua_type(L, 2) != LUA_TSTRING)
		return false;
	*user = pl_lua_check_slice(L, 2);
	return user->len <= PL_CREDENTIAL_MAX;
}

static void login_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	login_question *self = (login_question *)question;
	pl_slice user = { NULL, 0 };
	bool yes = L && says_yes(L, question->event);

	(void)conn;
	if (yes && question->event == PL_OnUnknownAuthentication && !read_user(L, &user)) {
		complain(question->event);
		yes = false;
	}
	pl_login_end(self->login, yes, user);
	pl_free(self);
}

void pl_server_login(pl_conn *conn, pl_login *login, enum pl_question question)
{
	static const pl_event events[] = {
		[PL_ASKS_COMMAND] = PL_OnBeforeCommand,
		[PL_ASKS_LOGIN] = PL_OnAuthentication,
		[PL_ASKS_OTHER_LOGIN] = PL_OnUnknownAuthentication,
	};
	server_object *self = pl_server_of(conn)->binding;
	login_question *asked = pl_calloc(1, sizeof(*asked));

	if (!asked) {
		pl_log(PL_LOG_ERROR, "a client is refused: no memory to ask for it");
		pl_login_end(login, false, pl_slice_make(NULL, 0));
		return;
	}
	asked->base.event = events[question];
	asked->base.push = push_question;
	asked->base.answered = login_answered;
	asked->login = login;
	pl_lua_conn_ask(&self->handlers, conn, &asked->base);
}
