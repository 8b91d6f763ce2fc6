/* What a script's server leaves to its handlers: OnTCPConnect, OnSSLVerifyPeer,
 * OnSSLALPNSelect, OnBeforeHeartBeat, OnHandshake. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_conn.h"
#include "lua/lua_fields.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_tls_certificate.h"
#include "lua/lua_value.h"

static server_object *object_of(const pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

bool pl_server_asks(pl_server *server, enum pl_question question)
{
	static const pl_event events[] = {
		[PL_ASKS_FORWARDING] = PL_OnBeforeForwardHTTP,
		[PL_ASKS_ARRIVAL] = PL_OnTCPConnect,
		[PL_ASKS_CERTIFICATE] = PL_OnSSLVerifyPeer,
		[PL_ASKS_PROTOCOL] = PL_OnSSLALPNSelect,
		[PL_ASKS_STRANGER] = PL_OnUnknownProtocol,
		[PL_ASKS_COMMAND] = PL_OnBeforeCommand,
		[PL_ASKS_LOGIN] = PL_OnAuthentication,
		[PL_ASKS_OTHER_LOGIN] = PL_OnUnknownAuthentication,
		[PL_ASKS_HANDSHAKE] = PL_OnHandshake,
	};
	const server_object *self = server->binding;

	return pl_handlers_has(&self->handlers, events[question]);
}

/* Only a plain false refuses, and a handler that throws: who guards the door must not fail open. */
static bool says_yes(lua_State *L)
{
	return L && !(lua_isboolean(L, 1) && !lua_toboolean(L, 1));
}

/* OnTCPConnect(conn) -> boolean, or "tcp" */

typedef struct arrival_question {
	pl_lua_question base;
	pl_arrival *arrival;
} arrival_question;

static enum pl_arrival_answer arrival_answer(lua_State *L)
{
	if (!says_yes(L))
		return PL_ARRIVAL_REFUSED;
	if (lua_type(L, 1) != LUA_TSTRING)
		return PL_ARRIVAL_LET_IN;
	if (pl_slice_equal(pl_lua_check_slice(L, 1), PL_SLICE("tcp")))
		return PL_ARRIVAL_TCP;
	pl_log(PL_LOG_ERROR, "connection refused: OnTCPConnect returns true, false or \"tcp\"");
	return PL_ARRIVAL_REFUSED;
}

static void arrival_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	arrival_question *self = (arrival_question *)question;

	pl_arrival_end(self->arrival, conn, arrival_answer(L));
	pl_free(self);
}

void pl_server_arrived(pl_conn *conn, pl_arrival *arrival)
{
	arrival_question *question = pl_calloc(1, sizeof(*question));

	if (!question) {
		pl_log(PL_LOG_ERROR, "connection refused: no memory for OnTCPConnect");
		pl_arrival_end(arrival, conn, PL_ARRIVAL_REFUSED);
		return;
	}
	question->base.event = PL_OnTCPConnect;
	question->base.answered = arrival_answered;
	question->arrival = arrival;
	pl_lua_conn_ask(&object_of(conn)->handlers, conn, &question->base);
}

/* OnUnknownProtocol(conn, bytes) -> boolean: only true lets it in. */

typedef struct stranger_question {
	pl_lua_question base;
	pl_stranger *stranger;
	pl_slice said; /* until it is pushed */
} stranger_question;

static int push_said(pl_lua_question *question, lua_State *L)
{
	pl_lua_push(L, ((stranger_question *)question)->said);
	return 1;
}

static void stranger_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	pl_stranger_end(((stranger_question *)question)->stranger, conn, L && lua_toboolean(L, 1));
	pl_free(question);
}

void pl_server_stranger(pl_conn *conn, pl_stranger *stranger, pl_slice said)
{
	stranger_question *question = pl_calloc(1, sizeof(*question));

	if (!question) {
		pl_log(PL_LOG_ERROR, "connection refused: no memory for OnUnknownProtocol");
		pl_stranger_end(stranger, conn, false);
		return;
	}
	question->base.event = PL_OnUnknownProtocol;
	question->base.push = push_said;
	question->base.answered = stranger_answered;
	question->stranger = stranger;
	question->said = said;
	pl_lua_conn_ask(&object_of(conn)->handlers, conn, &question->base);
}

