/* response:send_file: the answer is a file, and the rest of it needs no handler. */
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "lua/lua_exchange_internal.h"
#include "lua/lua_task.h"

static const char SENDING[] = "it is answered by response:send_file";

/* From the call until the answer has begun. */
typedef struct sending {
	pl_wait wait;
	pl_script_exchange *self; /* NULL: nobody waits for it any more */
	pl_conn *conn;
	bool waiting;
	bool over;
	int status;
	size_t count;
	pl_http_field fields[]; /* their bytes come behind them */
} sending;

static pl_slice copy(char **at, pl_slice text)
{
	pl_slice copied = { *at, text.len };

	if (text.len > 0)
		memcpy(*at, text.at, text.len);
	*at += text.len;
	return copied;
}

/* The script may change its tables while the file is looked for. */
static sending *sending_new(const pl_http_field *fields, size_t count)
{
	size_t size = sizeof(sending) + count * sizeof(*fields);
	sending *made;
	char *at;
	size_t i;

	for (i = 0; i < count; i++)
		size += fields[i].name.len + fields[i].value.len;
	made = pl_calloc(1, size);
	if (!made)
		return NULL;
	at = (char *)(made->fields + count);
	for (i = 0; i < count; i++) {
		made->fields[i].name = copy(&at, fields[i].name);
		made->fields[i].value = copy(&at, fields[i].value);
	}
	made->count = count;
	return made;
}

/* The task does not wait any more: the file is sent without it. */
static void on_cancel(pl_wait *wait)
{
	sending *made = PL_CONTAINER(wait, sending, wait);
	pl_script_exchange *self = made->self;

	made->self = NULL;
	made->waiting = false;
	pl_script_exchange_release(self);
}

static int push_result(lua_State *L, int status)
{
	return status == PL_EINVAL ? pl_lua_fail(L, status, PL_RESPONSE_BAD_HEAD)
				   : pl_lua_result(L, status);
}

static int push_told(lua_State *L, void *context)
{
	return push_result(L, *(const int *)context);
}

/* The exchange is ours again. The handler may have returned, without an answer of its own. */
static void take_back(sending *made, pl_exchange *exchange)
{
	pl_script_exchange *self = made->self;

	if (self && self->over == SENDING)
		pl_script_exchange_give_back(self, exchange, made->conn);
	else
		pl_exchange_answer(exchange, 500, NULL);
}

static void on_begun(void *owner, pl_exchange *exchange, int status)
{
	sending *made = owner;
	pl_script_exchange *self = made->self;
	pl_task *task = NULL;

	made->status = status;
	made->over = true;
	if (exchange)
		take_back(made, exchange);
	if (self && !made->waiting)
		return; /* pl_response_send_file is still on the stack */
	if (made->waiting)
		task = pl_wait_end_with(&made->wait, push_told, &status);
	pl_free(made);
	if (self)
		pl_script_exchange_release(self);
	if (task)
		pl_wait_go(task);
}

/* What only the file can say. */
static bool says_what_the_file_says(const pl_script_answer *answer)
{
	static const pl_slice names[] = { { "etag", 4 },
					  { "last-modified", 13 },
					  { "accept-ranges", 13 },
					  { "content-range", 13 },
					  { "content-encoding", 16 } };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pl_http_field_find(answer->fields, answer->count, names[i]).at)
			return true;
	return false;
}

static void add_disposition(lua_State *L, pl_script_answer *answer)
{
	if (lua_isnil(L, 5) || answer->count == PL_LUA_FIELDS_MAX)
		return;
	answer->fields[answer->count++] =
		(pl_http_field){ PL_SLICE("Content-Disposition"), pl_lua_check_slice(L, 5) };
}

/* Throws what is wrong with it. */
static void read_table(lua_State *L, const pl_script_exchange *self, pl_script_answer *answer)
{
	const char *error = NULL;

	if (self->exchange->responded)
		luaL_error(L, "response:send_file: response:write has begun the answer");
	if (self->reader || self->writer)
		luaL_error(L, "response:send_file: another task reads the request");
	luaL_checkstack(L, 2 * LUA_MINSTACK, "response:send_file");
	error = pl_response_read(answer, L, 1, false);
	if (!error && answer->body.at)
		error = "content_text is set, but the body is the file";
	if (!error && says_what_the_file_says(answer))
		error = "etag, last-modified, accept-ranges, content-range and content-encoding "
			"are "
			"those of the file";
	if (error)
		luaL_error(L, "response:send_file: %s", error);
	add_disposition(L, answer);
}

/* With the table's strings on the stack. */
static sending *start(lua_State *L, pl_script_exchange *self, const pl_script_answer *answer)
{
	pl_files_order order = {
		.root = luaL_checkstring(L, 2),
		.path = pl_lua_check_slice(L, 3),
		.confined = lua_toboolean(L, 4),
		.status = answer->status == 200 ? 0 : answer->status,
		.begun = on_begun,
	};
	sending *made = sending_new(answer->fields, answer->count);

	if (!made)
		return NULL;
	order.owner = made;
	order.fields = made->fields;
	order.field_count = made->count;
	made->self = self;
	made->conn = self->conn;
	self->users++;
	pl_files_send(self->server->files, pl_script_exchange_hand_over(self, SENDING), &order);
	return made;
}

int pl_response_send_file(lua_State *L)
{
	pl_script_exchange *self = pl_response_check(L);
	pl_script_answer answer;
	sending *made;
	int status;

	pl_wait_check(L);
	if (!self->exchange)
		return pl_lua_result(L, self->status);
	read_table(L, self, &answer);
	made = start(L, self, &answer);
	if (!made)
		return pl_lua_result(L, PL_ENOMEM);
	if (made->over) {
		status = made->status;
		pl_free(made);
		pl_script_exchange_release(self);
		return push_result(L, status);
	}
	made->waiting = true;
	pl_wait_begin(L, &made->wait, on_cancel);
	return pl_wait_yield(L);
}
