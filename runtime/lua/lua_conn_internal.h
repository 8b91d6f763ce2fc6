/*
 * lua_conn_internal.h - a conn's userdata, shared by its two files: what scripts call and read, and
 * its events.
 */
#ifndef PL_LUA_LUA_CONN_INTERNAL_H
#define PL_LUA_LUA_CONN_INTERNAL_H

#include "lua/lua_conn.h"

#define PL_CONN_KIND "perilune.conn"

/* An event, and what its handler gets behind the bytes. */
typedef struct happening {
	pl_event event;
	const char *word; /* an error's code; "text" or "binary" of a fragment; NULL: nothing */
	bool more;	  /* of a fragment: others follow */
} happening;

typedef struct pending {
	struct pending *next;
	happening what;
	pl_block *bytes; /* of a message */
} pending;

typedef struct conn_object {
	pl_conn *conn;	    /* NULL after its end */
	pl_conn_info *info; /* after its end */
	pl_handlers *handlers;
	int ref; /* keeps the userdata while the connection lives or a handler runs */
	bool has_data;
	uint8_t busy;	   /* handlers that run or wait: one, a question beside it, its end */
	bool beating;	   /* OnBeforeHeartBeat runs or waits */
	bool left;	   /* the script has closed it */
	bool greeting;	   /* OnConnect runs or waits */
	bool draining;	   /* run_next is on the stack */
	bool disconnected; /* OnDisconnect is due when it has ended */
	uint16_t code;
	uint32_t left_out; /* after its end */
	pl_block *reason;
	pending *first;
	pending *last;
	int64_t pending_count;
	size_t pending_bytes;
	uint64_t received; /* after its end */
	uint64_t sent;
	pl_list pings;
	pl_list flushes;
} conn_object;

/* lua_conn_events.c: forgets the events that wait; without `all` those that mean nothing any more
 * when the connection has ended. */
void pl_lua_conn_forget(conn_object *self, bool all);

#endif
