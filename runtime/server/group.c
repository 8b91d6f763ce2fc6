#include "server/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/status.h"
#include "net/listener.h"

typedef struct member {
	pl_mailbox *mailbox;		/* NULL: that worker has none */
	const struct pl_server *server; /* whose place it is, also while it is stopped */
	_Atomic uint32_t sessions;
} member;

/* An address that the group keeps. */
typedef struct place {
	pl_list node;
	pl_address asked;
	pl_address bound;
	int fd;
	bool *taken; /* by worker: its member listens here */
} place;

struct pl_group {
	pl_list node;
	pl_groups *groups;
	pl_address asked; /* of the first place, which is the group's name */
	uint16_t count;	  /* of members */
	bool announced;
	pthread_mutex_t lock; /* of the members' mailboxes */
	pl_admission admission;
	pl_logins logins;
	pl_list places;
	member members[]; /* by worker, from 1 */
};

struct pl_groups {
	pthread_mutex_t lock; /* of the list, the counts and the places */
	pl_list list;
	uint16_t workers;
};

pl_groups *pl_groups_new(uint16_t workers)
{
	pl_groups *groups = pl_calloc(1, sizeof(*groups));

	if (!groups)
		return NULL;
	pthread_mutex_init(&groups->lock, NULL);
	pl_list_init(&groups->list);
	groups->workers = workers;
	return groups;
}

void pl_groups_free(pl_groups *groups)
{
	if (!groups)
		return;
	pthread_mutex_destroy(&groups->lock);
	pl_free(groups);
}

