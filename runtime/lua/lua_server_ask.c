/* What a script's server leaves to its handlers: OnTCPConnect. */
#include "base/alloc.h"
#include "base/log.h"
#include "lua/lua_conn.h"
#include "lua/lua_server_internal.h"

static server_object *object_of(const pl_conn *conn)
{
	return pl_server_of(conn)->binding;
}

bool pl_server_asks(pl_server *server, enum pl_question question)
{
	static const pl_event events[] = { [PL_ASKS_ARRIVAL] = PL_OnTCPConnect };
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
