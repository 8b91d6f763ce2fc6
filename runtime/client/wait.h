/*
 * wait.h - who waits until a client is connected, or idle.
 */
#ifndef PL_CLIENT_WAIT_H
#define PL_CLIENT_WAIT_H

#include "net/loop.h"

/* How a wait has ended. `why` is a sentence, borrowed; NULL after PL_OK. */
typedef void pl_client_done(void *owner, int status, const char *why);

typedef struct pl_client_wait {
	pl_list node;
	pl_loop *loop;
	pl_timer timer;
	void (*late)(struct pl_client_wait *wait); /* its time is over: it is out of its list */
	void *client;
	pl_client_done *done;
	void *owner;
} pl_client_wait;

/* Puts a new one into a list. NULL without memory. */
pl_client_wait *pl_client_wait_new(pl_list *list, pl_loop *loop, uint32_t timeout,
				   void (*late)(pl_client_wait *wait), void *client,
				   pl_client_done *done, void *owner);

/* Takes it out of its list, frees it, and then calls `done`. */
void pl_client_wait_end(pl_client_wait *wait, int status, const char *why);

/* The same for all of a list; those that are added meanwhile stay. */
void pl_client_wait_end_all(pl_list *list, int status, const char *why);

/* `done` will not come. */
void pl_client_wait_cancel(pl_client_wait *wait);

#endif