static bool same_address(const pl_address *a, const pl_address *b)
{
	return a->family == b->family && a->port == b->port && a->scope == b->scope &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static pl_group *group_new(pl_groups *groups, const pl_address *asked)
{
	size_t members = (size_t)groups->workers + 1;
	pl_group *group = pl_calloc(1, sizeof(*group) + members * sizeof(group->members[0]));

	if (!group)
		return NULL;
	group->groups = groups;
	group->asked = *asked;
	pthread_mutex_init(&group->lock, NULL);
	pl_admission_init(&group->admission);
	pl_logins_init(&group->logins);
	pl_list_init(&group->places);
	pl_list_append(&groups->list, &group->node);
	return group;
}

static void group_free(pl_group *group)
{
	while (!pl_list_empty(&group->places)) {
		place *at = PL_CONTAINER(group->places.next, place, node);

		pl_list_remove(&at->node);
		close(at->fd);
		pl_free(at);
	}
	pl_list_remove(&group->node);
	pl_admission_deinit(&group->admission);
	pl_logins_deinit(&group->logins);
	pthread_mutex_destroy(&group->lock);
	pl_free(group);
}

/* The first group of that name in which the worker's place is this server's, or nobody's (NULL). */
static pl_group *find_group(pl_groups *groups, uint16_t worker, const pl_address *asked,
			    const struct pl_server *server)
{
	pl_list *node;

	for (node = groups->list.next; node != &groups->list; node = node->next) {
		pl_group *group = PL_CONTAINER(node, pl_group, node);

		if (same_address(&group->asked, asked) && group->members[worker].server == server)
			return group;
	}
	return NULL;
}

static int enter(pl_group *group, uint16_t worker, struct pl_server *server, pl_loop *loop)
{
	pl_mailbox *mailbox;
	int status = pl_mailbox_new(&mailbox, loop, server);

	if (status)
		return status;
	pl_group_lock(group);
	group->members[worker].mailbox = mailbox;
	pl_group_unlock(group);
	group->members[worker].server = server;
	group->count++;
	return PL_OK;
}

int pl_group_join(pl_group **result, pl_groups *groups, uint16_t worker, struct pl_server *server,
		  pl_loop *loop, const pl_address *asked)
{
	pl_group *group;
	int status = PL_ENOMEM;

	pthread_mutex_lock(&groups->lock);
	group = find_group(groups, worker, asked, server);
	if (!group)
		group = find_group(groups, worker, asked, NULL);
	if (!group)
		group = group_new(groups, asked);
	if (group)
		status = enter(group, worker, server, loop);
	if (group && group->count == 0)
		group_free(group);
	pthread_mutex_unlock(&groups->lock);
	*result = status ? NULL : group;
	return status;
}

static void leave_places(pl_group *group, uint16_t worker)
{
	pl_list *node;

	for (node = group->places.next; node != &group->places; node = node->next)
		PL_CONTAINER(node, place, node)->taken[worker] = false;
}

void pl_group_leave(pl_group *group, uint16_t worker)
{
	pl_groups *groups = group->groups;
	member *self = &group->members[worker];
	pl_mailbox *mailbox = self->mailbox;

	pl_group_lock(group);
	self->mailbox = NULL;
	atomic_store(&self->sessions, 0);
	pl_group_unlock(group);
	pl_mailbox_close(mailbox);
	pthread_mutex_lock(&groups->lock);
	leave_places(group, worker);
	if (--group->count == 0)
		group_free(group);
	pthread_mutex_unlock(&groups->lock);
}

void pl_groups_forget(pl_groups *groups, uint16_t worker, const struct pl_server *server)
{
	pl_list *node;

	pthread_mutex_lock(&groups->lock);
	for (node = groups->list.next; node != &groups->list; node = node->next) {
		member *at = &PL_CONTAINER(node, pl_group, node)->members[worker];

		if (at->server == server)
			at->server = NULL;
	}
	pthread_mutex_unlock(&groups->lock);
}

/* Listening. */

static place *find_place(pl_group *group, uint16_t worker, const pl_address *asked)
{
	pl_list *node;

	for (node = group->places.next; node != &group->places; node = node->next) {
		place *at = PL_CONTAINER(node, place, node);

		if (same_address(&at->asked, asked) && !at->taken[worker])
			return at;
	}
	return NULL;
}

static int place_new(place **result, pl_group *group, const pl_address *asked)
{
	size_t workers = (size_t)group->groups->workers + 1;
	place *at = pl_calloc(1, sizeof(*at) + workers * sizeof(*at->taken));
	int status;

	if (!at)
		return PL_ENOMEM;
	at->taken = (bool *)(at + 1);
	at->asked = *asked;
	status = pl_listener_reserve(asked, &at->fd, &at->bound);
	if (status) {
		pl_free(at);
		return status;
	}
	pl_list_append(&group->places, &at->node);
	*result = at;
	return PL_OK;
}

int pl_group_reserve(pl_group *group, uint16_t worker, const pl_address *asked, pl_address *bound)
{
	place *at;
	int status = PL_OK;

	pthread_mutex_lock(&group->groups->lock);
	at = find_place(group, worker, asked);
	if (!at)
		status = place_new(&at, group, asked);
	if (!status) {
		at->taken[worker] = true;
		*bound = at->bound;
	}
	pthread_mutex_unlock(&group->groups->lock);
	return status;
}

bool pl_group_announce(pl_group *group)
{
	bool first;

	pthread_mutex_lock(&group->groups->lock);
	first = !group->announced;
	group->announced = true;
	pthread_mutex_unlock(&group->groups->lock);
	return first;
}

/* Counting. */

pl_admission *pl_group_admission(pl_group *group)
{
	return &group->admission;
}

pl_logins *pl_group_logins(pl_group *group)
{
	return &group->logins;
}

void pl_group_set_sessions(pl_group *group, uint16_t worker, uint32_t count)
{
	atomic_store_explicit(&group->members[worker].sessions, count, memory_order_relaxed);
}

uint32_t pl_group_sessions_of(const pl_group *group, uint16_t worker)
{
	return atomic_load_explicit(&group->members[worker].sessions, memory_order_relaxed);
}

uint16_t pl_group_workers(const pl_group *group)
{
	return group->groups->workers;
}

uint32_t pl_group_sessions(const pl_group *group)
{
	uint32_t sum = 0;
	uint16_t worker;

	for (worker = 1; worker <= group->groups->workers; worker++)
		sum += pl_group_sessions_of(group, worker);
	return sum;
}

/* Sending. */

void pl_group_lock(pl_group *group)
{
	pthread_mutex_lock(&group->lock);
}

void pl_group_unlock(pl_group *group)
{
	pthread_mutex_unlock(&group->lock);
}

pl_mailbox *pl_group_mailbox(pl_group *group, uint16_t worker)
{
	return worker >= 1 && worker <= group->groups->workers ? group->members[worker].mailbox
							       : NULL;
}

bool pl_group_send(pl_group *group, uint16_t worker, pl_mail *mail)
{
	pl_mailbox *mailbox;

	pl_group_lock(group);
	mailbox = pl_group_mailbox(group, worker);
	if (mailbox)
		pl_mailbox_send(mailbox, mail);
	pl_group_unlock(group);
	return mailbox != NULL;
}
