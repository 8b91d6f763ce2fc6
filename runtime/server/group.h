/*
 * group.h - one server that runs in several workers.
 *
 * Each worker runs the script and has a pl_server of its own; those that listen at the same address
 * are members of one group. Members share the address (SO_REUSEPORT), the count of connections, and
 * what is published: it is one sequence, so that two messages reach the connections of every worker
 * in the same order.
 *
 * A program with one worker has no groups.
 */
#ifndef PL_SERVER_GROUP_H
#define PL_SERVER_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "net/mailbox.h"
#include "server/admission.h"
#include "server/authentication.h"

typedef struct pl_groups pl_groups; /* of the process */
typedef struct pl_group pl_group;
struct pl_server;

/* For workers 1 to `workers`. NULL without memory. */
pl_groups *pl_groups_new(uint16_t workers);
void pl_groups_free(pl_groups *groups); /* when no server is a member any more */

/* Makes the server of a worker a member of the group at `asked`; the first one makes it. A
 * worker that listens there twice (port 0) has members in two groups, and a server that comes back
 * gets its own place again. PL_OK or PL_ENOMEM. */
int pl_group_join(pl_group **group, pl_groups *groups, uint16_t worker, struct pl_server *server,
		  pl_loop *loop, const pl_address *asked);

/* What others have sent is opened before, without effect. The place is kept. */
void pl_group_leave(pl_group *group, uint16_t worker);

/* The server will not come back. */
void pl_groups_forget(pl_groups *groups, uint16_t worker, const struct pl_server *server);

/* The address at which all members listen that ask for this one: the first of them reserves it, for
 * as long as there is a member. Errors of pl_listener_reserve. */
int pl_group_reserve(pl_group *group, uint16_t worker, const pl_address *asked, pl_address *bound);

/* True once: for who tells that the server listens. */
bool pl_group_announce(pl_group *group);

/* The one count of connections of all members. */
pl_admission *pl_group_admission(pl_group *group);
pl_logins *pl_group_logins(pl_group *group);

/* A member's message sessions, for the others to see. */
void pl_group_set_sessions(pl_group *group, uint16_t worker, uint32_t count);
uint32_t pl_group_sessions(const pl_group *group); /* of all members */
uint16_t pl_group_workers(const pl_group *group);  /* the highest number that one may have */

/* Sending. Between lock and unlock nobody else sends, and no member comes or goes. A mail is
 * opened with the member's server as the receiver. */
void pl_group_lock(pl_group *group);
void pl_group_unlock(pl_group *group);
pl_mailbox *pl_group_mailbox(pl_group *group, uint16_t worker); /* NULL: no member */
uint32_t pl_group_sessions_of(const pl_group *group, uint16_t worker);

/* The three in one; false: that worker has no member, the mail is the caller's. */
bool pl_group_send(pl_group *group, uint16_t worker, pl_mail *mail);

#endif
