/*
 * lua_http_internal.h - what the files of perilune.core.http share.
 *
 * lua_http.c: pools, orders, and how a call begins. lua_http_call.c: the call's life, from its
 * events to the tasks that wait for it. lua_http_body.c: the response's content.
 */
#ifndef PL_LUA_LUA_HTTP_INTERNAL_H
#define PL_LUA_LUA_HTTP_INTERNAL_H

#include "base/buffer.h"
#include "client/pool.h"
#include "http/decoder.h"
#include "lua/lua_http.h"
#include "lua/lua_script.h"
#include "lua/lua_value.h"

enum { PL_LUA_CALL_WHY = 384 };

/* A pool lives while the script refers to it or to one of its calls. */
typedef struct pl_lua_pool {
	pl_pool *pool; /* NULL: closed */
	pl_list calls; /* all that refer to it */
	uint32_t refs;
} pl_lua_pool;

typedef enum pl_lua_call_goal {
	PL_LUA_CALL_OPEN,
	PL_LUA_CALL_HEAD,
	PL_LUA_CALL_READ
} pl_lua_call_goal;

/* A task that waits for a call. */
typedef struct pl_lua_call_wait {
	pl_wait wait;
	struct pl_lua_call *call;
	int held; /* a reference to the call */
	bool begun;
} pl_lua_call_wait;

/* A call as a script has it; a userdata. */
typedef struct pl_lua_call {
	pl_list node; /* in pool->calls */
	pl_lua_pool *pool;
	pl_script *script;
	pl_pool_ticket *ticket; /* while it waits for a connection */
	pl_call *call;		/* while it is in progress */
	pl_limits limits;
	int status; /* < 0: it failed, or was closed */
	char why[PL_LUA_CALL_WHY];
	bool ended;   /* the response is whole */
	bool reused;  /* the connection */
	bool paused;  /* the call */
	bool decode;  /* the content is wanted without its coding, */
	bool unknown; /* which is not known */
	pl_address remote;
	uint64_t sent, received;
	uint32_t wait, resolve, connect, tunnel, tls, first_byte; /* ms */

	pl_buffer head; /* of the response, as it came */
	pl_buffer trailers;
	pl_decoder *decoder;
	pl_buffer coded; /* content that has to be decoded, */
	size_t coded_used;
	pl_buffer body;	      /* and as the script gets it */
	size_t used;	      /* of body: was read */
	size_t wanted;	      /* by the reader; 0: whatever comes */
	uint64_t content;     /* bytes of content so far, decoded */
	uint64_t content_max; /* more is PL_ELIMIT */

	pl_slice unsent;	 /* of what the writer writes, */
	int unsent_held;	 /* a reference to it */
	uint8_t goal;		 /* the reader's */
	pl_lua_call_wait reader; /* in open, head, read */
	pl_lua_call_wait writer; /* in write */
} pl_lua_call;

/* lua_http.c */

void pl_lua_pool_release(pl_lua_pool *pool);

/* lua_http_call.c */

/* Registers what calls are. */
void pl_lua_call_open(lua_State *L);

/* A new userdata of a pool. */
pl_lua_call *pl_lua_call_push(lua_State *L, pl_lua_pool *pool);

extern const pl_call_events pl_lua_call_events;

/* What an opening came to. */
void pl_lua_call_opened(pl_lua_call *self, int status, const pl_pool_opened *opened);

/* pl_pool_order.done; the owner is a call. */
void pl_lua_call_on_opened(void *owner, int status, const pl_pool_opened *opened);

/* It is over, by its own failure. What is in progress breaks off; who waits is told, last. */
void pl_lua_call_fail(pl_lua_call *self, int status, const char *why);

/* The same, but who waits is told by who has called this. */
void pl_lua_call_break(pl_lua_call *self, int status, const char *why);

/* nil, message, code. */
int pl_lua_call_push_failure(lua_State *L, const pl_lua_call *self);

/* The call at index: its result for the goal, now or when it is there. Ends the C function. */
int pl_lua_call_await(lua_State *L, pl_lua_call *self, int index, pl_lua_call_goal goal);

/* lua_http_body.c */

/* The response's head is there: finds the coding. PL_OK or PL_ENOMEM. */
int pl_lua_call_begin_body(pl_lua_call *self, const pl_http_response *response);

/* Why content cannot be had, as a sentence. */
const char *pl_lua_call_reason(int status);

/* A piece has come. PL_OK, PL_ENOMEM, PL_ELIMIT; PL_ENOTSUP: its coding is not known. */
int pl_lua_call_take(pl_lua_call *self, const uint8_t *data, size_t len);

/* Whether the reader has what it wants; decodes as much as that takes. */
bool pl_lua_call_readable(pl_lua_call *self);

/* A piece, nil at the end, or nil, message, code. */
int pl_lua_call_push_piece(lua_State *L, pl_lua_call *self);

void pl_lua_call_drop_body(pl_lua_call *self);

#endif