/* OnSSLVerifyPeer(conn, certificate, error) -> boolean. Without an answer the error counts; a
 * handler that throws lets nobody in. */

typedef struct certificate_question {
	pl_lua_question base;
	const pl_tls_question *asked; /* until it is pushed */
	int error;
} certificate_question;

static int push_certificate(pl_lua_question *question, lua_State *L)
{
	const pl_tls_question *asked = ((certificate_question *)question)->asked;

	pl_lua_push_certificate(L, asked->certificate);
	if (asked->error) {
		lua_pushinteger(L, asked->error);
		lua_setfield(L, -2, "error");
	}
	lua_pushstring(L, asked->why);
	return 2;
}

static void certificate_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	const certificate_question *self = (certificate_question *)question;
	bool accept = L != NULL;

	if (accept)
		accept = lua_isnoneornil(L, 1) ? self->error == 0 : lua_toboolean(L, 1);
	if (conn)
		pl_tls_answer(conn->stream, accept);
	pl_free(question);
}

void pl_server_certificate(pl_conn *conn, const pl_tls_question *asked)
{
	certificate_question *question = pl_calloc(1, sizeof(*question));

	if (!question) {
		pl_log(PL_LOG_ERROR, "connection refused: no memory for OnSSLVerifyPeer");
		pl_tls_answer(conn->stream, false);
		return;
	}
	question->base.event = PL_OnSSLVerifyPeer;
	question->base.push = push_certificate;
	question->base.answered = certificate_answered;
	question->asked = asked;
	question->error = asked->error;
	pl_lua_conn_ask(&object_of(conn)->handlers, conn, &question->base);
}

/* OnSSLALPNSelect(conn, protocols) -> one of them; false or "": none; nil: the server's own choice.
 * A handler that throws, or returns another one, refuses. */

typedef struct protocols_question {
	pl_lua_question base;
	const pl_slice *offered; /* until it is pushed */
	size_t count;
} protocols_question;

