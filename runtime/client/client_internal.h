/*
 * client_internal.h - a client's state, shared by its files: life, connecting, sending, who waits.
 */
#ifndef PL_CLIENT_CLIENT_INTERNAL_H
#define PL_CLIENT_CLIENT_INTERNAL_H

#include "base/status.h"
#include "client/client.h"

enum client_state {
	CLIENT_IDLE,
	CLIENT_BETWEEN,	   /* the next place is tried at the end of the turn */
	CLIENT_ASKING,	   /* before_connect */
	CLIENT_CONNECTING, /* attempt is there */
	CLIENT_OPEN,	   /* conn is there */
	CLIENT_WAITING,	   /* for the watchdog's timer */
	CLIENT_BARKING,	   /* before_watchdog */
	CLIENT_ENDING	   /* idle at the end of the turn */
};

struct pl_client {
	pl_loop *loop;
	pl_client_settings settings; /* its route is below */
	pl_client_route *route;	     /* a copy */
	pl_client_route *next;	     /* takes its place before the next is tried; NULL: none */
	bool refreshed;		     /* `next` has the same places: the walk goes on */
	pl_conn_settings conn_settings;
	pl_conn_events conn_events;
	const pl_client_events *events;
	void *binding;
	pl_ws_deflate_pool *deflate_pool; /* NULL: not enabled */
	pl_ws_deflate_pool *deflate_frame_pool;
	enum client_state state;
	bool stopping; /* the connection is closed because pl_client_stop was called */
	bool restart;  /* and pl_client_start after that */
	bool awaited;  /* started by pl_client_connect */
	size_t place;  /* index in the route */
	size_t tried;  /* places in a row without success */
	pl_attempt *attempt;
	pl_conn *conn;
	pl_client_place at; /* of the present or last attempt; its texts: */
	pl_buffer at_texts;
	uint64_t opened; /* when the connection was, ms */
	pl_watchdog watchdog;
	pl_timer timer;
	pl_deferred step;
	bool answered; /* before_connect was; the step acts on it */
	int answer;
	pl_list connects; /* who waits for a connection, */
	pl_list stops;	  /* and who for the end */
	pl_list over;	  /* whose wait was over when it began; told at the end of the turn */
	pl_list missed;	  /* who waited for a connection of a client that has given up, and was
			   * started again */
	pl_deferred ready;
	bool given_up;	    /* it ends because it could not connect, or was not to try again: */
	int last_status;    /* the last failure's */
	pl_buffer last_why; /* with its NUL; empty: no memory for it */
	pl_queue kept;
	bool resending;
};

/* The next place at the end of the turn; the first one, as if it had been idle; or idle then: never
 * within a call of the owner. */
void pl_client_go_on(pl_client *client);
void pl_client_begin_again(pl_client *client);
void pl_client_end(pl_client *client);

/* Asks about a place, or acts on the answer. */
void pl_client_walk(pl_client *client);

/* Of the timer, of a conn, and of who waits for what is there already. */
void pl_client_watch(pl_timer *timer);
void pl_client_closed(pl_conn *conn, uint16_t code, pl_slice reason);
void pl_client_ready(pl_deferred *deferred);

/* Why there is no connection. */
static inline const char *pl_client_last_why(const pl_buffer *why, int status)
{
	return why->len > 0 ? (const char *)why->data : pl_status_text(status);
}

/* What a connection that has ended had not begun to send is kept, if that is wanted. */
void pl_client_salvage(pl_client *client, pl_conn *conn);

/* The output of the connection can take more. */
void pl_client_drain(pl_conn *conn);

#endif
