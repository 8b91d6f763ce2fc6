/*
 * inherited.h - listening sockets that whoever started the program has opened for it: systemd's
 * socket activation (sd_listen_fds(3)).
 *
 * They are matched to the addresses that servers ask for. The program keeps them to its end, also
 * while no server listens there: who connects meanwhile waits.
 */
#ifndef PL_NET_INHERITED_H
#define PL_NET_INHERITED_H

#include <stdbool.h>

#include "base/address.h"

enum { PL_INHERITED_MAX = 64 };

/* Reads LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES and takes them out of the environment. By the
 * program's first thread, before it opens any file. */
void pl_inherited_begin(void);

/* A descriptor of the socket for this address, which the caller closes; -1: there is none, or none
 * can be had. A socket of all IPv6 addresses that takes IPv4, too, is one for 0.0.0.0. From any
 * thread. */
int pl_inherited_take(const pl_address *address);

/* Tells in the log of those that nobody has taken. */
void pl_inherited_tell_unused(void);

#endif
