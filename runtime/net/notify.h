/*
 * notify.h - what a supervisor wants to hear: systemd's protocol (sd_notify(3)), a datagram of
 * lines to the socket that it names in the environment.
 *
 * The environment is read once, by the program's first thread, and what concerns this is taken out
 * of it. Without a supervisor every call does nothing.
 */
#ifndef PL_NET_NOTIFY_H
#define PL_NET_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What is malformed is logged and as if it
 * were not there. */
void pl_notify_begin(void);
void pl_notify_end(void);

/* Whether there is somebody who hears. */
bool pl_notify_wanted(void);

/* "READY=1"; from any thread, and without waiting. PL_OK, also when nobody hears; PL_EAGAIN: later,
 * there are too many before; or what else went wrong. */
int pl_notify_send(const char *text);

/* Within which time, in ms, the supervisor wants to hear WATCHDOG=1 again; 0: it does not. */
uint64_t pl_notify_watchdog(void);

#endif
