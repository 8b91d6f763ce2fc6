/* What a script's server leaves to its handlers: OnTCPConnect, OnBeforeHeartBeat,
 * OnHandshake. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/status.h"
#include "lua/lua_conn.h"
#include "lua/lua_fields.h"
#include "lua/lua_server_internal.h"
#include "lua/lua_value.h"

static server_object *object_of(const pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

bool pl_server_asks(pl_server *server, enum pl_question question)
{
	static const pl_event events[] = {
		[PL_ASKS_ARRIVAL] = PL_OnTCPConnect, [PL_ASKS_HANDSHAKE] = PL_OnHandshake
	};
	const server_object *self = server->binding;

	return pl_handlers_has(&self->handlers, events[question]);
}

/* Only a plain false refuses, and a handler that throws: who guards the door must not fail open. */
static bool says_yes(lua_State *L)
{
	return L && !(lua_isboolean(L, 1) && !lua_toboolean(L, 1));
}

/* OnTCPConnect(conn) -> boolean */

typedef struct arrival_question {
	pl_lua_question base;
	pl_arrival *arrival;
} arrival_question;

static void arrival_answered(pl_lua_question *question, pl_conn *conn, lua_State *L)
{
	arrival_question *self = (arrival_question *)question;

	pl_arrival_end(self->arrival, conn, says_yes(L));
	pl_free(self);
}

void pl_server_arrived(pl_conn *conn, pl_arrival *arrival)
{
	arrival_question *question = pl_calloc(1, sizeof(*question));

	if (!question) {
		pl_log(PL_LOG_ERROR, "connection refused: no memory for OnTCPConnect");
		pl_arrival_end(arrival, conn, false);
		return;
	}
	question->base.event = PL_OnTCPConnect;
	question->base.answered = arrival_answered;
	question->arrival = arrival;
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
