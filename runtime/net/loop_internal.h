/*
 * loop_internal.h - what the files of net share about the loop and libuv.
 */
#ifndef PL_NET_LOOP_INTERNAL_H
#define PL_NET_LOOP_INTERNAL_H

#include <uv.h>

#include "net/loop.h"
#include "net/output.h"
#include "net/tls_turns.h"

/* One receive buffer for all connections of a loop: larger than libuv's 64 KiB hint, so that a
 * burst is read with one system call. */
enum { PL_LOOP_READ_BUFFER = 256 * 1024, PL_LOOP_SIGNALS = 8, PL_LOOP_DATE = 29 };

/* Where TLS decrypts to: four records. */
enum { PL_LOOP_TLS_BUFFER = 64 * 1024 };

typedef struct pl_loop_signal {
	uv_signal_t handle;
	void (*callback)(void *context, int number);
	void *context;
	int number; /* 0: free */
} pl_loop_signal;

/* The connected sockets: see socket.h. */
typedef struct pl_sockets {
	uv_poll_t poll; /* of the set */
	int set;	/* of epoll */
	struct pl_socket *closing;
} pl_sockets;

struct pl_loop {
	uv_loop_t uv;
	pl_sockets sockets;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t timer;
	uv_async_t wake;
	pl_wheel wheel;
	uint64_t skipped; /* by pl_loop_skip */
	uint64_t stood;	  /* when pl_loop_still was called; 0: it was not */
	uint64_t armed;	  /* when `timer` fires; UINT64_MAX: it is stopped */
	pl_list deferred;
	pl_list flushes;
	bool late;	    /* timers are due, and wait for one look at what has come */
	uint64_t turn;	    /* counts them */
	uint64_t began;	    /* when the present one began, in ms; 0: there was none yet */
	uint64_t refreshed; /* ms by which pl_loop_refresh has moved the clock in this turn */
	pl_tls_turns handshakes;
	size_t holds;
	bool stopped;
	int64_t date_second;
	char date[PL_LOOP_DATE + 1];
	pl_chunk_pool chunks;
	pl_loop_signal signals[PL_LOOP_SIGNALS];
	char *read_buffer;
	uint8_t *tls_plain;	      /* made by the first TLS connection; NULL while in use */
	uint8_t *tls_record;	      /* output joined for one record; in the same way */
	struct pl_tls_wire *tls_wire; /* made by the first TLS connection, see tls_internal.h */
};

/* The status for a libuv error. */
int pl_net_status(int uv_error);

/* socket.c, for loop.c. */
int pl_sockets_init(pl_loop *loop);	 /* 0 or libuv's error */
void pl_sockets_end_turn(pl_loop *loop); /* tells those that have closed */
void pl_sockets_close(pl_loop *loop);

#endif