static int push_protocols(pl_lua_question *question, lua_State *L)
{
	const protocols_question *self = (protocols_question *)question;
	size_t i;

	lua_createtable(L, (int)self->count, 0);
	for (i = 0; i < self->count; i++) {
		pl_lua_push(L, self->offered[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static enum pl_tls_selection selection_of(lua_State *L, pl_slice *protocol)
{
	if (!L)
		return PL_TLS_SELECT_REFUSED;
	if (lua_isnoneornil(L, 1))
		return PL_TLS_SELECT_DEFAULT;
	if (lua_isboolean(L, 1) && !lua_toboolean(L, 1))
		return PL_TLS_SELECT_NONE;
	if (lua_type(L, 1) != LUA_TSTRING) {
		pl_log(PL_LOG_ERROR, "the TLS handshake is refused: OnSSLALPNSelect returns a "
				     "string, false or nil");
		return PL_TLS_SELECT_REFUSED;
	}
	*protocol = pl_lua_check_slice(L, 1);
	return protocol->len ? PL_TLS_SELECT_THIS : PL_TLS_SELECT_NONE;
}

static void protocols_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	pl_slice protocol = { NULL, 0 };
	enum pl_tls_selection selection = selection_of(L, &protocol);

	if (conn)
		pl_tls_select(conn->stream, selection, protocol);
	pl_free(question);
}

void pl_server_protocols(pl_conn *conn, const pl_slice *offered, size_t count)
{
	protocols_question *question = pl_calloc(1, sizeof(*question));

	if (!question) {
		pl_log(PL_LOG_ERROR, "connection refused: no memory for OnSSLALPNSelect");
		pl_tls_select(conn->stream, PL_TLS_SELECT_REFUSED, pl_slice_make(NULL, 0));
		return;
	}
	question->base.event = PL_OnSSLALPNSelect;
	question->base.push = push_protocols;
	question->base.answered = protocols_answered;
	question->offered = offered;
	question->count = count;
	pl_lua_conn_ask(&object_of(conn)->handlers, conn, &question->base);
}

bool pl_server_heartbeat(pl_conn *conn)
{
	return pl_lua_conn_ask_heartbeat(&object_of(conn)->handlers, conn);
}

/* OnHandshake(conn, headers) -> headers to be added, nil, or false */

typedef struct handshake_question {
	pl_lua_question base;
	pl_upgrade *upgrade;
	pl_conn_ws_answer own; /* the answer's fields so far, which the handler was given */
} handshake_question;

static int push_headers(pl_lua_question *question, lua_State *L)
{
	const pl_conn_ws_answer *own = &((handshake_question *)question)->own;
	size_t i;

	lua_createtable(L, 0, (int)own->count);
	for (i = 0; i < own->count; i++) {
		pl_lua_push_lower(L, own->fields[i].name);
		pl_lua_push(L, own->fields[i].value);
		lua_rawset(L, -3);
	}
	return 1;
}

static bool is_own(const pl_conn_ws_answer *own, const pl_http_field *field)
{
	size_t i;

	for (i = 0; i < own->count; i++)
		if (pl_slice_equal_nocase(own->fields[i].name, field->name) &&
		    pl_slice_equal(own->fields[i].value, field->value))
			return true;
	return false;
}

/* The handler may give back the table that it got, with more in it. */
static size_t leave_out_own(const pl_conn_ws_answer *own, pl_http_field *fields, size_t count)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (!is_own(own, &fields[i]))
			fields[kept++] = fields[i];
	return kept;
}

static void end_with_fields(handshake_question *self, lua_State *L)
{
	pl_http_field fields[PL_LUA_FIELDS_MAX];
	const char *error = NULL;
	size_t count;

	if (!lua_checkstack(L, LUA_MINSTACK) || !pl_lua_fields(L, 1, fields, &count))
		error = "OnHandshake returns strings and numbers, or lists of these, at most 100";
	if (error)
		pl_upgrade_end(self->upgrade, 500, NULL, 0);
	else if (pl_upgrade_end(self->upgrade, 0, fields, leave_out_own(&self->own, fields, count)))
		error = "a bad header name or value, or a header that is set for you";
	if (error)
		pl_log(PL_LOG_ERROR, "the handshake cannot be answered: %s", error);
}

static void handshake_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	handshake_question *self = (handshake_question *)question;

	(void)conn;
	if (!L || !pl_upgrade_pending(self->upgrade)) {
		pl_upgrade_end(self->upgrade, 500, NULL, 0);
	} else if (lua_istable(L, 1)) {
		end_with_fields(self, L);
	} else if (lua_isnoneornil(L, 1)) {
		pl_upgrade_end(self->upgrade, 0, NULL, 0);
	} else {
		if (lua_type(L, 1) != LUA_TBOOLEAN || lua_toboolean(L, 1))
			pl_log(PL_LOG_ERROR, "the handshake is refused: OnHandshake returns a "
					     "table, nil or false");
		pl_upgrade_end(self->upgrade, 403, NULL, 0);
	}
	pl_free(self);
}

void pl_server_handshake(pl_conn *conn, pl_upgrade *upgrade)
{
	handshake_question *question = pl_calloc(1, sizeof(*question));

	if (!question || pl_upgrade_answer(upgrade, &question->own)) {
		pl_log(PL_LOG_ERROR, "handshake refused: no memory for OnHandshake");
		pl_free(question);
		pl_upgrade_end(upgrade, 503, NULL, 0);
		return;
	}
	question->base.event = PL_OnHandshake;
	question->base.push = push_headers;
	question->base.answered = handshake_answered;
	question->upgrade = upgrade;
	pl_lua_conn_ask(&object_of(conn)->handlers, conn, &question->base);
}
