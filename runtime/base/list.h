/*
 * list.h - intrusive doubly linked list: a ring with the head as its own node.
 */
#ifndef PL_BASE_LIST_H
#define PL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pl_list {
	struct pl_list *prev;
	struct pl_list *next;
} pl_list;

/* The struct of `type` whose `member` is at `node`. */
#define PL_CONTAINER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void pl_list_init(pl_list *head)
{
	head->prev = head->next = head;
}

/* An initialised head without members, or a node that is in no list. */
static inline bool pl_list_empty(const pl_list *head)
{
	return head->next == head;
}

static inline void pl_list_append(pl_list *head, pl_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Takes node out of its list; it may be removed again or appended elsewhere. */
static inline void pl_list_remove(pl_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	pl_list_init(node);
}

/* Moves all members of `from` to the end of `to`. */
static inline void pl_list_move(pl_list *to, pl_list *from)
{
	if (pl_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	pl_list_init(from);
}

#endif
