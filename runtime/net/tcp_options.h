/*
 * tcp_options.h - what a TCP socket may be told: keep-alive, and how it ends.
 */
#ifndef PL_NET_TCP_OPTIONS_H
#define PL_NET_TCP_OPTIONS_H

#include <stdbool.h>

/* Zeroed: the system's defaults. */
typedef struct pl_tcp_options {
	int keepalive_time; /* s of silence until the system asks whether the peer lives; 0: never
			     */
	int keepalive_interval; /* s between these questions */
	int keepalive_count;	/* unanswered ones that end the connection */
	bool reset; /* who closes first resets, and leaves no TIME_WAIT: SO_LINGER of 0. What was
		     * written is sent before. */
} pl_tcp_options;

/* Of a listening socket: what those that it accepts inherit, at the cost of no system call. PL_OK
 * or an error of the system. */
int pl_tcp_options_set(int fd, const pl_tcp_options *options);

#endif
