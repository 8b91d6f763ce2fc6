/*
 * lua_exchange_internal.h - what the files of a script's requests share.
 *
 * lua_exchange.c: a request's life, from the exchange's events to the handler's end.
 * lua_request.c: `request`, its body. lua_response.c: `response`, the answer; lua_response_file.c:
 * an answer that is a file.
 */
#ifndef PL_LUA_LUA_EXCHANGE_INTERNAL_H
#define PL_LUA_LUA_EXCHANGE_INTERNAL_H

#include "base/buffer.h"
#include "http/upload.h"
#include "lua/lua_exchange.h"
#include "lua/lua_fields.h"
#include "lua/lua_value.h"

/* What the table of a response says. */
typedef struct pl_script_answer {
	int status;
	bool said; /* content_text or response_no is set */
	bool has_body;
	pl_slice body;
	size_t count;
	pl_http_field fields[PL_LUA_FIELDS_MAX + 1];
} pl_script_answer;

/* How the script takes the body. */
typedef enum pl_body_use {
	PL_BODY_UNUSED,
	PL_BODY_WHOLE,	/* request.body, request.params */
	PL_BODY_PIECES, /* request:read */
	PL_BODY_DENIED	/* not at all: a handler decides about the request alone */
} pl_body_use;

typedef struct pl_script_wait pl_script_wait;

/* One request in the hands of the script. Ends when the exchange has, by our answer or the peer's
 * going, and the handler too. */
typedef struct pl_script_exchange {
	pl_exchange *exchange; /* NULL once it is gone */
	int status;	       /* then why: what reading and writing on come to, < 0 ... */
	const char *over;      /* ... and for who asks for its properties */
	pl_handlers *handlers;
	pl_server *server;
	pl_conn *conn;	   /* NULL with the exchange */
	uint32_t users;	   /* the exchange with its handler, and each wait */
	pl_upload *upload; /* the body, when it was received before; else NULL */
	int request;	   /* references while the handler runs */
	int response;
	bool running;
	bool whole;		/* all of the body has come */
	uint8_t use;		/* pl_body_use */
	int body_status;	/* < 0: request.body was asked for and cannot be had */
	pl_buffer body;		/* what has come, */
	size_t used;		/* of which this much at the front was read */
	size_t wanted;		/* by the reader; 0: whatever comes */
	size_t burst;		/* bytes written since the loop has had its turn */
	pl_script_wait *reader; /* in request:read or request.body */
	pl_script_wait *writer; /* in response:write */
} pl_script_exchange;

/* A task that waits for an exchange: its reader or its writer. */
struct pl_script_wait {
	pl_wait wait;
	pl_script_exchange *exchange;
	pl_script_wait **place;
	pl_deferred next_turn; /* of a writer that lets others in */
};

/* lua_exchange.c */

/* Makes the running task the reader or writer; pl_wait_yield is next. NULL: no memory. */
pl_script_wait *pl_script_wait_begin(lua_State *L, pl_script_exchange *self,
				     pl_script_wait **place);

/* The wait is over: the task, on which its results are pushed before it is run. */
pl_task *pl_script_wait_end(pl_script_wait *wait, int (*push)(lua_State *L, void *context));

/* Resumes the task with a status. */
void pl_script_wait_finish(pl_script_wait *wait, int status);

void pl_script_exchange_release(pl_script_exchange *self);

/* Somebody else answers, until it is given back. `why` is for who asks for the request meanwhile.
 */
pl_exchange *pl_script_exchange_hand_over(pl_script_exchange *self, const char *why);
void pl_script_exchange_give_back(pl_script_exchange *self, pl_exchange *exchange, pl_conn *conn);

/* lua_request.c */

int pl_request_open(lua_State *L);

/* Pushes the userdata of a request, and lets it forget the exchange. */
void pl_request_push(lua_State *L, pl_script_exchange *self);
void pl_request_forget(lua_State *L, int index);

/* Prepares one that shows the request to a handler that decides about it: the body stays unread.
 * When the exchange is not to be touched any more, pl_request_hide says why. */
void pl_request_show(pl_script_exchange *self, pl_handlers *handlers, pl_server *server,
		     pl_conn *conn, pl_exchange *exchange);
void pl_request_hide(pl_script_exchange *self, const char *why);

/* The exchange behind the userdata at index; throws when its handler has returned. `what` names the
 * object that is used. */
pl_script_exchange *pl_request_exchange(lua_State *L, int index, const char *what);

/* A piece of the body has come. False: no memory. */
bool pl_request_take(pl_script_exchange *self, const uint8_t *data, size_t len);

/* Nothing more is wanted for now. */
bool pl_request_full(const pl_script_exchange *self);

/* Resumes the reader, if there is one and it has what it waits for. */
void pl_request_resume(pl_script_exchange *self);

/* A handler has thrown: is it because request.body has? */
bool pl_request_failed(const pl_script_exchange *self, const char *message);

/* lua_response.c */

int pl_response_open(lua_State *L);

/* Pushes the table of the response that goes with the request at index. */
void pl_response_push(lua_State *L, int request);

/* Ends the answer that was written, or sends what the response's table says. False when that says
 * nothing; else the exchange is over. */
bool pl_response_end(pl_script_exchange *self, lua_State *L);

/* What is wrong when pl_exchange_respond says PL_EINVAL. */
extern const char PL_RESPONSE_BAD_HEAD[];

/* The exchange that the response at 1 answers; throws when its handler has returned. */
pl_script_exchange *pl_response_check(lua_State *L);

/* Reads the table at `table`; its strings stay on the stack. Returns why it cannot be sent, or
 * NULL. `written`: the body is not in the table. */
const char *pl_response_read(pl_script_answer *answer, lua_State *L, int table, bool written);

/* lua_response_file.c */

/* send_file(response, root, path, confined, disposition or nil) -> true; nil, message, code. Waits.
 */
int pl_response_send_file(lua_State *L);

#endif
